// What the router counts. Plain numbers, raised in place; /metrics reads them when asked.

export const makeCounters = () => ({
  delivered: 0,
  stored: 0,
  answered: 0,
  refused: 0,
  /** Ignored by a rule of the RFCs: how often, by rule. The rules are constants of the source, so the map is bounded. */
  ignored: new Map<string, number>(),
  /** Our bugs: a handler threw something that is no StanzaError. */
  bugs: 0,
  /** Group commits of the message log; the entries that they have written; ms that they took together. */
  log: { commits: 0, entries: 0, ms: 0 },
  /** ms from the write of an entry of the route cache until it was found wrong: the longest so far. */
  stalest: 0,
  route: { hits: 0, misses: 0, negativeHits: 0, refusedStale: 0, retries: 0, queries: 0, lookups: 0, unknown: 0, evicted: 0, confirmed: 0, outdated: 0 },
})

export type Counters = ReturnType<typeof makeCounters>
