// The one answer to "where is this `to`?". This node's own sessions are its pinned part; sessions on other nodes are
// cached from the presence table. The cache may be wrong at any time: who uses an entry finds out, because the owner
// refuses, and asks again (routing.md). Three outcomes: locations, none, unknown; unknown is never cached.
import { LRUCache } from 'lru-cache'
import type { Jid } from '../base/jid.js'
import { makeBatcher } from './batcher.js'
import type { Counters } from './counters.js'
import type { Clock, Location, PresenceStore, Route } from './ports.js'
import { EMPTY } from './sessions.js'
import type { Here, Sessions } from './sessions.js'

export interface RouteCacheOptions {
  /** Entries of accounts with a route, or with none elsewhere; least recently used ones go first. */
  readonly entries: number
  /** ms from the write of an entry, ±15 %; reads do not extend it. */
  readonly ttl: number
  /** The separate cache of accounts that do not exist, so that a spray of random JIDs crowds out nothing. */
  readonly negativeEntries: number
  readonly negativeTtl: number
  readonly node: string
  readonly epoch: number
  /** Whether other nodes may exist at all. */
  readonly clustered: boolean
}

/** 'unknown': the store did not answer. Nobody is offline because of that. */
export type Resolution = Here | 'unknown'

export interface RouteCache {
  /** Where an account's sessions are. @param account bare JID */
  of(account: string): Resolution | Promise<Resolution>
  /** The same for who is addressed; of a full JID bound here, the sessions here are enough. */
  resolve(to: Jid): Resolution | Promise<Resolution>
  /**
   * Where an account has sessions elsewhere, for a message whose commit has just found it at this generation (routing.md, step
   * 4): an entry of that generation is right however old it is, and counts as written anew; one of an older generation is not used.
   */
  at(account: string, generation: number): Route | Promise<Route | 'unknown'>
  /** The entry was found wrong (the owner refused): forget it, so that the next look-up asks the store. */
  stale(account: string): void
  /** An account's sessions changed elsewhere; a look-up under way must not be cached. */
  invalidate(account: string, generation: number): void
  /** A gap in the invalidations: everything is looked up again when it is next used. */
  invalidateAll(): void
  /** The account was found not to exist; answers false once that has expired. */
  isAbsent(account: string): boolean
  setAbsent(account: string): void
  readonly size: number
}

interface Entry {
  readonly route: Route
  readonly era: number
  /** When it was written, or confirmed; ms, monotonic. */
  readonly at: number
  /** As it is found while the account has no session here. */
  readonly alone: Here
}

const NOWHERE: Route = { generation: 0, elsewhere: [] }
const OLD_TOO = { allowStale: true }

export const makeRouteCache = (
  sessions: Sessions, store: PresenceStore, clock: Clock, counters: Counters, options: RouteCacheOptions,
): RouteCache => {
  const { route: count } = counters
  const perf = { now: () => clock.monotonic() }
  const jitter = (ttl: number): number => Math.max(1, Math.round(ttl * (0.85 + Math.random() * 0.3)))
  const entries = new LRUCache<string, Entry>({
    max: options.entries, ttl: options.ttl, perf, ttlResolution: 0, updateAgeOnGet: false, updateAgeOnHas: false, // TTL counts from the write
    noDeleteOnStaleGet: true, // a commit may confirm it
    dispose: (_value, _key, reason) => {
      if (reason === 'evict') count.evicted++
    },
  })
  const absent = new LRUCache<string, true>({ max: options.negativeEntries, ttl: options.negativeTtl, perf, ttlResolution: 0 })
  /** Raised by invalidateAll: entries of an earlier era are not used. */
  let era = 0
  /** Look-ups under way, by account: single flight, and the guard that an invalidation trips. */
  const flights = new Map<string, { promise: Promise<Route | 'unknown'>; tripped: boolean }>()

  const ask = makeBatcher<string, Route | null>(async (accounts) => {
    count.queries++
    const found = await store.lookup(accounts, { node: options.node, epoch: options.epoch })
    return accounts.map((account) => found.get(account) ?? null)
  }, 500, 100_000)

  const lookup = (account: string): Promise<Route | 'unknown'> => {
    const under = flights.get(account)
    if (under !== undefined && !under.tripped) return under.promise
    count.lookups++
    const began = era
    const flight = { promise: Promise.resolve<Route | 'unknown'>('unknown'), tripped: false }
    flight.promise = ask(account).then(
      (route) => {
        // Fill guard: what was read before an invalidation came may be old. It is used once, but not kept
        const keep = !flight.tripped && began === era
        if (route === null) {
          if (keep) absent.set(account, true, { ttl: jitter(options.negativeTtl) })
          return NOWHERE
        }
        if (keep) write(account, route)
        return route
      },
      () => {
        count.unknown++
        return 'unknown' as const
      },
    ).finally(() => {
      if (flights.get(account) === flight) flights.delete(account)
    })
    flights.set(account, flight)
    return flight.promise
  }

  const write = (account: string, route: Route): void => {
    entries.set(account, { route, era, at: clock.monotonic(), alone: merge(EMPTY, route) }, { ttl: jitter(options.ttl) })
  }

  /** The entry was found wrong. One that has expired, or is from before a gap, would have been looked up again, and misled nobody. */
  const wrong = (account: string): void => {
    const entry = entries.peek(account)
    if (entry !== undefined && entry.era === era) counters.stalest = Math.max(counters.stalest, clock.monotonic() - entry.at)
  }

  /** A look-up that was under way may have read before the commit. */
  const fresh = async (account: string, generation: number): Promise<Route | 'unknown'> => {
    const route = await lookup(account)
    return route === 'unknown' || route.generation >= generation ? route : lookup(account)
  }

  const merge = (here: Here, route: Route): Here => (route.elsewhere.length === 0 ? here : { ...here, elsewhere: route.elsewhere })

  const of: RouteCache['of'] = (account) => {
    const here = sessions.of(account)
    if (!options.clustered) return here
    const entry = entries.get(account)
    if (entry !== undefined && entry.era === era) {
      count.hits++
      return here === EMPTY ? entry.alone : merge(here, entry.route)
    }
    if (here === EMPTY && absent.get(account) === true) {
      count.negativeHits++
      return EMPTY
    }
    count.misses++
    return lookup(account).then((route) => (route === 'unknown' ? route : merge(sessions.of(account), route)))
  }

  return {
    of,
    resolve: (to) => (options.clustered && to.resource !== '' && sessions.find(to) !== undefined ? sessions.of(to.bare) : of(to.bare)),
    at: (account, generation) => {
      const entry = entries.get(account, OLD_TOO)
      if (entry !== undefined && entry.route.generation >= generation) {
        count.hits++
        if (entry.route.generation === generation && (entry.era !== era || entries.getRemainingTTL(account) < options.ttl >> 1)) {
          count.confirmed++
          write(account, entry.route)
        }
        return entry.route
      }
      count.misses++
      if (entry !== undefined) count.outdated++
      wrong(account)
      return fresh(account, generation)
    },
    stale: (account) => {
      count.refusedStale++
      wrong(account)
      entries.delete(account)
      trip(account)
    },
    invalidate: (account, generation) => {
      absent.delete(account)
      const entry = entries.peek(account)
      if (entry !== undefined && entry.route.generation < generation) entries.delete(account)
      trip(account)
    },
    invalidateAll: () => {
      era++
      absent.clear()
    },
    isAbsent: (account) => {
      const known = absent.get(account) === true
      if (known) count.negativeHits++
      return known
    },
    setAbsent: (account) => {
      absent.set(account, true, { ttl: jitter(options.negativeTtl) })
    },
    get size() {
      return entries.size
    },
  }

  function trip(account: string): void {
    const flight = flights.get(account)
    if (flight !== undefined) flight.tripped = true
  }
}

/** By node: what sessions of one have in common is said to it once. */
export const byNode = (locations: readonly Location[]): Iterable<readonly Location[]> => {
  const nodes = new Map<string, Location[]>()
  for (const location of locations) {
    const key = `${location.node} ${location.epoch}`
    const there = nodes.get(key)
    if (there === undefined) nodes.set(key, [location])
    else there.push(location)
  }
  return nodes.values()
}

/** The sessions elsewhere that a message to the bare JID is for, given the best priority here (RFC 6121 §8.5.2.1.1). */
export const bestElsewhere = (elsewhere: readonly Location[], atLeast: number): readonly Location[] => {
  // most accounts that have any have one
  if (elsewhere.length === 1) return ((elsewhere[0] as Location).priority ?? -1) >= Math.max(atLeast, 0) ? elsewhere : NOWHERE.elsewhere
  const top = elsewhere.reduce((max, l) => Math.max(max, l.priority ?? -1), Math.max(atLeast, 0))
  return elsewhere.filter((l) => l.priority === top)
}
