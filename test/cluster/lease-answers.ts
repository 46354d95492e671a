// The lease (lib/cluster/lease.ts) by single answers of its store, given by hand: what may happen between two of them.
import t from 'tap'
import { makeLease } from '../../lib/cluster/lease.js'
import type { WatchedNode } from '../../lib/core/ports.js'
import { TIMES } from '../helpers/lease-world.js'

const B: WatchedNode = { id: 'b', epoch: 1, counter: 7, signedOff: false }
const turn = (): Promise<void> => new Promise((resolve) => {
  setImmediate(resolve)
})

/** A lease in a world where `b` stands still. `renew` and `watch` can be replaced. */
const setup = () => {
  const state = { time: 0, watches: 0, reaps: 0, renew: async (): Promise<number | null> => 0, watch: async (): Promise<readonly WatchedNode[]> => [B] }
  const lease = makeLease({
    store: {
      renew: () => state.renew(),
      watch: () => {
        state.watches++
        return state.watch()
      },
      reap: async () => {
        state.reaps++
        return true
      },
    },
    clock: { now: () => state.time, monotonic: () => state.time }, node: { id: 'a', epoch: 1 }, times: TIMES,
    events: { silent: () => {}, resumed: () => {}, lost: () => {}, reaped: () => {}, failed: () => {} },
  })
  /** A tick every 3 s, up to and with this time. */
  const until = async (time: number): Promise<void> => {
    for (; state.time <= time; state.time += 3000) await lease.tick()
  }
  return { state, lease, until }
}

/** An answer that is given by hand. */
const later = <T>(answer: T): [() => Promise<T>, () => void] => {
  let give = (): void => {}
  const promise = new Promise<T>((resolve) => {
    give = () => resolve(answer)
  })
  return [() => promise, () => give()]
}

t.test('frozen with the answer to its look on the way, a node does not reap what was due before; well, it does', async (t) => {
  for (const [frozen, reaps] of [[1000, 1], [20_000, 0]] as const) {
    const { state, lease, until } = setup()
    await until(69_000)
    t.equal(state.reaps, 0)
    const [watch, answer] = later([B])
    state.watch = watch
    void lease.tick() // at 72 s
    await turn()
    state.time += frozen
    answer()
    await turn()
    t.equal(state.reaps, reaps, `${frozen} ms`)
  }
})

t.test('another is seen standing still until it was last asked about, not until the answer came', async (t) => {
  const { state, lease, until } = setup()
  await until(63_000)
  const [watch, answer] = later([B])
  state.watch = watch
  void lease.tick() // at 66 s
  await turn()
  state.time += 6000
  answer()
  await turn()
  t.equal(state.reaps, 0)
})

t.test('without a renewal of its own a node looks at nobody', async (t) => {
  const { state, lease } = setup()
  state.watch = async () => [{ ...B, signedOff: true }]
  state.renew = () => Promise.reject(new Error('away'))
  await lease.tick()
  t.equal(state.watches, 0)
  state.renew = async () => 0
  await lease.tick()
  t.equal(state.reaps, 1)
})

t.test('a node never reaps itself, whatever the table says', async (t) => {
  const { state, until } = setup()
  state.watch = async () => [{ ...B, id: 'a' }, { ...B, id: 'a', signedOff: true }]
  await until(150_000)
  t.equal(state.reaps, 0)
})

t.test('one look at a time: while one is under way only renewals go on', async (t) => {
  const { state, lease } = setup()
  const [watch, answer] = later([])
  state.watch = watch
  void lease.tick()
  await turn()
  await lease.tick()
  t.equal(state.watches, 1)
  answer()
  await turn()
  await lease.tick()
  t.equal(state.watches, 2)
})

t.test('what an event throws is reported, and harms nothing', async (t) => {
  const failures: unknown[] = []
  let time = 0
  const boom = (): void => {
    throw new Error('boom')
  }
  const lease = makeLease({
    store: { renew: async () => 0, watch: async () => [{ id: 'b', epoch: 1, counter: 0, signedOff: true }], reap: async () => true }, clock: { now: () => time, monotonic: () => time },
    node: { id: 'a', epoch: 1 }, times: TIMES, events: { silent: boom, resumed: boom, lost: boom, reaped: boom, failed: (error) => void failures.push(error) },
  })
  await lease.tick()
  time = 66_000
  t.equal(lease.mayAct(), false)
  await lease.tick()
  t.equal(lease.mayAct(), true)
  t.match(failures, [{ message: 'boom' }, { message: 'boom' }, { message: 'boom' }, { message: 'boom' }])
})
