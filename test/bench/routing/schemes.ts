// Ways to find a receiver (routing.md, "What is measured"). Ours are the production cache and delivery; the others are what
// other servers do, over the same table, with the same batching of look-ups.
import { makeBatcher } from '../../../lib/core/batcher.js'
import { makeCounters } from '../../../lib/core/counters.js'
import { makeDelivery, MOST_AVAILABLE } from '../../../lib/core/delivery.js'
import { makeOutstanding } from '../../../lib/core/outstanding.js'
import type { Location, Route } from '../../../lib/core/ports.js'
import { makeRouteCache } from '../../../lib/core/route-cache.js'
import type { Resolution, RouteCache } from '../../../lib/core/route-cache.js'
import type { Here } from '../../../lib/core/sessions.js'
import type { World, WorldNode } from './world.js'

export interface Tally {
  stanzas: number
  /** Found without asking the database. */
  hits: number
  /** Accounts asked for, and questions to the database. */
  lookups: number
  queries: number
  /** A node was asked that had the session no more. */
  hops: number
  /** Round trips between nodes before the stanza could go. */
  trips: number
  /** Entries, or pairs, held at the end. */
  state: number
  /** Nobody got it: left to the log, or answered with an error. */
  kept: number
  /** Nobody got it, nobody was told. */
  lost: number
}

export interface Scheme {
  readonly name: string
  /** One stanza. null: it went at once. */
  send(sender: number, receiver: number): Promise<void> | null
  /** To an address that is no account. */
  spray(sender: number, address: string): Promise<void> | null
  readonly tally: Tally
}

export interface SchemeOptions {
  readonly entries: number
  /** ms */
  readonly ttl: number
}

export const makeTally = (): Tally => ({ stanzas: 0, hits: 0, lookups: 0, queries: 0, hops: 0, trips: 0, state: 0, kept: 0, lost: 0 })

interface Ours {
  readonly node: WorldNode
  readonly counters: ReturnType<typeof makeCounters>
  readonly cache: RouteCache
  readonly delivery: ReturnType<typeof makeDelivery>
}

/** @param logged messages of the log, whose commit says the account's generation; otherwise by TTL and invalidation alone */
export const ours = (world: World, options: SchemeOptions, logged: boolean): Scheme => {
  const tally = makeTally()
  const nodes = world.nodes.map((node): Ours => {
    const counters = makeCounters()
    const cache = makeRouteCache(node.sessions, world.store, world.clock, counters, {
      entries: options.entries, ttl: options.ttl, negativeEntries: 10_000, negativeTtl: 3000, node: node.id, epoch: 1, clustered: true,
    })
    node.invalidated = (account, generation) => cache.invalidate(account, generation)
    return { node, counters, cache, delivery: makeDelivery(cache, world.bus, counters, makeOutstanding(world.bus, node.sessions, world.clock, () => {})) }
  })

  const go = async ({ delivery }: Ours, receiver: number, found: Here): Promise<void> => {
    const jid = world.jid(receiver)
    const { arrived } = world.count
    const arrive = (sessions: Here['best']): number => {
      for (const session of sessions) session.outlet.write('', false)
      return sessions.length
    }
    arrive(found.best)
    const taken = await delivery.across(jid, found, MOST_AVAILABLE, { octets: '', declared: false, request: null, behind: '', here: arrive })
    if (taken === 'unknown' || world.count.arrived === arrived) tally.kept++
  }
  const resolved = (own: Ours, receiver: number, found: Resolution): Promise<void> => (found === 'unknown' ? Promise.resolve() : go(own, receiver, found))
  const routed = (own: Ours, receiver: number, route: Route | 'unknown'): Promise<void> =>
    resolved(own, receiver, route === 'unknown' ? route : { ...own.node.sessions.of(world.jid(receiver).bare), elsewhere: route.elsewhere })

  return {
    name: logged ? 'LRU + TTL + generation (logged)' : 'LRU + TTL + invalidation (unlogged)',
    send: (sender, receiver) => {
      tally.stanzas++
      const own = nodes[world.home(sender)] as Ours
      const { bare } = world.jid(receiver)
      if (logged) {
        const route = own.cache.at(bare, world.generation(receiver))
        return route instanceof Promise ? route.then((r) => routed(own, receiver, r)) : routed(own, receiver, route)
      }
      const found = own.cache.resolve({ ...world.jid(receiver), resource: '', full: bare })
      return found instanceof Promise ? found.then((f) => resolved(own, receiver, f)) : resolved(own, receiver, found)
    },
    spray: (sender, address) => {
      const { cache } = nodes[world.home(sender)] as Ours
      const found = cache.resolve({ ...world.jid(sender), local: address, resource: '', bare: `${address}@localhost`, full: `${address}@localhost` })
      return found instanceof Promise ? found.then(() => {}) : null
    },
    get tally() {
      const sum = { ...tally, hops: world.count.refused }
      for (const { counters: { route }, cache } of nodes) {
        sum.hits += route.hits
        sum.lookups += route.lookups
        sum.queries += route.queries
        sum.state += cache.size
      }
      return sum
    },
  }
}

const asker = (world: World, tally: Tally): ((node: number, account: string) => Promise<readonly Location[]>) => {
  const batchers = world.nodes.map(() => makeBatcher<string, Route | undefined>(async (accounts) => {
    tally.queries++
    const found = await world.store.lookup(accounts, { node: '', epoch: 0 })
    return accounts.map((account) => found.get(account))
  }, 500, 100_000))
  return async (node, account) => {
    tally.lookups++
    return (await batchers[node]?.(account))?.elsewhere ?? []
  }
}

/** As many servers do: first in, first out, a TTL, nothing said of changes, sent and forgotten. No entry: no cache. */
export const plain = (world: World, { entries, ttl }: SchemeOptions): Scheme => {
  const tally = makeTally()
  const ask = asker(world, tally)
  const caches = world.nodes.map(() => new Map<string, { readonly found: readonly Location[]; readonly until: number }>())
  const go = (receiver: number, found: readonly Location[]): void => {
    let taken = false
    for (const location of found) taken = world.push(receiver, location) || taken
    if (!taken) tally.lost++
  }
  const keep = (cache: (typeof caches)[number], account: string, found: readonly Location[]): void => {
    if (entries === 0) return
    cache.delete(account)
    if (cache.size >= entries) cache.delete(cache.keys().next().value as string)
    cache.set(account, { found, until: world.clock.time + ttl })
  }
  const look = (sender: number, account: string): readonly Location[] | Promise<readonly Location[]> => {
    const node = world.home(sender)
    const cache = caches[node] as (typeof caches)[number]
    const entry = cache.get(account)
    if (entry !== undefined && entry.until > world.clock.time) {
      tally.hits++
      return entry.found
    }
    return ask(node, account).then((found) => {
      keep(cache, account, found)
      return found
    })
  }
  return {
    name: entries === 0 ? 'no cache: a query a stanza' : 'FIFO + TTL, sent and forgotten',
    send: (sender, receiver) => {
      tally.stanzas++
      const found = look(sender, world.jid(receiver).bare)
      if (found instanceof Promise) return found.then((f) => go(receiver, f))
      go(receiver, found)
      return null
    },
    spray: (sender, address) => {
      const found = look(sender, `${address}@localhost`)
      return found instanceof Promise ? found.then(() => {}) : null
    },
    get tally() {
      return { ...tally, hops: world.count.refused, state: caches.reduce((sum, cache) => sum + cache.size, 0) }
    },
  }
}

/**
 * As SIP and MSN did: a session is set up for each pair before its first message (INVITE, one look-up and a round trip to the
 * receiver), and later messages go where it points. When the receiver has moved, what was sent is lost; the next sets up anew.
 */
export const established = (world: World): Scheme => {
  const tally = makeTally()
  const ask = asker(world, tally)
  const pairs = new Map<string, readonly Location[]>()
  const setUp = async (key: string, sender: number, receiver: number): Promise<void> => {
    const found = await ask(world.home(sender), world.jid(receiver).bare)
    tally.trips++
    pairs.set(key, found)
    go(key, receiver, found)
  }
  const go = (key: string, receiver: number, found: readonly Location[]): void => {
    if (found.some((location) => world.push(receiver, location))) return
    tally.lost++
    pairs.delete(key)
  }
  return {
    name: 'a session for each pair (SIP, MSN)',
    send: (sender, receiver) => {
      tally.stanzas++
      // the inviting node knows the pair: when the sender has moved it has to set up anew
      const key = `${sender} ${world.home(sender)} ${receiver}`
      const found = pairs.get(key)
      if (found === undefined) return setUp(key, sender, receiver)
      tally.hits++
      go(key, receiver, found)
      return null
    },
    spray: (sender, address) => ask(world.home(sender), `${address}@localhost`).then(() => {}),
    get tally() {
      return { ...tally, hops: world.count.refused, state: pairs.size }
    },
  }
}

/** What a cache of this policy misses on this trace, by a program of its own: keys of each node, in order, with their times. */
export const simulate = ({ entries, ttl }: SchemeOptions): { look(node: number, key: number, time: number): boolean } => {
  const caches = new Map<number, Map<number, number>>()
  return {
    look: (node, key, time) => {
      const cache = caches.get(node) ?? new Map<number, number>()
      caches.set(node, cache)
      const until = cache.get(key)
      cache.delete(key)
      const hit = until !== undefined && until > time
      if (!hit && cache.size >= entries) cache.delete(cache.keys().next().value as number)
      cache.set(key, hit ? until : time + ttl)
      return hit
    },
  }
}
