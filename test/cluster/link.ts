// The connection to NATS is lost and comes back: everything ends in bounded time, nothing is missed unnoticed.
import { createConnection, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import t from 'tap'
import { connectionOptions } from '../../lib/cluster/link.js'
import type { HandOver } from '../../lib/core/ports.js'
import type { Teardown } from '../helpers/database.js'
import { NEEDS_NATS, natsServer, rawNats, testNode, until } from '../helpers/nats.js'

const MESSAGE = '<message/>'
const JULIET = 'juliet@localhost'

t.test('kill -9 of NATS: hand-overs end, nothing waits for it; when it is back, routes are looked up again and stanzas go', NEEDS_NATS, async (t) => {
  const server = await natsServer(t)
  const a = await testNode(t, server.url, 'a', { limits: { requests: 1 } })
  const c = await testNode(t, server.url, 'c')
  const raw = await rawNats(t, server.url, { reconnect: false })
  raw.subscribe('jidway.node.frozen.1', { callback: () => {} })
  await raw.flush()
  a.bus.invalidate(JULIET, 1)
  await until(() => c.heard.length === 1, 'c has heard')
  t.equal(await a.bus.send(c.at(), JULIET, MESSAGE), 'accepted')
  const underWay = a.bus.send({ ...c.at(), node: 'frozen' }, JULIET, MESSAGE)
  await new Promise((resolve) => setTimeout(resolve, 20))
  const waiting = a.bus.send({ ...c.at(), node: 'frozen' }, JULIET, MESSAGE)

  // some are published before it is noticed that NATS is away, some come after
  const before = performance.now()
  const killed = server.kill()
  const sent: Promise<HandOver>[] = []
  for (let i = 0; i < 50; i++) {
    sent.push(a.bus.send(c.at(), JULIET, MESSAGE))
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  const outcomes = await Promise.all(sent)
  await killed
  t.same(await Promise.all([underWay, waiting]), ['unknown', 'busy'], 'what was sent, and what was not')
  t.equal(a.bus.counters.timedOut, 0, 'it did not wait for its time-out')
  t.ok(performance.now() - before < 1500, 'nothing did')
  t.same(outcomes.filter((o) => o !== 'busy' && o !== 'unknown' && o !== 'accepted'), [])
  t.equal(outcomes.at(-1), 'busy', 'not sent, once it is known that NATS is away')

  a.bus.invalidate(JULIET, 2) // told to nobody
  await new Promise((resolve) => setImmediate(resolve))
  c.heard.length = 0
  c.got.length = 0
  await server.start()
  await until(() => [a, c].every((node) => node.bus.counters.reconnects === 1), 'both are back')
  t.equal(await a.bus.send(c.at('after'), JULIET, MESSAGE), 'accepted')
  t.same(c.got.flat().map((item) => item.sessionId), ['after'], 'nothing of before comes late')
  a.bus.invalidate(JULIET, 3)
  await until(() => c.heard.includes(`${JULIET} 3`), 'c hears again')
  t.same(c.heard, ['gap', 'gap', `${JULIET} 3`], 'once for the reconnect, once for what a could not tell')
  t.same(a.heard, ['gap'], 'nothing else was missed')
  t.same([a, c].map((node) => node.reports), [[], []])
})

t.test('a publisher whose own connection broke lets the others know when it is back, though it has nothing more to tell', NEEDS_NATS, async (t) => {
  const server = await natsServer(t)
  const way = await proxy(t, Number(new URL(server.url).port))
  const a = await testNode(t, `nats://127.0.0.1:${way.port}`, 'a')
  const c = await testNode(t, server.url, 'c')
  a.bus.invalidate(JULIET, 1)
  await until(() => c.heard.length === 1, 'c has heard')
  way.cut()
  await until(() => a.bus.counters.shed > 0 || (void a.bus.send(c.at(), JULIET, MESSAGE), false), 'it is noticed')
  a.bus.invalidate(JULIET, 2)
  await until(() => a.bus.counters.reconnects === 1 && c.bus.counters.gaps === 1, 'c knows that it has missed something')
  t.same(c.heard, [`${JULIET} 1`, 'gap'])
  t.equal(c.bus.counters.reconnects, 0)
  way.cut()
  await until(() => a.bus.counters.reconnects === 2, 'a is back again')
  a.bus.invalidate(JULIET, 3)
  await until(() => c.heard.length > 2, 'c hears')
  t.same(c.heard.slice(2), [`${JULIET} 3`], 'no gap where nothing was lost')
})

t.test('a frozen NATS: hand-overs run into their time-outs, and close ends', NEEDS_NATS, async (t) => {
  const server = await natsServer(t)
  const [a, b, d] = await Promise.all(['a', 'b', 'd'].map((id) => testNode(t, server.url, id, { limits: { timeout: 300 } })))
  if (a === undefined || b === undefined || d === undefined) return
  server.freeze()
  await new Promise((resolve) => setTimeout(resolve, 100)) // on another core it may go on for a moment
  t.equal(await a.bus.send(b.at(), JULIET, MESSAGE), 'unknown')
  t.match(a.bus.counters, { timedOut: 1 })
  const before = performance.now()
  await d.bus.close()
  t.ok(performance.now() - before < 3000)
  server.thaw()
})

t.test('with NATS away close ends, and leaves nothing that keeps the process', NEEDS_NATS, async (t) => {
  const server = await natsServer(t)
  const keeping = (): string[] => process.getActiveResourcesInfo().filter((what) => /Timeout|TCP|Immediate/.test(what))
  await until(() => keeping().length === 0, 'nothing is left of other tests')
  const a = await testNode(t, server.url, 'a')
  t.ok(keeping().length > 0, 'what would keep it is seen')
  await server.kill()
  await until(() => a.bus.counters.shed > 0 || (void a.bus.send(a.at(), JULIET, MESSAGE), false), 'it is noticed')
  const began = performance.now()
  await a.bus.close()
  t.ok(performance.now() - began < 4000)
  await until(() => keeping().length === 0, 'nothing keeps it')
})

t.test('NATS that wants a password gets it from the URL; a token too', NEEDS_NATS, async (t) => {
  const server = await natsServer(t, 'authorization { user: "ro meo", password: "s:ecret" }')
  await t.rejects(testNode(t, server.url, 'a'), { name: 'UsageError' })
  const a = await testNode(t, server.url.replace('//', '//ro%20meo:s%3Aecret@'), 'a')
  const b = await testNode(t, server.url.replace('//', '//ro%20meo:s%3Aecret@'), 'b')
  t.equal(await a.bus.send(b.at(), JULIET, MESSAGE), 'accepted')
  t.same(connectionOptions('nats://secret@host'), { servers: 'host:4222', token: 'secret' })
  t.same(connectionOptions('tls://[::1]:4333'), { servers: '[::1]:4333', tls: {} })
})

/** A way to NATS that breaks when it is told to; a new connection goes through again. */
const proxy = async (t: Teardown, to: number): Promise<{ port: number; cut: () => void }> => {
  const sockets = new Set<Socket>()
  const cut = (): void => {
    for (const socket of sockets) socket.destroy()
    sockets.clear()
  }
  const server = createServer((socket) => {
    const other = createConnection(to, '127.0.0.1')
    for (const [from, into] of [[socket, other], [other, socket]] as const) {
      sockets.add(from)
      from.on('error', () => into.destroy()).on('close', () => into.destroy()).pipe(into)
    }
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  t.teardown(() => {
    cut()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, cut }
}
