// How a session comes to entries of its account's log that it was not handed when they were committed (durability.md D6, D12,
// D13): it reads, paced by what its client acknowledges, first what waits for the account, then what came since.
import type { Jid } from '../base/jid.js'
import type { Stanza } from '../base/stanza.js'
import { frameOf } from '../wire/framer.js'
import { undefer } from './deferred.js'
import { inForm, isCopied, withDelay, withStanzaId } from './entry.js'
import type { Form, Given } from './given.js'
import type { Location, LogEntry, LogStore } from './ports.js'
import { ARCHIVED, SENT } from './ports.js'
import type { Deferral, Session, Sessions } from './sessions.js'

export interface ReadingParts {
  readonly store: LogStore
  readonly sessions: Sessions
  readonly jid: (text: string) => Jid | null
  readonly isAcknowledged: (account: string, seq: number) => boolean
  /** What was acknowledged when this was asked stays known until it is answered. */
  readonly during: <T>(reading: Promise<T>) => Promise<T>
  readonly clock: { now(): number; monotonic(): number }
  readonly report: (error: unknown) => void
  /** Sessions that the account has on other nodes; rejects where that is not known. null: there are no other nodes. */
  readonly elsewhere: ((account: string) => Promise<readonly Location[]>) | null
  /** Entries read at once. */
  readonly page: number
  /** Octets unacknowledged above which a session is given no more. */
  readonly window: number
  /** Presence was left out while it waited: tell it anew. */
  retell(session: Session): void
  /** False: its connection takes nothing any more. */
  give(session: Session, octets: string, declared: boolean, given: Given): boolean
}

export interface Reading {
  /**
   * Resolves when it has caught up, or where that has to wait: for the client, who must be read from to acknowledge, or for the
   * store. @param anew from what waits for the account, and not only from where it stands @param live called when it has caught up
   */
  start(session: Session, anew: boolean, live: (() => void) | null): Promise<void>
  /** Where it stands, and from what waits for the account, where it is owed that. */
  resume(session: Session): Promise<void>
  /** A sibling has ended: what that has not acknowledged goes to it. */
  inherit(session: Session): void
  /** It was detached by a crash, which may have come while it was being given what waits. */
  restored(session: Session): void
  /** It is not available, and about to be: what is for its resource waits with what is for the account, but not for ever. */
  isSoonThere(session: Session): boolean
  later(session: Session): void
  now(session: Session): void
  isFull(session: Session): boolean
  /** Its client has acknowledged. */
  room(session: Session): void
  /** It has no connection any more. */
  left(session: Session): void
  /** What of an entry goes to a session in this form. @param late it may come behind what was sent later */
  formed(session: Session, entry: LogEntry, frame: Stanza, form: Form, late: boolean): { readonly octets: string; readonly declared: boolean }
}

/** ms after its binding in which a client says that it is available, if it does. */
const SOON_THERE = 5000
/** ms between tries to read the log. */
const AGAIN = 1000

const NOWHERE: readonly Location[] = []

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

export const makeReading = (parts: ReadingParts): Reading => {
  const { store, sessions, jid, clock, page, window, give } = parts
  const reading = new Map<Session, Reader>()
  /** Who was detached before it had been given all that waits, or what waited in another session that has ended since. */
  const owed = new WeakSet<Session>()
  /** Of whom a crash has swallowed whether it is owed anything. */
  const restored = new WeakSet<Session>()

  /** Some other session that is connected has it, and has yet to say so. After a crash all are about to be connected. */
  const isUnderWay = (session: Session, seq: number): boolean => {
    for (const other of sessions.of(session.account).all) {
      if (other === session ? other.receipts?.has(seq) === true
        : other.receipts?.has(seq, 'original') === true && (other.stream === null || other.stream.connected || restored.has(session))) return true
    }
    return false
  }

  /** What a session is to get of an entry that it reads; null: nothing. @param waits only what waits for the account @param elsewhere sessions on other nodes */
  const formOf = (session: Session, entry: LogEntry, frame: Stanza, waits: boolean, elsewhere: readonly Location[]): Form | null => {
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
    const others = elsewhere.filter((l) => l.sessionId !== session.id && l.resource !== session.jid.resource)
    const isNamed = exact !== undefined || (to.resource !== '' && others.some((l) => l.resource === to.resource))
    // after a crash a position may be older than what others were given; that stays theirs
    const theirs = !isNamed && restored.has(session) && isUnderWay(session, entry.seq)
    if (!isNamed && !theirs && (session.wanted ?? -1) >= 0 && (waits || others.every((l) => (l.priority ?? -1) <= (session.wanted as number)))) {
      // nobody else has it, or is about to: not even who was more available when it came
      if (waits || (entry.waiting && !parts.isAcknowledged(session.account, entry.seq) && !isUnderWay(session, entry.seq))) return 'original'
      // it would be one of the most available, if it had caught up
      const { best } = sessions.of(session.account)
      if (best.every((other) => other === session || other.away || (other.priority as number) <= (session.wanted as number))) return 'original'
    }
    // a copy is of what another session gets, or has got. After a crash some may be on their way to another node, and be seen nowhere
    if (entry.waiting && !restored.has(session) && !isNamed && !theirs && !sessions.of(session.account).best.some((other) => other !== session) && !others.some((l) => (l.priority ?? -1) >= 0)) return null
    return !waits && from.full !== session.jid.full && isCopied(session, frame, from, 'received') ? 'received' : null
  }

  const handWaiting = (session: Session, entry: LogEntry, elsewhere: readonly Location[]): boolean => {
    const frame = frameOf(entry.xml) as Stanza
    const form = formOf(session, entry, frame, true, elsewhere)
    return form === null || write(session, entry, frame, form, true)
  }

  /**
   * A restored session may have stood further on than the journal knows, for what went to a sibling alone has no record there. Where
   * it is given that now, since the sibling is elsewhere or has acknowledged it, it comes behind what was sent after it: with <delay/> (D11).
   */
  const isLate = (session: Session, { seq, waiting }: LogEntry, elsewhere: readonly Location[]): boolean =>
    restored.has(session) && (!waiting || parts.isAcknowledged(session.account, seq) || elsewhere.some((l) => l.sessionId !== session.id))

  const formed: Reading['formed'] = (session, entry, frame, form, late) => {
    const old = late || clock.now() - entry.at > 1000
    const delayed = old && form === 'original' ? withDelay(frame, session.jid.domain, entry.at) : entry.xml
    const octets = (entry.flags & ARCHIVED) === 0 || frame.empty ? delayed : withStanzaId(delayed, session.account, entry)
    const { nameEnd, declared, type } = frame
    return { octets: inForm(form, session, { octets, nameEnd, declared, type }), declared: form === 'original' && declared }
  }

  const write = (session: Session, entry: LogEntry, frame: Stanza, form: Form, waits: boolean, late = waits): boolean => {
    const { octets, declared } = formed(session, entry, frame, form, late)
    return give(session, octets, declared, { seq: entry.seq, form, pulled: waits })
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
      // first: whose end comes after this inherits to this one
      const elsewhere = parts.elsewhere === null ? NOWHERE : await parts.elsewhere(session.account)
      session.missed = false
      const entries = await parts.during(store.read(session.account, session.position, page))
      if (!isHere(session)) return stop(session, state)
      // what waits is older than this page
      if (state.pull) continue
      for (const entry of entries) {
        if (entry.seq <= session.position) continue
        undefer(session, entry.seq - 1)
        const frame = frameOf(entry.xml) as Stanza
        const form = formOf(session, entry, frame, false, elsewhere)
        // D11: it is for the account, and so for this session, in a moment; nothing passes it
        if (form === null && entry.waiting && isSoonThere(session)) {
          later(session)
          return stop(session, state)
        }
        // D6: a hole found when reading is final
        if (form !== null && !write(session, entry, frame, form, false, isLate(session, entry, elsewhere))) return stop(session, state)
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
        const isLossy = session.deferred?.lossy === true
        if (isLossy) (session.deferred as Deferral).lossy = false
        undefer(session, Infinity)
        if (isLossy) parts.retell(session)
        return null
      }
    }
  }

  /** D12: what waits for the account at or below the position, and nobody else has under way. */
  const pull = async (session: Session, state: Reader): Promise<boolean> => {
    let after = 0
    for (;;) {
      if (!await hasRoom(session, state)) return false
      const elsewhere = parts.elsewhere === null ? NOWHERE : await parts.elsewhere(session.account)
      const entries = await parts.during(store.pull(session.account, after, session.position, page))
      if (!isHere(session)) return stop(session, state)
      for (const entry of entries) {
        after = entry.seq
        if (!isUnderWay(session, entry.seq) && !parts.isAcknowledged(session.account, entry.seq) && !handWaiting(session, entry, elsewhere)) return stop(session, state)
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

  const now = (session: Session): void => {
    if (session.open && session.behind && session.wanted === null) void start(session, false, null)
  }
  const later = (session: Session): void => void setTimeout(now, SOON_THERE, session).unref()
  const isSoonThere = ({ wanted, boundAt, appearing }: Session): boolean => wanted === null && (appearing || clock.monotonic() - boundAt < SOON_THERE)

  return {
    start, isFull, isSoonThere, later, now, formed,
    resume: (session) => start(session, owed.delete(session), null),
    inherit: (session) => {
      if (isHere(session)) void start(session, true, null)
      else owed.add(session)
    },
    restored: (session) => {
      owed.add(session)
      restored.add(session)
    },
    room: (session) => {
      const wake = reading.get(session)?.wake
      if (wake !== undefined && wake !== null && (session.receipts?.octets ?? 0) <= window >> 1) wake()
    },
    left: (session) => reading.get(session)?.wake?.(),
  }
}
