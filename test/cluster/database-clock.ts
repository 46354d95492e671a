// What time it is in the database, as a node estimates it from the answers to its renewals.
import t from 'tap'
import { makeDatabaseClock } from '../../lib/cluster/database-clock.js'
import { makeWorld, TIMES } from '../helpers/lease-world.js'

const MINUTE = 60_000
const WELL = { there: 1, back: 1, fails: 'never' } as const

t.test('before the first answer it is the own clock; then the middle of the round trip, until a better answer comes', async (t) => {
  let time = 0
  let stepped = 0
  const clock = makeDatabaseClock({ now: () => time + stepped, monotonic: () => time })
  t.equal(clock.now(), 0)
  time = 1000
  clock.learn(50_000, 0, 0)
  t.equal(clock.now(), 50_500)
  time = 5000
  clock.learn(90_000, 1000, 1000)
  t.equal(clock.now(), 54_500, 'one that took four times as long tells nothing new')
  stepped = 60_000
  time = 7000
  clock.learn(60_000, 5000 + stepped, 5000)
  t.equal(clock.now(), 61_000, 'but for a clock that has stepped since')
})

t.test('the clock of the database is known to half a round trip; a freeze within one does not spoil it, nor a step or sleep for longer than a renewal', async (t) => {
  const world = makeWorld([1, 1])
  await world.pass(MINUTE)
  const a = world.nodes[0] as (typeof world.nodes)[number]
  const off = (): number => Math.abs(a.lease.databaseNow() - world.time)
  t.ok(off() < 5)
  a.network = { there: 1, back: 500, fails: 'never' }
  await world.pass(TIMES.lease)
  t.ok(off() < 20, 'the better answer of before is kept')
  a.network = WELL
  a.step(MINUTE)
  await world.pass(TIMES.lease / 3 + 10)
  t.ok(off() < 5, 'a step is found out at the next renewal')
  a.freeze()
  await world.pass(20_000)
  a.thaw(20_000)
  t.ok(off() < 5, 'sleep is seen on the wall clock')
  await world.pass(TIMES.lease)
  t.ok(off() < 5)
})
