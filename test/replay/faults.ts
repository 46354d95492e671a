// What a server, or somebody on the way, does to messages is found out and told apart; and a server that stands still shows
// in the latency of an open loop as long as it stood.
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import type { Outcome } from '../../lib/replay/replay.js'
import { liar } from '../helpers/liar.js'
import { chat, names, replayed } from '../helpers/replay.js'
import { addUsers, testServer } from '../helpers/server.js'

const server = await testServer(t)

/** Accounts that nothing waits for: what is left of another run would be counted by the liar. */
let teams = 0
const fresh = async (count: number): Promise<string[]> => {
  const users = names(count).map((name) => `team${teams}-${name}`)
  teams++
  await addUsers(server.db, users)
  return users
}

const faults = ({ measures: { counts: { lost, duplicated, outOfOrder, repeated, gaveUpMust } } }: Outcome): Record<string, number> => ({ lost, duplicated, outOfOrder, repeated, gaveUpMust })
const NONE = { lost: 0, duplicated: 0, outOfOrder: 0, repeated: 0, gaveUpMust: 0 }

/** A conversation without answers: what is on its way together can be turned around. */
const monologue = (messages: number): ReturnType<typeof chat> => {
  const { name, items } = chat(messages)
  return { name, items: items.filter(({ xml }) => !xml.includes('/echo')) }
}

t.test('in peace all is well', async (t) => {
  const port = await liar(t, server.c2s, (message) => message)
  const { outcome, result } = await replayed([chat(20), monologue(50)], port, await fresh(4))
  t.same(faults(outcome), NONE)
  t.ok(result.held, result.text)
})

t.test('a message that does not arrive is lost, and who waited for it goes on after a while', async (t) => {
  const port = await liar(t, server.c2s, (message, count) => (count === 10 ? '' : message))
  const { outcome, result } = await replayed([chat(20)], port, await fresh(2), { patience: 1 })
  t.same(faults(outcome), { ...NONE, lost: 1, gaveUpMust: 1 })
  t.notOk(result.held)
  t.match(result.text, / 1 {2}messages lost/)
  t.equal(outcome.measures.counts.delivered, 39)
})

t.test('one that comes twice is counted, and delivered once', async (t) => {
  const port = await liar(t, server.c2s, (message, count) => (count === 10 ? message + message : message))
  const { outcome, result } = await replayed([chat(20)], port, await fresh(2))
  t.same(faults(outcome), { ...NONE, duplicated: 1 })
  t.equal(outcome.measures.counts.delivered, 40)
  t.notOk(result.held)
})

t.test('two that are turned around are out of order, and neither lost nor doubled', async (t) => {
  let kept = ''
  const port = await liar(t, server.c2s, (message, count) => {
    if (count === 10) {
      kept = message
      return ''
    }
    return count === 11 ? message + kept : message
  })
  const { outcome, result } = await replayed([monologue(50)], port, await fresh(2))
  t.same(faults(outcome), { ...NONE, outOfOrder: 1 })
  t.equal(outcome.measures.counts.delivered, 50)
  t.notOk(result.held)
})

t.test('one that comes after many others is out of order once', async (t) => {
  let kept = ''
  const port = await liar(t, server.c2s, (message, count) => {
    if (count === 10) kept = message
    return count === 10 ? '' : count === 30 ? message + kept : message
  })
  const { outcome } = await replayed([monologue(50)], port, await fresh(2))
  t.same(faults(outcome), { ...NONE, outOfOrder: 1 })
})

t.test('what is refused is no loss: it is counted, by its condition', async (t) => {
  const trace = monologue(3)
  const items = trace.items.flatMap((item) => (item.xml.includes('id=\'m1\'') ? [item, { ...item, xml: '<iq type=\'get\' id=\'unknown\'><query xmlns=\'nobody:knows\'/></iq>' }] : [item]))
  const port = await liar(t, server.c2s, (message, count) => (count === 1 ? message.replace('<message', '<message type=\'error\'').replace(' type=\'chat\'', '')
    .replace(/<body>.*<\/body>/, '<error type=\'cancel\'><gone xmlns=\'urn:ietf:params:xml:ns:xmpp-stanzas\'/></error>') : message))
  const { outcome, result } = await replayed([{ ...trace, items }], port, await fresh(2))
  t.same(faults(outcome), NONE)
  t.equal(outcome.measures.counts.refused, 1)
  t.same(Object.fromEntries(outcome.measures.errors), { 'iq service-unavailable': 1, 'message gone': 1 })
  t.match(result.json, { errors: { 'iq service-unavailable': 1 } })
  t.ok(result.held, result.text)
})

/** A way to the server on which nothing moves, once, for so many ms, so many after the first message. */
const stalling = async (t: Test, after: number, ms: number): Promise<number> => {
  let stands = false
  let stall: NodeJS.Timeout | null = null
  const stand = (): void => {
    stands = true
    for (const socket of sockets) socket.pause()
    stall = setTimeout(() => {
      stands = false
      for (const socket of sockets) socket.resume()
    }, ms)
  }
  const sockets: { pause(): unknown; resume(): unknown; destroy(): unknown }[] = []
  const proxy = createServer((client) => {
    const behind = connect(server.c2s, '127.0.0.1')
    for (const [from, to] of [[client, behind], [behind, client]] as const) {
      from.setNoDelay(true)
      from.on('data', (data) => {
        if (data.includes('<message')) stall ??= setTimeout(stand, after)
        to.write(data)
      })
      from.on('error', () => {})
      from.on('close', () => to.destroy())
      sockets.push(from)
      if (stands) from.pause()
    }
  })
  await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', done))
  t.teardown(() => new Promise<void>((done) => {
    if (stall !== null) clearTimeout(stall)
    for (const socket of sockets) socket.destroy()
    proxy.close(() => done())
  }))
  return (proxy.address() as AddressInfo).port
}

t.test('half a second in which nothing moves is seen', async (t) => {
  const port = await stalling(t, 1000, 500)
  const open = await replayed([chat(2000)], port, await fresh(20), { pace: 200, seconds: 3 })
  t.same(faults(open.outcome), NONE)
  const { message } = open.outcome.measures.latencies
  t.ok(message.percentile(99) > 400_000, `p99 ${message.percentile(99)} µs`)
})

t.test('not only by who was waiting then, but by all who were due: no omission is coordinated with the server', async (t) => {
  // of 5 s 1.5 stand still: what was due in the first of these seconds, a fifth of all, is late by half a second or more;
  // only one message of each of ten pairs was on its way when it began
  const port = await stalling(t, 1000, 1500)
  const open = await replayed([chat(2000)], port, await fresh(20), { pace: 100, seconds: 5 })
  t.same(faults(open.outcome), NONE)
  const { message } = open.outcome.measures.latencies
  t.ok(message.percentile(82) > 450_000, `p82 ${message.percentile(82)} µs`)
})

t.test('the same in a closed loop: one message a client was late, and no percentile tells', async (t) => {
  const port = await stalling(t, 1000, 500)
  const closed = await replayed([chat(10_000)], port, await fresh(2), { seconds: 3 })
  t.same(faults(closed.outcome), NONE)
  const { message } = closed.outcome.measures.latencies
  t.ok(message.percentile(99) < 400_000, `p99 ${message.percentile(99)} µs`)
  t.ok(message.max > 400_000, `most ${message.max} µs`)
})
