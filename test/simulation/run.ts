// The simulation of the routing protocol from the command line.
//   npm run simulate -- [--runs 20000] [--seed 1] [--processes 2] [--fault NAME] [--list] [--trace]
// Each seed is one interleaving. --trace: that of --seed alone, told event by event. --fault: with a rule broken on purpose.
// Ends with 1 where a promise was broken.
import { parseArgs } from 'node:util'
import { install } from './scheduler.js'

const { values: flags } = parseArgs({
  options: {
    runs: { type: 'string', default: '20000' }, seed: { type: 'string', default: '1' }, trace: { type: 'boolean', default: false },
  },
})
install()
const { interleave } = await import('./world.js')
const began = process.hrtime.bigint()
if (flags.trace) {
  const { violations } = await interleave(Number(flags.seed), new Set(), (text) => void process.stdout.write(`${text}\n`))
  process.stdout.write(`${violations.join('\n')}\n`)
} else {
  let events = 0
  let bad = 0
  const first = Number(flags.seed)
  for (let i = first; i < first + Number(flags.runs); i++) {
    const found = await interleave(i, new Set(), null)
    events += found.events
    if (found.violations.length > 0) {
      bad++
      process.stdout.write(`seed ${i}: ${found.violations[0]}\n`)
    }
  }
  process.stdout.write(`${flags.runs} runs, ${events} events, ${bad} bad, ${Number(process.hrtime.bigint() - began) / 1e9} s\n`)
}
