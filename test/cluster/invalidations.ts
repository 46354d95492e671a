// Invalidations between publishers and hearers without a network: numbers, holes, batches, bounds.
import t from 'tap'
import { makeBusCounters } from '../../lib/cluster/counters.js'
import { decodeInvalidation, encodeInvalidation } from '../../lib/cluster/envelope.js'
import { makeHoles, makeInvalidations } from '../../lib/cluster/invalidations.js'

const turn = (): Promise<void> => new Promise((resolve) => {
  setImmediate(resolve)
})

const party = (node: string, epoch = 1, most = 10_000) => {
  const out: Uint8Array[] = []
  const heard: string[] = []
  const state = { up: true }
  const counters = makeBusCounters()
  const made = makeInvalidations({
    node, epoch, counters, most: () => most,
    publish: (data) => {
      if (state.up) out.push(data)
      return state.up
    },
    invalidated: (account, generation) => void heard.push(`${account} ${generation}`),
    gap: () => void heard.push('gap'),
    unreadable: () => void heard.push('unreadable'),
  })
  /** What it has published since the last time, to be heard by somebody. */
  const said = (): Uint8Array[] => out.splice(0)
  return { ...made, said, heard, state, counters }
}

t.test('what changes within a turn goes as one message, an account once with its highest generation', async (t) => {
  const a = party('a')
  const b = party('b')
  a.tell('juliet@localhost', 8)
  a.tell('romeo@localhost', 2)
  a.tell('juliet@localhost', 7)
  await turn()
  const said = a.said()
  t.equal(said.length, 1)
  said.forEach(b.hear)
  t.same(b.heard, ['juliet@localhost 8', 'romeo@localhost 2'])
  a.tell('juliet@localhost', 9)
  await turn()
  a.said().forEach(b.hear)
  t.same(b.heard.slice(2), ['juliet@localhost 9'], 'no hole between them')
  t.match([a.counters, b.counters], [{ told: 3 }, { heard: 3, gaps: 0 }])
})

t.test('a message is as long as the bus takes, no longer; nothing is left out', async (t) => {
  const a = party('a', 1, 200)
  const b = party('b')
  const names = Array.from({ length: 50 }, (_, i) => `account${i}@localhost`)
  for (const name of names) a.tell(name, 1)
  await turn()
  const said = a.said()
  t.ok(said.length > 5 && said.every((data) => data.length <= 200), `${said.map((data) => data.length).join(' ')}`)
  said.forEach(b.hear)
  t.same(b.heard, names.map((name) => `${name} 1`))
})

t.test('a hole is a gap, once; who comes anew begins with 1', async (t) => {
  const b = party('b')
  const say = (node: string, epoch: number, number: number): void => b.hear(encodeInvalidation({ node, epoch, number, changes: [[`${node}${epoch}`, number]] }))
  say('a', 1, 1)
  say('a', 1, 2)
  t.same(b.heard.splice(0), ['a1 1', 'a1 2'])
  say('a', 1, 4)
  say('a', 1, 5)
  t.same(b.heard.splice(0), ['gap', 'a1 4', 'a1 5'])
  say('a', 2, 1)
  t.same(b.heard.splice(0), ['a2 1'], 'a new epoch')
  say('a', 3, 2)
  t.same(b.heard.splice(0), ['gap', 'a3 2'], 'a new epoch of which the first was missed')
  say('c', 1, 7)
  t.same(b.heard.splice(0), ['gap', 'c1 7'], 'who was there before')
  say('c', 1, 7)
  t.same(b.heard.splice(0), ['gap', 'c1 7'], 'a number twice')
  t.equal(b.counters.gaps, 4)
})

t.test('what is one\'s own is ignored, but not what an earlier epoch said', async (t) => {
  const b = party('b', 2)
  b.tell('juliet@localhost', 1)
  await turn()
  b.said().forEach(b.hear)
  t.same(b.heard, [])
  b.hear(encodeInvalidation({ node: 'b', epoch: 1, number: 1, changes: [['juliet@localhost', 1]] }))
  t.same(b.heard, ['juliet@localhost 1'])
})

t.test('what cannot be published makes a hole, which the mark shows; a mark after nothing shows none', async (t) => {
  const a = party('a')
  const b = party('b')
  const carry = (): void => a.said().forEach(b.hear)
  a.tell('juliet@localhost', 1)
  await turn()
  carry()
  a.mark()
  carry()
  t.same(b.heard.splice(0), ['juliet@localhost 1'])
  a.state.up = false
  a.tell('romeo@localhost', 1)
  await turn()
  a.state.up = true
  a.mark()
  carry()
  t.same(b.heard.splice(0), ['gap'])
})

t.test('more than may wait is not told one by one: the others hear of a hole at once, and what comes next is told', async (t) => {
  const a = party('a')
  const b = party('b')
  for (let i = 0; i <= 100_000; i++) a.tell(`a${i}`, 1)
  a.tell('juliet@localhost', 1)
  await turn()
  a.said().forEach(b.hear)
  t.same(b.heard, ['gap', 'juliet@localhost 1'])
  for (let i = 0; i < 100_000; i++) a.tell(`a${i}`, 1)
  await turn()
  a.said().forEach(b.hear)
  t.equal(b.heard.length, 100_002, 'at the bound all are told')
})

t.test('what cannot be read may have been about anybody', async (t) => {
  const b = party('b')
  b.hear(Buffer.from('nonsense'))
  t.same(b.heard, ['unreadable', 'gap'])
  t.equal(decodeInvalidation(Buffer.from('nonsense')), null)
})

t.test('only so many publishers are remembered; who is forgotten counts as a hole', async (t) => {
  const holes = makeHoles(2)
  t.same([holes.before('a', 1), holes.before('b', 1), holes.before('a', 2), holes.before('c', 1)], [false, false, false, false])
  t.equal(holes.before('a', 3), false, 'heard later than b')
  t.equal(holes.before('b', 2), true)
})
