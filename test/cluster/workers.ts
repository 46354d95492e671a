// `start --workers 2`: two processes on the same ports, as one server from outside.
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import t from 'tap'
import { rawClient } from '../helpers/client.js'
import type { RawClient } from '../helpers/client.js'
import { testUrl } from '../helpers/database.js'
import { natsServer, until } from '../helpers/nats.js'
import { NEEDS_NODES } from '../helpers/nodes.js'
import { ROOT } from '../helpers/root.js'

const MAIN = join(ROOT, 'dist/routes/main.js')
const bodies = (client: RawClient): (string | null)[] => client.elements.filter((e) => e.name === 'message').map((e) => e.getChildText('body'))

t.test('two workers', { ...NEEDS_NODES, timeout: 100_000 }, async (t) => {
  const { url: natsUrl } = await natsServer(t)
  const databaseUrl = await testUrl(t)
  const data = mkdtempSync(join(tmpdir(), 'jidway-test-'))
  t.teardown(() => rmSync(data, { recursive: true, force: true }))
  const env = { ...process.env, DATABASE_URL: databaseUrl, NATS_URL: natsUrl, JIDWAY_DATA: data, JIDWAY_PBKDF2_ITERATIONS: '4096' }
  const server = spawn(process.execPath, [
    MAIN, 'start', '--workers', '2', '--node', 'w', '--host', '127.0.0.1', '--c2s-port', '0', '--c2s-tls-port', '', '--http-port', '0', '--https-port', '', '--insecure-loopback', 'on',
  ], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  t.teardown(() => server.kill('SIGKILL')) // its workers end with it
  let said = ''
  for (const stream of [server.stdout, server.stderr]) stream.on('data', (text) => void (said += String(text)))
  const ended = new Promise<number | null>((resolve) => server.on('exit', resolve))
  await until(() => said.includes('Try it:'), 'it serves', 60_000).catch((error: Error) => {
    throw new Error(`${error.message}\n${said}`)
  })
  const [c2s, http] = [Number(/127\.0\.0\.1:(\d+) \(STARTTLS\)/.exec(said)?.[1]), Number(/http:\/\/127\.0\.0\.1:(\d+)/.exec(said)?.[1])]
  const db = new pg.Client(databaseUrl)
  await db.connect()
  t.teardown(() => db.end())
  const rows = async (sql: string): Promise<string[]> => (await db.query<{ x: string }>(sql)).rows.map(({ x }) => x)
  const login = async (user: string, resource: string): Promise<RawClient> => {
    const client = await rawClient(c2s)
    t.teardown(() => client.destroy())
    await client.login(user, user, resource)
    client.proves = true
    await client.presence()
    return client
  }

  // a command reaches them
  for (const user of ['romeo2', 'juliet2']) {
    const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, 'user', 'add', `${user}@localhost`, '--password', user], { env, encoding: 'utf8' })
    t.equal(status, 0, stdout + stderr)
  }
  // each new connection goes to the next
  const romeo = await login('romeo2', 'a')
  const juliets = [await login('juliet2', 'a'), await login('juliet2', 'b')]
  t.same(await rows("select distinct node as x from presence order by x"), ['w-1', 'w-2'])
  romeo.send("<message to='juliet2@localhost' type='chat'><body>to all of you</body></message>")
  await until(() => juliets.every((juliet) => bodies(juliet).length === 1), 'on both')

  // what they count is told together, whoever is asked
  for (let i = 0; i < 3; i++) {
    const text = await (await fetch(`http://127.0.0.1:${http}/metrics`)).text()
    t.match(text, /^jidway_sessions 3$/m)
    t.match(text, /^jidway_lease 1$/m)
  }

  // one that is killed is started again, and meanwhile the other serves
  const pids = String(spawnSync('ps', ['-o', 'pid=', '--ppid', String(server.pid)], { encoding: 'utf8' }).stdout).trim().split(/\s+/).map(Number)
  t.equal(pids.length, 2)
  process.kill(pids[1] as number, 'SIGKILL')
  // (a connection that is handed to it in the moment of its death is lost with it)
  await until(() => /worker \d has ended \(SIGKILL\), and is started again/.test(said), 'it is said')
  const other = await login('romeo2', 'b')
  t.ok(other.jid)
  await until(async () => (await rows('select epoch::text as x from node order by epoch')).join() === '1,2', 'another life of it')
  const again = [await login('juliet2', 'c'), await login('juliet2', 'd')]
  other.send("<message to='juliet2@localhost' type='chat'><body>back</body></message>")
  await until(() => again.every((juliet) => bodies(juliet).includes('back')), 'on both again')

  server.kill('SIGTERM')
  t.equal(await ended, 0, said)
  t.same(await rows('select signed_off::text as x from node'), ['true', 'true'])
  t.same(pids.filter((pid) => spawnSync('ps', ['-o', 'pid=', '-p', String(pid)], { encoding: 'utf8' }).stdout.trim() !== ''), [])
})

t.test('workers without what connects them are refused, with what to do', async (t) => {
  const data = mkdtempSync(join(tmpdir(), 'jidway-test-'))
  t.teardown(() => rmSync(data, { recursive: true, force: true }))
  const { DATABASE_URL: _d, NATS_URL: _n, ...env } = process.env
  const { status, stderr } = spawnSync(process.execPath, [MAIN, 'start', '--workers', '2', '--data', data], { env, encoding: 'utf8', timeout: 30_000 })
  t.equal(status, 2)
  t.match(stderr, /set DATABASE_URL and NATS_URL, or leave workers at 1/)
})
