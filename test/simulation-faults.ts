// Each rule of the routing protocol that is broken on purpose is seen by the simulation (test/simulation/faults.ts).
import t from 'tap'
import { simulate } from './helpers/simulate.js'
import { FAULTS } from './simulation/faults.js'

/** Interleavings in which it must be. */
const MOST = 1000

t.test('each rule that is broken is seen', { timeout: 140_000 }, async (t) => {
  const waiting = FAULTS.filter((fault) => fault.redundant === undefined)
  for (const { name, redundant } of FAULTS) if (redundant !== undefined) t.pass(name, { skip: redundant })
  await Promise.all(Array.from({ length: 2 }, async () => {
    for (let fault = waiting.shift(); fault !== undefined; fault = waiting.shift()) {
      const { code, output } = await simulate('--fault', fault.name, '--runs', String(MOST), '--seed', String(fault.seed ?? 1))
      t.equal(code, 1, `${fault.name} (${fault.rule}): ${output}`)
      t.match(output, / found after \d+ runs/)
    }
  }))
})

t.test('what is no fault is told', async (t) => {
  const { code, output } = await simulate('--fault', 'none')
  t.not(code, 0)
  t.match(output, /there is no fault 'none'/)
})
