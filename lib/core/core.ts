// The router with all that it works with, put together: over stores, a clock and a bus that its caller brings. The server
// gives it Postgres and the real clock (lib/server.ts); tests and simulations give it others.
import { LRUCache } from 'lru-cache'
import type { Element } from 'ltx'
import type { Settings } from '../base/config.js'
import { durabilityOf } from '../base/durability.js'
import type { Jid } from '../base/jid.js'
import { AwayError, StanzaError, StreamError } from '../base/errors.js'
import type { Condition } from '../base/errors.js'
import type { Frame, Stanza } from '../base/stanza.js'
import type { Given } from './given.js'
import { frameOf } from '../wire/framer.js'
import { errorOf } from '../wire/replies.js'
import { attribute, serialize } from '../wire/writer.js'
import { makeAccounts } from './accounts.js'
import type { AccountKeeper } from './accounts.js'
import { makeAsking } from './asking.js'
import { makeAvatars } from './avatar.js'
import { makeBatcher } from './batcher.js'
import { makeBlocklists } from './blocklists.js'
import { CAPS, makeCaps } from './caps.js'
import { makeComparing } from './comparing.js'
import { makeCounters } from './counters.js'
import type { Counters } from './counters.js'
import { makeDelivery } from './delivery.js'
import { compile } from './dispatch.js'
import type { Dispatch } from './dispatch.js'
import { makeAcknowledgements } from './acknowledgements.js'
import type { Acknowledgements } from './acknowledgements.js'
import { makeFeed } from './feed.js'
import type { Feed } from './feed.js'
import { makeElsewhere } from './elsewhere.js'
import type { Wants, Word } from './elsewhere.js'
import { makeFence, raisedTo } from './fence.js'
import { makeInsisting } from './insisting.js'
import { makeOutstanding } from './outstanding.js'
import type { Outstanding } from './outstanding.js'
import { makeMessageLog } from './message-log.js'
import type { MessageLog } from './message-log.js'
import { makeResumption } from './resumption.js'
import type { Resumption } from './resumption.js'
import { makeHandOver } from './hand-over.js'
import type { HandOver } from './hand-over.js'
import { makeMembers } from './members.js'
import type { Members } from './members.js'
import type { BlockStore, Bus, Clock, Db, DepartureStore, Location, LogEntry, LogStore, MemberStore, Owner, Owners, PresenceStore, ResumptionStore, RosterStore, TakeoverStore } from './ports.js'
import { makePresence } from './presence.js'
import { makePresenceRows } from './presence-rows.js'
import type { PresenceRows } from './presence-rows.js'
import { makeResends } from './resends.js'
import type { Resends } from './resends.js'
import type { Holding } from './hold.js'
import { reblocked } from './reblocked.js'
import { makeResync } from './resync.js'
import { makeRosters } from './rosters.js'
import { makeRouteCache } from './route-cache.js'
import type { RouteCache } from './route-cache.js'
import type { Route, Services } from './route.js'
import { makeRouter } from './router.js'
import type { Logging, Router } from './router.js'
import { makeSessions, noMoreAsked } from './sessions.js'
import type { Asked, Session, Sessions } from './sessions.js'
import { makeTracing } from './tracing.js'
import type { Ring } from './tracing.js'
import { makeSubscribing } from './subscribing.js'

export interface Stores {
  readonly presence: PresenceStore
  readonly log: LogStore
  readonly resumption: ResumptionStore
  readonly rosters: RosterStore
  readonly members: MemberStore
  readonly blocks: BlockStore
  readonly departures: DepartureStore
  /** null: there are no other nodes. */
  readonly takeover?: TakeoverStore | null
}

export interface CoreParts {
  readonly settings: Settings
  readonly routes: readonly Route[]
  /** Normalised. */
  readonly domains: ReadonlySet<string>
  /** Parses and normalises an address; null where it is none (RFC 7622). */
  readonly jid: (text: string) => Jid | null
  readonly node: Owner
  /** For the routes, whose tables are their own. */
  readonly db: Db
  readonly stores: Stores
  readonly bus: Bus
  readonly clock: Clock
  /** Told of what was our bug, with the stanza it met. */
  readonly bug: (error: unknown, stanza: Stanza) => void
  readonly accounts: AccountKeeper
  /** ms that the row of a session stays behind it: LINGER. */
  readonly linger?: number
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
  readonly log: MessageLog<Logging>
  readonly feed: Feed
  readonly handOver: HandOver
  readonly acks: Acknowledgements
  readonly resumption: Resumption
  readonly resends: Resends
  readonly outstanding: Outstanding
  readonly trace: Ring
  /** Another node has changed the account's sessions, and raised its generation to this. */
  invalidated(account: string, generation: number): void
  /** Something of what other nodes tell was missed. */
  missed(): void
  /** Sessions of the account may be another node's by now. */
  doubt(account: string): void
  /** Tell its sender that this entry of the account was not delivered. */
  bounce(account: string, entry: LogEntry): Promise<void>
  /** The session is over, whatever the reason, once: its contacts are told, its row goes. @param clean its client has said so. A promise where its contacts hear of it only later */
  sessionOver(session: Session, clean: boolean): Promise<void> | void
  /** A session of this full JID is over, and contacts have yet to hear it: resolves when they have. */
  ending(full: string): Promise<void> | undefined
  /** Call about once a second. */
  tick(): void
  /** Resolves when nothing waits to be written, or after `ms`. */
  idle(ms: number): Promise<void>
}


export const makeCore = ({ settings, routes: given, domains, jid, node, db, stores, bus, clock, bug, accounts, linger }: CoreParts): Core => {
  const counters = makeCounters()
  const trace = makeTracing(settings.traceEntries, clock)
  const routes = given.filter((route) => route.isOn?.(settings) ?? true)
  const dispatch = compile(routes)
  const sessions = makeSessions()
  const cache = makeRouteCache(sessions, stores.presence, clock, counters, {
    entries: settings.routeCacheEntries, ttl: settings.routeTtl * 1000,
    negativeEntries: settings.routeNegativeEntries, negativeTtl: settings.routeNegativeTtl * 1000,
    node: node.id, epoch: node.epoch, clustered: bus.connected,
  })
  /** That the store is away shows elsewhere, and passes; everything else must be seen, or nobody would ever know. */
  const report = (error: unknown): void => {
    const reason = error instanceof StanzaError ? error.cause ?? error : error
    if (!(reason instanceof AwayError)) bug(reason, frameOf('<message/>') as Stanza)
  }
  const isDurable = (domain: string): boolean => durabilityOf(settings, domain) !== 'routed'
  const fence = bus.connected ? makeFence(stores.presence, sessions, node, (session, gone) => sessionMoved(session, gone)) : null
  const log = makeMessageLog<Logging>(stores.log, clock, {
    messages: settings.offlineMaxMessages, bytes: settings.offlineMaxBytes, perSender: settings.offlineMaxPerSender,
  }, () => acks.flush(), (item, refusal) => router.refusing(item, refusal), (item, outcome) => router.committed(item, outcome), report, counters.log,
    fence)
  const acks = makeAcknowledgements(stores.log, (account, seqs) => {
    log.changed(account)
    // what waits no more, also after a crash, is given to nobody any more
    for (const { copied } of sessions.of(account).all) if (copied !== null) for (const seq of seqs) copied.delete(seq)
  }, report)
  /** Sessions of the account on other nodes. */
  const elsewhereOf = async (account: string): Promise<readonly Location[]> => {
    const found = await cache.of(account)
    if (found === 'unknown') throw new AwayError('where the account has sessions is not known now')
    return found.elsewhere
  }
  const feed = makeFeed({
    store: stores.log, sessions, jid, clock, trace, report, page: settings.offlinePage, window: Math.min(1024 ** 2, settings.writeBufferBytes >> 2),
    elsewhere: bus.connected ? elsewhereOf : null, isAcknowledged: acks.has, during: acks.during, retell: (session) => presence.retell(session),
    acknowledged: (session, given) => acknowledged(session, given),
  })
  const acknowledged = (session: Session, given: readonly Given[]): void => {
    for (const { seq, form } of given) {
      trace.acknowledged(session, seq, form)
      if (form !== 'original') continue
      acks.add(session.account, seq)
    }
    feed.room(session)
  }
  const resends = makeResends(stores.log, clock, settings.resumeWindow * 1000 + 3_600_000, log.reached)
  const rows = makePresenceRows(stores.presence, bus, node, (account, generation) => raisedTo(members.get(account), generation), resends.unclean, linger)
  const members = makeMembers(stores.members)
  const rosters = makeRosters(stores.rosters, sessions, members, () => elsewhere, settings.rosterMaxItems)
  const blocklists = makeBlocklists(members, stores.blocks, (account, change) => reblocked(sessions, elsewhere, account, change),
    (account, jids) => elsewhere?.word(account, ['blocks', jids]))
  const elsewhere = bus.connected ? makeElsewhere({ cache, bus, store: stores.presence, blocklists, node, insisting: makeInsisting(clock) }) : null
  const presence = makePresence({
    sessions, rows, feed, clock, bug, departures: stores.departures, blocklists, elsewhere, mostDirected: settings.maxDirectedPresence, piece: settings.writeBufferBytes >> 3,
  })
  const subscribing = makeSubscribing(rosters, presence, sessions, blocklists, elsewhere)
  const asking = makeAsking()
  const learnsCaps = routes.some((route) => route.features?.includes(CAPS))
  const caps = makeCaps(asking.ask, settings.capsEntries, bug)
  const avatars = makeAvatars(members, presence, elsewhere)
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
    db, settings, domains, routes, jid, rosters, subscribing, blocklists, presence, members, caps, avatars,
    accounts: makeAccounts(keeper, clock, settings.registrationsPerAddress),
    now: () => new Date(clock.now()),
    uptime: () => clock.monotonic() - started,
    ask: asking.ask,
    removeAccount: async (account) => {
      // its contacts hear of it, as when they are taken off its roster one by one
      for (const { jid: contact } of (await stores.rosters.list(account, null))?.contacts ?? []) await subscribing.remove(account, contact, null)
      const done = await accounts.remove(account)
      blocklists.forget(account)
      // other nodes end its sessions
      if (done) bus.invalidate(account, Number.MAX_SAFE_INTEGER)
      return done
    },
    sessionsOf: (account) => sessions.of(account).all,
    copyElsewhere: bus.connected ? (direction, routed) => handOver.copy(direction, routed) : () => {},
    push: (account, wants, payload) => {
      const octets = serialize(payload)
      elsewhere?.word(account, ['push', wants, octets])
      push(account, wants, octets)
    },
    send: async (element: Element) => router.fromServer(frameOf(serialize(element)) as Stanza),
    keep: (routed) => router.keep(routed),
    release: (session, seqs) => {
      for (const seq of seqs) {
        trace.acknowledged(session, seq, 'original')
        acks.add(session.account, seq)
      }
      return acks.flush()
    },
  }
  let pushes = 0
  const push = (account: string, wants: Wants, payload: string): void => {
    for (const session of sessions.of(account).all) {
      if (session[wants]) session.outlet.write(`<iq type='set' id='server-${++pushes}'${session.fromBare}${attribute('to', session.jid.full)}>${payload}</iq>`, false)
    }
  }
  const heard = (account: string, word: Word): void => {
    switch (word[0]) {
      case 'roster': return rosters.heard(account, word[1], word[2])
      case 'say': return subscribing.heard(account, word[1], word[2])
      case 'blocks': return blocklists.heard(account, word[1])
      case 'push': return push(account, word[1], word[2])
      case 'photo': return avatars.heard(account, word[1])
      case 'show': return presence.showHere(account, word[1], word[2] ? 'gone' : undefined)
    }
  }
  const outstanding = makeOutstanding(bus, sessions, clock, (request) => failed(request))
  /** Sessions that are another node's, for as long as their clients may be coming there: what they did not get here. */
  const gone = new LRUCache<string, Session>({ max: 10_000, ttl: 60_000 })
  const handOver = makeHandOver({
    sessions, members, cache, feed, bus, jid, node, yield: (account, sessionId) => resumption.yield(account, sessionId), moved: (session) => sessionMoved(session), confirm: (account) => confirm(account), heard, answered: outstanding.answered,
    left: (sessionId, count) => {
      const session = gone.get(sessionId)
      gone.delete(sessionId)
      if (session !== undefined) undelivered(session, count)
    },
  })
  const router = makeRouter({
    domains, jid, sessions, cache, feed, log, resends, presence, subscribing, asking, dispatch, services, counters, trace, bug,
    isDurable, archive: settings.archive !== 'off',
    delivery: makeDelivery(cache, bus, counters, outstanding), handOver, outstanding, isAlone: !bus.connected,
    last: makeBatcher(async (all) => {
      const found = await stores.log.lasts([...new Set(all)])
      return all.map((account) => found.get(account)?.seq ?? 0)
    }, 500, 100_000),
  })
  /** Ends that are being written. */
  const ending = new Map<string, Promise<void>>()
  const sessionOver = (session: Session, clean: boolean): Promise<void> | void => {
    if (!session.open) return
    session.open = false
    session.parted = clean
    fence?.over(session)
    sessions.remove(session)
    feed.ended(session)
    if (!clean) resends.unclean(session.account)
    // or may still send what its client sent in one before it
    const isOwed = !clean || session.suspect > 0
    const over = async (): Promise<void> => {
      rows.remove(session, isOwed ? resumption.noted(session) : null)
      // D16: a node that stood still finds the end of a session that is there anew, elsewhere: its contacts have heard the truth
      if (elsewhere === null || !await elsewhere.isAnothers(session).catch(() => false)) presence.ended(session)
      unanswered(session)
      if (session.carbons) session.member.copies--
      members.release(session.member)
    }
    // D16: that it cannot be resumed any more is written first, so that no crash makes a ghost of who has said goodbye
    const written = resumption.ended(session, !isOwed)
    if (written === null && elsewhere === null) {
      void over() // in this turn: nothing is waited for
      return
    }
    const { full } = session.jid
    const before = ending.get(full)
    // of two, one after the other: the first is waited for with the second
    const all = Promise.resolve(written).then(() => before).then(over).finally(() => {
      if (ending.get(full) === all) ending.delete(full)
    })
    ending.set(full, all)
    return all
  }

  /** It lives on, on another node (durability.md D9): nobody hears of it here but the connection that it had. */
  const sessionMoved = (session: Session, nowhere = false): void => {
    if (session.moved) return
    session.moved = true
    if (!session.open) return
    outstanding.moved(session.jid.full)
    session.open = false
    sessions.remove(session)
    // where it is now is not what was found while it was here
    cache.invalidate(session.account, Number.MAX_SAFE_INTEGER)
    feed.left(session)
    if (nowhere) {
      void resumption.ended(session, false)
      unanswered(session)
    } else {
      resumption.moved(session)
      gone.set(session.id, session)
      // its client may answer where it is now; it is this node that whoever asked it here can hear of it from, if it does not
      for (const request of session.asked?.values() ?? []) {
        const from = jid(request.from)
        if (from !== null && sessions.find(from) !== undefined) outstanding.sent(request, null)
      }
    }
    session.outlet.close(new StreamError('conflict', 'the session goes on elsewhere'))
    if (session.carbons) session.member.copies--
    members.release(session.member)
  }

  /** Durability.md D15, XEP-0198 §5: who asked it something is told that there will be no answer; what it did not get and is not of the log goes back. */
  const unanswered = (session: Session): void => {
    for (const request of session.asked?.values() ?? []) failed(request)
    undelivered(session)
  }
  const back = (frame: Frame, condition: Condition): void => {
    const error = errorOf(frame, frame.from, new StanzaError(condition))
    void router.fromServer(frameOf(error) as Stanza)
  }
  const failed = ({ from, to, id }: Asked): void => {
    // who was told before that it was given up is not told again
    if (!outstanding.answered(to, from, id)) back(frameOf(`<iq type='get'${attribute('id', id)}${attribute('from', from)}${attribute('to', to)}/>`), 'recipient-unavailable')
  }
  /** @param count what its client has got, by what it said elsewhere */
  const undelivered = (session: Session, count?: number): void => {
    const lost = [...session.stream?.lost(count) ?? []]
    session.deferred?.release(Infinity, (octets) => lost.push(octets) > 0)
    for (const octets of lost) {
      const frame = frameOf(octets)
      const asked = count !== undefined && frame.kind === 'iq' ? noMoreAsked(session, frame.from, frame.id) : undefined
      if (asked !== undefined) failed(asked)
      // carbons are its account's own
      if (frame.kind === 'message' && frame.from !== '' && frame.from !== session.account && (frame.type === 'chat' || frame.type === 'normal' || frame.type === '') && octets.includes('<body')) back(frame, 'recipient-unavailable')
    }
  }

  /** D19: an entry that waited too long. Its sender is told, where it still can be. */
  const bounce = async (account: string, entry: LogEntry): Promise<void> => {
    const frame = frameOf(entry.xml)
    trace.expired(account, entry.seq)
    if (frame.from !== '') await router.fromServer(frameOf(errorOf({ ...frame, to: frame.to === '' ? account : frame.to }, frame.from, new StanzaError('recipient-unavailable', 'nobody came for it in time'))) as Stanza)
  }

  const ownersOf = makeBatcher<string, Owners | undefined>(async (all) => {
    const found = await stores.presence.owners([...new Set(all)])
    return all.map((account) => found.get(account))
  }, 500, 100_000)
  const resumption = makeResumption({
    sessions, members, feed, log, acks, clock, trace, report, sessionOver, acknowledged, unclean: resends.unclean, suspects: resends.suspects, logStore: stores.log, store: stores.resumption,
    takeover: stores.takeover ?? null, node,
    check: async (accounts) => void await Promise.all(accounts.map(confirm)),
    taken: handOver.taken, resumed: handOver.resumed, yields: handOver.yields,
    ownerOf: async (account, sessionId) => {
      const owner = (await ownersOf(account))?.sessions.get(sessionId) ?? null
      return owner?.id === node.id && owner.epoch === node.epoch ? null : owner
    },
    asked: (session, to, id) => {
      const address = jid(to)
      if (address === null) return
      const request = { from: session.jid.full, to: address.full, id }
      outstanding.sent(request, null)
      void Promise.resolve(cache.resolve(address)).then((found) => {
        const there = found === 'unknown' ? undefined : found.elsewhere.find((l) => l.resource === address.resource)
        if (there !== undefined) outstanding.located(request, there)
      })
    },
    raised: (account, generation) => {
      raisedTo(members.get(account), generation)
      cache.invalidate(account, generation) // what is here now was elsewhere
      bus.invalidate(account, generation)
    }, moved: (session, nowhere) => sessionMoved(session, nowhere),
    window: settings.resumeWindow, foldEvery: settings.foldEvery * 1000, silence: settings.silentAfter * 1000,
    catchUp: (session) => {
      const { hold } = session
      session.hold = null
      if (hold !== null && 'release' in hold) (hold as Holding).release()
      if (session.deferred?.lossy === true) {
        session.deferred.lossy = false
        presence.retell(session)
      }
      presence.ready(session)
      // its client announces them once a session; who has taken the session up, from another node or life, must ask anew
      if (learnsCaps && session.caps === null && session.presence !== null) caps.note(session, frameOf(session.presence.head + session.presence.tail) as Stanza)
    },
    repair: (session, requests, { rosterVersion }) => {
      for (const { id, to, refusal } of requests) {
        const frame = frameOf(`<${refusal === '' ? 'iq' : 'message'}${attribute('id', id)}${attribute('to', to)}/>`)
        const error = refusal === '' ? new StanzaError('recipient-unavailable', '', { type: 'wait' }) : new StanzaError(refusal as Condition)
        session.outlet.write(errorOf(frame, session.jid.full, error), false)
      }
      refresh(session, rosterVersion)
    },
  })
  /** Of its contacts, and of what has changed in its roster since that version. */
  const refresh = (session: Session, version: number): void => {
    presence.retell(session)
    if (!session.interested) return
    rosters.read(session.account, String(version)).then((roster) => {
      if (roster === null || !session.open) return
      rosters.push(session, roster.changes)
    }, report)
  }
  const resync = makeResync({ sessions, members, store: stores.members, blocklists, report, check: (accounts) => Promise.all(accounts.map(recheck)), tell: (session) => refresh(session, session.rosterVersion) })
  const confirm = makeBatcher<string, void>(async (accounts) => {
    await fence?.check([], [...new Set(accounts)])
    return []
  }, 500, 100_000)
  const recheck = makeBatcher<string, void>(async (accounts) => {
    await Promise.all(accounts.map(confirm))
    // D12: a sibling elsewhere may have ended, and left what waits
    for (const account of new Set(accounts)) feed.inherit(account)
    return []
  }, 500, 100_000)
  const doubt = (account: string): void => void recheck(account).catch(report)
  const comparing = makeComparing(stores.log, sessions, settings.foldEvery * 1000, (session) => void feed.follow(session), bus.connected ? doubt : null, report)
  return {
    invalidated: (account, generation) => {
      cache.invalidate(account, generation)
      const [session] = sessions.of(account).all
      if (session !== undefined && session.member.generation < generation) doubt(account)
    },
    missed: () => {
      cache.invalidateAll()
      resync()
    },
    doubt,
    log, feed, handOver, outstanding, acks, resumption, resends, trace, sessionOver, bounce,
    ending: (full) => ending.get(full),
    router, sessions, members, rows, cache, counters, dispatch, services,
    tick: () => {
      outstanding.tick()
      feed.tick()
      resumption.tick()
      comparing.tick(clock.monotonic())
    },
    idle: async (ms) => {
      await log.idle(ms)
      await Promise.race([Promise.all(ending.values()), new Promise((resolve) => setTimeout(resolve, ms).unref())])
      await acks.flush().catch(report)
      await rows.idle(ms)
      await presence.idle(ms)
    },
  }
}
