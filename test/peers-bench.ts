// The benchmark beside other servers: what can be seen of it without them; a run is in peers-bench-run.ts.
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { freePorts } from '../lib/chaos/node.js'
import { random } from '../lib/chaos/random.js'
import { cpuOfTree, memoryOfTree } from '../lib/replay/cpu.js'
import { median } from './bench/median.js'
import { casesFor, chosen, FULL, QUICK } from './bench/peers/cases.js'
import * as ejabberd from './bench/peers/ejabberd.js'
import { environment } from './bench/peers/jidway.js'
import type { Sample } from './bench/peers/measure.js'
import { launch } from './bench/peers/process.js'
import * as prosody from './bench/peers/prosody.js'
import { json, picture, ratioOf, rowsOf, table } from './bench/peers/table.js'
import type { Result } from './bench/peers/table.js'
import { chat, fanOut, keeping, scattered } from './bench/peers/traces.js'
import { ROOT } from './helpers/root.js'

const BENCH = join(ROOT, 'dist/test/bench/peers.js')
const bench = (args: readonly string[], env: Readonly<Record<string, string>> = {}): { status: number | null; stderr: string } =>
  spawnSync(process.execPath, [BENCH, ...args], { encoding: 'utf8', timeout: 150_000, env: { ...process.env, ...env } })

const PLACE = { folder: '/scratch/one', port: 15_001, databasePort: 15_002, tls: { cert: '/scratch/one/cert.pem', key: '/scratch/one/key.pem' } }
const unlessLinux = process.platform === 'linux' ? false : 'reads /proc'

t.test('all are set alike: passwords, archive, certificate, database', async (t) => {
  const signal = new AbortController().signal
  for (const variant of ['routed', 'durable'] as const) {
    const archives = variant === 'durable'
    const yml = ejabberd.configuration(PLACE, variant, null)
    t.match(yml, /auth_scram_hash: sha256/)
    t.match(yml, /default_db: sql\n(?:.*\n)*sql_port: 15002\nsql_database: ejabberd/)
    t.match(yml, /certfiles: \["\/scratch\/one\/cert\.pem", "\/scratch\/one\/key\.pem"\]/)
    t.equal(yml.includes('mod_mam: {default: always'), archives)
    t.notMatch(yml, /ejabberd_http|api/, 'nobody makes accounts while it is measured')
    const lua = prosody.configuration(PLACE, variant, false)
    t.match(lua, /password_hash = "SHA-256"\ndefault_iteration_count = 4096/)
    t.match(lua, /storage = "sql"\nsql = .*database = "prosody".*port = 15002/)
    t.match(lua, /ssl = \{ certificate = "\/scratch\/one\/cert\.pem"; key = "\/scratch\/one\/key\.pem" \}/)
    t.equal(lua.includes('"mam"'), archives)
    t.notMatch(lua, /bench_accounts/)
    const env = environment({ ...PLACE, databaseUrl: 'postgres://here', sparePort: 0, user: null, env: { PATH: '/bin', JIDWAY_ADMIN: 'me@here', NATS_URL: 'nats://there' }, signal }, variant)
    t.match(env, { PATH: '/bin', DATABASE_URL: 'postgres://here', JIDWAY_DURABILITY: variant, JIDWAY_ARCHIVE: archives ? 'always' : 'off', JIDWAY_PBKDF2_ITERATIONS: '4096', JIDWAY_TLS_CERT: PLACE.tls.cert })
    t.notOk('JIDWAY_ADMIN' in env || 'NATS_URL' in env, 'what is set around the benchmark does not count')
  }
  t.match(ejabberd.configuration(PLACE, 'routed', 15_003), /port: 15003\n.*\n {4}module: ejabberd_http/)
  t.match(prosody.configuration(PLACE, 'routed', true), /"bench_accounts"/)
})

t.test('CPU and memory are those of a process and of all that it started', { skip: unlessLinux }, async (t) => {
  const burn = (ms: number): string => `for (const until = Date.now() + ${ms}; Date.now() < until;);`
  const inner = `${burn(1000)}setInterval(()=>{},1000)`
  const outer = spawn(process.execPath, ['-e', `require('child_process').spawn(process.execPath, ['-e', ${JSON.stringify(inner)}], { stdio: 'ignore' }); process.on('SIGTERM', () => process.exit()); setInterval(()=>{},1000)`], { stdio: 'ignore', detached: true })
  t.teardown(() => process.kill(-(outer.pid as number), 'SIGKILL'))
  let cpu: number | null = 0
  for (const until = Date.now() + 30_000; Date.now() < until && (cpu ?? 0) < 0.3; await sleep(100)) cpu = cpuOfTree(outer.pid as number)
  t.ok((cpu ?? 0) >= 0.3, `${cpu} s, which the inner one used`)
  const memory = memoryOfTree(outer.pid as number) ?? 0
  const alone = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${outer.pid}/status`, 'latin1'))?.[1])
  t.ok(memory > 1.5 * alone, `${memory} KiB, of which ${alone} are of the outer one`)
  t.equal(cpuOfTree(4_194_305), null)
})

const sample = (rate: number, cpu: number, more: Partial<Sample> = {}): Sample => ({ rate, cpu, latency: null, memory: null, generator: 0.5, wrong: '', ...more })
const result = (name: string, samples: Readonly<Record<string, readonly Sample[]>>): Result => ({ what: chosen(casesFor(QUICK), name)[0] as Result['what'], samples: new Map(Object.entries(samples)) })

t.test('the table has medians, the spread, and ours to the better of the others', async (t) => {
  const three = result('chat-20-w1', { jidway: [sample(300, 10), sample(100, 30), sample(200, 20)], ejabberd: [sample(50, 80), sample(60, 70), sample(40, 90)], prosody: [sample(40, 40), sample(41, 39), sample(39, 41)] })
  t.equal(median([4, 1]), 2.5)
  t.same(rowsOf(three)[0]?.rate, { median: 200, least: 100, most: 300 })
  t.match(ratioOf(rowsOf(three)), { rate: 4, cpu: 0.5, memory: null })
  const text = table(three)
  t.match(text, /^chat-20-w1: chat, 20 pairs/)
  t.match(text, / jidway +200 \(100–300\) +20\.0 \(10\.0–30\.0\) +50 % of a core\n/)
  t.match(text, /jidway to the better peer: 4\.00 × the rate, 0\.50 × the CPU\n/)
  t.notMatch(text, /NOT SO|p99/)
  const alone = table(result('open', { jidway: [sample(10, 10, { latency: { p50: 1, p99: 2, p999: 3 }, generator: 0.9, wrong: '3 messages lost' })] }))
  t.match(alone, /p50 ms +p99 ms +p99\.9 ms/)
  t.match(alone, /90 % of a core \(!\)/, 'the generator may have been what was slow')
  t.match(alone, /NOT SO with jidway, round 1: 3 messages lost/)
  t.notMatch(alone, /better peer/)
  t.match(JSON.stringify(json([three])), /"name":"chat-20-w1".*"ratio":\{"rate":4,.*"samples":\[\{"rate":300/)
  t.match(picture([three], ['jidway', 'ejabberd', 'prosody']), /^<svg .*chat-20-w1.*<\/svg>\n$/s)
})

t.test('cases are chosen by name, or by what they begin with', async (t) => {
  const names = (words: string): string[] => chosen(casesFor(FULL), words).map(({ name }) => name)
  t.same(names('chat-200-w1'), ['chat-200-w1'])
  t.same(names('durable,chat-1000'), ['chat-1000-w1', 'chat-1000-w10', 'chat-1000-w1-tls', 'chat-1000-w10-tls', 'durable-200-w1', 'durable-200-w10'])
  t.same(names('idle'), ['idle'])
  t.throws(() => names('chats'), { name: 'UsageError', message: /--only names 'chats'; there are chat-200-w1, .*durable-200-w10/ })
})

t.test('traces: so many messages are on their way, and each waits for what it should', async (t) => {
  const windowed = chat(3, 20)
  const messages = windowed.steps.filter(({ message }) => message !== null)
  t.equal(messages.length, 20)
  // behind the first three of each, which wait for log-ins at most, each waits for one message of the other
  t.ok(messages.slice(6).every(({ waits }) => waits.length === 1), JSON.stringify(messages.map(({ waits }) => waits.length)))
  t.ok(chat(Infinity, 20).steps.filter(({ message }) => message !== null).slice(2).every(({ waits }) => waits.length === 0))
  const many = scattered(10, 200)
  t.equal(many.accounts, 10)
  const receivers = new Set(many.steps.filter(({ message, part }) => message !== null && part === 0).map(({ message }) => message?.to))
  t.ok(receivers.size > 4 && !receivers.has(0), 'one writes to many others, never to himself')
  t.equal(fanOut(5, 10).steps.filter(({ message }) => message !== null).length, 20)
  const kept = keeping(4, 3)
  t.equal(kept.parts.length, 4)
  t.same(kept.steps.filter(({ message, part }) => message !== null && part > 0).map(({ waits }) => waits.length), [0, 0, 0], 'it tells that it goes after its last presence')
})

t.test('a server that ends while it starts is told, with its log', async (t) => {
  const folder = t.testdir({})
  const [port = 0] = await freePorts(1, random(folder))
  const log = join(folder, 'output.log')
  const program = { name: 'Nobody', folder, user: null, log, logs: ['/other.log'], port, env: process.env, command: [process.execPath, '-e', 'console.log("no such setting"); process.exit(3)'] }
  await t.rejects(launch(program, new AbortController().signal), { message: `Nobody did not come up: it ended with code 3; see ${log}, /other.log` })
  t.match(readFileSync(log, 'utf8'), /no such setting/)
  await t.rejects(launch({ ...program, command: ['/nowhere/at-all'] }, new AbortController().signal), { message: /Nobody did not come up: spawn \/nowhere\/at-all ENOENT/ })
  await t.rejects(launch({ ...program, command: [process.execPath, '-e', 'setInterval(() => {}, 1000)'] }, AbortSignal.abort()), { message: /did not come up: interrupted/ })
})

t.test('who is not installed is left out, and it is told what to install', { skip: unlessLinux }, async (t) => {
  const { status, stderr } = bench(['--quick', '--only', 'login', '--servers', 'ejabberd,prosody'], { PATH: '' })
  t.equal(status, 2, stderr)
  t.match(stderr, /^ejabberd is left out, for it is not installed \(erl in PATH.* was not found\): apt-get install ejabberd erlang-p1-pgsql$/m)
  t.match(stderr, /^prosody is left out, for it is not installed \(prosody in PATH.* was not found\): apt-get install prosody lua-dbi-postgresql$/m)
  t.match(stderr, /^none of these servers can be run here$/m)
})

t.test('wrong usage ends with 2 and says what is right', { skip: unlessLinux }, async (t) => {
  for (const [args, wrong] of [
    [['--round', '2'], /unknown option '--round'.*\(Did you mean --rounds\?\)/s], [['--rounds', 'many'], /--rounds is 'many'; it must be a number from 1 to 99/],
    [['--pairs', '10,x'], /--pairs is 'x'; it must be a number/], [['--only', 'chat-7'], /--only names 'chat-7'; there are/], [['--servers', 'openfire'], /--servers names 'openfire'; there are jidway, ejabberd, prosody/],
    [['--quick', '--servers', 'jidway', '--json', '/nowhere/x.json'], /--json: \/nowhere\/x\.json cannot be written/], [['more'], /too many arguments/],
  ] as const) {
    const { status, stderr } = bench(args)
    t.equal(status, 2, `${args.join(' ')}: ${stderr}`)
    t.match(stderr, wrong)
  }
})
