// The way to one node: batches, credit, and what is shed at its bounds. The other node is played by the test.
import t from 'tap'
import { aloneOctets } from '../../lib/cluster/envelope.js'
import type { Handed } from '../../lib/cluster/envelope.js'
import { makeBusCounters } from '../../lib/cluster/counters.js'
import { checkLimits, LIMITS, makeLane } from '../../lib/cluster/lane.js'
import type { Limits } from '../../lib/cluster/lane.js'
import type { HandOver } from '../../lib/core/ports.js'
import type { Kind } from '../../lib/base/stanza.js'

const turn = (): Promise<void> => new Promise((resolve) => {
  setImmediate(resolve)
})

const setup = (limits: Partial<Limits>, payload = 1024 ** 2) => {
  const counters = makeBusCounters()
  const asked: { items: readonly Handed[]; answer: (outcome: readonly HandOver[] | HandOver) => void }[] = []
  const state = { now: 0, idle: 0, reports: [] as string[] }
  const lane = makeLane({
    limits: { ...LIMITS, ...limits }, counters, monotonic: () => state.now, payload: () => payload,
    ask: (items) => new Promise((answer) => {
      asked.push({ items, answer })
    }),
    report: (error) => void state.reports.push(error.message),
    idle: () => void state.idle++,
  })
  const outcomes: string[] = []
  const send = (name: string, kind: Kind = 'message', xml = '<message/>'): void => {
    lane.send({ account: `${name}@localhost`, sessionId: 's', xml, kind, declared: false }, (outcome) => void outcomes.push(`${name} ${JSON.stringify(outcome)}`))
  }
  return { counters, asked, state, lane, send, outcomes, names: () => asked.map(({ items }) => items.map((i) => i.account.replace('@localhost', '')).join(' ')) }
}

t.test('what comes within one turn goes as one request, in order; with all requests under way the rest waits and goes together', async (t) => {
  const { send, asked, names, outcomes, counters, state } = setup({ requests: 2 })
  send('a')
  send('b')
  await turn()
  send('c')
  await turn()
  t.same(names(), ['a b', 'c'])
  for (const name of ['d', 'e', 'f']) {
    send(name)
    await turn()
  }
  t.same(names(), ['a b', 'c'], 'two are under way')
  asked[0]?.answer(['accepted', { generation: 7 }])
  await turn()
  t.same(names(), ['a b', 'c', 'd e f'])
  t.same(outcomes, ['a "accepted"', 'b {"generation":7}'])
  t.equal(state.idle, 0)
  asked[2]?.answer('gone')
  asked[1]?.answer(['accepted'])
  await turn()
  t.same(outcomes.slice(2).toSorted(), ['c "accepted"', 'd "gone"', 'e "gone"', 'f "gone"'])
  t.equal(state.idle, 1)
  t.match(counters, { sent: 6, batches: 3, accepted: 2, refused: 1, gone: 3, shed: 0 })
})

t.test('an answer that tells less than was asked leaves the rest unknown', async (t) => {
  const { send, asked, outcomes } = setup({})
  send('a')
  send('b')
  await turn()
  asked[0]?.answer(['accepted'])
  await turn()
  t.same(outcomes, ['a "accepted"', 'b "unknown"'])
})

t.test('a request is bounded in stanzas and in octets, at the bound exactly', async (t) => {
  const many = setup({ batchStanzas: 3 })
  for (const name of ['a', 'b', 'c', 'd']) many.send(name)
  await turn()
  t.same(many.names(), ['a b c', 'd'])
  const size = aloneOctets({ account: 'a@localhost', sessionId: 's', xml: '<message/>', kind: 'message', declared: false })
  for (const [batchOctets, expected] of [[2 * size, ['a b', 'c']], [2 * size - 1, ['a', 'b', 'c']], [1, ['a', 'b', 'c']]] as const) {
    const long = setup({ batchOctets })
    for (const name of ['a', 'b', 'c']) long.send(name)
    await turn()
    t.same(long.names(), expected, `${batchOctets} octets`)
  }
  const narrow = setup({}, 2 * size - 1)
  for (const name of ['a', 'b']) narrow.send(name)
  await turn()
  t.same(narrow.names(), ['a', 'b'], 'never more than the bus takes')
})

t.test('stanzas under way: presence and IQs get half, messages all, and one more is busy at once', async (t) => {
  const { send, asked, outcomes, counters } = setup({ stanzas: 4 })
  send('p1', 'presence')
  send('i1', 'iq')
  send('p2', 'presence')
  send('i2', 'iq')
  await Promise.resolve()
  t.same(outcomes, ['p2 "busy"', 'i2 "busy"'])
  send('m1')
  await turn() // sent but not answered is under way too
  send('m2')
  send('m3')
  await Promise.resolve()
  t.same(outcomes, ['p2 "busy"', 'i2 "busy"', 'm3 "busy"'])
  t.match(counters, { shed: 3, busy: 3 })
  await turn()
  asked[0]?.answer('accepted')
  await turn()
  send('m4')
  send('m5')
  send('m6')
  send('m7')
  await turn()
  t.equal(counters.shed, 4, 'what was answered has given its credit back')
})

t.test('octets under way are bounded in the same way', async (t) => {
  const size = aloneOctets({ account: 'a@localhost', sessionId: 's', xml: '<message/>', kind: 'message', declared: false })
  const exact = setup({ octets: 4 * size })
  for (const [name, kind] of [['a', 'iq'], ['b', 'iq'], ['c', 'iq'], ['d', 'message'], ['e', 'message'], ['f', 'message']] as const) exact.send(name, kind)
  await Promise.resolve()
  t.same(exact.outcomes, ['c "busy"', 'f "busy"'])
  await turn()
  exact.asked[0]?.answer('accepted')
  await turn()
  for (const name of ['g', 'h', 'i', 'j', 'k']) exact.send(name)
  await Promise.resolve()
  t.same(exact.outcomes.filter((o) => o.endsWith('"busy"')), ['c "busy"', 'f "busy"', 'k "busy"'], 'what was answered has given its credit back')
  const less = setup({ octets: 4 * size - 1 })
  for (const name of ['a', 'b', 'c', 'd']) less.send(name)
  await Promise.resolve()
  t.same(less.outcomes, ['d "busy"'])
})

t.test('a stanza that does not fit the bus is refused with a clear error; one octet less goes', async (t) => {
  const item: Handed = { account: 'a@localhost', sessionId: 's', xml: 'x'.repeat(1000), kind: 'message', declared: false }
  const { send, outcomes, state, counters, names } = setup({}, aloneOctets(item))
  send('a', 'message', `${item.xml}x`)
  await Promise.resolve()
  t.same(outcomes, ['a "too large"'])
  t.match(state.reports, [/^a stanza of 1001 octets for a@localhost does not fit the bus.*max_payload/])
  send('a', 'message', item.xml)
  await turn()
  t.same(names(), ['a'])
  t.match(counters, { tooLarge: 1, sent: 1 })
  const credit = setup({ octets: 2 * aloneOctets(item) })
  credit.send('a', 'presence', item.xml)
  credit.send('b', 'presence', `${item.xml}x`)
  await Promise.resolve()
  t.same(credit.outcomes, ['b "too large"'], 'what no credit would ever let through does not look busy')
})

t.test('what has waited for the whole time-out is not sent any more', async (t) => {
  const { send, asked, outcomes, names, state } = setup({ requests: 1, timeout: 100 })
  send('a')
  await turn()
  send('old')
  await turn()
  state.now = 1
  send('young')
  await turn()
  state.now = 100
  asked[0]?.answer('unknown')
  await turn()
  t.same(outcomes, ['a "unknown"', 'old "busy"'])
  t.same(names(), ['a', 'young'])
})

t.test('what is abandoned was never sent; what is under way is not touched', async (t) => {
  const { send, asked, outcomes, names, lane, state } = setup({ requests: 1 })
  send('a')
  await turn()
  send('b')
  lane.abandon()
  await turn()
  t.same(outcomes, ['b "busy"'])
  asked[0]?.answer('accepted')
  await turn()
  t.same([outcomes, names(), state.idle], [['b "busy"', 'a "accepted"'], ['a'], 1])
})

t.test('limits that cannot work are refused', async (t) => {
  for (const [name, value] of [['stanzas', 0], ['octets', Number.NaN], ['timeout', 1.5], ['batchStanzas', 65_536]] as const) {
    t.throws(() => checkLimits({ ...LIMITS, [name]: value }), { name: 'TypeError', message: new RegExp(name) })
  }
  t.doesNotThrow(() => checkLimits(LIMITS))
})
