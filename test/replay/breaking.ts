// Connections that break, servers that go away: the copy begins anew, or ends, and it is told; no run goes on for ever.
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { Test } from 'tap'
import { chat, names, replayed } from '../helpers/replay.js'
import { addUsers, testServer } from '../helpers/server.js'

const server = await testServer(t, {}, { users: names(2) })

interface Gate {
  readonly port: number
  /** Break all connections. */
  cut(): void
  /** And take no more. */
  shut(): Promise<void>
}

const gate = async (t: Test): Promise<Gate> => {
  const sockets = new Set<Socket>()
  const proxy = createServer((client) => {
    const behind = connect(server.c2s, '127.0.0.1')
    for (const [from, to] of [[client, behind], [behind, client]] as const) {
      sockets.add(from)
      from.on('data', (data) => to.write(data))
      from.on('error', () => {})
      from.on('close', () => to.destroy())
    }
  })
  await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', done))
  const cut = (): void => {
    for (const socket of sockets) socket.destroy()
    sockets.clear()
  }
  const shut = (): Promise<void> => new Promise((done) => {
    cut()
    proxy.close(() => done())
  })
  t.teardown(shut)
  return { port: (proxy.address() as AddressInfo).port, cut, shut }
}

t.test('a connection that breaks is counted, and after a rest the copy begins anew', async (t) => {
  const { port, cut } = await gate(t)
  const users = names(2).map((name) => `cut-${name}`)
  await addUsers(server.db, users)
  const running = replayed([chat(3000)], port, users, { seconds: 4, patience: 5 })
  await sleep(1000)
  cut()
  const { outcome: { measures: { counts, breaks } }, result } = await running
  t.notOk(result.held)
  t.equal(counts.broken, 1, JSON.stringify([...breaks]))
  t.ok(counts.logins >= 4, 'both were there again')
  t.equal(counts.lost, 0, 'what was under way came with the next log-in')
  t.match(result.text, / 1 {2}connections that broke\n/)
})

t.test('a server that does not come back: each copy gives up after its patience', async (t) => {
  const { port, shut } = await gate(t)
  const users = names(2).map((name) => `shut-${name}`)
  await addUsers(server.db, users)
  const began = performance.now()
  const running = replayed([chat(100_000 / 10, 1)], port, users, { patience: 2 })
  await sleep(1000)
  await shut()
  const { outcome: { measures: { counts } }, result } = await running
  t.notOk(result.held)
  t.ok(counts.broken >= 2 && counts.broken <= 4, `${counts.broken}`)
  t.ok(performance.now() - began < 30_000)
})

t.test('an interrupted run ends in order, and is not held to be whole', async (t) => {
  const users = names(2).map((name) => `stop-${name}`)
  await addUsers(server.db, users)
  const stop = new AbortController()
  const running = replayed([chat(100, 100)], server.c2s, users, { signal: stop.signal, pace: 5 })
  await sleep(1500)
  stop.abort()
  const { outcome, result } = await running
  t.ok(outcome.interrupted)
  t.notOk(result.held)
  t.match(result.text, /NOTE: it was interrupted/)
  t.equal(outcome.measures.counts.broken, 0)
})
