// How the entries of an account's log come to its sessions (durability.md D6, D12, D13). A session that follows gets each entry
// when it is committed, strictly by contiguous number; one that does not (it is new, was detached, or has too much
// unacknowledged) reads the log until it has caught up. What was given stays queued until its client has acknowledged it.
import type { Jid } from '../base/jid.js'
import { frameOf } from '../wire/framer.js'
import { undefer } from './deferred.js'
import { inForm, isCopied, withDelay, withStanzaId } from './entry.js'
import { StreamError } from '../base/errors.js'
import { PingProof } from './ping-proof.js'
import type { LogEntry, LoggedEntry, LogStore } from './ports.js'
import { ARCHIVED, SENT } from './ports.js'
import type { Form, Given } from './given.js'
import type { Session, Sessions } from './sessions.js'
import type { Stanza } from '../base/stanza.js'
import type { Tracing } from './tracing.js'

export interface FeedParts {
  readonly store: LogStore
  readonly sessions: Sessions
  readonly jid: (text: string) => Jid | null
  /** Told of entries that were acknowledged. */
  readonly acknowledged: (session: Session, given: readonly Given[]) => void
  readonly isAcknowledged: (account: string, seq: number) => boolean
  /** What was acknowledged when this was asked stays known until it is answered. */
  readonly during: <T>(reading: Promise<T>) => Promise<T>
  readonly trace: Tracing
  readonly clock: { now(): number; monotonic(): number }
  readonly report: (error: unknown) => void
  /** Entries read at once. */
  readonly page: number
  /** Octets unacknowledged above which a session is given no more. */
  readonly window: number
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
  /** The receiver's entry is durable: to its sessions. Returns how many got the message itself. */
  received(message: Committed, entry: LoggedEntry): number
  /** The sender's: copies to its other sessions. */
  sent(message: Committed, entry: LoggedEntry): void
  /** An entry that its account's sessions have got already, or need not get. */
  passed(account: string, entry: LoggedEntry): void
  /** A new session stands at this number of its account's log. */
  bound(session: Session, position: number): void
  /**
   * Give a session what waits for its account, then what came since, then call `live` in the same turn. Resolves then, or
   * where that has to wait: for the client, who must be read from to acknowledge, or for the store.
   */
  drain(session: Session, live: () => void): Promise<void>
  /** An entry that it was given before a crash, once more. */
  again(session: Session, entry: LogEntry | undefined, form: Form): void
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
  /** Call once a second. */
  tick(): void
}

/** ms that it has to answer. */
const PROVE_WITHIN = 60_000
/** ms after its binding in which a client says that it is available, if it does. */
const SOON_THERE = 5000
/** Copies of what still waits that a session is known to have. */
const COPIES = 1000
/** ms between tries to read the log. */
const AGAIN = 1000

/** Who reads the log now. */
interface Reader {
  /** It is to begin anew with what waits. */
  pull: boolean
  /** It is being given what waits. */
  pulling: boolean
  wake: (() => void) | null
  readonly live: (() => void)[]
  /** Done, or it has to wait. */
  readonly held: Promise<void>
  readonly release: () => void
}

export const makeFeed = (parts: FeedParts): Feed => {
  const { store, sessions, jid, clock, page, window } = parts
  const reading = new Map<Session, Reader>()
  /** Who was detached before it had been given all that waits, or what waited in another session that has ended since. */
  const owed = new WeakSet<Session>()
  /** Of whom a crash has swallowed whether it is owed anything. */
  const restored = new WeakSet<Session>()
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
    if (given.form === 'received') {
      session.copied ??= new Set()
      session.copied.add(given.seq)
      if (session.copied.size > COPIES) session.copied.delete(session.copied.values().next().value as number)
    }
    return true
  }

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
      void start(session, false, null)
      return false
    }
    if (isFull(session)) {
      session.behind = session.missed = true
      void start(session, false, null)
      return false
    }
    session.position = seq
    return true
  }

  /** Those that a message is for (RFC 6121 §8.5); a resource that is not there any more had it for the account. */
  const receivers = (to: Jid): readonly Session[] => {
    const exact = to.resource === '' ? undefined : sessions.find(to)
    return exact === undefined ? sessions.of(to.bare).best : [exact]
  }

  /**
   * For a session that has just been bound, or is about to be given what waits: a message to its full JID must not overtake
   * what waits for the bare one (D11), and one to the bare JID is for it, and not for it as a copy. Where nothing waits, or
   * it stays unavailable, it need not wait either.
   */
  const waitForPresence = (session: Session): void => {
    session.behind = session.missed = true
    store.pull(session.account, 0, session.position, 1).then((waiting) => {
      if (waiting.length === 0) goOn(session)
      else goOnLater(session)
    }, (error: unknown) => {
      parts.report(error)
      goOnLater(session)
    })
  }
  const goOn = (session: Session): void => {
    if (session.open && session.behind && session.wanted === null) void start(session, false, null)
  }
  /** It does not seem to become available: it gets what is for its resource. */
  const goOnLater = (session: Session): void => void setTimeout(goOn, SOON_THERE, session).unref()
  const isSoonThere = ({ wanted, boundAt }: Session): boolean => wanted === null && clock.monotonic() - boundAt < SOON_THERE

  const received = ({ stanza, from, to, xml, sender }: Committed, entry: LoggedEntry): number => {
    const { all } = sessions.of(to.bare)
    if (all.length === 0) return 0
    seen(all, entry)
    const originals = receivers(to)
    const octets = (entry.flags & ARCHIVED) === 0 ? xml : withStanzaId(xml, to.bare, entry)
    const { nameEnd, declared, type } = stanza
    let taken = 0
    for (let i = 0; i < all.length; i++) {
      const session = all[i] as Session
      if (session.priority === null && !session.behind && (session.wanted !== null || isSoonThere(session))) waitForPresence(session)
      if (!follows(session, entry.seq)) continue
      if (originals.includes(session)) {
        if (giveNext(session, octets, declared, { seq: entry.seq, form: 'original', pulled: false })) taken++
      } else if (originals.length > 0 && session !== sender && isCopied(session, stanza, from, 'received')) {
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

  // Reading

  /** Some other session that is connected has it, and has yet to say so. After a crash all are about to be connected. */
  const isUnderWay = (session: Session, seq: number): boolean => {
    for (const other of sessions.of(session.account).all) {
      if (other === session ? other.receipts?.has(seq) === true
        : other.receipts?.has(seq, 'original') === true && (other.stream === null || other.stream.connected || restored.has(session))) return true
    }
    return false
  }

  /** What a session is to get of an entry that it reads; null: nothing. @param waits only what waits for the account */
  const formOf = (session: Session, entry: LogEntry, frame: Stanza, waits: boolean): Form | null => {
    const to = jid(frame.to === '' ? session.account : frame.to)
    const from = jid(frame.from)
    if (to === null || from === null) return null
    if ((entry.flags & SENT) !== 0) {
      return !waits && from.full !== session.jid.full && to.bare !== from.bare && isCopied(session, frame, from, 'sent') ? 'sent' : null
    }
    const exact = to.resource === '' ? undefined : sessions.find(to)
    // no entry goes twice to one session, not as a copy and as itself
    if (waits && session.copied?.has(entry.seq) === true) return null
    if (exact === session) return 'original'
    // where its position is older than what the others were given, that is theirs
    if (exact === undefined && (session.wanted ?? -1) >= 0 && !(restored.has(session) && isUnderWay(session, entry.seq))) {
      // nobody else has it, or is about to: not even who was more available when it came
      if (waits || (entry.waiting && !parts.isAcknowledged(session.account, entry.seq) && !isUnderWay(session, entry.seq))) return 'original'
      // it would be one of the most available, if it had caught up
      const { best } = sessions.of(session.account)
      if (best.every((other) => other === session || other.away || (other.priority as number) <= (session.wanted as number))) return 'original'
    }
    // a copy is of what another session gets
    if (exact === undefined && !sessions.of(session.account).best.some((other) => other !== session)) return null
    return !waits && from.full !== session.jid.full && isCopied(session, frame, from, 'received') ? 'received' : null
  }

  const handWaiting = (session: Session, entry: LogEntry): boolean => {
    const frame = frameOf(entry.xml) as Stanza
    const form = formOf(session, entry, frame, true)
    return form === null || write(session, entry, frame, form, true)
  }

  const write = (session: Session, entry: LogEntry, frame: Stanza, form: Form, waits: boolean): boolean => {
    const old = waits || clock.now() - entry.at > 1000
    const delayed = old && form === 'original' ? withDelay(frame, session.jid.domain, entry.at) : entry.xml
    const octets = (entry.flags & ARCHIVED) === 0 || frame.empty ? delayed : withStanzaId(delayed, session.account, entry)
    const { nameEnd, declared, type } = frame
    return give(session, inForm(form, session, { octets, nameEnd, declared, type }), form === 'original' && declared, { seq: entry.seq, form, pulled: waits })
  }

  const isHere = (session: Session): boolean => session.open && (session.stream === null || session.stream.connected)

  const isFull = ({ receipts }: Session): boolean => receipts !== null && receipts.octets > window

  /** In the turn in which it is known: who wants it read a moment later begins anew. */
  const stop = (session: Session, state: Reader): false => {
    if (reading.get(session) === state) reading.delete(session)
    if (state.pull || state.pulling) owed.add(session)
    state.release()
    return false
  }

  /** Until its client has acknowledged enough. False: it is gone. */
  const hasRoom = async (session: Session, state: Reader): Promise<boolean> => {
    while (isHere(session) && session.receipts !== null && session.receipts.octets > window >> 1) {
      session.receipts.ask()
      state.release()
      await new Promise<void>((resolve) => {
        state.wake = resolve
      })
      state.wake = null
    }
    return isHere(session) || stop(session, state)
  }

  const read = async (session: Session, state: Reader): Promise<unknown> => {
    for (;;) {
      if (state.pull) {
        if ((session.wanted ?? -1) >= 0) {
          state.pull = false
          state.pulling = true
          if (!await pull(session, state).catch((error: unknown) => {
            state.pull = true
            throw error
          })) return null
          state.pulling = false
        } else state.pull = false
        continue
      }
      if (!await hasRoom(session, state)) return null
      session.missed = false
      const entries = await parts.during(store.read(session.account, session.position, page))
      if (!isHere(session)) return stop(session, state)
      // what waits is older than this page
      if (state.pull) continue
      for (const entry of entries) {
        if (entry.seq <= session.position) continue
        undefer(session, entry.seq - 1)
        const frame = frameOf(entry.xml) as Stanza
        const form = formOf(session, entry, frame, false)
        // D11: it is for the account, and so for this session, in a moment; nothing passes it
        if (form === null && entry.waiting && isSoonThere(session)) {
          goOnLater(session)
          return stop(session, state)
        }
        // D6: a hole found when reading is final
        if (form !== null && !write(session, entry, frame, form, false)) return stop(session, state)
        session.position = entry.seq
        // one page may be more than a write buffer takes (D13)
        if (isFull(session) && !await hasRoom(session, state)) return null
        if (state.pull) break
      }
      if (entries.length > 0) session.receipts?.ask()
      else if (!session.missed && !state.pull) {
        session.behind = false
        restored.delete(session)
        stop(session, state)
        for (const live of state.live) live()
        undefer(session, Infinity)
        return null
      }
    }
  }

  /** D12: what waits for the account at or below the position, and nobody else has under way. */
  const pull = async (session: Session, state: Reader): Promise<boolean> => {
    let after = 0
    for (;;) {
      if (!await hasRoom(session, state)) return false
      const entries = await parts.during(store.pull(session.account, after, session.position, page))
      if (!isHere(session)) return stop(session, state)
      for (const entry of entries) {
        after = entry.seq
        if (!isUnderWay(session, entry.seq) && !parts.isAcknowledged(session.account, entry.seq) && !handWaiting(session, entry)) return stop(session, state)
        // what of this page is left others may have by the time that there is room: it is read anew
        if (isFull(session)) break
      }
      if (entries.length === 0) return true
      session.receipts?.ask()
    }
  }

  /** @param anew from what waits for the account, and not only from where it stands */
  const start = (session: Session, anew: boolean, live: (() => void) | null): Promise<void> => {
    session.behind = true
    const running = reading.get(session)
    if (running !== undefined) {
      if (anew) running.pull = true
      if (live !== null) running.live.push(live)
      return running.held
    }
    let release = (): void => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const state: Reader = { pull: anew, wake: null, live: live === null ? [] : [live], held, release, pulling: false }
    reading.set(session, state)
    void insist(session, state)
    return held
  }

  /** A store that does not answer is asked again: nobody is kept from the messages for longer than it has to be. */
  const insist = async (session: Session, state: Reader): Promise<void> => {
    for (;;) {
      try {
        await read(session, state)
        return
      } catch (error) {
        parts.report(error)
        state.release()
        await new Promise((resolve) => setTimeout(resolve, AGAIN).unref())
        if (!isHere(session)) {
          stop(session, state)
          return
        }
      }
    }
  }

  const left = (session: Session): void => {
    reading.get(session)?.wake?.()
    if (!(session.receipts instanceof PingProof)) return
    toBeAsked.delete(session.receipts)
    asked.delete(session.receipts)
  }

  return {
    received,
    sent,
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
      // what came for its full JID while it was being bound, too, is behind what waits for the bare one
      if (session.missed) waitForPresence(session)
      else {
        session.behind = false
        undefer(session, Infinity)
      }
    },
    again: (session, entry, form) => {
      if (entry === undefined) return
      write(session, entry, frameOf(entry.xml) as Stanza, form, false)
    },
    drain: (session, live) => start(session, true, live),
    follow: (session) => start(session, owed.delete(session), null),
    restored: (session) => {
      owed.add(session)
      restored.add(session)
    },
    room: (session) => {
      const state = reading.get(session)
      if (state?.wake === null || state === undefined) return
      if ((session.receipts?.octets ?? 0) <= window >> 1) state.wake()
    },
    left,
    ended: (session) => {
      left(session)
      const { receipts } = session
      // also where it has yet to read what waits
      if (!session.behind && (receipts === null || receipts.octets === 0)) return
      for (const other of sessions.of(session.account).best) {
        if (isHere(other)) void start(other, true, null)
        else owed.add(other)
      }
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
