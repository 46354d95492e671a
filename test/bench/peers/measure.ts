// One run of one case against one server: what came of it.
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { whereOf } from '../../../lib/cli/replay.js'
import type { Account } from '../../../lib/replay/accounts.js'
import { memoryOfTree } from '../../../lib/replay/cpu.js'
import type { Pace } from '../../../lib/replay/pace.js'
import { FAULTS } from '../../../lib/replay/report.js'
import { replay } from '../../../lib/replay/replay.js'
import type { Outcome } from '../../../lib/replay/replay.js'
import type { Script } from '../../../lib/replay/script.js'
import type { Case, Sizes, Unit } from './cases.js'

export interface Sample {
  /** Units a second; null: nothing of that kind is measured. */
  readonly rate: number | null
  /** µs of CPU a unit, of the server and its database with all that they started. */
  readonly cpu: number | null
  /** ms */
  readonly latency: { readonly p50: number; readonly p99: number; readonly p999: number } | null
  /** KiB a connection. */
  readonly memory: number | null
  /** Share of a core that the generator used. */
  readonly generator: number | null
  /** What was not as it should be; '': nothing. */
  readonly wrong: string
}

export interface Run {
  readonly what: Case
  readonly script: Script
  readonly accounts: readonly Account[]
  readonly sizes: Sizes
  readonly port: number
  readonly serverPid: number
  /** null: it has none beside it. */
  readonly databasePid: number | null
  readonly signal: AbortSignal
  readonly told: (words: string) => void
}

/** Log-ins that are begun in a second. */
const JOINS = 200
/** ms until all must be there: what the slowest takes for a log-in, and more. */
const ARRIVING = 60_000
const EACH = 40
/** ms that connections are there before their memory is read. */
const RESTING = 5000
/** ms in which the memory of a server that has just started changes by no more than this share, when it is at rest; and how long that is waited for. */
const STEADY = 2000
const CHANGE = 0.01
const STARTING = 20_000
/** Seconds for what is on its way. */
const PATIENCE = 30
/** ms between looks at whether all are there. */
const LOOK = 50
/** Of the presence that contacts should get: what is on its way when measuring begins and ends. */
const ENOUGH = 0.5

export const measure = async (run: Run): Promise<Sample> => (run.what.unit === 'connection' ? resting(run) : loaded(run))

const loaded = async ({ what, script, accounts, sizes, port, serverPid, databasePid, signal, told }: Run): Promise<Sample> => {
  const arrival = arriving(what, signal)
  const pace = what.pace === 'held' ? held(arrival) : what.pace
  const outcome = await replay({
    where: whereOf({ host: '127.0.0.1', port }, { tls: what.tls ? 'starttls' : 'needed' }), domain: 'localhost', scripts: [script], accounts: accounts.slice(0, what.copies * what.team),
    pace, seconds: sizes.seconds, warmUp: sizes.warmUp, joins: Math.max(1, Math.round(JOINS / what.team)), patience: PATIENCE,
    serverPids: [serverPid, ...(databasePid === null ? [] : [databasePid])], run: randomBytes(3).toString('hex'), signal: arrival.signal,
    progress: ({ stage, online, delivered }) => {
      arrival.seen(online)
      told(`${stage}, ${online} online, ${delivered} delivered`)
    },
  }).finally(arrival.over)
  arrival.check()
  return sampleOf(outcome, what, sizes)
}

/** What shares of the time and of the work a unit has. */
export const sampleOf = (outcome: Outcome, { unit, timed }: Case, { contacts }: Sizes): Sample => {
  const { measured, measures: { counts, latencies }, seconds, cpu } = outcome
  const count = COUNTED[unit] === null ? 0 : measured[COUNTED[unit]]
  const latency = latencies[unit === 'log-in' ? 'login' : 'message']
  const wrong = [
    ...(Object.keys(FAULTS) as (keyof typeof FAULTS)[]).filter((fault) => counts[fault] > 0).map((fault) => `${counts[fault]} ${FAULTS[fault]}`),
    ...(unit !== 'log-in' && counts.passes > 0 ? [`${counts.passes} clients came to the end of what they had to say, and logged in again: fewer --seconds, or more --pairs`] : []),
    // a change, a message, and its answer
    ...(unit === 'presence' && count < ENOUGH * contacts * measured.sent / 3 ? ['presence does not come to the contacts'] : []),
    ...(outcome.interrupted ? ['interrupted'] : []),
  ].join('; ')
  return {
    rate: count / seconds, cpu: cpu.server === null || count === 0 ? null : cpu.server * seconds * 1e6 / count,
    latency: !timed || latency.count === 0 ? null : { p50: latency.percentile(50) / 1000, p99: latency.percentile(99) / 1000, p999: latency.percentile(99.9) / 1000 },
    memory: null, generator: cpu.own, wrong,
  }
}

const COUNTED: Readonly<Record<Unit, 'delivered' | 'received' | 'logins' | null>> = { message: 'delivered', presence: 'received', 'log-in': 'logins', connection: null }

/** The server has just been started: nothing was freed that would be used again. */
const resting = async ({ what, script, accounts, port, serverPid, signal, told }: Run): Promise<Sample> => {
  const before = await atRest(serverPid, signal)
  let after: number | null = null
  let since = 0
  const arrival = arriving(what, signal)
  const enough = new AbortController()
  const outcome = await replay({
    where: whereOf({ host: '127.0.0.1', port }, { tls: what.tls ? 'starttls' : 'needed' }), domain: 'localhost', scripts: [script], accounts: accounts.slice(0, what.copies),
    pace: what.pace as Pace, seconds: null, warmUp: null, joins: JOINS, patience: PATIENCE, serverPids: [], run: randomBytes(3).toString('hex'), signal: AbortSignal.any([arrival.signal, enough.signal]),
    progress: ({ stage, online }) => {
      arrival.seen(online)
      told(`${stage}, ${online} online`)
      if (online < what.connections || enough.signal.aborted) return void (since = 0)
      since ||= performance.now()
      if (performance.now() - since < RESTING) return
      after = memoryOfTree(serverPid)
      enough.abort()
    },
  }).finally(arrival.over)
  arrival.check()
  const { broken } = outcome.measures.counts
  return {
    rate: null, cpu: null, latency: null, generator: null, memory: before === null || after === null ? null : (after - before) / what.connections,
    wrong: [...(broken > 0 ? [`${broken} ${FAULTS.broken}`] : []), ...(after === null ? ['it ended before memory was read'] : [])].join('; '),
  }
}

/** What it takes by itself, KiB: not what it used to start. */
const atRest = async (pid: number, signal: AbortSignal): Promise<number | null> => {
  let last = memoryOfTree(pid)
  for (const until = Date.now() + STARTING; last !== null && Date.now() < until && !signal.aborted;) {
    await sleep(STEADY)
    const now = memoryOfTree(pid)
    if (now === null || Math.abs(now - last) < CHANGE * last) return now
    last = now
  }
  return last
}

interface Arrival {
  readonly all: boolean
  /** Aborted where they do not come, too. */
  readonly signal: AbortSignal
  seen(online: number): void
  over(): void
  /** Throws where not all came in time. */
  check(): void
}

/** Watches that all clients get in; of those who come and go, there is nothing to wait for. */
const arriving = ({ connections, unit, pace }: Case, signal: AbortSignal): Arrival => {
  const late = new AbortController()
  const limit = ARRIVING + connections * EACH
  let most = 0
  const timer = setTimeout(() => {
    if (most < connections && (pace === 'held' || unit === 'connection')) late.abort()
  }, limit)
  return {
    get all() { return most >= connections },
    signal: AbortSignal.any([signal, late.signal]),
    seen: (online) => void (most = Math.max(most, online)),
    over: () => clearTimeout(timer),
    check: () => {
      if (late.signal.aborted) throw new Error(`${most} of ${connections} clients had logged in after ${limit / 1000} s`)
    },
  }
}

/** Closed loop, and nobody writes a message before all are there: the first would have the server for themselves. */
const held = (arrival: Pick<Arrival, 'all'>): Pace => ({
  words: 'as fast as possible, closed loop', blames: false,
  due: (_, { message }) => (message === null || arrival.all ? 0 : performance.now() + LOOK),
  next: (_, now) => now,
})
