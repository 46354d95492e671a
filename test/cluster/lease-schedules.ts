// The lease (lib/cluster/lease.ts) under schedules of faults that nobody has thought of: its promise, and its bound.
import t from 'tap'
import fc from 'fast-check'
import { makeWorld, TIMES } from '../helpers/lease-world.js'

const AWAY = { there: 1, back: 1, fails: 'away' } as const
const WELL = { there: 1, back: 1, fails: 'never' } as const
type World = ReturnType<typeof makeWorld>

/** ms after which a dead node is reaped where another lives and all is well, clocks 3 % fast or slow included: L + G, a third of L until it is seen, and another until the next look. */
const BOUND = (TIMES.lease + TIMES.grace + TIMES.lease * 2 / 3) * 1.03 + 1000

const fault = fc.record({
  kind: fc.constantFrom('freeze', 'suspend', 'away', 'mute', 'slow', 'step', 'all away'), node: fc.nat(2), gap: fc.integer({ min: 0, max: 40_000 }),
  ms: fc.oneof(fc.integer({ min: 10, max: 15_000 }), fc.integer({ min: 50_000, max: 90_000 })), back: fc.boolean(), first: fc.constantFrom('tick' as const, 'answers' as const),
})

t.test('whatever freezes, is slow, fails or steps: nobody acts who was reaped, and a dead node is reaped in bounded time', async (t) => {
  let reaped = 0
  let rounds = 0
  await fc.assert(fc.asyncProperty(
    fc.array(fault, { minLength: 2, maxLength: 14 }), fc.array(fc.constantFrom(0.97, 1, 1.03), { minLength: 3, maxLength: 3 }), fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
    async (faults, rates, sleeps) => {
      const world = makeWorld(rates)
      await world.pass(20_000)
      for (const { kind, node: i, gap, ms, back, first } of faults) {
        const node = world.nodes[i] as World['nodes'][number]
        const heal = (): void => {
          node.network = WELL
        }
        if (kind === 'freeze' || (kind === 'suspend' && sleeps[i] === true)) {
          node.freeze()
          world.after(ms, () => node.thaw(kind === 'suspend' ? ms : 0, first))
        } else if (kind === 'away' || kind === 'mute') {
          node.network = { ...WELL, fails: kind }
          world.after(ms, heal)
        } else if (kind === 'slow') {
          node.network = { there: back ? 1 : ms / 3, back: back ? ms / 3 : 1, fails: 'never' }
          world.after(ms, heal)
          // a machine that sleeps while its wall clock is set back has no clock left to tell by
        } else if (kind === 'step') node.step(back && sleeps[i] !== true ? -ms : ms)
        else if (kind === 'all away') for (const one of world.nodes) {
          one.network = AWAY
          world.after(ms, () => {
            one.network = WELL
          })
        }
        await world.pass(gap)
      }
      // until the last fault and the last answer on the way are over
      await world.pass(150_000)
      const [dead, ...others] = world.nodes as [World['nodes'][number], ...World['nodes']]
      const { epoch } = dead
      t.ok(world.nodes.every((node) => node.lease.mayAct()), 'all live on')
      dead.kill()
      await world.pass(BOUND)
      if (world.violations.length > 0) throw new Error(world.violations.join('\n'))
      const death = world.said(`reaped a/${epoch}`)
      if (death.length !== 1) throw new Error(`reaped ${death.length} times within ${BOUND} ms`)
      if (others.some((node) => !node.lease.mayAct())) throw new Error('the others live on')
      rounds++
      reaped += world.said('reaped').length - 1
    }), { numRuns: Number(process.env['LEASE_RUNS'] ?? 150) })
  t.ok(reaped > 20, `${reaped} of the living were reaped in ${rounds} runs`)
})
