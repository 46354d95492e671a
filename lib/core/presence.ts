// Presence (RFC 6121 §4): what makes a session available, who hears of it, and what it hears of its contacts.
// One presence to a thousand contacts is one piece of octets, cut once where each receiver's address goes in.
import { AwayError, StanzaError } from '../base/errors.js'
import { parseJid } from '../base/jid.js'
import type { Jid } from '../base/jid.js'
import { NS } from '../base/namespaces.js'
import { ownCopy } from '../base/octets.js'
import { stamp } from '../base/stanza.js'
import type { Stanza } from '../base/stanza.js'
import { frameOf } from '../wire/framer.js'
import { treeOf } from '../wire/tree.js'
import { attribute } from '../wire/writer.js'
import { makeBatcher } from './batcher.js'
import type { Blocklist } from './blocklist.js'
import type { Blocklists } from './blocklists.js'
import { ignored } from './ending.js'
import type { Verdict } from './ending.js'
import { withDelay } from './entry.js'
import { post } from './deferred.js'
import type { Elsewhere } from './elsewhere.js'
import type { Feed } from './feed.js'
import { orWait } from './or-wait.js'
import type { Clock, Departure, DepartureStore, Said } from './ports.js'
import type { PresenceRows } from './presence-rows.js'
import type { Broadcast, Session, Sessions } from './sessions.js'
import { makeUntilDone } from './until-done.js'

export interface Presence {
  /** Presence without a receiver (§4.2, §4.4, §4.5). */
  broadcast(session: Session, stanza: Stanza): Promise<Verdict> | Verdict
  /** Remember to whom presence was sent directly (§4.6.3). Refuses one address too many. */
  direct(session: Session, to: Jid, stanza: Stanza): StanzaError | null
  /** The session is over, in order or not: whoever saw it is told (§4.5.2, §4.6.3). */
  ended(session: Session): void
  /** The present presence of one account's sessions, to another's; `gone`: that they are unavailable. */
  show(account: string, to: string, gone?: 'gone'): void
  /** The same of those on this node only: another node shows its own. */
  showHere(account: string, to: string, gone?: 'gone'): void
  /** Say what each of an account's sessions said last again, changed: something of the account is part of it (XEP-0153). */
  restate(account: string, change: (said: Stanza) => Stanza): void
  /** Answer a probe (§4.3.2). */
  probe(from: Jid, to: Jid, session: Session): Verdict | Promise<Verdict>
  /** Whether a session of the account is available, on whatever node. */
  isAvailable(account: string): boolean | Promise<boolean>
  /** When the account's last session ended; null: never, or it has one here now. */
  lastSeen(account: string): Promise<Departure | null>
  /** It is connected again: give it what waits for it, and let live traffic in where that was not done yet. */
  ready(session: Session): void
  /** After a crash: one presence of each contact's sessions, and for who has none that it is away (promise 3). */
  retell(session: Session): void
  /** Resolves when what is known of departures is written, or after `ms`. */
  idle(ms: number): Promise<void>
}

export interface PresenceParts {
  readonly sessions: Sessions
  readonly rows: PresenceRows
  readonly feed: Feed
  readonly departures: DepartureStore
  readonly blocklists: Blocklists
  /** null: there are no other nodes. */
  readonly elsewhere: Elsewhere | null
  readonly clock: Clock
  readonly bug: (error: unknown, stanza: Stanza) => void
  /** Addresses that one session may have sent directed presence to. */
  readonly mostDirected: number
  /** Octets that a log-in gives in one go. */
  readonly piece: number
}

/** RFC 6121 §4.7.2.3: an integer from -128 to 127; 0 where there is none. */
const priorityOf = (stanza: Stanza): number => {
  const child = stanza.children.find((c) => c.ns === NS.client && c.name === 'priority')
  if (child === undefined) return 0
  const text = treeOf(stanza.xml.slice(child.start, child.end)).getText().trim()
  const value = Number(text)
  if (!/^[+-]?\d{1,3}$/.test(text) || value < -128 || value > 127) throw new StanzaError('bad-request', 'a priority is a number from -128 to 127')
  return value
}

const broadcastOf = (session: Session, stanza: Stanza): Broadcast => {
  const attributes = stanza.lang === '' ? session.fromWithLang : session.from
  const octets = ownCopy(stamp(stanza, attributes))
  const cut = stanza.nameEnd + attributes.length
  return { head: octets.slice(0, cut), tail: octets.slice(cut), declared: stanza.declared }
}

/** §4.3.2, §4.6.6: that a session is there, and nothing else of it. */
const mere = (session: Session): Broadcast => ({ head: `<presence${session.from}`, tail: '/>', declared: false })

/** §4.5.2: what the server says for a session that can say nothing any more. */
export const lastWord = (session: Session): Broadcast => ({ head: `<presence${session.from}`, tail: " type='unavailable'/>", declared: false })

export const give = (to: Session, { head, tail, declared }: Broadcast): void => {
  post(to, head + to.toBare + tail, declared)
}

/** XEP-0191 §3.3: neither sees the other's presence where one blocks the other; §5: not among one's own sessions. */
export const mayPass = (from: Session, to: Session): boolean => from.account === to.account || !isBlocked(from.member.blocks, to.jid) && !isBlocked(to.member.blocks, from.jid)

export const isBlocked = (list: Blocklist | null, jid: Jid): boolean => list !== null && list.blocks(jid)

/** Has sent presence to it directly, and not taken it back (§4.6). */
const knows = ({ directed }: Session, other: Jid): boolean => directed !== null && (directed.has(other.full) || directed.has(other.bare))

export const makePresence = ({ sessions, rows, feed, blocklists, departures, elsewhere, clock, bug, mostDirected, piece }: PresenceParts): Presence => {
  /** To all sessions of the account, the one that says it among them, and to those of its subscribers (§4.2.2, §4.4.2). */
  const tell = (session: Session, said: Broadcast): void => {
    const own = sessions.of(session.account).available
    for (let i = 0; i < own.length; i++) give(own[i] as Session, said)
    for (const contact of session.member.from) {
      const there = sessions.of(contact).available
      for (let i = 0; i < there.length; i++) if (mayPass(session, there[i] as Session)) give(there[i] as Session, said)
    }
    if (elsewhere === null) return
    elsewhere.tell(parseJid(session.account), said, session)
    // whom a contact blocks is known where it is
    for (const contact of session.member.from) if (session.member.blocks?.blocksAccount(contact) !== true) elsewhere.tell(parseJid(contact), said, session)
  }

  /** §4.2.2: what a session that has become available is told of others: as if it had probed each of its contacts (§4.3). */
  const inform = async (session: Session): Promise<void> => {
    const { member } = session
    let octets = 0
    /** Much was given: wait until the client has it, for many contacts would look like a slow reader. False: it is gone. */
    const hasRoom = async (): Promise<boolean> => {
      octets = 0
      return session.outlet.flushed()
    }
    for (const other of sessions.of(session.account).available) if (other !== session) give(session, other.presence as Broadcast)
    const away: string[] = []
    for (const contact of member.to) {
      const there = sessions.of(contact).available
      if (there.length === 0 && member.blocks?.blocksAccount(contact) !== true) away.push(contact)
      for (const other of there) {
        if (!other.member.from.has(session.account) || !mayPass(other, session)) continue
        const said = other.presence as Broadcast
        give(session, said)
        octets += said.head.length + said.tail.length
      }
      if (octets > piece && !await hasRoom()) return
    }
    if (elsewhere !== null) {
      // what the store cannot tell now costs no log-in; it is asked again, and until then nobody is taken for away
      const others = await elsewhere.said([session.account, ...member.to], session).catch(() => null)
      if (others === null) {
        away.length = 0
        void retellLater(session)
      }
      for (const { account, presence } of others ?? []) {
        const at = away.indexOf(account)
        if (at >= 0) away.splice(at, 1)
        give(session, cutOf(presence))
        octets += presence.length
        if (octets > piece && !await hasRoom()) return
      }
    }
    // §3.1.3: again at each log-in, until answered; not while it is blocked (XEP-0191 §3.3)
    for (const [from, request] of member.requests) {
      // answered meanwhile
      if (member.requests.get(from) !== request || member.blocks?.blocksAccount(from) === true) continue
      session.outlet.write(request, frameOf(request).declared)
      octets += request.length
      if (octets > piece && !await hasRoom()) return
    }
    // §4.3.2: telling of those who are away is not mandatory; what the store cannot tell now costs no log-in
    if (away.length > 0) await lastWords(session, away).catch(() => {})
  }

  /** §4.3.2 case 3: of those who left with a word; the others are silent, which says the same. */
  const lastWords = async (session: Session, away: readonly string[]): Promise<void> => {
    const words = [...await departures.load(away, true)]
    // who has no session here is no member, so that its block list has to be asked for
    const lists = await Promise.all(words.map(async ([contact]) => blocklists.of(contact)))
    words.forEach(([contact, { at, presence }], i) => {
      if (presence === null || !session.open || sessions.of(contact).available.length > 0 || lists[i]?.blocks(session.jid) === true) return
      give(session, cutOf(withDelay(frameOf(presence), parseJid(contact).domain, at)))
    })
  }

  /** That the store is away shows elsewhere, and passes; everything else must be seen, or nobody would ever know. */
  const report = (error: unknown): void => {
    const reason = error instanceof StanzaError ? error.cause ?? error : error
    if (!(reason instanceof AwayError)) bug(reason, frameOf('<presence/>') as Stanza)
  }

  const written = (save: Promise<unknown>): Promise<unknown> => orWait(save, 'presence cannot be written now')

  const available = (session: Session, stanza: Stanza, priority: number): Promise<Verdict> | Verdict => {
    const said = broadcastOf(session, stanza)
    if (session.wanted !== priority || session.priority !== priority) return appear(session, said, priority)
    // Nothing changes for routing: the row follows, the last one counts
    session.presence = said
    tell(session, said)
    const written = rows.update(session)
    // what its client counts as done must be there after a crash
    return session.stream?.resumable === true ? written.then(() => 'answered') : 'answered'
  }

  /** What sessions are going to say once their row is written; what is restated meanwhile is changed here. */
  const coming = new Map<Session, Broadcast>()
  /** null: it is another node's. */
  const saved = async (session: Session, said: Broadcast, priority: number): Promise<Broadcast | null> => {
    coming.set(session, said)
    try {
      return await written(rows.save(session, priority, said)) === null ? null : coming.get(session) as Broadcast
    } finally {
      coming.delete(session)
    }
  }

  const appear = async (session: Session, given: Broadcast, priority: number): Promise<Verdict> => {
    // Write the row, tell the contacts, then read the mailbox, then let live traffic in (routing.md, step 7)
    session.appearing = true
    const said = await saved(session, given, priority).finally(() => {
      session.appearing = false
    })
    if (said === null || !session.open) return ignored('RFC 6121 §4.2.2')
    const isInitial = session.wanted === null
    session.wanted = priority
    session.presence = said
    sessions.changed(session.account)
    if (said !== given) void rows.update(session)
    tell(session, said)
    if (isInitial) await inform(session)
    const live = (): void => {
      session.priority = session.wanted
      sessions.changed(session.account)
    }
    if (priority < 0 || (session.priority ?? -1) >= 0) live()
    else await feed.drain(session, live)
    if (session.behind && session.priority !== null) void feed.drain(session, () => {})
    return 'answered'
  }

  const disappear = async (session: Session, stanza: Stanza): Promise<Verdict> => {
    const said = broadcastOf(session, stanza)
    if (session.wanted === null) {
      if (session.directed === null) return ignored('RFC 6121 §4.5.2')
      farewell(session, said, false) // §4.6.3 case 3
      return 'answered'
    }
    // no message may come any more, whether the row can be written or not
    session.priority = null
    sessions.changed(session.account)
    if (await written(rows.save(session, null, null)) === null || !session.open) return ignored('RFC 6121 §4.5.2')
    // §4.3.2 case 3: as of the account, for none of its resources is there any more
    leave(session, said, stanza.children.length === 0 ? null : ownCopy(stamp(stanza, session.fromBare + session.fromWithLang.slice(session.from.length))))
    give(session, said) // §4.5.2: also to the resource itself
    return 'answered'
  }

  /** @param words the last presence where it says more than that it is the last: worth keeping (§4.3.2) */
  const leave = (session: Session, said: Broadcast, words: string | null): void => {
    session.wanted = session.priority = null
    session.presence = null
    sessions.changed(session.account)
    tell(session, said)
    farewell(session, said, true)
    if (sessions.of(session.account).available.length === 0) depart(session.account, words)
  }

  /** §4.6.3: who was sent directed presence hears of its end. @param told subscribers have heard of it (§4.6.1) */
  const farewell = (session: Session, said: Broadcast, told: boolean): void => {
    const { directed } = session
    session.directed = null
    for (const to of directed?.values() ?? []) {
      if (told && (to.bare === session.account || session.member.from.has(to.bare))) continue
      const { all, available } = sessions.of(to.bare)
      // §8.5.3.1: a resource that is named gets it, available or not; as it got the beginning
      const there = to.resource === '' ? available : all.filter((s) => s.jid.resource === to.resource)
      for (const other of there) if (mayPass(session, other)) give(other, said)
      if (!isBlocked(session.member.blocks, to)) elsewhere?.tell(to, said, session)
    }
  }

  const saveDepartures = makeBatcher<Departure & { account: string }, void>(async (all) => {
    await departures.save(all)
    return []
  }, 500, 100_000)
  /** Not written yet. */
  const leaving = new Map<string, Departure>()
  /** No session of the account is available any more. */
  const depart = (account: string, words: string | null): void => {
    const departure = { at: clock.now(), presence: words }
    leaving.set(account, departure)
    saveDepartures({ account, ...departure })
      .catch(report)
      .finally(() => {
        if (leaving.get(account) === departure) leaving.delete(account)
      })
  }

  /** What its contacts on other nodes say could not be read: again, until it can. */
  const retellLater = makeUntilDone<Session>(async (some) => {
    // all is read before anybody is told: nobody is told anew because it failed for another
    const said = await Promise.all(some.map(async (session) => (session.open && elsewhere !== null ? elsewhere.said([session.account, ...session.member.to], session) : [])))
    some.forEach((session, i) => {
      if (session.open) retold(session, said[i] as readonly Said[])
    })
  }, report)

  /** @param others what sessions on other nodes said */
  const retold = (session: Session, others: readonly Said[]): void => {
    if (session.wanted === null) return
    const heard = new Set(others.map((o) => o.account))
    for (const contact of session.member.to) {
      const there = sessions.of(contact).available.filter((s) => s.member.from.has(session.account) && mayPass(s, session))
      for (const other of there) give(session, other.presence as Broadcast)
      if (there.length === 0 && !heard.has(contact)) give(session, { head: `<presence${attribute('from', contact)}`, tail: " type='unavailable'/>", declared: false })
    }
    for (const { presence } of others) give(session, cutOf(presence))
    for (const other of sessions.of(session.account).available) give(session, other.presence as Broadcast)
  }

  const show = (account: string, to: string, gone?: 'gone'): void => {
    elsewhere?.word(account, ['show', to, gone !== undefined])
    showHere(account, to, gone)
  }
  /** Sessions of this node, to all. */
  const showHere = (account: string, to: string, gone?: 'gone'): void => {
    for (const session of sessions.of(account).available) {
      const said = gone === undefined ? session.presence as Broadcast : lastWord(session)
      elsewhere?.tell(parseJid(to), said, session)
      for (const other of sessions.of(to).available) if (gone !== undefined || mayPass(session, other)) give(other, said)
    }
  }

  return {
    broadcast: (session, stanza) => {
      switch (stanza.type) {
        case '': return available(session, stanza, priorityOf(stanza))
        case 'unavailable': return disappear(session, stanza)
        case 'error': return ignored('RFC 6120 §8.3.1')
        case 'probe': return ignored('RFC 6121 §4.3')
        // RFC 6121 §3.1.2: a subscription needs somebody to subscribe to
        default: return new StanzaError('bad-request', 'a subscription needs a `to`')
      }
    },
    direct: (session, to, { type }) => {
      if (type === 'unavailable') session.directed?.delete(to.full)
      // subscribers hear of the end anyway
      else if (type === '' && (session.wanted === null || !session.member.from.has(to.bare))) {
        session.directed ??= new Map()
        if (session.directed.size >= mostDirected && !session.directed.has(to.full)) return new StanzaError('resource-constraint', 'directed presence to too many addresses')
        session.directed.set(to.full, to)
      }
      return null
    },
    ended: (session) => {
      if (session.wanted !== null) leave(session, lastWord(session), null)
      else farewell(session, lastWord(session), false) // directed presence needs no other (§4.6.1)
    },
    show,
    showHere,
    restate: (account, change) => {
      const changed = ({ head, tail }: Broadcast): Broadcast => cutOf(ownCopy(change(frameOf(head + tail) as Stanza).xml))
      for (const session of sessions.of(account).all) {
        const next = coming.get(session)
        if (next !== undefined) coming.set(session, changed(next))
        if (session.presence === null) continue
        session.presence = changed(session.presence)
        void rows.update(session)
        tell(session, session.presence)
      }
    },
    probe: (from, to, session) => {
      // §4.3.2: nobody learns more than a subscriber does; the others learn nothing, not even that they are none
      let answered = false
      for (const other of sessions.of(to.bare).all) {
        if ((to.resource !== '' && other.jid.resource !== to.resource) || !mayPass(other, session)) continue
        const sees = other.presence !== null && (to.bare === from.bare || other.member.from.has(from.bare))
        // §4.6.6: and who was sent directed presence by this very resource
        if (!sees && (to.resource === '' || !knows(other, from))) continue
        answered = true
        give(session, to.resource === '' ? other.presence as Broadcast : mere(other))
      }
      // who sees its presence is on its roster, and so on the own one (RFC 6121 §3)
      if (elsewhere !== null && (to.bare === from.bare || session.member.to.includes(to.bare))) {
        return elsewhere.said([to.bare], session).then((all) => {
          for (const { resource, presence } of all) {
            if (to.resource !== '' && to.resource !== resource) continue
            answered = true
            give(session, to.resource === '' ? cutOf(presence) : { head: `<presence${attribute('from', `${to.bare}/${resource}`)}`, tail: '/>', declared: false })
          }
          return answered ? 'answered' : ignored('RFC 6121 §4.3.2')
        })
      }
      return answered ? 'answered' : ignored('RFC 6121 §4.3.2')
    },
    ready: (session) => {
      const live = (): void => {
        if (session.priority !== null || session.wanted === null) return
        session.priority = session.wanted
        sessions.changed(session.account)
      }
      // D12: what waits for the account is for who has just come, and not for who has been there
      if (session.priority === null && session.wanted !== null && session.wanted >= 0) void feed.drain(session, live)
      else {
        live()
        if (session.wanted === null) feed.returned(session)
        else void feed.follow(session)
      }
    },
    retell: (session) => {
      if (elsewhere === null) retold(session, [])
      else {
        elsewhere.said([session.account, ...session.member.to], session).then((all) => retold(session, all), (error: unknown) => {
          report(error)
          void retellLater(session)
        })
      }
    },
    isAvailable: (account) => sessions.of(account).available.length > 0 || (elsewhere !== null && elsewhere.isAvailable(account)),
    lastSeen: async (account) => {
      if (sessions.of(account).available.length > 0) return null
      return leaving.get(account) ?? (await departures.load([account], false)).get(account) ?? null
    },
    idle: async (ms) => {
      const until = Date.now() + ms
      while (leaving.size > 0 && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 10))
    },
  }
}

/** A whole presence, cut behind its `from`, which a server has stamped first. */
export const cutOf = (octets: string): Broadcast => {
  const { nameEnd, declared } = frameOf(octets)
  return { head: octets.slice(0, nameEnd), tail: octets.slice(nameEnd), declared }
}
