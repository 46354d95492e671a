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
  freeze: 'the server is stopped (SIGSTOP) for 0.2 to 5 s; with several nodes some for longer than their grace, and some inside a group commit',
  database: 'Postgres is stopped, immediately or in order, and started again; embedded: a kill',
  nats: 'with several nodes: NATS is killed and started again',
  partition: 'with several nodes: one is parted from NATS or from Postgres, some for longer than the grace',
  cut: 'clients close their connections without a word and stay away for seconds',
  half: 'clients do so in the middle of a stanza',
  abandon: 'clients leave a connection open and silent, and come back on another',
  forget: 'clients that could resume bind anew instead',
  slow: 'clients stop reading for a while',
} as const

export type FaultKind = keyof typeof FAULTS

const PLANNED = ['kill', 'freeze', 'database', 'nats', 'partition'] as const

export interface Planned {
  readonly kind: (typeof PLANNED)[number]
  /** ms since the storm began. */
  readonly at: number
  /** ms that it is frozen or away. */
  readonly lasts: number
  /** database: immediate or fast; freeze: killed at its end; partition: connections are broken at its end. */
  readonly hard: boolean
  /** freeze: once a group commit is under way; partition: from Postgres, not from NATS. */
  readonly deep: boolean
  /** Longer than its grace: others declare the node over. */
  readonly past: boolean
  /** Does not wait until the clients are back from the one before. */
  readonly rash: boolean
}

export type Counts = Readonly<Record<Planned['kind'], number>>

/**
 * In order of time, spread over so many ms: one somewhere in each part of as many as there are.
 * @param over ms after which a node that is not heard of is declared over; Infinity: nobody is there to do that
 */
export const schedule = (counts: Counts, length: number, random: Random, over = Infinity): Planned[] =>
  PLANNED.flatMap((kind) => Array.from({ length: counts[kind] }, (_, i): Planned => {
    const past = over < Infinity && (kind === 'freeze' || kind === 'partition') && random.chance(0.15)
    return {
      kind, past,
      at: (i + random.between(0.1, 0.9)) * length / counts[kind],
      lasts: past ? over * random.between(1.1, 1.5) : kind === 'freeze' || kind === 'partition' ? random.between(200, random.chance(0.2) ? 5000 : 1500) : random.chance(0.5) ? 0 : random.between(0, 1500),
      hard: kind === 'freeze' ? random.chance(0.1) : random.chance(0.6),
      deep: random.chance(0.5),
      rash: random.chance(0.2),
    }
  })).toSorted((a, b) => a.at - b.at)

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
/** What only the statement of a group commit has in it. */
const INSIDE = '<body'
/** ms that it is waited for clients to come back. */
const LIVELY = 20_000

export const storm = (plan: readonly Planned[], { node, postgres, nats, ledger, now, isLively }: Target): Storm => {
  const began = now()
  const done = { kill: 0, freeze: 0, database: 0, nats: 0, partition: 0 }
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
    const span = ledger.fault(fault.past ? 'freeze past the grace' : 'freeze', now(), fault.past || nats !== null) // its sessions go on elsewhere, from what is written
    await node.freeze(fault.deep ? INSIDE : null)
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
  const partition = async (fault: Planned): Promise<void> => {
    // its sessions go on elsewhere, from what is written
    const span = ledger.fault(`parted from ${fault.deep ? 'Postgres' : 'NATS'}${fault.past ? ' past the grace' : ''}`, now(), true)
    const join = node.part?.(fault.deep ? 'postgres' : 'nats')
    await sleep(fault.lasts)
    join?.(fault.hard)
    span.to = now()
  }
  const carryOut = { kill, freeze, database, nats: bus, partition }

  const run = async (faults: readonly Planned[]): Promise<void> => {
    for (const fault of faults) {
      await sleep(Math.max(PEACE, began + fault.at - now()), undefined, { signal: stop.signal }).catch(() => {})
      for (const until = now() + LIVELY; !fault.rash && !stopped && !isLively() && now() < until;) await sleep(PEACE)
      if (stopped) return
      await carryOut[fault.kind](fault)
      done[fault.kind]++
    }
  }
  const track = ({ kind }: Planned): number => (kind === 'partition' ? 2 : (kind === 'database' && postgres !== null) || kind === 'nats' ? 1 : 0)
  return {
    done,
    over: Promise.all([0, 1, 2].map((n) => run(plan.filter((fault) => track(fault) === n)))).then(() => {}),
    stop: () => {
      stopped = true
      stop.abort()
    },
  }
}
