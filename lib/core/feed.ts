// How the entries of an account's log come to its sessions (durability.md D6, D12, D13). A session that follows gets each entry
// when it is committed, strictly by contiguous number; one that does not (it is new, was detached, or has too much
// unacknowledged) reads the log until it has caught up (lib/core/reading.ts). What was given stays queued until its client has acknowledged it.
import type { Jid } from '../base/jid.js'
import { frameOf } from '../wire/framer.js'
import { undefer } from './deferred.js'
import { inForm, isCopied, withStanzaId } from './entry.js'
import { StreamError } from '../base/errors.js'
import { PingProof } from './ping-proof.js'
import type { LogEntry, LoggedEntry } from './ports.js'
import { ARCHIVED } from './ports.js'
import type { Form, Given } from './given.js'
import { makeReading } from './reading.js'
import type { ReadingParts } from './reading.js'
import type { Session } from './sessions.js'
import type { Stanza } from '../base/stanza.js'
import type { Tracing } from './tracing.js'

export interface FeedParts extends Omit<ReadingParts, 'give'> {
  /** Told of entries that were acknowledged. */
  readonly acknowledged: (session: Session, given: readonly Given[]) => void
  readonly trace: Tracing
}

/** A message that has just been committed. */
export interface Committed {
  readonly stanza: Stanza
  readonly from: Jid
  readonly to: Jid
  /** Null where one of ours has not sent it, or it is not here any more. */
  readonly sender: Session | null
  readonly xml: string
}

export interface Feed {
  /**
   * The receiver's entry is durable: to its sessions. Returns how many got the message itself.
   * @param originals sessions here that it is for @param elsewhere it is for others, on other nodes
   */
  received(message: Committed, entry: LoggedEntry, originals: readonly Session[], elsewhere: boolean): number
  /** The sender's: copies to its other sessions. */
  sent(message: Committed, entry: LoggedEntry): void
  /** Something is for this session that came behind this entry of its account's log. */
  lacks(session: Session, seq: number): void
  /** An entry that its account's sessions have got already, or need not get. */
  passed(account: string, entry: LoggedEntry): void
  /** Something that is not of the log is for this very session: where mail waits for its account, behind that (D11). */
  expects(session: Session): void
  /** A new session stands at this number of its account's log. */
  bound(session: Session, position: number): void
  /**
   * Give a session what waits for its account, then what came since, then call `live` in the same turn. Resolves then, or
   * where that has to wait: for the client, who must be read from to acknowledge, or for the store.
   */
  drain(session: Session, live: () => void): Promise<void>
  /** An entry that it was given before a crash, once more. @param late it came behind what was sent later */
  again(session: Session, entry: LogEntry | undefined, form: Form, late: boolean): void
  /** It is connected again, and has yet to say that it is there: as one that has just been bound (D11). */
  returned(session: Session): void
  /** Give a session what came since it was detached. */
  follow(session: Session): Promise<void>
  /** It was detached by a crash, which may have come while it was being given what waits. */
  restored(session: Session): void
  /** Its client has acknowledged: it may be given more. */
  room(session: Session): void
  /** It has no connection any more. */
  left(session: Session): void
  /** It cannot get anything any more: what it has not acknowledged goes to the others. */
  ended(session: Session): void
  /** Something may wait for the account that none of its sessions here was given. */
  inherit(account: string): void
  /** Call once a second. */
  tick(): void
}

/** ms that it has to answer. */
const PROVE_WITHIN = 60_000
/** Copies of what still waits that a session is known to have. */
const COPIES = 1000

export const makeFeed = (parts: FeedParts): Feed => {
  const { store, sessions, clock } = parts
  const toBeAsked = new Set<PingProof>()
  const asked = new Set<PingProof>()

  const proofHost = {
    acknowledged: (session: Session, given: readonly Given[]): void => {
      parts.acknowledged(session, given)
    },
    askSoon: (proof: PingProof): void => void toBeAsked.add(proof),
    asked: (proof: PingProof): void => void asked.add(proof),
    now: () => clock.monotonic(),
    trace: parts.trace,
  }
  const give = (session: Session, octets: string, declared: boolean, given: Given): boolean => {
    session.receipts ??= new PingProof(session, proofHost)
    if (!session.receipts.give(octets, declared, given)) return false
    noteCopy(session, given)
    return true
  }
  const noteCopy = (session: Session, { form, seq }: Given): void => {
    if (form !== 'received') return
    session.copied ??= new Set()
    session.copied.add(seq)
    if (session.copied.size > COPIES) session.copied.delete(session.copied.values().next().value as number)
  }

  const reading = makeReading({ ...parts, give })

  /** An entry that it follows with; where its connection takes nothing any more, it does not follow. */
  const giveNext = (session: Session, octets: string, declared: boolean, given: Given): boolean => {
    if (give(session, octets, declared, given)) return true
    session.position = given.seq - 1
    session.behind = session.missed = true
    return false
  }

  const seen = (all: readonly Session[], { seq }: LoggedEntry): void => {
    const { member } = all[0] as Session
    if (seq > member.seq) member.seq = seq
  }

  /** True: the entry is this session's next, and it has room. */
  const follows = (session: Session, seq: number): boolean => {
    if (seq <= session.position) return false
    if (session.behind) {
      session.missed = true
      return false
    }
    if (session.position + 1 !== seq) {
      // D6: on a gap the log is read
      session.behind = session.missed = true
      void reading.start(session, false, null)
      return false
    }
    if (reading.isFull(session)) {
      session.behind = session.missed = true
      void reading.start(session, false, null)
      return false
    }
    session.position = seq
    return true
  }

  /**
   * For a session that has just been bound, or is about to be given what waits: a message to its full JID must not overtake
   * what waits for the bare one (D11), and one to the bare JID is for it, and not for it as a copy. Where nothing waits, or
   * it stays unavailable, it need not wait either.
   */
  const waitForPresence = (session: Session): void => {
    session.behind = session.missed = true
    store.pull(session.account, 0, session.position, 1).then((waiting) => {
      if (waiting.length === 0) reading.now(session)
      else reading.later(session)
    }, (error: unknown) => {
      parts.report(error)
      reading.later(session)
    })
  }
  const expects = (session: Session): void => {
    // being bound (or restored, and not resumed yet): it is looked at then
    if (session.boundAt === -Infinity) session.missed = true
    else if (session.priority === null && !session.behind && (session.wanted !== null || reading.isSoonThere(session))) waitForPresence(session)
  }

  const received: Feed['received'] = ({ stanza, from, to, xml, sender }, entry, originals, elsewhere) => {
    const { all } = sessions.of(to.bare)
    if (all.length === 0) return 0
    seen(all, entry)
    const octets = (entry.flags & ARCHIVED) === 0 ? xml : withStanzaId(xml, to.bare, entry)
    const { nameEnd, declared, type } = stanza
    let taken = 0
    for (let i = 0; i < all.length; i++) {
      const session = all[i] as Session
      expects(session)
      if (!follows(session, entry.seq)) continue
      if (originals.includes(session)) {
        if (giveNext(session, octets, declared, { seq: entry.seq, form: 'original', pulled: false })) taken++
      } else if ((elsewhere || originals.length > 0) && session !== sender && isCopied(session, stanza, from, 'received')) {
        giveNext(session, inForm('received', session, { octets, nameEnd, declared, type }), false, { seq: entry.seq, form: 'received', pulled: false })
      }
    }
    return taken
  }

  const sent = ({ stanza, from, to, xml, sender }: Committed, entry: LoggedEntry): void => {
    const { all } = sessions.of(from.bare)
    if (all.length === 0) return
    seen(all, entry)
    let octets = ''
    for (let i = 0; i < all.length; i++) {
      const session = all[i] as Session
      if (!follows(session, entry.seq) || session === sender || to.bare === from.bare || !isCopied(session, stanza, from, 'sent')) continue
      if (octets === '') octets = (entry.flags & ARCHIVED) === 0 ? xml : withStanzaId(xml, from.bare, entry)
      const { nameEnd, declared, type } = stanza
      giveNext(session, inForm('sent', session, { octets, nameEnd, declared, type }), false, { seq: entry.seq, form: 'sent', pulled: false })
    }
  }

  const left = (session: Session): void => {
    reading.left(session)
    if (!(session.receipts instanceof PingProof)) return
    toBeAsked.delete(session.receipts)
    asked.delete(session.receipts)
  }

  return {
    received,
    sent,
    expects,
    lacks: (session, seq) => {
      if (seq > session.member.seq) session.member.seq = seq
      if (session.behind || seq <= session.position) return
      session.behind = session.missed = true
      void reading.start(session, false, null)
    },
    passed: (account, entry) => {
      const { all } = sessions.of(account)
      if (all.length === 0) return
      seen(all, entry)
      for (const session of all) follows(session, entry.seq)
    },
    bound: (session, position) => {
      session.position = position
      session.boundAt = clock.monotonic()
      session.member.seq = Math.max(session.member.seq, position)
      // what came for its full JID while it was being bound, of the log or not, is behind what waits for the bare one
      if (session.missed) waitForPresence(session)
      else {
        session.behind = false
        undefer(session, Infinity)
      }
    },
    again: (session, entry, form, late) => {
      if (entry === undefined) return
      // to its stream and not to its connection, which may have gone meanwhile: it stands behind this entry, and nobody would look for a copy
      const { octets, declared } = reading.formed(session, entry, frameOf(entry.xml) as Stanza, form, late)
      const given = { seq: entry.seq, form, pulled: false }
      if (session.stream?.write(octets, declared, given) === true) noteCopy(session, given)
    },
    drain: (session, live) => reading.start(session, true, live),
    returned: (session) => {
      session.boundAt = clock.monotonic()
      waitForPresence(session)
    },
    follow: reading.resume,
    restored: reading.restored,
    room: reading.room,
    left,
    inherit: (account) => {
      for (const session of sessions.of(account).best) reading.inherit(session)
    },
    ended: (session) => {
      left(session)
      const { receipts } = session
      // also where it has yet to read what waits
      if (!session.behind && (receipts === null || receipts.octets === 0)) return
      for (const other of sessions.of(session.account).best) reading.inherit(other)
    },
    tick: () => {
      const now = clock.monotonic()
      for (const proof of toBeAsked) {
        toBeAsked.delete(proof)
        proof.ask()
      }
      for (const proof of asked) {
        const since = proof.waitingSince
        if (since === 0) asked.delete(proof)
        else if (now - since > PROVE_WITHIN) {
          asked.delete(proof)
          proof.session.outlet.close(new StreamError('connection-timeout', 'no answer to a ping'))
        }
      }
    },
  }
}
