// Sessions of a node that is over are taken by others just when their clients come back (durability.md D9): whichever is first,
// there is one session in the end, where its client is.
import t from 'tap'
import { AwayError } from '../../lib/base/errors.js'
import { ARCHIVED, QUEUED, SENT } from '../../lib/core/ports.js'
import type { LeftSession, LogEntry, StreamRow, TakeoverStore } from '../../lib/core/ports.js'
import { memoryStore, NODE, recordingSession, scriptedBus, testCore } from '../helpers/core.js'
import type { Given } from '../../lib/core/given.js'
import type { MemoryStore, TestCore } from '../helpers/core.js'

const JULIET = 'juliet@localhost'
const left = (incarnation: number): LeftSession => ({
  last: 0, generation: 1,
  row: { account: JULIET, resource: 'balcony', sessionId: 's9', incarnation, node: NODE.id, epoch: NODE.epoch, priority: 0, presence: `<presence from='${JULIET}/balcony'/>` },
  stream: {
    account: JULIET, sessionId: 's9', resource: 'balcony', incarnation, lasts: 600, detached: null,
    h: 3, outbound: 0, position: 0, unacked: [], requests: [], folded: 0, details: '{}',
  },
})
/** @param owner what the table says in the end */
const setUp = (owner: string, take: (core: TestCore) => ReturnType<TakeoverStore['take']>, fill: (store: MemoryStore) => void = () => {}): { core: TestCore; words: () => string[] } => {
  const store = memoryStore([JULIET])
  const { row } = left(3)
  store.rows.set(`${JULIET}/balcony`, { ...row, node: owner })
  store.streams.rows.set(`${JULIET} s9`, left(3).stream as StreamRow)
  fill(store)
  const bus = scriptedBus()
  const core: TestCore = testCore({ store, bus, stores: { takeover: { adopt: async () => [], take: () => take(core), mine: async () => [], again: async () => [] } } })
  return { core, words: () => bus.sent.map(({ to, xml }) => `${to.node} ${xml}`) }
}
const resume = async (core: TestCore): Promise<void> => {
  const found = await core.resumption.resume(JULIET, 's9', () => true)
  if (found === null || typeof found === 'number') throw new Error(`not resumed: ${found}`)
  t.equal(found.h, 3)
  const { outlet } = recordingSession(`${JULIET}/balcony`)
  found.attach(outlet, { put: () => {}, acknowledge: () => {}, request: () => {} }, 0)
  core.sessions.of(JULIET).all[0]?.stream?.acknowledge(0) // it waits there
  t.same(core.sessions.of(JULIET).all.map((s) => [s.id, s.moved, s.outlet === outlet]), [['s9', false, true]])
}

for (const first of ['the adoption', 'the resumption'] as const) {
  t.test(`a client resumes on the very node that is adopting its session: ${first} is first`, async (t) => {
    const { core, words } = setUp(NODE.id, async (node) => {
      // committed, and not taken up yet
      if (first === 'the adoption') await node.resumption.adopt([left(2)])
      else setTimeout(() => void node.resumption.adopt([left(2)]), 5)
      return { from: NODE, left: left(3) }
    })
    await resume(core)
    await new Promise((resolve) => setTimeout(resolve, 20))
    t.same(words(), [], 'it takes it from nobody')
    t.same(core.sessions.of(JULIET).all.length, 1)
    t.equal(core.sessions.of(JULIET).all[0]?.incarnation, 3, 'as the table says')
    t.same(core.bugs, [])
  })
}

t.test('a client resumes elsewhere before its session is here: it does not stay here', async (t) => {
  const { core } = setUp('there', async () => null)
  await core.resumption.adopt([left(2)])
  t.same(core.sessions.of(JULIET).all, [])
  t.same(core.bugs, [])
})

t.test('a session that is taken from another node is taken away from it', async (t) => {
  const { core, words } = setUp(NODE.id, async () => ({ from: { id: 'there', epoch: 1 }, left: left(3) }))
  await resume(core)
  t.same(words(), ['there <moved 3/>', 'there <has 0/>'])
})

t.test('what a client did not get before its session came here is not forgotten where its connection has gone again, copies no more than messages', async (t) => {
  const had: LeftSession = { ...left(3), last: 3 }
  const stream = { ...had.stream as StreamRow, position: 3, unacked: [{ number: 4, seq: 2, form: 'sent' as const }, { number: 5, seq: 3, form: 'original' as const }, { number: 6, seq: 1, form: 'original' as const }] }
  const { core } = setUp(NODE.id, async () => ({ from: { id: 'there', epoch: 1 }, left: { ...had, stream } }), (store) => {
    for (const [seq, from, to, flags] of [
      [1, 'romeo@localhost/orchard', JULIET, QUEUED | ARCHIVED], [2, `${JULIET}/chamber`, 'romeo@localhost', SENT | ARCHIVED], [3, 'romeo@localhost/orchard', JULIET, QUEUED | ARCHIVED],
    ] as const) {
      const entries = store.log.entries_.get(JULIET) ?? []
      entries.push({ seq, mark: 7, at: 1_000_000, peer: 'romeo@localhost', flags, xml: `<message from='${from}' to='${to}' type='chat'><body>${seq}</body></message>`, waiting: seq !== 2 })
      store.log.entries_.set(JULIET, entries)
    }
  })
  const found = await core.resumption.resume(JULIET, 's9', () => true)
  if (found === null || typeof found === 'number') throw new Error(`not resumed: ${found}`)
  // its client's answer is read when the connection has gone already: nothing can be written to it
  const outlet = Object.assign(recordingSession(`${JULIET}/balcony`).outlet, { isOver: true, write: () => false })
  found.attach(outlet, { put: () => {}, acknowledge: () => {}, request: () => {} }, 3)
  found.session.stream?.acknowledge(3)
  t.same([1, 2, 3].map((seq) => found.session.stream?.has(seq)), [true, true, true])
  core.resumption.detach(found.session)
  const again = await core.resumption.resume(JULIET, 's9', () => true)
  if (again === null || typeof again === 'number') throw new Error(`not resumed: ${again}`)
  const got: string[] = []
  again.attach(recordingSession(`${JULIET}/balcony`).outlet, { put: (octets) => void got.push(octets), acknowledge: () => {}, request: () => {} }, 3)
  await core.log.idle(5000)
  t.same(got.map((g) => /<body>(\d)/.exec(g)?.[1]), ['2', '3', '1'])
  // one that it was given behind later ones is marked so, each time (D11)
  t.same(got.map((g) => g.includes('<delay ')), [false, false, true])
})

t.test('who gets copies gets them of what others have had while it was on its way here, though nobody else is to be seen', async (t) => {
  const details = JSON.stringify({ lang: '', carbons: true, copied: [], interested: false, blocklist: false, rosterVersion: 0, directed: [] })
  const had: LeftSession = { ...left(3), last: 2, row: { ...left(3).row, priority: -1 }, stream: { ...left(3).stream as StreamRow, details } }
  const { core } = setUp(NODE.id, async () => ({ from: { id: 'there', epoch: 1 }, left: had }), (store) => {
    // the first was acknowledged by another resource, the second was not: its session is being taken, too
    store.log.entries_.set(JULIET, [1, 2].map((seq) => ({
      seq, mark: 7, at: 0, peer: 'romeo@localhost', flags: QUEUED | ARCHIVED, waiting: true, xml: `<message from='romeo@localhost/orchard' to='${JULIET}' type='chat'><body>${seq}</body></message>`,
    })))
    void store.log.acknowledge(new Map([[JULIET, [1]]]))
  })
  const found = await core.resumption.resume(JULIET, 's9', () => true)
  if (found === null || typeof found === 'number') throw new Error(`not resumed: ${found}`)
  const got: string[] = []
  const outlet = recordingSession(`${JULIET}/balcony`).outlet
  found.attach(Object.assign(outlet, { write: (octets: string, declared: boolean, given: Given | null = null) => found.session.stream?.write(octets, declared, given) ?? false }),
    { put: (octets) => void got.push(octets), acknowledge: () => {}, request: () => {} }, 0)
  found.session.stream?.acknowledge(0)
  for (let i = 0; i < 100 && got.length < 2; i++) await new Promise((resolve) => setTimeout(resolve, 20))
  t.same(got.filter((g) => g.startsWith('<message')).map((g) => [g.includes('<received'), /<body>(\d)/.exec(g)?.[1]]), [[true, '1'], [true, '2']])
})

t.test('D11: a session that comes here brings along what its node has committed and not told: its siblings here read it before it says more', async (t) => {
  const entries: LogEntry[] = []
  const { core } = setUp(NODE.id, async () => null, (store) => void store.log.entries_.set(JULIET, entries))
  const chamber = core.session(`${JULIET}/chamber`)
  entries.push({ seq: 1, mark: 7, at: 0, peer: 'romeo@localhost', flags: QUEUED | ARCHIVED, waiting: true, xml: `<message from='romeo@localhost/orchard' to='${JULIET}/chamber' type='chat'><body>untold</body></message>` })
  t.same([chamber.position, chamber.got], [0, []])
  await core.resumption.adopt([{ ...left(3), last: 1 }])
  for (let i = 0; i < 100 && chamber.got.length === 0; i++) await new Promise((resolve) => setTimeout(resolve, 20))
  t.match(chamber.got, [/<body>untold/])
})

t.test('a database that fails in the middle of an adoption leaves no session that nobody ends', async (t) => {
  const [store, bus, ROMEO] = [memoryStore([JULIET, 'romeo@localhost']), scriptedBus(), 'romeo@localhost']
  const gone = (account: string): LeftSession => ({ ...left(2), row: { ...left(2).row, account, sessionId: `s-${account}` }, stream: null })
  for (const { row } of [gone(JULIET), gone(ROMEO)]) store.rows.set(`${row.account}/balcony`, row)
  const core = testCore({ store, bus })
  // it need not be read for her
  await core.login(`${JULIET}/desk`)
  Object.assign(store.others.members, { load: () => Promise.reject(new AwayError('simulated')) })
  await t.rejects(core.resumption.adopt([gone(JULIET), gone(ROMEO)]), AwayError)
  await new Promise((resolve) => setTimeout(resolve, 50))
  t.same(core.sessions.of(JULIET).all.map(({ jid }) => jid.resource), ['desk'])
})
