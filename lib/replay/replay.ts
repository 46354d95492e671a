// One run: copies of the traces over the accounts, from the first log-in to the last goodbye, and what came of it.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { UsageError } from '../base/errors.js'
import type { Where } from '../client/wire.js'
import type { Account } from './accounts.js'
import { makeCopy } from './copy.js'
import type { Copy } from './copy.js'
import { cpuOfTree, ownCpu } from './cpu.js'
import { makeJudge } from './judge.js'
import { makeMeasures } from './measure.js'
import type { Count, Measures } from './measure.js'
import { fixedRate } from './pace.js'
import type { Pace } from './pace.js'
import type { EventKind, Script } from './script.js'
import type { Stage } from './session.js'

export interface Plan {
  readonly where: Where
  readonly domain: string
  readonly scripts: readonly Script[]
  readonly accounts: readonly Account[]
  /** A number: so many stanzas a second over all copies. */
  readonly pace: Pace | number
  /** How long; null: each copy goes through its trace once. */
  readonly seconds: number | null
  /** Seconds before that which are not measured, counted from when every copy has settled; null: it is measured from the start. */
  readonly warmUp: number | null
  /** Copies that begin in a second. */
  readonly joins: number
  /** Seconds that a copy waits for what a server must bring about, and the run at its end for what is on its way. */
  readonly patience: number
  /** Whose CPU is measured beside our own: the server, its database. */
  readonly serverPids: readonly number[]
  /** Part of all ids. */
  readonly run: string
  readonly progress: (status: Status) => void
  readonly signal: AbortSignal
}

export interface Status {
  readonly stage: string
  readonly done: number
  readonly of: number
  readonly online: number
  readonly sent: number
  readonly delivered: number
}

export interface Outcome {
  readonly measures: Measures
  readonly copies: number
  readonly accounts: number
  readonly pace: string
  /** What is measured: from the first step, or the end of the warm-up, to the last. */
  readonly seconds: number
  /** What was counted in these; `measures.counts` holds the whole run, until everything had come to rest. */
  readonly measured: Readonly<Record<Count, number>>
  readonly warmUp: number | null
  readonly interrupted: boolean
  /** Shares of one core; null: not measured. */
  readonly cpu: { readonly own: number; readonly server: number | null }
  /** ms by which our own event loop was late. */
  readonly late: { readonly p50: number; readonly p99: number }
}

export const BOUNDS = { accounts: 20_000, joins: 10_000, rate: 1_000_000, seconds: 7 * 86_400, warmUp: 3600, traces: 100 } as const
/** ms */
const TICK = 100
/** Without a single arrival, who is away is asked to come once more. */
const QUIET = 1000
const SOFT_PATIENCE = 2000
const LEAVING = 3000
/** ms after which measuring begins, although copies have not settled: their server is not up to so many. */
const SETTLING = 300_000

/** Throws UsageError where the accounts do not suffice, and Error where a log-in is refused. */
export const replay = async (plan: Plan): Promise<Outcome> => {
  const { scripts, accounts, signal, progress, serverPids } = plan
  const measures = makeMeasures()
  const mark = `r${plan.run}-`
  const stage: Stage = { where: plan.where, measures, judge: makeJudge(mark, measures), now: () => performance.now() }
  const { judge, now } = stage
  let until = Infinity
  let refusal = ''
  const teams = cast(scripts, accounts)
  const pace = typeof plan.pace === 'number' ? fixedRate(plan.pace, teams.length) : plan.pace
  const patience: Record<EventKind, number> = { must: plan.patience * 1000, subscription: SOFT_PATIENCE, own: SOFT_PATIENCE }
  const copies = teams.map(({ script, team }, index): Copy => makeCopy({
    index, script, accounts: team, domain: plan.domain, stage, pace, mark, patience,
    again: (passes) => (plan.seconds === null ? passes < 1 : now() < until),
    refused: (jid, reason) => {
      refusal ||= `${jid}: ${reason}`
    },
  }))
  const status = (name: string, done: number, of: number): void =>
    progress({ stage: name, done, of, online: copies.reduce((sum, copy) => sum + copy.online, 0), sent: measures.counts.sent, delivered: measures.counts.delivered })
  const isOver = (): boolean => signal.aborted || refusal !== ''
  const asked = (): number => copies.reduce((sum, copy) => sum + copy.asked, 0)

  try {
    const arriving = arrive(copies, plan.joins, isOver, (done) => status('contacts', done, copies.length))
    if (!(await untilTrue(arriving, isOver)) && refusal !== '') throw new Error(refusal)

    const delay = monitorEventLoopDelay({ resolution: 10 })
    delay.enable()
    let cpuBefore = { own: 0, server: null as number | null }
    let begun = 0
    const measure = (at: number): void => {
      begun = at
      measures.begin(at, plan.warmUp !== null)
      delay.reset()
      cpuBefore = { own: ownCpu(), server: serverCpu(serverPids) }
      if (plan.seconds !== null) until = at + plan.seconds * 1000
    }
    const start = now()
    let warm = Infinity
    if (plan.warmUp === null) measure(start)
    copies.forEach((copy, i) => setTimeout(() => {
      if (now() < until && !isOver()) copy.start(start + i * 1000 / plan.joins)
    }, i * 1000 / plan.joins))
    while (now() < until && !isOver() && copies.some((copy) => !copy.finished)) {
      await sleep(Math.min(TICK, Math.max(1, Math.min(until, warm > now() ? warm : Infinity) - now())))
      const at = now()
      for (const copy of copies) copy.tick(at)
      if (begun === 0) {
        const settled = copies.filter((copy) => copy.settled).length
        if (warm === Infinity && (settled === copies.length || at - start > SETTLING)) warm = at + (plan.warmUp as number) * 1000
        if (at >= warm) measure(at)
        status('warming up', settled, copies.length)
        continue
      }
      measures.tick(at)
      if (plan.seconds === null) status('replaying', copies.filter((copy) => copy.finished).length, copies.length)
      else status('replaying', Math.min(plan.seconds, Math.round((at - begun) / 1000)), plan.seconds)
    }
    const end = now()
    if (begun === 0) measure(end) // interrupted, or all had finished: nothing is measured
    const measured = measures.since()
    const cpuAfter = { own: ownCpu(), server: serverCpu(serverPids) }
    delay.disable()
    for (const copy of copies) copy.stop()
    if (refusal !== '') throw new Error(refusal)

    // what is on its way arrives, or is lost
    let left = judge.flying() + asked()
    let since = now()
    let collected = false
    for (const deadline = now() + plan.patience * 1000; left > 0 && now() < deadline;) {
      await sleep(Math.min(TICK, 20))
      const rest = judge.flying() + asked()
      if (rest !== left) since = now()
      left = rest
      status('coming to rest', 0, left)
      if (collected || now() - since < QUIET) continue
      collected = true
      for (const copy of copies) copy.collect()
    }
    measures.count('lost', judge.flying())
    measures.count('unanswered', asked())
    for (const copy of copies) copy.leave()
    for (const deadline = now() + LEAVING; now() < deadline && copies.some((copy) => copy.online > 0);) await sleep(20)
    const seconds = Math.max(end - begun, 1) / 1000
    return {
      measures, copies: copies.length, accounts: teams.reduce((sum, { team }) => sum + team.length, 0), pace: pace.words, seconds, measured, warmUp: plan.warmUp, interrupted: signal.aborted,
      cpu: {
        own: (cpuAfter.own - cpuBefore.own) / seconds,
        server: cpuAfter.server === null || cpuBefore.server === null ? null : (cpuAfter.server - cpuBefore.server) / seconds,
      },
      // the timer itself comes every 10 ms
      late: { p50: Math.max(0, delay.percentile(50) / 1e6 - 10), p99: Math.max(0, delay.percentile(99) / 1e6 - 10) },
    }
  } finally {
    for (const copy of copies) copy.quit()
  }
}

/** null: not asked for, or not to be had. */
const serverCpu = (pids: readonly number[]): number | null => {
  const found = pids.map(cpuOfTree).filter((seconds) => seconds !== null)
  return found.length === 0 ? null : found.reduce((sum, seconds) => sum + seconds, 0)
}

/** The accounts go to the traces in turn, as long as they suffice for another copy. */
const cast = (scripts: readonly Script[], accounts: readonly Account[]): { script: Script; team: Account[] }[] => {
  const teams: { script: Script; team: Account[] }[] = []
  let used = 0
  for (let i = 0; ; i++) {
    const script = scripts[i % scripts.length] as Script
    if (used + script.accounts > accounts.length) break
    teams.push({ script, team: accounts.slice(used, used + script.accounts) })
    used += script.accounts
  }
  const needed = scripts.reduce((sum, script) => sum + script.accounts, 0)
  if (teams.length < scripts.length) {
    throw new UsageError(`${accounts.length} accounts are too few: one copy of each trace needs ${needed} (${scripts.map(({ name, accounts: n }) => `${name}: ${n}`).join(', ')}; each contact is played by an account)`)
  }
  return teams
}

const arrive = async (copies: readonly Copy[], joins: number, isOver: () => boolean, told: (done: number) => void): Promise<void> => {
  const arriving: Promise<void>[] = []
  let done = 0
  for (const copy of copies) {
    if (isOver()) return
    arriving.push(copy.join().then(() => told(++done)))
    await sleep(1000 / joins)
  }
  await Promise.all(arriving)
}

/** False: the promise did not come true before it was over. */
const untilTrue = async (promise: Promise<void>, isOver: () => boolean): Promise<boolean> => {
  let done = false
  const settled = promise.then(() => {
    done = true
  })
  while (!done && !isOver()) await Promise.race([settled, sleep(50)])
  return done
}
