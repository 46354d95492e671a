// What this node hands to others and takes from them (routing.md, step 5; durability.md D6): a committed message is a hint to
// whoever has sessions of its account, with what the commit has made of it; stanzas that are not of the log go as they are; and
// a few words among nodes. A hint that is lost costs time and never a message: its entry is in the log, and positions are compared.
import type { Settings } from '../base/config.js'
import { UsageError } from '../base/errors.js'
import type { Jid } from '../base/jid.js'
import type { Stanza } from '../base/stanza.js'
import { frameOf } from '../wire/framer.js'
import { lastBefore, readBehind } from './behind.js'
import { carbonCopy, enclosable, isEligible, isType } from './carbon-copy.js'
import type { Direction } from './carbon-copy.js'
import { post } from './deferred.js'
import { WORD } from './elsewhere.js'
import type { Word } from './elsewhere.js'
import type { Committed, Feed } from './feed.js'
import type { Members } from './members.js'
import type { Answer, Bus, Location, LoggedEntry, Owner } from './ports.js'
import { readOwes } from './outstanding.js'
import { isBlocked } from './presence.js'
import { bestElsewhere, byNode } from './route-cache.js'
import type { Resolution, RouteCache } from './route-cache.js'
import type { Routed } from './route.js'
import { hasAsked, mayAsk } from './sessions.js'
import type { Session, Sessions } from './sessions.js'

/** As the envelope has it (lib/cluster/envelope.ts). */
export interface Handed {
  readonly account: string
  readonly sessionId: string
  readonly xml: string
  /** A stanza that declares jabber:client itself. */
  readonly declared?: boolean
}

export interface HandOver {
  /** Where the account has sessions elsewhere, as of this commit; which of those here are still this node's is known then, too. null: neither is known, and its sessions find it in the log. */
  at(account: string, generation: number): readonly Location[] | Promise<readonly Location[] | null>
  /** A message that was committed, to its receiver's sessions here and elsewhere. Returns how many here got the message itself, those elsewhere counted as one. */
  received(message: Committed, entry: LoggedEntry, elsewhere: readonly Location[]): number
  /** The sender's entry. */
  sent(message: Committed, entry: LoggedEntry, elsewhere: readonly Location[]): void
  /**
   * A message that is not of the log: copies to those sessions on other nodes that want them (XEP-0280). Told once: what such a message
   * says is soon over. A promise where its stream has to wait for them, so that they stay in order (D11).
   */
  copy(direction: Direction, routed: Routed): Promise<void> | void
  /** Its client has come back with so many stanzas, and nobody else will give it the rest. */
  resumed(from: Owner, account: string, sessionId: string, count: number): void
  /** Ask its owner for a session whose client has come here. True: that has written all that it knows. */
  yields(from: Owner, account: string, sessionId: string): Promise<boolean>
  /** That a session was taken from a node, and is in this incarnation now. */
  taken(from: Owner, account: string, sessionId: string, incarnation: number): void
  /** What other nodes hand over. */
  take(items: readonly Handed[]): Answer[]
}

export interface HandOverParts {
  readonly sessions: Sessions
  readonly members: Members
  readonly cache: RouteCache
  readonly feed: Feed
  readonly bus: Bus
  readonly node: Owner
  readonly jid: (text: string) => Jid | null
  /** A session of this node is another's now. */
  moved(session: Session): void
  /** Look which sessions of the account here are this node's. */
  confirm(account: string): Promise<void>
  /** Its client has come to another node: close its connection, finish what came by it, and write its row. */
  yield(account: string, sessionId: string): Promise<void>
  /** Its client has so many of the stanzas that it was sent here. */
  left(sessionId: string, count: number): void
  /** An answer has come for a session here. True: it has been given up, and one of the server's has gone out instead. */
  answered(from: string, to: string, id: string): boolean
  /** For the sessions of this account here. */
  heard(account: string, word: Word): void
}

const NOWHERE: readonly Location[] = []
/** Words among nodes; no stanza begins like these. */
const MOVED = '<moved '
const PULL = '<pull/>'
const HAS = '<has '
const YIELD = '<yield '
const YIELDED = '<yielded/>'
/**
 * ms that a node is waited for which has a session whose client has gone elsewhere: until it has heard it, for one that stands still
 * does not; until it has done so, for it may be busy, or its database; and until the bus is there, in looks so far apart. Without its
 * word, what it has done and not written is done again where its client is now.
 */
const HEARS = 2000
const YIELDS = 5000
const AWAY = 3000
const LOOK = 50
/** Looks that a question counts for. */
const ASKED = 2
const HINT = '<hint '
const COPY = '<copy '

/** `whole`: somebody gets the message itself, so that others may have copies; `originals`: of those sessions, the ones of that node. */
type HintHead = [seq: number, mark: number, flags: number, generation: number, form: 'received' | 'whole' | 'sent', originals: readonly string[]]
const writeHint = ({ seq, mark, flags, generation }: LoggedEntry, form: HintHead[4], originals: readonly string[], xml: string): string =>
  `${HINT}${JSON.stringify([seq, mark, flags, generation, form, originals] satisfies HintHead)}>${xml}`
const readHint = (text: string): { head: HintHead; xml: string } => {
  const end = text.indexOf(']>') + 1
  return { head: JSON.parse(text.slice(HINT.length, end)) as HintHead, xml: text.slice(end + 1) }
}

/** `got`: sessions of that node that get the message itself; `after`: the copies come behind this entry of their account's log. */
type CopyHead = [direction: Direction, type: string, got: readonly string[], after: number]

/**
 * Octets that come to a client's stanza among nodes, at most: ` from=''` of the longest JID (RFC 7622 §3.1) whose resource is all
 * apostrophes, six octets each, and ` xml:lang=''` (RFC 5646 §4.4.1); a hint's head; and a session's id in it.
 */
const STAMP = 8 + 1023 + 1 + 1023 + 1 + 6 * 1023 + 12 + 6 * 35
const HEAD = 128
const ID = 35

/**
 * Every stanza that a client may send must fit the bus: one that does not comes late at best. (One that has to be rewritten
 * without prefixes, lib/wire/canonical.ts, may be longer; that is left to the log.) Throws UsageError.
 */
export const checkFits = ({ maxStanzaBytes, maxSessionsPerAccount }: Pick<Settings, 'maxStanzaBytes' | 'maxSessionsPerAccount'>, largest: number): void => {
  const more = STAMP + HEAD + ID * maxSessionsPerAccount
  if (maxStanzaBytes + more <= largest) return
  const most = largest - more
  throw new UsageError(`max_stanza_bytes is ${maxStanzaBytes}, with addresses that is ${maxStanzaBytes + more} octets among nodes, and the bus takes ${largest}: ` +
    `raise max_payload of NATS (up to 4 MiB of it are used)${most < 10_000 ? '' : `, or set max_stanza_bytes to no more than ${most}`}`)
}

/** Whom a message is for (RFC 6121 §8.5), wherever they are; a resource that is not there any more had it for the account. */
export const receivers = (sessions: Sessions, to: Jid, elsewhere: readonly Location[]): { readonly here: readonly Session[]; readonly there: readonly Location[] } => {
  if (to.resource !== '') {
    const exact = sessions.find(to)
    if (exact !== undefined) return { here: [exact], there: NOWHERE }
    const there = elsewhere.filter((l) => l.resource === to.resource)
    if (there.length > 0) return { here: [], there }
  }
  const { best } = sessions.of(to.bare)
  if (elsewhere.length === 0) return { here: best, there: NOWHERE }
  const top = best[0]?.priority ?? -1
  const there = bestElsewhere(elsewhere, top)
  return { here: there.some((l) => (l.priority as number) > top) ? [] : best, there }
}

const location = ({ id, epoch }: Owner, sessionId: string): Location => ({ resource: '', sessionId, node: id, epoch, priority: null })

export const makeHandOver = (parts: HandOverParts): HandOver => {
  const { sessions, members, cache, feed, bus, jid, node, moved, left, answered, confirm, heard } = parts
  /** Who waits for a session to be yielded. */
  const yielding = new Map<string, (done: boolean) => void>()
  const at: HandOver['at'] = (account, generation) => {
    if (!bus.connected) return NOWHERE
    // step 1: sessions here count, too, only at the generation that the commit returned, for they may have been taken over
    const known = (members.get(account)?.generation ?? generation) < generation ? confirm(account) : null
    const route = cache.at(account, generation)
    if (known === null && !(route instanceof Promise)) return route.elsewhere
    return Promise.all([known, route]).then(([, r]) => (r === 'unknown' ? null : r.elsewhere), () => null)
  }

  /** One hint a node: its sessions stand at one log. @param originals of those that are to get the message itself */
  const hint = (account: string, elsewhere: readonly Location[], originals: readonly Location[], text: (ids: readonly string[]) => string): void => {
    for (const locations of byNode(elsewhere)) {
      const ids = originals.filter((l) => locations.includes(l)).map((l) => l.sessionId)
      void bus.send(locations[0] as Location, account, text(ids)).then((answer) => {
        // an entry that nobody there has any more: the others may have it. No answer, or a busy one, is no news of that kind
        if (ids.length > 0 && (answer === 'gone' || answer === 'refused' || typeof answer === 'object')) again(account)
      })
    }
  }

  /** The route was wrong: whoever else the account has is to look at what waits. */
  const again = (account: string): void => {
    cache.stale(account)
    feed.inherit(account)
    void Promise.resolve(cache.of(account)).then((found) => {
      if (found === 'unknown') return
      for (const [first] of byNode(found.elsewhere)) void bus.send(first as Location, account, PULL)
    })
  }

  const taken = (account: string, xml: string): Answer => {
    const { all } = sessions.of(account)
    const nobody = { generation: members.get(account)?.generation ?? null }
    if (all.length === 0) return nobody
    const { head: [seq, mark, flags, generation, form, ids], xml: octets } = readHint(xml)
    const stanza = frameOf(octets) as Stanza
    const from = jid(stanza.from)
    const to = jid(stanza.to === '' ? account : stanza.to)
    if (from === null || to === null) return 'refused'
    const message: Committed = { stanza, from, to, sender: null, xml: octets }
    const entry = { seq, mark, flags, generation }
    if (form === 'sent') {
      feed.sent(message, entry)
      return 'accepted'
    }
    // whether it has the very resource, the owner knows best
    const exact = to.resource === '' ? undefined : sessions.find(to)
    const originals = exact === undefined ? all.filter((s) => ids.includes(s.id)) : [exact]
    feed.received(message, entry, originals, form === 'whole' && exact === undefined)
    return ids.length > 0 && originals.length === 0 ? nobody : 'accepted'
  }

  const stanza = ({ account, sessionId, xml: text, declared = false }: Handed): Answer => {
    const { after, xml } = readBehind(text)
    const session = sessions.of(account).all.find((s) => s.id === sessionId)
    if (session === undefined) return { generation: members.get(account)?.generation ?? null }
    if (after !== null) feed.lacks(session, after)
    // most are messages, of which nothing needs to be read
    if (xml.startsWith('<message')) {
      feed.expects(session)
      return post(session, xml, declared, after ?? 0) ? 'accepted' : { generation: null }
    }
    const frame = frameOf(xml) as Stanza
    const from = jid(frame.from)
    if (from === null) return 'refused'
    if (frame.kind === 'iq') {
      if (frame.type === 'result' || frame.type === 'error') {
        if (answered(frame.from, session.jid.full, frame.id)) return 'accepted'
      } else if (!mayAsk(session, { from: from.full, to: session.jid.full, id: frame.id })) return 'busy'
    }
    // XEP-0191 §3.3: whom it blocks is known here, and not to who sent it
    if (frame.kind === 'presence' && from.bare !== account && isBlocked(session.member.blocks, from)) return 'accepted'
    return post(session, xml, frame.declared, after ?? 0) ? 'accepted' : { generation: null }
  }

  const copyTo = (found: Resolution, direction: Direction, routed: Routed): Promise<void> | void => {
    const { stanza, from, to, session } = routed
    if (found === 'unknown' || found.elsewhere.length === 0) return
    const got = direction === 'sent' ? NOWHERE : receivers(sessions, to, found.elsewhere).there
    if (got.length === found.elsewhere.length || !isEligible(stanza, from, direction)) return
    const account = direction === 'sent' ? from.bare : to.bare
    // of its own account this node has seen what its session has put there
    const after = (direction === 'sent' ? session?.member.seq : lastBefore(routed)) ?? 0
    const original = enclosable(stanza, session)
    const told: Promise<unknown>[] = []
    for (const locations of byNode(found.elsewhere)) {
      const ids = got.filter((l) => locations.includes(l)).map((l) => l.sessionId)
      if (ids.length === locations.length) continue
      const head: CopyHead = [direction, isType(stanza.type) ? stanza.type : '', ids, after]
      told.push(bus.send(locations[0] as Location, account, `${COPY}${JSON.stringify(head)}>${original}`))
    }
    return Promise.all(told).then(() => {})
  }

  const copied = (account: string, xml: string): void => {
    const end = xml.indexOf(']>') + 1
    const [direction, type, got, after] = JSON.parse(xml.slice(COPY.length, end)) as CopyHead
    const original = xml.slice(end + 1)
    for (const session of sessions.of(account).all) {
      if (!session.carbons || got.includes(session.id)) continue
      if (after > 0) feed.lacks(session, after)
      post(session, carbonCopy(direction, session, type, original), false, after)
    }
  }

  const askToYield = (from: Owner, account: string, sessionId: string): Promise<boolean> => new Promise((resolve) => {
    const done = (yielded: boolean): void => {
      clearTimeout(late)
      if (yielding.get(sessionId) === done) yielding.delete(sessionId)
      resolve(yielded)
    }
    let late = setTimeout(done, HEARS, false)
    yielding.set(sessionId, done)
    void bus.send(location(from, sessionId), account, `${YIELD}${JSON.stringify([node.id, node.epoch])}/>`).then((answer) => {
      if (answer !== 'accepted') return done(false)
      if (yielding.get(sessionId) !== done) return
      clearTimeout(late)
      late = setTimeout(done, YIELDS, false)
    })
  })

  return {
    at,
    received: (message, entry, elsewhere) => {
      const { here, there } = receivers(sessions, message.to, elsewhere)
      if (elsewhere.length > 0) hint(message.to.bare, elsewhere, there, (ids) => writeHint(entry, here.length + there.length > 0 ? 'whole' : 'received', ids, message.xml))
      return feed.received(message, entry, here, there.length > 0) + (there.length > 0 ? 1 : 0)
    },
    sent: (message, entry, elsewhere) => {
      if (elsewhere.length > 0) hint(message.from.bare, elsewhere, NOWHERE, () => writeHint(entry, 'sent', [], message.xml))
      feed.sent(message, entry)
    },
    copy: (direction, routed) => {
      const found = cache.of(direction === 'sent' ? routed.from.bare : routed.to.bare)
      return found instanceof Promise ? found.then((f) => copyTo(f, direction, routed)) : copyTo(found, direction, routed)
    },
    yields: async (from, account, sessionId) => {
      let isBusAway = false
      for (let looks = AWAY / LOOK; ; looks -= bus.up ? ASKED : 1) {
        if (bus.up && await askToYield(from, account, sessionId)) return true
        // once it is back, the other node may be back a moment later
        isBusAway ||= !bus.up
        if (!isBusAway || looks <= 0) return false
        await new Promise((resolve) => setTimeout(resolve, LOOK))
      }
    },
    resumed: (from, account, sessionId, count) => void bus.send(location(from, sessionId), account, `${HAS}${count}/>`),
    taken: (from, account, sessionId, incarnation) => void bus.send(location(from, sessionId), account, `${MOVED}${incarnation}/>`),
    take: (items) => items.map((item): Answer => {
      const { account, sessionId, xml } = item
      // most are these, and the rest is none of them
      if (xml.startsWith('<message')) return stanza(item)
      if (xml.startsWith(HINT)) return taken(account, xml)
      if (xml.startsWith(COPY)) {
        copied(account, xml)
        return 'accepted'
      }
      if (xml.startsWith(WORD)) {
        heard(account, JSON.parse(xml.slice(WORD.length)) as Word)
        return 'accepted'
      }
      if (xml === PULL) {
        feed.inherit(account)
        return 'accepted'
      }
      if (xml.startsWith(HAS)) {
        left(sessionId, parseInt(xml.slice(HAS.length), 10))
        return 'accepted'
      }
      const owed = readOwes(xml)
      if (owed !== null) return sessions.of(account).all.some((s) => s.id === sessionId && hasAsked(s, owed)) ? 'accepted' : { generation: null }
      if (xml.startsWith(YIELD)) {
        const [id, epoch] = JSON.parse(xml.slice(YIELD.length, -2)) as [string, number]
        void parts.yield(account, sessionId).finally(() => void bus.send(location({ id, epoch }, sessionId), account, YIELDED))
        return 'accepted'
      }
      if (xml === YIELDED) {
        yielding.get(sessionId)?.(true)
        return 'accepted'
      }
      if (!xml.startsWith(MOVED)) return stanza(item)
      const session = sessions.of(account).all.find((s) => s.id === sessionId)
      // it may have come back meanwhile
      if (session !== undefined && session.incarnation < Number.parseInt(xml.slice(MOVED.length))) moved(session)
      return 'accepted'
    }),
  }
}
