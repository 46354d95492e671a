// What the bus counts. Plain numbers, raised in place; /metrics reads them when asked.
import type { HandOver } from '../core/ports.js'

export const makeBusCounters = () => ({
  // Stanzas handed to other nodes. Each ends in one of these six
  accepted: 0,
  /** By their owner, also because it has no such session. */
  refused: 0,
  busy: 0,
  gone: 0,
  unknown: 0,
  tooLarge: 0,
  /** Of `busy`: never sent, for too much was under way, or the bus was away. */
  shed: 0,
  /** Stanzas that went out, in so many requests; requests without an answer in time. */
  sent: 0,
  batches: 0,
  timedOut: 0,
  // What came from other nodes
  /** Stanzas that were to be taken here. */
  received: 0,
  /** Requests that came late. */
  late: 0,
  /** Requests, answers and invalidations that cannot be read; of these, of another version. */
  unreadable: 0,
  unknownVersions: 0,
  /** Accounts in invalidations, told to the others and heard from them. */
  told: 0,
  heard: 0,
  /** Holes in the numbers of the others' invalidations; reconnects of this node. After each, every route is looked up again. */
  gaps: 0,
  reconnects: 0,
})

export type BusCounters = ReturnType<typeof makeBusCounters>

export const countOutcome = (counters: BusCounters, outcome: HandOver): void => {
  if (typeof outcome === 'object') counters.refused++
  else if (outcome === 'too large') counters.tooLarge++
  else counters[outcome]++
}
