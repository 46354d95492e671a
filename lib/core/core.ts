// The router with all that it works with, put together: over stores, a clock and a bus that its caller brings. The server
// gives it Postgres and the real clock (lib/server.ts); tests and simulations give it others.
import type { Element } from 'ltx'
import type { Settings } from '../base/config.js'
import type { Jid } from '../base/jid.js'
import type { Stanza } from '../base/stanza.js'
import { frameOf } from '../wire/framer.js'
import { serialize } from '../wire/writer.js'
import { makeAccounts } from './accounts.js'
import type { AccountKeeper } from './accounts.js'
import { makeAsking } from './asking.js'
import { makeBlocklists } from './blocklists.js'
import { makeCaps } from './caps.js'
import { makeCounters } from './counters.js'
import type { Counters } from './counters.js'
import { makeDelivery } from './delivery.js'
import { compile } from './dispatch.js'
import type { Dispatch } from './dispatch.js'
import { makeMailbox } from './mailbox.js'
import { makeMembers } from './members.js'
import type { Members } from './members.js'
import type { BlockStore, Bus, Clock, Db, DepartureStore, MemberStore, OfflineStore, PresenceStore, RosterStore } from './ports.js'
import { makePresence } from './presence.js'
import { makePresenceRows } from './presence-rows.js'
import type { PresenceRows } from './presence-rows.js'
import { reblocked } from './reblocked.js'
import { makeRosters } from './rosters.js'
import { makeRouteCache } from './route-cache.js'
import type { RouteCache } from './route-cache.js'
import type { Route, Services } from './route.js'
import { makeRouter } from './router.js'
import type { Router } from './router.js'
import { makeSessions } from './sessions.js'
import type { Session, Sessions } from './sessions.js'
import { makeSubscribing } from './subscribing.js'

export interface Stores {
  readonly presence: PresenceStore
  readonly offline: OfflineStore
  readonly rosters: RosterStore
  readonly members: MemberStore
  readonly blocks: BlockStore
  readonly departures: DepartureStore
}

export interface CoreParts {
  readonly settings: Settings
  readonly routes: readonly Route[]
  /** Normalised. */
  readonly domains: ReadonlySet<string>
  /** Parses and normalises an address; null where it is none (RFC 7622). */
  readonly jid: (text: string) => Jid | null
  readonly node: { readonly id: string; readonly epoch: number }
  /** For the routes, whose tables are their own. */
  readonly db: Db
  readonly stores: Stores
  readonly bus: Bus
  readonly clock: Clock
  /** Told of what was our bug, with the stanza it met. */
  readonly bug: (error: unknown, stanza: Stanza) => void
  readonly accounts: AccountKeeper
}

export interface Core {
  readonly router: Router
  readonly sessions: Sessions
  readonly members: Members
  readonly rows: PresenceRows
  readonly cache: RouteCache
  readonly counters: Counters
  readonly dispatch: Dispatch
  readonly services: Services
  /** The session is over, whatever the reason, once: its contacts are told, its row goes. */
  sessionOver(session: Session): void
  /** Resolves when nothing waits to be written, or after `ms`. */
  idle(ms: number): Promise<void>
}

export const makeCore = ({ settings, routes, domains, jid, node, db, stores, bus, clock, bug, accounts }: CoreParts): Core => {
  const counters = makeCounters()
  const dispatch = compile(routes)
  const sessions = makeSessions()
  const cache = makeRouteCache(sessions, stores.presence, clock, counters, {
    entries: settings.routeCacheEntries, ttl: settings.routeTtl * 1000,
    negativeEntries: settings.routeNegativeEntries, negativeTtl: settings.routeNegativeTtl * 1000,
    node: node.id, epoch: node.epoch, clustered: bus.connected,
  })
  const mailbox = makeMailbox(stores.offline, settings.offlinePage)
  const rows = makePresenceRows(stores.presence, bus, node)
  const members = makeMembers(stores.members)
  const rosters = makeRosters(stores.rosters, sessions, members, settings.rosterMaxItems)
  const blocklists = makeBlocklists(members, stores.blocks, (account, change) => reblocked(sessions, account, change))
  const presence = makePresence({
    sessions, rows, mailbox, clock, bug, departures: stores.departures, blocklists, mostDirected: settings.maxDirectedPresence, piece: settings.writeBufferBytes >> 3,
  })
  const subscribing = makeSubscribing(rosters, presence, sessions, blocklists)
  const asking = makeAsking()
  const caps = makeCaps(asking.ask, settings.capsEntries, bug)
  const keeper: AccountKeeper = {
    ...accounts,
    create: async (account, password) => {
      const made = await accounts.create(account, password)
      if (made) cache.invalidate(account, 0) // a moment ago there was no such account
      return made
    },
  }
  const started = clock.monotonic()
  const services: Services = {
    db, settings, domains, routes, jid, rosters, subscribing, blocklists, presence, members, caps,
    accounts: makeAccounts(keeper, clock, settings.registrationsPerAddress),
    now: () => new Date(clock.now()),
    uptime: () => clock.monotonic() - started,
    ask: asking.ask,
    removeAccount: async (account) => {
      // its contacts hear of it, as when they are taken off its roster one by one
      for (const { jid: contact } of (await stores.rosters.list(account, null))?.contacts ?? []) await subscribing.remove(account, contact)
      const done = await accounts.remove(account)
      blocklists.forget(account)
      return done
    },
    sessionsOf: (account) => sessions.of(account).all,
    send: async (element: Element) => router.fromServer(frameOf(serialize(element)) as Stanza),
    keep: (routed) => router.keep(routed),
  }
  const router = makeRouter({
    domains, jid, sessions, cache, mailbox, presence, subscribing, asking, dispatch, services, counters, clock, bug,
    delivery: makeDelivery(cache, bus, counters),
  })
  return {
    router, sessions, members, rows, cache, counters, dispatch, services,
    sessionOver: (session) => {
      if (!session.open) return
      session.open = false
      sessions.remove(session)
      presence.ended(session)
      rows.remove(session)
      if (session.carbons) session.member.copies--
      members.release(session.member)
    },
    idle: async (ms) => {
      await rows.idle(ms)
      await presence.idle(ms)
    },
  }
}
