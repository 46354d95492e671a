// The benchmark beside other servers, run with jidway alone: on a Postgres of its own where one is installed, else on the embedded database.
import { spawn, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { ROOT } from './helpers/root.js'

const BENCH = join(ROOT, 'dist/test/bench/peers.js')
const unlessLinux = process.platform === 'linux' ? false : 'reads /proc'

/** Processes that stand in a folder. */
const within = (folder: string): string[] => readdirSync('/proc').filter((pid) => {
  try {
    return /^\d+$/.test(pid) && readlinkSync(`/proc/${pid}/cwd`).startsWith(folder)
  } catch {
    return false
  }
})

t.test('a small run with jidway alone: every kind of case has its figures, and nothing stays', { skip: unlessLinux, timeout: 160_000 }, async (t) => {
  const folder = t.testdir({ tmp: {} })
  const [file, svg] = [join(folder, 'figures.json'), join(folder, 'figures.svg')]
  const only = 'chat-5-w1,open-tls,presence,offline,idle'
  const { status, stdout, stderr } = spawnSync(process.execPath, [BENCH, '--quick', '--servers', 'jidway', '--pairs', '5', '--seconds', '1', '--only', only, '--json', file, '--svg', svg], { encoding: 'utf8', timeout: 150_000, env: { ...process.env, TMPDIR: join(folder, 'tmp') } })
  t.equal(status, 0, stdout + stderr)
  t.match(stdout, /^jidway 0\.\d+\.\d+, Node 2\d\..*SCRAM-SHA-256, 4096 iterations$/m)
  const { cases } = JSON.parse(readFileSync(file, 'utf8')) as { cases: { name: string; unit: string; servers: { jidway: Record<string, { median: number } | null> } }[] }
  t.same(cases.map(({ name }) => name).toSorted(), only.split(',').toSorted())
  for (const { name, unit, servers: { jidway: { rate, cpu, memory, p99 } } } of cases) {
    if (unit === 'connection') t.ok((memory?.median ?? 0) > 1 && (memory?.median ?? 0) < 2000, `${name}: ${memory?.median} KiB`)
    else t.ok((rate?.median ?? 0) > 5 && (cpu?.median ?? 0) > 1, `${name}: ${rate?.median} a second, ${cpu?.median} µs`)
    t.equal(p99 !== null, name === 'open-tls')
  }
  t.match(readFileSync(svg, 'utf8'), /^<svg .*chat-5-w1.*<\/svg>\n$/s)
  t.same(readdirSync(join(folder, 'tmp')), [])
  t.same(within(folder), [])
})

t.test('interrupted, it ends what it started, and says that it was', { skip: unlessLinux, timeout: 100_000 }, async (t) => {
  const folder = t.testdir({ tmp: {} })
  const child = spawn(process.execPath, [BENCH, '--servers', 'jidway', '--pairs', '5', '--only', 'chat-5-w1', '--seconds', '600'], { env: { ...process.env, TMPDIR: join(folder, 'tmp') }, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise<number | null>((done) => child.once('exit', done))
  let said = ''
  await new Promise<void>((ready) => child.stdout.on('data', (part: Buffer) => {
    said += part.toString()
    if (said.includes('rounds; CPU')) ready()
  }))
  await sleep(1000)
  t.ok(within(folder).length > 0)
  child.kill('SIGINT')
  t.equal(await ended, 130)
  t.same(within(folder), [])
  t.same(readdirSync(join(folder, 'tmp')), [])
})
