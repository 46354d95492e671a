// What this node hands to others and takes from them (routing.md, step 5; durability.md D6): a committed message is a hint to
// whoever has sessions of its account, with what the commit has made of it; stanzas that are not of the log go as they are; and
// a few words among nodes. A hint that is lost costs time and never a message: its entry is in the log, and positions are compared.
import type { Jid } from '../base/jid.js'
import type { Stanza } from '../base/stanza.js'
import { frameOf } from '../wire/framer.js'
import { post } from './deferred.js'
import { WORD } from './elsewhere.js'
import type { Word } from './elsewhere.js'
import { cutAfter, mayAsk } from './delivery.js'
import type { Committed, Feed } from './feed.js'
import type { Members } from './members.js'
import type { Answer, Bus, Location, LoggedEntry } from './ports.js'
import { isBlocked } from './presence.js'
import { bestElsewhere } from './route-cache.js'
import type { RouteCache } from './route-cache.js'
import type { Session, Sessions } from './sessions.js'

/** As the envelope has it (lib/cluster/envelope.ts). */
export interface Handed {
  readonly account: string
  readonly sessionId: string
  readonly xml: string
}

export interface HandOver {
  /** Where the account has sessions elsewhere, as of this commit. */
  at(account: string, generation: number): readonly Location[] | Promise<readonly Location[]>
  /** A message that was committed, to its receiver's sessions here and elsewhere. Returns how many here got the message itself, those elsewhere counted as one. */
  received(message: Committed, entry: LoggedEntry, elsewhere: readonly Location[]): number
  /** The sender's entry. */
  sent(message: Committed, entry: LoggedEntry, elsewhere: readonly Location[]): void
  /** That a session was taken from a node, and is in this incarnation now. */
  taken(from: { readonly id: string; readonly epoch: number }, account: string, sessionId: string, incarnation: number): void
  /** What other nodes hand over. */
  take(items: readonly Handed[]): Answer[]
}

export interface HandOverParts {
  readonly sessions: Sessions
  readonly members: Members
  readonly cache: RouteCache
  readonly feed: Feed
  readonly bus: Bus
  readonly jid: (text: string) => Jid | null
  /** A session of this node is another's now. */
  moved(session: Session): void
  /** Find out which of this account's sessions here are this node's yet; resolves when that is known. */
  verify(account: string): Promise<void>
  /** For the sessions of this account here. */
  heard(account: string, word: Word): void
}

const NOWHERE: readonly Location[] = []
/** Words among nodes; no stanza begins like these. */
const MOVED = '<moved '
const PULL = '<pull/>'
const HINT = '<hint '

/** `whole`: somebody gets the message itself, so that others may have copies; `originals`: of those sessions, the ones of that node. */
type HintHead = [seq: number, mark: number, flags: number, generation: number, form: 'received' | 'whole' | 'sent', originals: readonly string[]]
const writeHint = ({ seq, mark, flags, generation }: LoggedEntry, form: HintHead[4], originals: readonly string[], xml: string): string =>
  `${HINT}${JSON.stringify([seq, mark, flags, generation, form, originals] satisfies HintHead)}>${xml}`
const readHint = (text: string): { head: HintHead; xml: string } => {
  const end = text.indexOf(']>') + 1
  return { head: JSON.parse(text.slice(HINT.length, end)) as HintHead, xml: text.slice(end + 1) }
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

export const makeHandOver = ({ sessions, members, cache, feed, bus, jid, moved, verify, heard }: HandOverParts): HandOver => {
  const at = (account: string, generation: number): readonly Location[] | Promise<readonly Location[]> => {
    if (!bus.connected) return NOWHERE
    // routing.md, step 1: sessions here are used only at the generation at which they are this node's
    const member = members.get(account)
    return member === undefined || member.generation >= generation ? routeAt(account, generation) : verify(account).then(() => routeAt(account, generation))
  }

  const routeAt = (account: string, generation: number): readonly Location[] | Promise<readonly Location[]> => {
    const route = cache.at(account, generation)
    // unknown: their owners find it in the log
    return route instanceof Promise ? route.then((r) => (r === 'unknown' ? NOWHERE : r.elsewhere)) : route.elsewhere
  }

  /** One hint a node: its sessions stand at one log. @param originals of those that are to get the message itself */
  const hint = (account: string, elsewhere: readonly Location[], originals: readonly Location[], text: (ids: readonly string[]) => string): void => {
    const nodes = new Map<string, Location[]>()
    for (const location of elsewhere) {
      const key = `${location.node} ${location.epoch}`
      const there = nodes.get(key)
      if (there === undefined) nodes.set(key, [location])
      else there.push(location)
    }
    for (const locations of nodes.values()) {
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
    const address = jid(account)
    if (address === null) return
    feed.inherit(account)
    void Promise.resolve(cache.resolve(address)).then((found) => {
      if (found === 'unknown') return
      const told = new Set<string>()
      for (const location of found.elsewhere) {
        const key = `${location.node} ${location.epoch}`
        if (!told.has(key)) void bus.send(location, account, PULL)
        told.add(key)
      }
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
    const originals = all.filter((s) => ids.includes(s.id))
    feed.received(message, entry, originals, form === 'whole')
    return ids.length > 0 && originals.length === 0 ? nobody : 'accepted'
  }

  const stanza = ({ account, sessionId, xml: handed }: Handed): Answer => {
    const session = sessions.of(account).all.find((s) => s.id === sessionId)
    if (session === undefined) return { generation: members.get(account)?.generation ?? null }
    const { octets: xml, after } = cutAfter(handed)
    const frame = frameOf(xml) as Stanza
    const from = jid(frame.from)
    if (from === null) return 'refused'
    if (frame.kind === 'iq' && (frame.type === 'get' || frame.type === 'set') && !mayAsk(session, from, frame)) return 'busy'
    // XEP-0191 §3.3: whom it blocks is known here, and not to who sent it
    if (frame.kind === 'presence' && from.bare !== account && isBlocked(session.member.blocks, from)) return 'accepted'
    if (after > 0) feed.reaches(session, after)
    return post(session, xml, frame.declared, after) ? 'accepted' : { generation: null }
  }

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
    taken: ({ id, epoch }, account, sessionId, incarnation) => void bus.send({ resource: '', sessionId, node: id, epoch, priority: null }, account, `${MOVED}${incarnation}/>`),
    take: (items) => items.map((item): Answer => {
      const { account, sessionId, xml } = item
      if (xml.startsWith(HINT)) return taken(account, xml)
      if (xml.startsWith(WORD)) {
        heard(account, JSON.parse(xml.slice(WORD.length)) as Word)
        return 'accepted'
      }
      if (xml === PULL) {
        feed.inherit(account)
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
