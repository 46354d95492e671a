// The lease in simulated time (routing.md, steps 8 and 9): who falls silent when, who may be reaped by whom, and that nobody
// acts who was.
import t from 'tap'
import { makeLease } from '../../lib/cluster/lease.js'
import { makeWorld, TIMES } from '../helpers/lease-world.js'

const MINUTE = 60_000
const AWAY = { there: 1, back: 1, fails: 'away' } as const
const WELL = { there: 1, back: 1, fails: 'never' } as const
type World = ReturnType<typeof makeWorld>
/** Two nodes by default, which have run for a minute. */
const settled = async (count = 2) => {
  const world = makeWorld(new Array<number>(count).fill(1))
  await world.pass(MINUTE)
  const [a, b, c] = world.nodes as [World['nodes'][number], World['nodes'][number], World['nodes'][number]]
  return { world, a, b, c }
}
const timeOf = (world: World, event: string): number => Number(world.events.find((line) => line.endsWith(event))?.split(' ')[0] ?? NaN)

t.test('times that cannot work are refused, each with what is wrong', async (t) => {
  const make = (lease: number, grace: number, silentAfter?: number) => () => makeLease({
    store: { renew: async () => 0, watch: async () => [], reap: async () => false }, clock: { now: () => 0, monotonic: () => 0 }, node: { id: 'a', epoch: 1 },
    times: silentAfter === undefined ? { lease, grace } : { lease, grace, silentAfter },
    events: { silent: () => {}, resumed: () => {}, lost: () => {}, reaped: () => {}, failed: () => {} },
  })
  t.throws(make(0, 60_000), /lease of the lease must be a number of ms above 0, not 0/)
  t.throws(make(10_000, NaN), /grace .* not NaN/)
  t.throws(make(10_000, 60_000, -1), /silentAfter .* not -1/)
  t.throws(make(10_000, 60_000, 70_000), /silent before others may reap it: silentAfter is 70000 ms, lease \+ grace 70000 ms/)
  t.throws(make(10_000, 60_000, 10_000), /must not fall silent while its lease holds/)
  t.throws(make(10_000, 5000), /a longer grace helps/, '5 s before L + G by default')
  t.doesNotThrow(make(2000, 8000), 'those of chaos')
  t.equal(make(9000, 60_000)().interval, 3000)
})

t.test('a node that lives raises its counter every third of L, may act from its first renewal on, and is never reaped', async (t) => {
  const world = makeWorld([1, 1, 1])
  t.equal(world.nodes[0]?.lease.mayAct(), false, 'not before the answer')
  await world.pass(10)
  t.equal(world.nodes[0]?.lease.mayAct(), true)
  await world.pass(10 * MINUTE)
  t.same([...world.table.values()].map((row) => row.counter), [181, 181, 181])
  t.same(world.events, [])
  t.equal(world.nodes.reduce((sum, node) => sum + node.reaps, 0), 0)
})

t.test('one that is killed is reaped by one other after L + G, not before', async (t) => {
  const { world, a } = await settled(3)
  a.kill()
  await world.pass(TIMES.lease + TIMES.grace - 10)
  t.same(world.said('reaped'), [])
  await world.pass(TIMES.lease * 2 / 3 + 10)
  t.same(world.said('reaped').length, 1, 'of two that want to, one does it')
  t.match(world.said('reaped')[0], /reaped a\/1$/)
})

t.test('one that signs off is reaped at the next look, and does not act any more', async (t) => {
  const { world, a } = await settled()
  a.signOff()
  t.notOk(a.lease.mayAct())
  await a.lease.tick()
  await world.pass(TIMES.lease / 3 + 10)
  t.same(world.events.map((event) => event.replace(/^\d+ /, '')), ['b reaped a/1'], 'and the one that left is told nothing')
})

t.test('frozen and thawed within its grace a node goes on at once', async (t) => {
  const { world, a } = await settled()
  a.freeze()
  await world.pass(MINUTE)
  t.ok(a.lease.mayAct(), 'before it has renewed')
  a.thaw()
  await world.pass(MINUTE)
  t.same(world.events, [])
  t.ok(a.lease.mayAct())
})

t.test('thawed in the last 5 s, before anybody could reap it, it is silent until it has renewed, and goes on', async (t) => {
  const { world, a } = await settled()
  a.freeze()
  await world.pass(67_000)
  t.notOk(a.lease.mayAct())
  a.thaw()
  t.notOk(a.lease.mayAct())
  await world.pass(10)
  t.ok(a.lease.mayAct())
  t.same(world.events.map((event) => event.replace(/^\d+ /, '')), ['a silent', 'a resumed'])
})

t.test('thawed past its grace it is silent, learns that it is lost, and starts afresh; what it knew of others is worth nothing', async (t) => {
  const { world, a, b } = await settled()
  const old = a.lease
  a.freeze()
  await world.pass(2 * MINUTE)
  t.same(world.said('reaped'), ['b reaped a/1'])
  t.notOk(a.lease.mayAct())
  a.thaw()
  await world.pass(100)
  t.same(world.said('silent', 'lost'), ['a silent', 'a lost'])
  const asked = a.asked
  await old.tick()
  t.equal(a.asked, asked, 'a lease that is lost is over')
  t.notOk(old.mayAct())
  t.equal(a.epoch, 2)
  t.ok(a.lease.mayAct())
  t.equal(b.epoch, 1)
  t.same(world.violations, [])
})

t.test('in a suspended machine, whose monotonic clock stands still, the wall clock tells', async (t) => {
  const { world, a } = await settled()
  a.freeze()
  await world.pass(66_000)
  a.thaw(66_000, 'answers')
  t.same(world.said('silent'), ['a silent'])
  const slept = await settled()
  slept.a.freeze()
  await slept.world.pass(90_000)
  slept.a.thaw(90_000)
  t.notOk(slept.a.lease.mayAct())
  await slept.world.pass(10)
  t.same(slept.world.said('a lost'), ['a lost'])
  t.same(slept.world.violations, [])
})

t.test('a wall clock that is set back does not lengthen a lease; set forth it ends it at once, until the next renewal', async (t) => {
  const { world, a } = await settled()
  a.network = AWAY
  a.step(-5 * MINUTE)
  await world.pass(66_000)
  t.notOk(a.lease.mayAct())
  await world.pass(MINUTE)
  t.same(world.violations, [])
  t.same(world.said('silent', 'reaped', 'lost'), ['a silent', 'b reaped a/1'])
  const forth = await settled()
  forth.a.step(5 * MINUTE)
  t.notOk(forth.a.lease.mayAct())
  forth.a.step(-5 * MINUTE)
  t.notOk(forth.a.lease.mayAct(), 'set back again it is silent still: only a renewal ends it')
  await forth.world.pass(TIMES.lease)
  t.same(forth.world.said('a '), ['a silent', 'a resumed'])
})

t.test('of others nothing is judged by the wall clock', async (t) => {
  const { world, b } = await settled()
  for (const ms of [5 * MINUTE, -10 * MINUTE, MINUTE]) {
    b.step(ms)
    await world.pass(30_000)
  }
  t.same(world.said('reaped', 'lost'), [])
})

t.test('a database that is away for 5 s changes nothing', async (t) => {
  const { world } = await settled(3)
  for (const node of world.nodes) node.network = AWAY
  await world.pass(5000)
  for (const node of world.nodes) node.network = WELL
  await world.pass(2 * MINUTE)
  t.same(world.events, [])
})

t.test('away from one node only, for longer than L + G: it falls silent, then it is reaped', async (t) => {
  const { world, a } = await settled()
  const since = world.time
  a.network = AWAY
  await world.pass(2 * MINUTE)
  t.same(world.said('a ', ' a/'), ['a silent', 'b reaped a/1'])
  t.ok(timeOf(world, 'a silent') - since <= TIMES.silentAfter + TIMES.lease / 3)
  t.ok(timeOf(world, 'b reaped a/1') - timeOf(world, 'a silent') > 0)
  a.network = WELL
  await world.pass(TIMES.lease)
  t.same(world.said('a lost'), ['a lost'])
})

t.test('away from all for longer than L + G: all fall silent, all go on, nobody is reaped', async (t) => {
  const { world } = await settled(3)
  for (const node of world.nodes) node.network = AWAY
  await world.pass(3 * MINUTE)
  t.same(world.said('silent').toSorted(), ['a silent', 'b silent', 'c silent'])
  for (const [i, node] of world.nodes.entries()) world.after(i * 3000, () => {
    node.network = WELL
  })
  await world.pass(2 * MINUTE)
  t.same(world.said('resumed').toSorted(), ['a resumed', 'b resumed', 'c resumed'])
  t.same(world.said('reaped', 'lost'), [])
})

t.test('a reaper that was frozen itself does not reap at once after its thaw, wherever it was frozen', async (t) => {
  // in its sleep, and with the answer to its renewal, its look, or its next tick on the way: each answer takes 100 ms
  for (const into of [1000, 50, 150]) for (const first of ['tick', 'answers'] as const) {
    const { world, a, b } = await settled()
    b.network = { there: 50, back: 50, fails: 'never' }
    // a stops a little later than b: it could still be alive for all that b knows
    world.after(TIMES.lease / 3 - world.time % (TIMES.lease / 3) + into, () => b.freeze())
    await world.pass(TIMES.lease)
    a.freeze()
    await world.pass(80_000)
    b.thaw(0, first)
    await world.pass(TIMES.grace)
    t.same(world.said('reaped'), [], `${into} ms, ${first}`)
    t.same(b.reaps, 0)
    await world.pass(TIMES.lease * 2)
    t.same(world.said('reaped'), ['b reaped a/1'], 'but in the end')
  }
})

t.test('a lapse without a freeze begins the observation anew as well', async (t) => {
  const { world, a, b } = await settled()
  a.kill()
  await world.pass(40_000)
  b.network = AWAY
  await world.pass(15_000)
  b.network = WELL
  const since = world.time
  await world.pass(2 * MINUTE)
  t.ok(timeOf(world, 'b reaped a/1') - since >= TIMES.lease + TIMES.grace)
})

t.test('a renewal that comes in between wins against a reap', async (t) => {
  const { world, a, b } = await settled()
  a.network = AWAY
  await world.pass(TIMES.lease + TIMES.grace - 2000)
  b.network = { there: 900, back: 1, fails: 'never' } // a reap is under way for so long
  for (let i = 0; b.reaps === 0 && i < 1000; i++) await world.pass(10)
  t.equal(b.reaps, 1)
  a.network = WELL
  void a.lease.tick()
  await world.pass(MINUTE)
  t.same(world.said('a ', 'reaped'), ['a silent', 'a resumed'])
})

t.test('a renewal counts from when it was sent, not from its answer', async (t) => {
  const { world, a } = await settled()
  a.network = { there: 1, back: 8000, fails: 'never' }
  await world.pass(TIMES.lease / 3)
  a.network = AWAY
  const since = world.time
  await world.pass(70_000)
  t.ok(timeOf(world, 'a silent') - since <= TIMES.silentAfter + TIMES.lease / 3)
  await world.pass(MINUTE)
  t.same(world.violations, [])
})

t.test('an answer that comes late does not take back a younger renewal, nor add to it', async (t) => {
  const { world, a } = await settled()
  a.network = { there: 30_000, back: 30_000, fails: 'never' }
  await world.pass(TIMES.lease / 3)
  a.network = WELL
  await world.pass(56_000)
  a.network = AWAY
  await world.pass(50_000) // the late answer has come meanwhile
  t.ok(a.lease.mayAct(), 'the younger one is 50 s old, the late one 110 s')
  t.same(world.said('a '), [])
})

t.test('answers that are lost: the renewal was done, but counts for nobody who does not know it', async (t) => {
  const { world, a } = await settled()
  a.network = { there: 1, back: 1, fails: 'mute' }
  await world.pass(2 * MINUTE)
  t.same(world.events.map((event) => event.replace(/^\d+ /, '')), ['a silent'], 'silent, and not reaped')
})

t.test('a reap whose answer was lost, done or not, is asked for again until there is one, also by a reaper that lapsed meanwhile', async (t) => {
  for (const fails of ['mute', 'away'] as const) {
    const { world, a, b } = await settled()
    a.kill()
    b.reapNetwork = { there: 1, back: 1, fails }
    await world.pass(TIMES.lease * 2 + TIMES.grace)
    t.ok(b.reaps > 1, `${b.reaps} times`)
    t.same(world.said('reaped'), [])
    b.network = AWAY
    await world.pass(TIMES.lease * 2)
    b.network = WELL
    b.reapNetwork = null
    await world.pass(TIMES.lease)
    t.same(world.said('reaped'), ['b reaped a/1'])
  }
})

t.test('renewals that nobody answers do not pile up', async (t) => {
  const { world, a } = await settled()
  a.network = { there: 10 * MINUTE, back: 1, fails: 'never' }
  const asked = a.asked
  await world.pass(5 * MINUTE)
  t.equal(a.asked - asked, 8)
})
