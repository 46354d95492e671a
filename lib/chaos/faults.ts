// What is done to the server and to its database: a schedule drawn from the seed, and the two that carry it out, side by
// side. What the clients do to their own connections is in fleet.ts.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Ledger } from './ledger.js'
import type { Nats } from './nats.js'
import type { Node } from './node.js'
import type { Postgres } from './postgres.js'
import type { Random } from './random.js'

export const FAULTS = {
  kill: 'the server is killed (SIGKILL) and started again',
  freeze: 'the server is stopped (SIGSTOP) for 0.2 to 5 s',
  database: 'Postgres is stopped, immediately or in order, and started again; embedded: a kill',
  nats: 'with several nodes: NATS is killed and started again',
  cut: 'clients close their connections without a word and stay away for seconds',
  half: 'clients do so in the middle of a stanza',
  abandon: 'clients leave a connection open and silent, and come back on another',
  forget: 'clients that could resume bind anew instead',
  slow: 'clients stop reading for a while',
} as const

export type FaultKind = keyof typeof FAULTS

export interface Planned {
  readonly kind: 'kill' | 'freeze' | 'database' | 'nats'
  /** ms since the storm began. */
  readonly at: number
  /** ms that it is frozen or away. */
  readonly lasts: number
  /** database: immediate or fast; freeze: killed at its end. */
  readonly hard: boolean
  /** Does not wait until the clients are back from the one before. */
  readonly rash: boolean
}

export interface Counts {
  readonly kill: number
  readonly freeze: number
  readonly database: number
  readonly nats: number
}

/** In order of time, spread over so many ms: one somewhere in each part of as many as there are. */
export const schedule = (counts: Counts, length: number, random: Random): Planned[] =>
  (['kill', 'freeze', 'database', 'nats'] as const).flatMap((kind) => Array.from({ length: counts[kind] }, (_, i): Planned => ({
    kind,
    at: (i + random.between(0.1, 0.9)) * length / counts[kind],
    lasts: kind === 'freeze' ? random.between(200, random.chance(0.2) ? 5000 : 1500) : random.chance(0.5) ? 0 : random.between(0, 1500),
    hard: kind === 'freeze' ? random.chance(0.1) : random.chance(0.6),
    rash: random.chance(0.2),
  }))).toSorted((a, b) => a.at - b.at)

export interface Target {
  readonly node: Node
  /** null: no database of its own. */
  readonly postgres: Postgres | null
  /** null: there is one node. */
  readonly nats: Nats | null
  readonly ledger: Ledger
  readonly now: () => number
  /** Most clients are back and talk: a fault has something to disturb. */
  readonly isLively: () => boolean
}

export interface Storm {
  /** Ends when all of them are over. */
  readonly over: Promise<void>
  readonly done: Record<Planned['kind'], number>
  /** No more of them; what is under way comes to its end. */
  stop(): void
}

/** ms that the server is left in peace after each, so that no fault is wasted on one that only starts. */
const PEACE = 300
/** ms that it is waited for clients to come back. */
const LIVELY = 20_000

export const storm = (plan: readonly Planned[], { node, postgres, nats, ledger, now, isLively }: Target): Storm => {
  const began = now()
  const done = { kill: 0, freeze: 0, database: 0, nats: 0 }
  let stopped = false
  const stop = new AbortController()

  const kill = async ({ lasts }: Planned): Promise<void> => {
    const span = ledger.fault('kill', now(), true)
    await node.kill()
    await sleep(lasts)
    await node.start()
    span.to = now()
  }
  const freeze = async (fault: Planned): Promise<void> => {
    const span = ledger.fault('freeze', now(), false)
    node.freeze()
    await sleep(fault.lasts)
    if (fault.hard) await kill({ ...fault, lasts: 0 })
    else node.thaw()
    span.to = now()
  }
  const database = async (fault: Planned): Promise<void> => {
    if (postgres === null) return kill(fault)
    const span = ledger.fault(fault.hard ? 'database stopped immediately' : 'database stopped in order', now(), true)
    await postgres.stop(fault.hard ? 'immediate' : 'fast')
    await sleep(fault.lasts)
    await postgres.start()
    span.to = now()
  }
  const bus = async (fault: Planned): Promise<void> => {
    const span = ledger.fault('NATS killed', now(), false)
    await nats?.kill()
    await sleep(fault.lasts)
    await nats?.start()
    span.to = now()
  }
  const carryOut = { kill, freeze, database, nats: bus }

  const run = async (faults: readonly Planned[]): Promise<void> => {
    for (const fault of faults) {
      await sleep(Math.max(PEACE, began + fault.at - now()), undefined, { signal: stop.signal }).catch(() => {})
      for (const until = now() + LIVELY; !fault.rash && !stopped && !isLively() && now() < until;) await sleep(PEACE)
      if (stopped) return
      await carryOut[fault.kind](fault)
      done[fault.kind]++
    }
  }
  const onDatabase = ({ kind }: Planned): boolean => (kind === 'database' && postgres !== null) || kind === 'nats'
  return {
    done,
    over: Promise.all([run(plan.filter((f) => !onDatabase(f))), run(plan.filter(onDatabase))]).then(() => {}),
    stop: () => {
      stopped = true
      stop.abort()
    },
  }
}
