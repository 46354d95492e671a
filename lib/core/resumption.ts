// Sessions that outlive their connections (XEP-0198 §5): detached when one breaks, resumed on another, ended when nobody has
// come for them in time; and after a crash taken up again from what the tables say (durability.md, promises 1, 3 and 5).
import { AwayError, StreamError } from '../base/errors.js'
import { parseJid } from '../base/jid.js'
import type { Acknowledgements } from './acknowledgements.js'
import { hasPutElsewhere } from './behind.js'
import { deferredOf, makeDeferred } from './deferred.js'
import type { Feed } from './feed.js'
import { makeInTurn } from './in-turn.js'
import { ManagedStream } from './managed-stream.js'
import type { StreamHost, Wire } from './managed-stream.js'
import type { Members } from './members.js'
import type { Given, Journaled, Pending } from './given.js'
import type { Clock, LeftSession, LogEntry, LogStore, Owner, ResumptionStore, StreamRow, TakeoverStore } from './ports.js'
import { cutOf } from './presence.js'
import type { Reference, StreamState } from './journal.js'
import { makeSession, settled } from './sessions.js'
import type { Outlet, Session, Sessions } from './sessions.js'
import type { Tracing } from './tracing.js'
import { makeUntilDone } from './until-done.js'

export interface Resumption {
  /** `<enable/>`. @param seconds that it may be detached, as the client wishes; 0: it does not want to resume */
  /** @param begin called when it may be said; from there on stanzas are counted */
  enable(session: Session, wire: Wire, seconds: number, begin: (stream: ManagedStream) => void): Promise<void>
  /** Its connection is gone. False: the session cannot do without. */
  detach(session: Session): boolean
  /**
   * `<resume/>`. The session, ready for a connection, which `attach` gives it; a number: it is over, and so many stanzas of its
   * client were done; null: nothing is known of it. @param goesOn whether the client still waits
   */
  resume(account: string, id: string, goesOn: () => boolean): Promise<Detached | number | null>
  /** Its client has come to another node, which is about to take it: what its old connection has brought is done, and written. */
  yield(account: string, id: string): Promise<void>
  /** The session is another node's. */
  moved(session: Session): void
  /** The session is over. @param clean its client said so. null: nothing has to be written */
  ended(session: Session, clean: boolean): Promise<void> | null
  /** One that cannot be resumed is over, and its client may send again what it has sent: that others know (D14). null: they know by its stream */
  noted(session: Session): Promise<void> | null
  /** Sessions of an earlier life. */
  restore(): Promise<void>
  /** Sessions of a node that is over, which are this node's now. */
  adopt(found: readonly LeftSession[]): Promise<void>
  /** Write what has changed of streams into their rows (D8). */
  fold(): Promise<void>
  /** Call once a second. */
  tick(): void
  readonly size: number
}

/** Found, and nobody's until it is attached. */
export interface Detached {
  readonly session: Session
  readonly h: number
  /** @param count of the client: what it has got */
  attach(outlet: Outlet, wire: Wire, count: number): void
}

export interface ResumptionParts {
  readonly sessions: Sessions
  readonly members: Members
  readonly feed: Feed
  readonly log: { touch(stream: Journaled): void; readonly n: number; between(work: () => void): void }
  readonly logStore: LogStore
  readonly acks: Acknowledgements
  readonly store: ResumptionStore
  readonly clock: Clock
  readonly trace: Tracing
  readonly report: (error: unknown) => void
  /** Seconds that a session may be detached at most; ms between folds. */
  readonly window: number
  readonly foldEvery: number
  /** Silent for so many ms with something unacknowledged: away. */
  readonly silence: number
  /** Entries of the account's log were acknowledged by this session's client. */
  acknowledged(session: Session, given: readonly Given[]): void
  unclean(account: string): void
  suspects(account: string): number
  sessionOver(session: Session, clean: boolean): Promise<void> | void
  /** null: there are no other nodes. */
  readonly takeover: TakeoverStore | null
  /** The session here is another node's by now, or was taken anew from the tables; or (gone) nobody's, for one of its resource came later. */
  moved(session: Session, gone?: boolean): void
  readonly node: Owner
  /** Whose sessions of these accounts are another node's by now is told so. */
  check(accounts: readonly string[]): Promise<void>
  /** Who has this session by its row; null: nobody. */
  ownerOf(account: string, sessionId: string): Promise<Owner | null>
  /** Ask its owner to have it ready. */
  yields(from: Owner, account: string, sessionId: string): Promise<boolean>
  /** A session was taken from this life of another node, and is in this incarnation now. */
  taken(from: Owner, account: string, sessionId: string, incarnation: number): void
  /** The session has asked this of another one before it came here, and may be answered yet. */
  asked(session: Session, to: string, id: string): void
  /** Its client has come back, with so many stanzas. */
  resumed(from: Owner, account: string, sessionId: string, count: number): void
  /** The account's sessions are of this generation, by what this node did. */
  raised(account: string, generation: number): void
  /** It is connected again: give it what waits. */
  catchUp(session: Session): void
  /** What a crash has swallowed, and the client will not ask for again (promise 3). */
  repair(session: Session, requests: readonly Pending[], details: Details): void
}

/** What a client has asked for; kept with the stream. */
export interface Details {
  readonly lang: string
  readonly carbons: boolean
  readonly copied: readonly number[]
  readonly interested: boolean
  readonly blocklist: boolean
  readonly rosterVersion: number
  readonly directed: readonly string[]
  /** Its client may have sent in an earlier session what it sends (D14). */
  readonly suspect?: boolean
}

/** ms after the end of a stream in which its count is kept, beyond the window (D14). */
const KEPT = 3_600_000
/** ms until a client is asked for what it has got. */
const ASK_SOON = 100
const AGAIN = 500
/** ms that a client which has come from another node has to say what it has got. */
const PROVE_WITHIN = 30_000
const NONE: ReadonlySet<string> = new Set()

export const makeResumption = (parts: ResumptionParts): Resumption => {
  const { sessions, members, feed, log, logStore, acks, store, clock, report } = parts
  const streams = new Map<Session, ManagedStream>()
  /** Detached sessions, and when they end. */
  const detached = new Map<Session, number>()
  /** What rows say, so that only changes are written. */
  const folded = new Map<ManagedStream, string>()
  const inTurn = makeInTurn()
  const soon = new Set<ManagedStream>()
  /** Until its client has come. */
  const takenFrom = new WeakMap<Session, { readonly from: Owner; readonly yielded: boolean }>()
  let asking: NodeJS.Timeout | null = null

  const host: StreamHost = {
    touch: (stream) => log.touch(stream),
    acknowledged: (session, given) => {
      wakeUp(session)
      parts.acknowledged(session, given)
    },
    askSoon: (stream) => {
      soon.add(stream)
      asking ??= setTimeout(() => {
        asking = null
        const all = [...soon]
        soon.clear()
        for (const one of all) one.askAgain()
      }, ASK_SOON).unref()
    },
    details: ({ session }) => JSON.stringify(detailsOf(session)),
    now: () => clock.monotonic(),
    trace: parts.trace,
  }

  const wakeUp = (session: Session): void => {
    if (!session.away || detached.has(session)) return
    session.away = false
    sessions.changed(session.account)
  }

  /** Its client has all that it was told. */
  const isUpToDate = ({ deferred, stream }: Session): boolean => stream?.unacknowledged === 0 && (deferred === null || deferred.isEmpty)

  const detailsOf = (session: Session): Details => ({
    lang: session.lang, carbons: session.carbons, copied: session.copied === null ? [] : [...session.copied], interested: session.interested, blocklist: session.blocklist,
    rosterVersion: session.stream?.rosterVersion ?? 0, directed: session.directed === null ? [] : [...session.directed.keys()],
    ...(session.suspect > 0 ? { suspect: true } : {}),
  })

  const rowOf = (stream: ManagedStream, n: number): StreamRow => {
    const { session } = stream
    const until = detached.get(session)
    if (isUpToDate(session)) stream.rosterVersion = session.rosterVersion
    return {
      ...stream.state(n), account: session.account, sessionId: session.id, resource: session.jid.resource, incarnation: session.incarnation, lasts: stream.lasts,
      detached: until === undefined ? null : Math.round(clock.now() - stream.lasts * 1000 + until - clock.monotonic()),
    }
  }

  const between = <T>(work: () => T): Promise<T> => new Promise((resolve) => log.between(() => resolve(work())))

  /** Whether it has to be written again: a later commit alone changes nothing. */
  const signature = (row: StreamRow): string => JSON.stringify({ ...row, folded: 0, detached: row.detached === null })

  /** Ends that are being written. */
  const endings = new Set<Promise<void>>()
  let folding: Promise<void> | null = null
  const foldAll = async (): Promise<void> => {
    const { n, changed } = await between(() => ({
      n: log.n,
      changed: [...streams.values()].filter((s) => s.resumable && s.session.open).map((stream) => {
        const row = rowOf(stream, log.n)
        return { stream, row, sign: signature(row) }
      }).filter(({ stream, sign }) => folded.get(stream) !== sign),
    }))
    const over = [...endings]
    // what was acknowledged and is in no row any more
    await acks.flush()
    const moved = changed.length > 0 ? await store.fold(changed.map((c) => c.row)) : NONE
    let all = true
    for (const { stream, row, sign } of changed) {
      const { session } = stream
      if (moved.has(row.sessionId)) {
        if (streams.has(session)) folded.set(stream, sign)
      } else if (session.open && session.incarnation === row.incarnation) all = false // it is being resumed: its row comes with that
    }
    // D8: of a stream that has ended, the count is in its row before the journal goes
    await Promise.all(over)
    if (n > 0 && all) await store.trim(n)
  }

  const fold = async (): Promise<void> => {
    folding ??= foldAll().finally(() => {
      folding = null
    })
    await folding
  }

  const detach = (session: Session): boolean => {
    const stream = streams.get(session)
    if (stream === undefined || !stream.resumable || !session.open) return false
    if (detached.has(session)) return true
    session.outlet = deferredOf(session)
    stream.detach()
    session.behind = session.away = true
    detached.set(session, clock.monotonic() + stream.lasts * 1000)
    sessions.changed(session.account)
    feed.left(session)
    return true
  }

  /** The database is asked until it answers, as long as somebody waits. */
  const insistently = async (work: () => Promise<void>, goesOn: () => boolean): Promise<boolean> => {
    while (goesOn()) {
      try {
        await work()
        return true
      } catch (error) {
        if (!(error instanceof AwayError)) throw error
        report(error)
        await new Promise((resolve) => setTimeout(resolve, AGAIN))
      }
    }
    return false
  }

  const again = async (session: Session, refs: readonly Reference[]): Promise<readonly LogEntry[]> =>
    (refs.length === 0 ? [] : logStore.entries(session.account, refs.map((r) => r.seq)))

  const find = (account: string, id: string): ManagedStream | undefined => {
    for (const session of sessions.of(account).all) if (session.stream !== null && session.stream.resumable && session.stream.id === id) return streams.get(session)
    return undefined
  }

  /**
   * Whether a session here must give way to one that the tables have under its full JID: it is the same in an earlier
   * incarnation, or was bound before the tables were asked, so that the other one has replaced it, and nobody has told this node.
   */
  const isOlder = (session: Session, { sessionId, incarnation }: LeftSession['row'], asked: number): boolean =>
    (session.id === sessionId ? session.incarnation < incarnation : session.boundAt === -Infinity ? session.stream !== null && asked > -Infinity : session.boundAt < asked)

  /**
   * A session that an earlier life has left, or another node, and that is this node's by its rows. null: there is a newer one of its resource.
   * @param asked when the tables were asked; ms, monotonic
   */
  const revive = async ({ row, stream: state, last }: LeftSession, asked = -Infinity): Promise<Session | null> => {
    const jid = parseJid(`${row.account}/${row.resource}`)
    const details = JSON.parse(state?.details ?? '{}') as Partial<Details>
    const member = await members.acquire(row.account)
    const there = sessions.find(jid)
    if (there !== undefined && !isOlder(there, row, asked)) {
      members.release(member)
      return null
    }
    if (there !== undefined) parts.moved(there, there.id !== row.sessionId)
    member.seq = Math.max(member.seq, last)
    // what its node has committed and not told: nothing that it sends here must come before that to the account's others (D11)
    for (const other of sessions.of(row.account).all) feed.lacks(other, last)
    const outlet = makeDeferred(member)
    const session = makeSession(jid, row.sessionId, details.lang ?? '', outlet, member)
    session.deferred = outlet
    session.incarnation = row.incarnation
    session.wanted = session.priority = row.priority
    session.presence = row.presence === null ? null : cutOf(row.presence)
    sessions.add(session)
    if (state === null) return session
    if (parts.takeover !== null) hasPutElsewhere(session)
    session.away = true
    if (details.suspect === true) parts.unclean(row.account)
    session.suspect = parts.suspects(row.account)
    session.position = state.position
    session.incarnation = state.incarnation
    session.interested = details.interested === true
    session.blocklist = details.blocklist === true
    session.rosterVersion = details.rosterVersion ?? 0
    if (details.carbons === true) {
      session.carbons = true
      session.copied = details.copied === undefined || details.copied.length === 0 ? null : new Set(details.copied)
      session.member.copies++
    }
    if (details.directed !== undefined && details.directed.length > 0) session.directed = new Map(details.directed.map((full) => [full, parseJid(full)]))
    // given since the row was written
    for (const { seq, form } of state.unacked) {
      if (form !== 'received') continue
      session.copied ??= new Set()
      session.copied.add(seq)
    }
    const stream = new ManagedStream(session, session.id, state.lasts, null, host)
    stream.restore(state)
    stream.rosterVersion = session.rosterVersion
    session.stream = session.receipts = stream
    streams.set(session, stream)
    const since = state.detached === null ? 0 : clock.now() - state.detached
    detached.set(session, clock.monotonic() + Math.max(0, state.lasts * 1000 - Math.max(0, since)))
    sessions.changed(session.account)
    feed.restored(session)
    return session
  }

  /** From whoever has it (D9). */
  const fetched = async (account: string, id: string, goesOn: () => boolean): Promise<ManagedStream | undefined> => {
    const { takeover } = parts
    if (takeover === null) return undefined
    // an owner that lives has done more than it has written: exact counts, and nothing done twice; one that does not is not needed
    let yielded = false
    await insistently(async () => {
      const owner = await parts.ownerOf(account, id)
      yielded = owner !== null && await parts.yields(owner, account, id)
    }, goesOn)
    let taken = null as Awaited<ReturnType<TakeoverStore['take']>>
    let asked = 0
    await insistently(async () => {
      asked = clock.monotonic()
      taken = await takeover.take(account, id)
    }, goesOn)
    if (taken === null) return undefined
    const { from, left } = taken
    const isOther = from.id !== parts.node.id || from.epoch !== parts.node.epoch
    if (isOther) parts.taken(from, account, id, left.row.incarnation)
    const session = await revive(left, asked)
    parts.raised(account, left.generation)
    if (session === null) return undefined
    if (isOther) takenFrom.set(session, { from, yielded })
    return streams.get(session)
  }

  const reviveAll = async (found: readonly LeftSession[]): Promise<void> => {
    const over: Session[] = []
    const tried = await Promise.allSettled(found.map(async (left) => {
      const session = await revive(left)
      parts.raised(left.row.account, left.generation)
      if (session !== null && left.stream === null) over.push(session)
    }))
    // once all are there: they hear of each other's ends (promise 5); those that the database had no answer for are tried again by who asked
    for (const session of over) void parts.sessionOver(session, false)
    const failure = tried.find((one) => one.status === 'rejected')
    if (failure !== undefined) throw failure.reason
  }

  /** D17: the old connection is closed, and what was read from it counted, before <resumed h> is said. */
  const settledDown = async ({ session }: ManagedStream): Promise<void> => {
    await session.outlet.handOver()
    await settled(session, 0)
    detach(session)
  }

  const resume: Resumption['resume'] = async (account, id, goesOn) => {
    for (;;) {
      const here = find(account, id)
      const fresh = here === undefined ? await fetched(account, id, goesOn) : undefined
      const stream = here ?? fresh ?? find(account, id)
      if (stream !== undefined) {
        const found = await goOn(stream, fresh !== undefined, goesOn)
        if (found !== 'moved') return found
        // who has it by its row is asked for it: maybe nobody told this node that it was taken
        continue
      }
      let h: number | null = null
      await insistently(async () => {
        h = await store.handled(account, id)
      }, goesOn)
      return h
    }
  }

  /** 'moved': by its row it is not this node's any more. @param fresh it has just been taken: its row is as it has to be */
  const goOn = async (stream: ManagedStream, fresh: boolean, goesOn: () => boolean): Promise<Detached | number | 'moved'> => {
    const { session } = stream
    const { account, id } = session
    await settledDown(stream)
    const left = stream.left
    const was = session.incarnation
    const incarnation = was + 1
    let entries: readonly LogEntry[] = []
    let h = 0
    const ready = await insistently(async () => {
      entries = await again(session, left?.unacked ?? [])
      if (fresh) {
        h = stream.h
        return
      }
      const row = await between(() => rowOf(stream, log.n))
      h = Math.max(row.h, stream.handled)
      // flushed before it is said (D9); from here on h is in the row, and what is not in it any more was acknowledged
      await acks.flush()
      if (await store.resume({ ...row, incarnation, h, detached: null }, was)) {
        // not before: what is said of it until then is said of the row that there is
        session.incarnation = incarnation
        return
      }
      // another node's by now; or a fold was faster
      await parts.check([account])
      if (session.open) throw new AwayError('the row of a stream has gone on')
    }, () => goesOn() && session.open)
    if (session.moved && goesOn()) return 'moved'
    if (!ready || !session.open || !goesOn()) return stream.h
    stream.saved(h)
    return {
      session, h,
      attach: (outlet, wire, count) => {
        detached.delete(session)
        // who came elsewhere may be about to say that it is available
        if (session.boundAt === -Infinity) session.boundAt = clock.monotonic()
        session.outlet = outlet
        const { received } = stream
        const begin = (has: number): void => {
          session.away = false
          sessions.changed(session.account)
          stream.attach(wire, has)
          const taken = takenFrom.get(session)
          takenFrom.delete(session)
          if (taken !== undefined) parts.resumed(taken.from, account, id, has)
          if (left !== null) makeGood(stream, left, entries, has, received, taken?.yielded === true)
          parts.catchUp(session)
        }
        if (takenFrom.has(session)) stream.prove(wire, begin)
        else begin(count)
      },
    }
  }

  /**
   * After a crash, or on another node: what its client does not have of what it was given, and what it asked.
   * @param count what it has @param received stanzas of its that came before this connection @param yielded its owner before is alive
   */
  const makeGood = (stream: ManagedStream, left: StreamState, entries: readonly LogEntry[], count: number, received: number, yielded: boolean): void => {
    const { session } = stream
    const bySeq = new Map(entries.map((e) => [e.seq, e]))
    // what it was given behind later entries, when a sibling had ended, is late this time too
    let last = 0
    for (const ref of left.unacked.toSorted((a, b) => a.number - b.number)) {
      const late = ref.seq < last
      last = Math.max(last, ref.seq)
      if (ref.number > count) feed.again(session, bySeq.get(ref.seq), ref.form, late)
      else parts.acknowledged(session, [{ seq: ref.seq, form: ref.form, pulled: false }])
    }
    // they stay open until it has acknowledged what it is told now
    const open = stream.requests.splice(0).filter((r) => r.answer === 0 || r.answer > count)
    stream.requests.push(...open)
    // what its owner, which lives, has handed on to a client is going to be answered here; the server's own answers, and those
    // that its client did not get there, are lost
    const isUnderWay = (r: Pending): boolean => yielded && r.answer === 0 && r.refusal === '' && r.to.includes('@') && r.to.includes('/')
    const before = open.filter((r) => r.number <= received)
    for (const r of before) if (isUnderWay(r)) parts.asked(session, r.to, r.id)
    const lost = before.filter((r) => !isUnderWay(r))
    for (const r of lost) r.answer = 0
    parts.repair(session, lost, detailsOf(session))
  }

  const writeEnd = makeUntilDone<{ account: string; sessionId: string; h: number | null }>((some) => store.end(some, clock.now()), report)
  const writeNote = makeUntilDone<{ account: string; sessionId: string; resource: string }>((some) => store.note(some, clock.now()), report)

  let nextFold = 0
  let nextForget = 0
  return {
    enable: async (session, wire, seconds, begin) => {
      const lasts = Math.min(Math.max(0, Math.floor(seconds)), parts.window)
      const stream = new ManagedStream(session, session.id, lasts, wire, host)
      if (lasts > 0) await store.save(rowOf(stream, log.n))
      if (!session.open) return
      begin(stream)
      stream.before = session.receipts
      session.stream = session.receipts = stream
      streams.set(session, stream)
      // what it was given before is in no count: nobody else would ask for it. Not at once, for clients count from a moment later
      if (stream.before !== null) setTimeout(() => stream.before?.ask(), ASK_SOON).unref()
    },
    detach,
    yield: (account, id) => inTurn([`${account} ${id}`], async () => {
      const stream = find(account, id)
      if (stream === undefined) return
      await settledDown(stream)
      const row = await between(() => rowOf(stream, log.n))
      await acks.flush()
      await store.fold([{ ...row, h: Math.max(row.h, stream.handled) }])
    }).catch(report),
    resume: (account, id, goesOn) => inTurn([`${account} ${id}`], () => resume(account, id, goesOn)),
    moved: (session) => {
      const stream = streams.get(session)
      detached.delete(session)
      streams.delete(session)
      if (stream === undefined) return
      folded.delete(stream)
      soon.delete(stream)
    },
    ended: (session, clean) => {
      const stream = streams.get(session)
      detached.delete(session)
      if (stream === undefined) return null
      streams.delete(session)
      folded.delete(stream)
      soon.delete(stream)
      if (!stream.resumable) return null
      const end = writeEnd({ account: session.account, sessionId: session.id, h: clean ? null : stream.h })
      endings.add(end)
      void end.then(() => endings.delete(end))
      return end
    },
    noted: ({ account, id, jid, stream }) => (stream?.resumable === true ? null : writeNote({ account, sessionId: id, resource: jid.resource })),
    restore: async () => {
      for (const account of await store.unclean()) parts.unclean(account)
      await reviveAll(await store.restore())
    },
    adopt: async (found) => {
      await reviveAll(found)
      // whose client resumed elsewhere before it was here, so that there was nobody to be told
      await parts.check(found.map(({ row }) => row.account))
    },
    fold,
    tick: () => {
      const now = clock.monotonic()
      for (const [session, until] of detached) if (until <= now) void parts.sessionOver(session, false)
      for (const stream of streams.values()) {
        stream.tick()
        const { session } = stream
        if (stream.provingFor(now) > PROVE_WITHIN) session.outlet.close(new StreamError('connection-timeout', 'no answer to <r/>'))
        if (!session.away && stream.unacknowledged > 0 && now - stream.since > parts.silence) {
          session.away = true
          sessions.changed(session.account)
        }
      }
      if (now >= nextFold) {
        nextFold = now + parts.foldEvery
        fold().catch(report)
      }
      if (now >= nextForget) {
        nextForget = now + 60_000
        store.forget(clock.now() - parts.window * 1000 - KEPT).catch(report)
      }
    },
    get size() {
      return detached.size
    },
  }
}
