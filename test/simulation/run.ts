// The simulation of the routing protocol from the command line. Each seed is one interleaving, most of them small (sizes.ts).
//   npm run simulate -- [--runs 20000] [--seed 1] [--processes 2] [--fault NAME] [--trace] [--statements] [--list]
// --trace: the interleaving of --seed alone, told event by event; --statements: with what is written to the database.
// --fault: with a rule broken on purpose (--list names them); it ends at the first violation.
// Ends with 1 where a promise was broken.
import { spawn } from 'node:child_process'
import { register } from 'node:module'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { FAULTS, faultOf } from './faults.js'
import type { Edit } from './loader.js'
import { install } from './scheduler.js'

const { values: flags } = parseArgs({
  options: {
    runs: { type: 'string', default: '20000' }, seed: { type: 'string', default: '1' }, processes: { type: 'string', default: '1' }, fault: { type: 'string' },
    trace: { type: 'boolean', default: false }, statements: { type: 'boolean', default: false }, list: { type: 'boolean', default: false },
  },
})
const say = (line: string): void => void process.stdout.write(`${line}\n`)
const numberOf = (name: 'runs' | 'seed' | 'processes'): number => {
  const value = Number(flags[name])
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${name} must be a whole number above 0, not '${flags[name]}'`)
  return value
}
const [RUNS, SEED, PROCESSES] = [numberOf('runs'), numberOf('seed'), numberOf('processes')]
/** Runs between two lines that say how far it is. */
const PROGRESS = 10_000
/** Violations that are shown. */
const SHOWN = 20

/** Constants made small: what a node allocates for its first accounts is most of what a run would cost, and then what it waits for. */
const SMALL: readonly Edit[] = [
  { file: 'lib/core/resends.js', from: 'const ACCOUNTS = 50_000;', to: 'const ACCOUNTS = 20;' },
  { file: 'lib/core/accounts.js', from: 'const REMEMBERED = 50_000;', to: 'const REMEMBERED = 1;' },
  { file: 'lib/core/blocklists.js', from: 'const REMEMBERED = 20_000;', to: 'const REMEMBERED = 20;' },
  { file: 'lib/core/outstanding.js', from: 'const MOST = 20_000;', to: 'const MOST = 100;' },
  { file: 'lib/core/acknowledgements.js', from: 'const WITHIN = 500;', to: 'const WITHIN = 100;' },
  { file: 'lib/core/core.js', from: 'max: 10_000, ttl: 60_000', to: 'max: 20, ttl: 60_000' },
]

const simulate = async (): Promise<boolean> => {
  const fault = flags.fault === undefined ? null : faultOf(flags.fault)
  register('./loader.js', import.meta.url, { data: [...SMALL, ...(fault?.edit === undefined ? [] : [fault.edit])] })
  const began = process.hrtime.bigint()
  install()
  // nobody looks at them, and errors are many
  if (!flags.trace) Error.stackTraceLimit = 0
  const { interleave } = await import('./world.js')
  const broken = new Set(fault === null ? [] : [fault.name])
  if (flags.trace) {
    const { violations } = await interleave(SEED, broken, say, flags.statements)
    return violations.length === 0
  }
  const seconds = (): string => (Number(process.hrtime.bigint() - began) / 1e9).toFixed(1)
  let events = 0
  let violated = 0
  for (let i = 0; i < RUNS; i++) {
    const found = await interleave(SEED + i, broken, null)
    events += found.events
    if ((i + 1) % PROGRESS === 0) say(`${i + 1} runs, ${events} events, ${violated} with violations, ${seconds()} s`)
    if (found.violations.length === 0) continue
    if (fault !== null) {
      say(`'${fault.name}' (${fault.rule}) found after ${i + 1} runs, ${seconds()} s; seed ${SEED + i}: ${found.violations[0]}`)
      return false
    }
    if (++violated <= SHOWN) say(`seed ${SEED + i}: ${found.violations.join('; ')}`)
  }
  say(`${RUNS} runs from seed ${SEED}${fault === null ? '' : ` with '${fault.name}'`}: ${events} events, ${violated} with violations, ${seconds()} s`)
  return violated === 0
}

/** Several processes share the seeds. */
const share = async (): Promise<boolean> => {
  const each = Math.ceil(RUNS / PROCESSES)
  const ends = await Promise.all(Array.from({ length: PROCESSES }, (_, i) => new Promise<boolean>((resolve) => {
    const child = spawn(process.execPath, [...process.execArgv, fileURLToPath(import.meta.url), '--runs', String(Math.min(each, RUNS - i * each)), '--seed', String(SEED + i * each)], { stdio: 'inherit' })
    child.on('close', (code) => resolve(code === 0))
  })))
  return ends.every(Boolean)
}

if (flags.list) for (const { name, rule } of FAULTS) say(`${name} (${rule})`)
else process.exitCode = await (PROCESSES > 1 && flags.fault === undefined && !flags.trace ? share() : simulate()) ? 0 : 1
