// Two and three nodes on a real NATS: stanzas handed over and answered, invalidations, and what is wrong with either of them.
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { openBus } from '../../lib/cluster/bus.js'
import { decodeAnswer, encodeAnswer, encodeInvalidation, encodeRequest, REFUSAL, VERSION } from '../../lib/cluster/envelope.js'
import { toOctets } from '../../lib/base/octets.js'
import type { HandOver } from '../../lib/core/ports.js'
import { NEEDS_NATS, natsServer, rawNats, testNode, until } from '../helpers/nats.js'

const MESSAGE = '<message/>'
const JULIET = 'juliet@localhost'

t.test('on a NATS of this machine', NEEDS_NATS, async (t) => {
  const server = await natsServer(t)
  const { url } = server
  /** Each test its own cluster. */
  let clusters = 0
  const cluster = (): { prefix: string } => ({ prefix: `test${++clusters}` })

  t.test('three nodes hand stanzas to one another; each arrives as it was sent, in order, and is answered by itself', async (t) => {
    const here = cluster()
    const [a, b, c] = await Promise.all(['a', 'b.*>with white space and ö', 'c'].map((id) => testNode(t, url, id, here)))
    if (a === undefined || b === undefined || c === undefined) return
    const octets = toOctets('<message><body>Neither, fair saint — ☕</body></message>')
    t.equal(await a.bus.send(b.at('s7'), 'jülïet@localhost', octets), 'accepted')
    t.same(b.got, [[{ account: 'jülïet@localhost', sessionId: 's7', xml: octets, kind: 'message', declared: false }]])
    c.answer = ({ sessionId }) => (sessionId === 's1' ? 'busy' : sessionId === 's2' ? { generation: 7 } : sessionId === 's3' ? { generation: null } : sessionId === 's4' ? 'refused' : 'accepted')
    const sent = ['s1', 's2', 's3', 's4', 's5'].map((s) => b.bus.send(c.at(s), JULIET, s === 's4' ? '<presence/>' : s === 's5' ? '<iq/>' : MESSAGE))
    t.same(await Promise.all(sent), ['busy', { generation: 7 }, { generation: null }, 'refused', 'accepted'])
    t.same(c.got[0]?.map((item) => `${item.sessionId} ${item.kind}`), ['s1 message', 's2 message', 's3 message', 's4 presence', 's5 iq'])
    t.match(b.bus.counters, { busy: 1, refused: 3, accepted: 1, sent: 5, batches: 1 })
    t.match([a.got, [a, b, c].flatMap((node) => node.reports)], [[], []])
  })

  t.test('stanzas of one turn are one request, and under load far fewer requests go than stanzas; none is lost or reordered', async (t) => {
    const here = cluster()
    const a = await testNode(t, url, 'a', here)
    const b = await testNode(t, url, 'b', here)
    const outcomes: Promise<HandOver>[] = []
    for (let i = 0; i < 2000; i++) {
      outcomes.push(a.bus.send(b.at(`s${i}`), JULIET, MESSAGE))
      if (i % 10 === 9) await new Promise((resolve) => setImmediate(resolve))
    }
    t.ok((await Promise.all(outcomes)).every((outcome) => outcome === 'accepted'))
    t.same(b.got.flat().map((item) => item.sessionId), Array.from({ length: 2000 }, (_, i) => `s${i}`))
    t.equal(b.got.length, a.bus.counters.batches)
    t.ok(a.bus.counters.batches <= 200, `${a.bus.counters.batches} requests`)
    t.match(b.bus.counters, { received: 2000 })
  })

  t.test('a request that comes late is refused and not acted on', async (t) => {
    const here = cluster()
    const a = await testNode(t, url, 'a', here)
    const b = await testNode(t, url, 'b', here)
    b.ahead = 2000
    t.equal(await a.bus.send(b.at(), JULIET, MESSAGE), 'refused')
    t.same(b.got, [])
    t.match(b.bus.counters, { late: 1, received: 0 })
    b.ahead = 1500
    t.equal(await a.bus.send(b.at(), JULIET, MESSAGE), 'accepted')
    a.ahead = b.ahead = -86_400_000
    t.equal(await a.bus.send(b.at(), JULIET, MESSAGE), 'accepted', 'only the difference counts')
  })

  t.test('who is not there, or was in another epoch, is gone at once', async (t) => {
    const here = cluster()
    const a = await testNode(t, url, 'a', here)
    const b = await testNode(t, url, 'b', { ...here, epoch: 2 })
    const before = performance.now()
    t.equal(await a.bus.send({ ...b.at(), epoch: 1 }, JULIET, MESSAGE), 'gone')
    t.equal(await a.bus.send({ ...b.at(), node: 'nobody' }, JULIET, MESSAGE), 'gone')
    t.ok(performance.now() - before < 1000)
    t.same([b.got, a.bus.counters.timedOut], [[], 0])
    const other = await testNode(t, url, 'b', { ...cluster(), epoch: 1 })
    t.equal(await a.bus.send({ ...b.at(), epoch: 1 }, JULIET, MESSAGE), 'gone', 'another cluster on the same NATS is not heard')
    t.same(other.got, [])
  })

  t.test('another version, malformed octets, and requests without a way back are refused, and the node goes on', async (t) => {
    const here = cluster()
    const a = await testNode(t, url, 'a', here)
    const raw = await rawNats(t, url)
    const subject = `${here.prefix}.node.a.1`
    const right = encodeRequest({ deadline: Date.now() + 10_000, items: [{ account: JULIET, sessionId: 's1', xml: MESSAGE, kind: 'message', declared: false }] })
    const ask = async (data: Uint8Array): Promise<unknown> => decodeAnswer((await raw.request(subject, data, { timeout: 2000 })).data)
    t.same(await ask(right), ['accepted'], 'the envelope itself is right')
    const newer = Uint8Array.from(right)
    newer[0] = VERSION + 1
    t.equal(await ask(newer), 'refusal')
    t.match(a.bus.counters, { unreadable: 1, unknownVersions: 1 })
    for (const data of [new Uint8Array(), REFUSAL, Buffer.from('GET / HTTP/1.1\r\n\r\n'), right.slice(0, -1), Uint8Array.of(...right, 0), Uint8Array.of(VERSION, ...new Uint8Array(8), 0xff, 0xff)]) {
      t.equal(await ask(data), 'refusal')
    }
    t.match(a.bus.counters, { unreadable: 7 })
    raw.publish(subject, right)
    await raw.flush()
    t.same(await ask(right), ['accepted'])
    t.same([a.got.length, a.bus.counters.unreadable, a.reports], [2, 8, []], 'nobody would have heard the answer')
  })

  t.test('an answer that makes no sense leaves it unknown what became of the stanza', async (t) => {
    const here = cluster()
    const a = await testNode(t, url, 'a', here)
    const raw = await rawNats(t, url)
    const answers = [Buffer.from('nonsense'), Buffer.of(VERSION, 0, 0), Buffer.of(VERSION, 0, 2, 0, 0), REFUSAL, Buffer.of(VERSION, 0, 1, 0)]
    raw.subscribe(`${here.prefix}.node.b.1`, { callback: (_error, message) => void message.respond(answers.shift() as Uint8Array) })
    await raw.flush()
    const outcomes: HandOver[] = []
    for (let i = 0; i < 5; i++) outcomes.push(await a.bus.send({ ...a.at(), node: 'b' }, JULIET, MESSAGE))
    t.same(outcomes, ['unknown', 'unknown', 'unknown', 'refused', 'accepted'])
    t.match(a.bus.counters, { unknown: 3, unreadable: 3, unknownVersions: 1, timedOut: 0 })
  })

  t.test('a node that fails while it takes stanzas says that it is not known what became of them, and goes on', async (t) => {
    const here = cluster()
    const a = await testNode(t, url, 'a', here)
    let fails = true
    const b = await testNode(t, url, 'b', { ...here, take: (items) => {
      if (fails) throw new Error('a bug of the test')
      return items.slice(1).map(() => 'accepted')
    } })
    t.same(await Promise.all([a.bus.send(b.at(), JULIET, MESSAGE), a.bus.send(b.at(), JULIET, MESSAGE)]), ['unknown', 'unknown'])
    t.match(b.reports, [{ message: 'a bug of the test' }])
    fails = false
    t.same(await Promise.all([a.bus.send(b.at(), JULIET, MESSAGE), a.bus.send(b.at(), JULIET, MESSAGE)]), ['accepted', 'unknown'], 'fewer answers than stanzas')
    t.equal(a.bus.counters.timedOut, 0)
  })

  t.test('a handler that fails when it hears something does not make the node deaf', async (t) => {
    const here = cluster()
    const a = await testNode(t, url, 'a', here)
    const b = await testNode(t, url, 'b', { ...here, invalidated: (account) => {
      throw new Error(`a bug of the test, ${account}`)
    } })
    a.bus.invalidate(JULIET, 1)
    a.bus.invalidate('romeo@localhost', 1)
    await until(() => b.reports.length === 2, 'both are told')
    t.match(b.reports, [{ message: /juliet/ }, { message: /romeo/ }])
    t.equal(await a.bus.send(b.at(), JULIET, MESSAGE), 'accepted')
  })

  t.test('a frozen node: requests run into their time-outs, credit bounds what waits for it, and others are served meanwhile', async (t) => {
    const here = { ...cluster(), limits: { timeout: 300, requests: 2, stanzas: 10, batchStanzas: 2 } }
    const a = await testNode(t, url, 'a', here)
    const b = await testNode(t, url, 'b', here)
    const raw = await rawNats(t, url)
    raw.subscribe(`${here.prefix}.node.frozen.1`, { callback: () => {} }) // NATS has its subscription, and it never answers
    await raw.flush()
    const frozen = { ...b.at(), node: 'frozen' }
    const before = performance.now()
    const presences = Array.from({ length: 6 }, () => a.bus.send(frozen, JULIET, '<presence/>'))
    const messages = Array.from({ length: 6 }, () => a.bus.send(frozen, JULIET, MESSAGE))
    t.same(await Promise.all([presences[5], messages[5]]), ['busy', 'busy'])
    t.ok(performance.now() - before < 250, 'at once')
    t.equal(await a.bus.send(b.at(), JULIET, MESSAGE), 'accepted')
    const outcomes = await Promise.all([...presences, ...messages])
    const took = performance.now() - before
    // 2 requests of 2 stanzas; 6 have waited for the time-out then; 2 were shed at once
    t.same([outcomes.filter((o) => o === 'unknown').length, outcomes.filter((o) => o === 'busy').length], [4, 8])
    t.ok(took >= 290 && took < 2000, `${took} ms`)
    t.match(a.bus.counters, { timedOut: 2, batches: 3, shed: 8 })
    t.equal(await a.bus.send(frozen, JULIET, MESSAGE), 'unknown', 'the credit has come back')
  })

  t.test('invalidations reach all others, once a turn; holes in the numbers are noticed; what is malformed counts as one', async (t) => {
    const here = cluster()
    const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((id) => testNode(t, url, id, here)))
    if (a === undefined || b === undefined || c === undefined) return
    a.bus.invalidate(JULIET, 3)
    a.bus.invalidate('romeo@localhost', 5)
    await until(() => b.heard.length === 2 && c.heard.length === 2, 'both have heard')
    b.bus.invalidate(JULIET, 4)
    await until(() => a.heard.length === 1 && c.heard.length === 3, 'both have heard')
    t.same([a.heard, b.heard, c.heard], [[`${JULIET} 4`], [`${JULIET} 3`, 'romeo@localhost 5'], [`${JULIET} 3`, 'romeo@localhost 5', `${JULIET} 4`]])
    const raw = await rawNats(t, url)
    const say = (number: number): void => raw.publish(`${here.prefix}.invalidate`, encodeInvalidation({ node: 'd', epoch: 1, number, changes: [[JULIET, number]] }))
    say(1)
    say(3)
    raw.publish(`${here.prefix}.invalidate`, 'nonsense')
    await until(() => c.bus.counters.unreadable === 1, 'all is heard')
    t.same(c.heard.slice(3), [`${JULIET} 1`, 'gap', `${JULIET} 3`, 'gap'])
    t.match(c.bus.counters, { gaps: 2, heard: 5, reconnects: 0 })
    t.match(a.bus.counters, { told: 2, gaps: 2 })
  })

  t.test('close: what was sent is still answered and told, then the node is gone at once for the others', async (t) => {
    const here = cluster()
    const a = await testNode(t, url, 'a', here)
    const b = await testNode(t, url, 'b', here)
    const last = a.bus.send(b.at(), JULIET, MESSAGE)
    a.bus.invalidate(JULIET, 9)
    const closed = Promise.all([a.bus.close(), a.bus.close()])
    t.equal(await a.bus.send(b.at(), JULIET, MESSAGE), 'busy', 'from now on nothing is taken')
    await closed
    t.equal(await last, 'accepted')
    t.equal(b.got.flat().length, 1)
    await until(() => b.heard.length > 0, 'it was told')
    t.same(b.heard, [`${JULIET} 9`])
    t.equal(await a.bus.send(b.at(), JULIET, MESSAGE), 'busy', 'and later neither')
    t.equal(await b.bus.send(a.at(), JULIET, MESSAGE), 'gone')
    t.same([a.reports, b.reports], [[], []])
  })

  t.test('close waits for an answer that takes its time', async (t) => {
    const here = cluster()
    const a = await testNode(t, url, 'a', here)
    const raw = await rawNats(t, url)
    raw.subscribe(`${here.prefix}.node.slow.1`, { callback: (_error, message) => void setTimeout(() => message.respond(encodeAnswer(['accepted'])), 200) })
    await raw.flush()
    const sent = a.bus.send({ ...a.at(), node: 'slow' }, JULIET, MESSAGE)
    await a.bus.close()
    t.equal(await sent, 'accepted')
  })

  t.test('close does not wait longer than the time-outs for who does not answer; the others need not wait for it', async (t) => {
    const here = { ...cluster(), limits: { timeout: 400, requests: 1 } }
    const a = await testNode(t, url, 'a', here)
    const b = await testNode(t, url, 'b', here)
    const raw = await rawNats(t, url)
    raw.subscribe(`${here.prefix}.node.frozen.1`, { callback: () => {} })
    await raw.flush()
    const timers = (): number => process.getActiveResourcesInfo().filter((what) => what === 'Timeout').length
    await sleep(1)
    const without = timers()
    const sent = a.bus.send({ ...a.at(), node: 'frozen' }, JULIET, MESSAGE)
    await sleep(20)
    t.equal(timers(), without, 'no time-out keeps the process alive')
    const waiting = a.bus.send({ ...a.at(), node: 'frozen' }, JULIET, MESSAGE)
    const before = performance.now()
    const closed = a.bus.close()
    await sleep(50)
    t.equal(await b.bus.send(a.at(), JULIET, MESSAGE), 'gone', 'while it still waits for the answer')
    t.equal(a.bus.counters.timedOut, 0)
    await closed
    t.ok(performance.now() - before < 2000)
    t.equal(await sent, 'unknown')
    t.match(await waiting, /unknown|busy/)
  })
})

t.test('a NATS that takes little: batches stay below it, what is longer is refused with a clear error', NEEDS_NATS, async (t) => {
  const { url } = await natsServer(t, 'max_payload: 8192')
  const a = await testNode(t, url, 'a')
  const b = await testNode(t, url, 'b')
  t.equal(a.bus.largest, 8192 - 4096)
  const long = 'm'.repeat(1000)
  const outcomes = await Promise.all(Array.from({ length: 50 }, () => a.bus.send(b.at(), JULIET, long)))
  t.ok(outcomes.every((outcome) => outcome === 'accepted'))
  t.match(a.bus.counters, { batches: 8 }, '7 in each but the last')
  const exact = 8192 - encodeRequest({ deadline: 1, items: [{ account: JULIET, sessionId: 's1', xml: '', kind: 'message', declared: false }] }).length
  t.equal(await a.bus.send(b.at(), JULIET, 'm'.repeat(exact)), 'accepted')
  t.equal(await a.bus.send(b.at(), JULIET, 'm'.repeat(exact + 1)), 'too large')
  t.equal(b.got.flat().length, 51)
  t.match(a.reports, [{ message: new RegExp(`a stanza of ${exact + 1} octets for ${JULIET} does not fit`) }])
  for (let i = 0; i < 400; i++) a.bus.invalidate(`somebody-with-a-long-name-${i}@localhost`, i)
  await until(() => b.heard.length === 400, 'all are told')
  t.ok(!b.heard.includes('gap'))
})

t.test('a NATS through which nothing fits, or that is not there, or that is written wrong: the start fails and says why', NEEDS_NATS, async (t) => {
  const server = await natsServer(t, 'max_payload: 4096')
  const open = (url: string, more: object = {}): Promise<unknown> => openBus({
    url, node: { id: 'a', epoch: 1 }, now: Date.now, ...more, handlers: { take: () => [], invalidated: () => {}, gap: () => {}, left: () => {}, report: () => {} },
  })
  await t.rejects(open(server.url), { name: 'UsageError', message: /max_payload of NATS is 4096/ })
  await server.kill()
  await t.rejects(open(server.url), { name: 'UsageError', message: /no connection to NATS at 127\.0\.0\.1:\d+: / })
  await t.rejects(open('wss://localhost'), { name: 'UsageError', message: /must begin with nats:\/\/ or tls:\/\// })
  await t.rejects(open('nonsense'), { name: 'UsageError', message: /no URL/ })
  await t.rejects(open(server.url, { prefix: 'a.*' }), { name: 'TypeError', message: /no subject/ })
  await t.rejects(open(server.url, { limits: { stanzas: 0 } }), { name: 'TypeError', message: /limit stanzas/ })
})
