// The simulation of the routing protocol in small (test/simulation/run.ts): no promise is broken in so many interleavings.
import { availableParallelism } from 'node:os'
import t from 'tap'
import { simulate } from './helpers/simulate.js'

/** Interleavings. */
const RUNS = 1500

t.test('nothing is lost, doubled, out of order or without an end', { timeout: 110_000 }, async (t) => {
  const { code, output } = await simulate('--runs', String(RUNS), '--processes', String(Math.min(2, availableParallelism())))
  t.equal(code, 0, output)
  t.match(output, / 0 with violations/)
})

t.test('a run can be repeated', async (t) => {
  const [one, two] = await Promise.all([simulate('--trace', '--statements', '--seed', '7'), simulate('--trace', '--statements', '--seed', '7')])
  t.equal(one.code, 0)
  t.ok(one.output.split('\n').length > 20)
  t.equal(one.output, two.output)
})
