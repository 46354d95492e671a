// A server's life (lib/server.ts): how it starts, what stops a start, and how it ends for those who are connected.
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import t from 'tap'
import type { Test } from 'tap'
import { WebSocket } from 'ws'
import { defaultSettings } from '../../lib/base/config.js'
import type { Settings } from '../../lib/base/config.js'
import { startServer } from '../../lib/server.js'
import type { Server } from '../../lib/server.js'
import type { Database } from '../../lib/store/db.js'
import { openDatabase } from '../../lib/store/db.js'
import { presencesOf } from '../../lib/store/presence.js'
import { developmentCertificate } from '../../lib/wire/tls-context.js'
import { ROUTES } from '../../routes/index.js'
import { rawClient } from '../helpers/client.js'
import { ENGINE, testDatabase, testFolder, testUrl } from '../helpers/database.js'
import { streamError } from '../helpers/scram.js'
import { testServer } from '../helpers/server.js'

const start = async (t: Test, db: Database, settings: Partial<Settings> = {}, node = 'test'): Promise<Server> => {
  const folder = mkdtempSync(join(tmpdir(), 'jidway-test-tls-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const server = await startServer({
    settings: defaultSettings({ insecureLoopback: true, c2sPort: 0, c2sTlsPort: 0, httpPort: 0, httpsPort: 0, host: '127.0.0.1', stopTimeout: 1, ...settings }),
    routes: ROUTES, log: pino({ level: 'silent' }), db, tls: await developmentCertificate(folder, ['localhost']), node,
  })
  t.teardown(() => server.stop().catch(() => {}))
  return server
}

/** Two handles on one database; embedded, the same one without its `close`. */
const twoOf = async (t: Test): Promise<[Database, Database]> => {
  if (ENGINE === 'embedded') {
    const db = await testDatabase(t)
    return [db, { ...db, close: () => Promise.resolve() }]
  }
  const url = await testUrl(t)
  const open = (): Promise<Database> => openDatabase({ url, data: '', connections: 2 })
  return [await open(), await open()]
}

const listening = (port: number): Promise<boolean> => rawClient(port).then((client) => {
  client.destroy()
  return true
}, () => false)

t.test('port 0 is any free port, and the server says which; a port that is null is off', async (t) => {
  const server = await start(t, await testDatabase(t), { c2sTlsPort: null, httpsPort: null })
  t.match(server.ports, { c2s: Number, c2sTls: null, http: Number, https: null })
  t.ok(await listening(server.ports.c2s as number))
})

t.test('stop: each stream ends with system-shutdown in order, the session rows are gone, nobody is let in any more', async (t) => {
  const db = await testDatabase(t)
  const left: unknown[] = []
  // looked at just before the database closes
  const close = async (): Promise<void> => {
    left.push(...await presencesOf(db, 'romeo@localhost'), ...await db.query('select 1 from node where not signed_off'), 'seen')
    await db.close()
  }
  const server = await testServer(t, {}, { db: { ...db, close } })
  const { c2s } = server
  const bound = await server.login('romeo', 'orchard')
  await bound.presence()
  const opened = await server.client()
  await opened.open()
  const silent = await server.client()
  const ws = new WebSocket(`ws://127.0.0.1:${server.http}/xmpp-websocket`, 'xmpp')
  const frames: string[] = []
  ws.on('message', (data: Buffer) => frames.push(data.toString()))
  await new Promise((resolve) => ws.once('open', resolve))
  const rows = presencesOf(server.db, 'romeo@localhost')
  t.equal((await rows).length, 1)
  const stopped = server.stop()
  t.same(await Promise.all([bound, opened, silent].map(streamError)), Array(3).fill('system-shutdown'))
  await stopped
  t.same(left, ['seen'], 'no presence row, and the node has signed off')
  t.match(frames.join(''), /<open .*system-shutdown.*<close /)
  t.notOk(await listening(c2s))
  t.equal(server.gate.connections, 0)
})

t.test('stop does not wait for ever for a client that does not go', async (t) => {
  const server = await testServer(t, { stopTimeout: 1 })
  const stuck = await server.login('romeo')
  stuck.socket.removeAllListeners('end')
  stuck.socket.pause()
  const before = Date.now()
  await server.stop()
  t.ok(Date.now() - before < 4000, `${Date.now() - before} ms`)
})

t.test('stop works without the database too', async (t) => {
  const db = await testDatabase(t)
  let away = false
  const server = await testServer(t, { stopTimeout: 1 }, { db: { ...db, transaction: (run) => (away ? Promise.reject(new Error('away')) : db.transaction(run)) } })
  const client = await server.login('romeo')
  away = true
  const stopped = server.stop()
  t.equal(await streamError(client), 'system-shutdown')
  await stopped
  t.ok(server.logged.some((line) => /database was not told/.test(line.msg)))
})

t.test('a port in use stops the start with advice, and leaves nothing running', async (t) => {
  const blocker = createServer()
  await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve))
  t.teardown(() => void blocker.close())
  const { port } = blocker.address() as AddressInfo
  for (const [name, what] of [['c2sPort', 'c2s_port'], ['c2sTlsPort', 'c2s_tls_port'], ['httpPort', 'http_port'], ['httpsPort', 'https_port']] as const) {
    const db = await testDatabase(t)
    let closed = 0
    const seen = process.getActiveResourcesInfo().filter((r) => r === 'TCPServerWrap').length
    const timers = process.getActiveResourcesInfo().filter((r) => r === 'Timeout').length
    await t.rejects(start(t, { ...db, close: () => db.close().then(() => void closed++) }, { [name]: port }), {
      name: 'UsageError', message: new RegExp(`cannot listen on 127\\.0\\.0\\.1 port ${port} \\(${what}\\): it is in use: stop the other program, or choose another port`),
    })
    t.equal(closed, 1, 'the database was closed')
    for (let i = 0; i < 50 && process.getActiveResourcesInfo().filter((r) => r === 'TCPServerWrap').length > seen; i++) await new Promise((resolve) => setTimeout(resolve, 20))
    t.equal(process.getActiveResourcesInfo().filter((r) => r === 'TCPServerWrap').length, seen, 'no listener is left')
    t.ok(process.getActiveResourcesInfo().filter((r) => r === 'Timeout').length <= timers, 'no timer is left')
  }
})

t.test('a second node on the same database is refused while the first lives, and says what to do; after a stop it may', async (t) => {
  const [one, two] = await twoOf(t)
  const first = await start(t, { ...one, close: () => Promise.resolve() }, {}, 'one')
  await t.rejects(start(t, two, {}, 'two'), { name: 'UsageError', message: /node 'one' uses this database too .*Stop it/ })
  // the refusal has changed nothing for the first
  t.same(await one.query('select id from node where not signed_off'), [{ id: 'one' }])
  await first.stop()
  if (ENGINE === 'postgres') await one.close()
})

t.test('after a kill the same node starts again at once and the sessions of its last life are gone', async (t) => {
  const [one, two] = await twoOf(t)
  await start(t, { ...one, close: () => Promise.resolve() }, {}, 'one')
  await two.query('insert into account (account) values ($1)', ['romeo@localhost'])
  await two.query(`insert into presence (account, resource, session_id, incarnation, node, epoch, priority)
    select 'romeo@localhost', 'old', 's', 1, id, epoch, 0 from node where id = 'one'`)
  t.equal((await presencesOf(two, 'romeo@localhost')).length, 1)
  const again = await start(t, { ...two, close: () => Promise.resolve() }, {}, 'one')
  // told of to who could still hear it, and then gone
  for (let i = 0; i < 500 && (await presencesOf(two, 'romeo@localhost')).length > 0; i++) await new Promise((resolve) => setTimeout(resolve, 20))
  t.equal((await presencesOf(two, 'romeo@localhost')).length, 0)
  await again.stop()
})

t.test('files that are no certificate stop the start and close the database', async (t) => {
  const folder = await testFolder(t).catch(() => mkdtempSync(join(tmpdir(), 'jidway-test-')))
  const db = await testDatabase(t)
  let closed = 0
  await t.rejects(startServer({
    settings: defaultSettings({ c2sPort: 0, c2sTlsPort: 0, httpPort: 0, httpsPort: 0 }), routes: ROUTES, log: pino({ level: 'silent' }),
    db: { ...db, close: () => db.close().then(() => void closed++) }, tls: { cert: join(folder, 'none.crt'), key: join(folder, 'none.key') }, node: 'test',
  }), { name: 'UsageError', message: /none\.crt cannot be read/ })
  t.equal(closed, 1)
})

t.test('a removed account\'s sessions end with not-authorized', async (t) => {
  const server = await testServer(t)
  const romeo = await server.login('romeo')
  const juliet = await server.login('juliet')
  t.equal(await server.removeAccount('romeo@localhost'), true)
  t.equal(await streamError(romeo), 'not-authorized')
  await juliet.presence()
  t.equal(await server.removeAccount('romeo@localhost'), false, 'there is none any more')
})
