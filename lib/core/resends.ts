// A message that is sent again, because its client does not know what became of it, is taken once (durability.md D14). Looked
// for only in the first messages of a session whose account has had one that ended uncleanly: it costs nothing else anything.
import { LRUCache } from 'lru-cache'
import type { Frame, Stanza } from '../base/stanza.js'
import { NS } from '../base/namespaces.js'
import { frameOf } from '../wire/framer.js'
import { attributeOf } from './forgery.js'
import { SENT } from './ports.js'
import type { Clock, LogStore } from './ports.js'
import type { Session } from './sessions.js'
import { isTombstone } from './tombstone.js'

export interface Resends {
  /** A session of the account ended uncleanly. */
  unclean(account: string): void
  /** How many first messages of a new session have to be looked at. */
  suspects(account: string): number
  /** The session, which may still send what was sent before, has put an entry into the receiver's log. */
  took(session: Session, receiver: string, seq: number): void
  /** Whether the receiver's log has this very message of the sender's, from another session than this. */
  isKnown(session: Session, receiver: string, stanza: Stanza): Promise<boolean>
}

/** Accounts remembered. */
const ACCOUNTS = 50_000
const FIRST = 200
/** Entries of the sender's among which it is looked for: what a client may not have been told of. */
const RECENT = 500
/** Several clients number their messages from 1: a short id says nothing, and an origin-id (XEP-0359) no more. */
const SHORTEST_ID = 16

/** The ids by which it may be known again. */
const idsOf = (frame: Frame): string[] => {
  const ids = frame.id.length >= SHORTEST_ID ? [`id ${frame.id}`] : []
  for (const child of frame.children) {
    if (child.ns !== NS.stanzaId || child.name !== 'origin-id') continue
    const origin = attributeOf(frame, child, 'id')
    if (origin.length >= SHORTEST_ID) ids.push(`origin ${origin}`)
  }
  return ids
}

/** All but what is added on the way: a client says with <delay/> that it sends again (XEP-0198 §5). */
const contentOf = ({ xml, children }: Frame): string =>
  children.filter((c) => c.ns !== NS.delay && !(c.ns === NS.stanzaId && c.name === 'stanza-id')).map((c) => xml.slice(c.start, c.end)).join('')

/**
 * @param ms how long after an unclean end
 * @param reached resolves when what is in the log's queue now is committed: the first copy may be among it
 */
export const makeResends = (store: LogStore, clock: Clock, ms: number, reached: () => Promise<void>): Resends => {
  const accounts = new LRUCache<string, true>({ max: ACCOUNTS, ttl: ms, perf: { now: () => clock.monotonic() } })
  /**
   * A session's own entries, no more than its first messages: within one session XEP-0198 is exact, and what it says twice is
   * two messages. Not by time: what an earlier session has sent may be committed long after this one was bound.
   */
  const own = new WeakMap<Session, Set<string>>()
  return {
    took: (session, receiver, seq) => {
      const entries = own.get(session)
      if (entries === undefined) own.set(session, new Set([`${seq} ${receiver}`]))
      else entries.add(`${seq} ${receiver}`)
    },
    unclean: (account) => void accounts.set(account, true),
    suspects: (account) => (accounts.has(account) ? FIRST : 0),
    isKnown: async (session, receiver, stanza) => {
      const ids = idsOf(stanza)
      if (ids.length === 0) return false
      await reached()
      const content = contentOf(stanza)
      for (const { seq, flags, xml } of await store.recent(receiver, session.account, RECENT)) {
        // to oneself: the entry beside it is the one that counts
        if ((flags & SENT) !== 0 || own.get(session)?.has(`${seq} ${receiver}`) === true) continue
        const frame = frameOf(xml)
        if (frame.to !== stanza.to || !idsOf(frame).some((id) => ids.includes(id))) continue
        // of a message that was retracted (XEP-0424 §4) the content is gone: it must not come back behind its retraction
        if (isTombstone(frame) || contentOf(frame) === content) return true
      }
      return false
    },
  }
}
