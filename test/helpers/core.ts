// The router with its parts for a test: sessions whose outlets record what they are given, a clock that stands still, a bus
// on which the test plays the other nodes.
import { makeCounters } from '../../lib/core/counters.js'
import type { Counters } from '../../lib/core/counters.js'
import { makeDelivery } from '../../lib/core/delivery.js'
import { compile } from '../../lib/core/dispatch.js'
import { makeMailbox } from '../../lib/core/mailbox.js'
import type { Bus, Clock, HandOver, Location, OfflineEntry, OfflineStore, PresenceStore, Route as Found, SessionRow } from '../../lib/core/ports.js'
import { makePresence } from '../../lib/core/presence.js'
import { makePresenceRows } from '../../lib/core/presence-rows.js'
import { makeRouteCache } from '../../lib/core/route-cache.js'
import type { RouteCache, RouteCacheOptions } from '../../lib/core/route-cache.js'
import type { Route, Services } from '../../lib/core/route.js'
import { makeRouter } from '../../lib/core/router.js'
import type { Router } from '../../lib/core/router.js'
import { makeSession, makeSessions } from '../../lib/core/sessions.js'
import type { Session, Sessions } from '../../lib/core/sessions.js'
import { defaultSettings } from '../../lib/base/config.js'
import { jidParser, parseJid } from '../../lib/base/jid.js'
import type { Stanza } from '../../lib/base/stanza.js'
import { frameOf } from '../../lib/wire/framer.js'
import { serialize } from '../../lib/wire/writer.js'
import { ROUTES } from '../../routes/index.js'

export interface FakeClock extends Clock {
  time: number
}
export const fakeClock = (): FakeClock => ({ time: 1_000_000, now() { return this.time }, monotonic() { return this.time } })

/** Offline messages and presence rows in memory, for tests of what the core makes of a store's answers. */
export interface MemoryStore {
  readonly presence: PresenceStore
  readonly offline: OfflineStore
  readonly accounts: Set<string>
  readonly rows: Map<string, SessionRow>
  messages: (OfflineEntry & { id: number })[]
  /** What other nodes' sessions a look-up finds. */
  readonly elsewhere: Map<string, Location[]>
  /** Accounts of each look-up. */
  readonly lookups: string[][]
  /** Throw at the next calls. */
  broken: boolean
  /** Awaited before a look-up answers (after it has read). */
  hold: Promise<void>
  most: number
}

export const memoryStore = (accounts: readonly string[]): MemoryStore => {
  let generation = 0
  let last = 0
  const check = (): void => {
    if (store.broken) throw new Error('the database is away')
  }
  const store: MemoryStore = {
    accounts: new Set(accounts), rows: new Map(), messages: [], elsewhere: new Map(), lookups: [], broken: false, hold: Promise.resolve(), most: 100,
    presence: {
    save: async (rows) => {
      check()
      for (const row of rows) store.rows.set(`${row.account}/${row.resource}`, row)
      return new Map(rows.map((r) => [r.account, ++generation]))
    },
    remove: async (rows) => {
      check()
      for (const row of rows) {
        const key = `${row.account}/${row.resource}`
        if (store.rows.get(key)?.sessionId === row.sessionId) store.rows.delete(key)
      }
      return new Map(rows.map((r) => [r.account, ++generation]))
    },
    lookup: async (asked) => {
      store.lookups.push([...asked])
      check()
      const found = new Map<string, Found>(asked.filter((a) => store.accounts.has(a)).map((a) => [a, { generation, elsewhere: [...store.elsewhere.get(a) ?? []] }]))
      await store.hold
      return found
    },
    },
    offline: {
    append: async (entries) => {
      check()
      return entries.map((entry) => {
        if (!store.accounts.has(entry.account)) return 'no-account'
        if (store.messages.filter((m) => m.account === entry.account).length >= store.most) return 'full'
        store.messages.push({ ...entry, id: ++last })
        return 'stored'
      })
    },
    page: async (account, after, limit) => {
      check()
      return store.messages.filter((m) => m.account === account && m.id > Number(after)).slice(0, limit).map((m) => ({ ...m, id: String(m.id) }))
    },
    remove: async (account, upTo) => {
      check()
      store.messages = store.messages.filter((m) => m.account !== account || m.id > Number(upTo))
    },
    },
  }
  return store
}

export interface TestSession extends Session {
  /** What was written to it. */
  readonly got: string[]
  /** False: its connection takes nothing any more. */
  takes: boolean
}

export interface Core {
  readonly router: Router
  readonly sessions: Sessions
  readonly cache: RouteCache
  readonly counters: Counters
  readonly clock: FakeClock
  readonly services: Services
  readonly bugs: unknown[]
  /** A session that is available with this priority; null: bound only. */
  session(full: string, priority?: number | null, lang?: string): TestSession
  /** Route a stanza of a session's client. */
  from(session: Session, xml: string): Promise<unknown>
}

export interface CoreOptions {
  readonly presence: PresenceStore
  readonly offline: OfflineStore
  readonly routes?: readonly Route[]
  readonly bus?: Bus
  readonly cache?: Partial<RouteCacheOptions>
  readonly clock?: FakeClock
  readonly db?: Services['db']
}

export const frame = (xml: string): Stanza => frameOf(Buffer.from(xml).latin1Slice()) as Stanza

const ALONE: Bus = { connected: false, send: () => Promise.resolve('refused'), invalidate: () => {} }

/** A bus on which the test decides what the other nodes answer. */
export const scriptedBus = (): Bus & { sent: { to: Location; xml: string }[]; answer: (to: Location) => HandOver; told: string[] } => {
  const bus = {
    connected: true, sent: [] as { to: Location; xml: string }[], told: [] as string[],
    answer: (_to: Location): HandOver => 'accepted',
    send: (to: Location, _account: string, xml: string): Promise<HandOver> => {
      bus.sent.push({ to, xml })
      return Promise.resolve(bus.answer(to))
    },
    invalidate: (account: string): void => void bus.told.push(account),
  }
  return bus
}

let ids = 0

export const makeCore = (options: CoreOptions): Core => {
  const { routes = ROUTES, bus = ALONE, clock = fakeClock() } = options
  const counters = makeCounters()
  const sessions = makeSessions()
  const jid = jidParser()
  const domains = new Set(['localhost', 'second.localhost'])
  const node = { id: 'here', epoch: 1 }
  const cache = makeRouteCache(sessions, options.presence, clock, counters, {
    entries: 100, ttl: 60_000, negativeEntries: 100, negativeTtl: 3000, node: node.id, epoch: node.epoch, clustered: bus.connected, ...options.cache,
  })
  const mailbox = makeMailbox(options.offline, 3)
  const rows = makePresenceRows(options.presence, bus, node)
  const bugs: unknown[] = []
  const services: Services = {
    db: options.db ?? { query: () => Promise.reject(new Error('no database in this test')), transaction: () => Promise.reject(new Error('no database in this test')) },
    settings: defaultSettings({}), domains, routes, jid,
    now: () => new Date(clock.now()),
    sessionsOf: (account) => sessions.of(account).all,
    send: async (element) => router.fromServer(frameOf(serialize(element)) as Stanza),
    keep: (routed) => router.keep(routed),
  }
  const router = makeRouter({
    domains, jid, sessions, cache, mailbox, presence: makePresence(sessions, rows, mailbox), dispatch: compile(routes), services, counters, clock,
    bug: (error) => void bugs.push(error), delivery: makeDelivery(cache, bus, counters),
  })
  return {
    router, sessions, cache, counters, clock, services, bugs,
    session: (full, priority = 0, lang = '') => {
      const got: string[] = []
      const outlet = {
        write: (octets: string): boolean => {
          if (!made.takes) return false
          got.push(octets)
          return true
        },
        flushed: () => Promise.resolve(made.takes),
        close: () => {},
        drop: () => {},
      }
      const made: TestSession = Object.assign(makeSession(parseJid(full), `s${++ids}`, lang, outlet), { got, takes: true })
      made.priority = made.wanted = priority
      sessions.add(made)
      return made
    },
    from: async (session, xml) => router.fromClient(session, frame(xml)),
  }
}
