// Stream management (XEP-0198) of one session: the count of its client's stanzas that are done, and what was sent to it and not
// acknowledged. It outlives the connection.
//
// In a stream that can be resumed each message of the log has a record in the journal before it goes out (durability.md D7),
// so that after a crash the client's h tells which ones it has; and no h is said that the journal does not know, so that it
// never falls. Messages wait here for that; what comes behind them waits too, for the client counts everything.
import { LONGEST_ID } from '../base/stanza.js'
import { frameOf } from '../wire/framer.js'
import { deferredOf } from './deferred.js'
import { record } from './journal.js'
import type { Reference, StreamState } from './journal.js'
import type { Form, Given, Managed, Pending, Receipts } from './given.js'
import type { Session } from './sessions.js'
import type { Tracing } from './tracing.js'

/** Where its stanzas go; a connection. */
export interface Wire {
  put(octets: string, declared: boolean): void
  /** XEP-0198 §4: `<a/>` with this count; `<r/>`. */
  acknowledge(h: number): void
  request(): void
}

export interface StreamHost {
  /** The next group commit has to ask this stream. */
  touch(stream: ManagedStream): void
  /** These entries of its account's log were acknowledged. */
  acknowledged(session: Session, given: readonly Given[]): void
  /** Ask its client for an acknowledgement before long. */
  askSoon(stream: ManagedStream): void
  /** What its client has asked for. JSON */
  details(stream: ManagedStream): string
  /** ms, monotonic */
  now(): number
  readonly trace: Tracing
}

/** A stanza on its way to the client. */
interface Out {
  readonly octets: string
  readonly declared: boolean
  /** null: not of the log. */
  readonly given: Given | null
  /** It says that this message of the client's was refused; 0: it does not. */
  readonly refuses: number
  readonly size: number
}

/** The client's requests that have no acknowledged answer. */
const MOST_REQUESTS = 1000
/** Numbers in one group commit. */
const MOST_RESERVED = 1000
/** Unacknowledged stanzas after which the client is asked. */
const ASK_AFTER = 20
/** ms between questions to one client, unless so much was sent. */
const ASK_EVERY = 100
const WRAP = 2 ** 32
const NOT_ASKED = -1

export class ManagedStream implements Managed {
  readonly session: Session
  readonly id: string
  /** Seconds that it may be detached; 0: it cannot be resumed. */
  readonly lasts: number
  private readonly host: StreamHost
  private wire: Wire | null
  /** Stanzas read; done, without a hole (XEP-0198 §4); as the journal knows. */
  received = 0
  handled = 0
  journaled = 0
  private lastDone = 0
  /** The client has asked and was not answered up to here. */
  private asked = NOT_ASKED
  /** What it was told last. */
  private told = 0
  private inBatch = 0
  private batchLast = 0
  private composed = 0
  /** Stanzas sent; acknowledged. */
  sent = 0
  acked = 0
  private readonly unacked: Out[] = []
  /** Not numbered yet; the first is always one that needs a record. */
  private queue: Out[] = []
  private reserved = 0
  /** Octets kept: not acknowledged, or not sent. */
  bytes = 0
  /** Of these, entries of the log. */
  private logged = 0
  /** What was given to it before it was managed, which only a ping can prove. */
  before: Receipts | null = null
  private readonly outstanding = new Map<number, Form>()
  /** Stanzas sent since the client was asked last. */
  private unasked = 0
  private askedAt = -Infinity
  /** When what is unacknowledged began to wait; ms. */
  since = 0
  /** Version of the roster that its client is known to have. */
  rosterVersion = 0
  /** Restored after a crash: what the client had been given. null: nothing was lost. */
  left: StreamState | null = null
  /** Nothing is given to it before its client has said on this connection what it has. */
  private proving: ((count: number) => void) | null = null
  /** Requests that wait for an answer, or for its acknowledgement. */
  readonly requests: Pending[] = []
  private requestsChanged = false
  /** The last message of the client's that was refused. */
  private refused = 0
  /** As the journal or the row has them; and whether they may have changed: by something that was no message. */
  private details = ''
  private detailsMayDiffer = true

  constructor(session: Session, id: string, lasts: number, wire: Wire | null, host: StreamHost) {
    this.session = session
    this.id = id
    this.lasts = lasts
    this.wire = wire
    this.host = host
  }

  get resumable(): boolean {
    return this.lasts > 0
  }

  get connected(): boolean {
    return this.wire !== null && this.proving === null
  }

  /** ms since its client was asked whether it is on this connection; 0: it has said so. */
  provingFor(now: number): number {
    return this.proving === null ? 0 : now - this.askedAt
  }

  // The client's stanzas

  /** This stanza, and all before it that were not waiting for a commit, is done. */
  done(number: number): void {
    this.detailsMayDiffer = true
    if (number > this.lastDone) this.lastDone = number
    if (this.session.uncommitted === 0) this.handled = this.lastDone
    // a commit may have come between its refusal and this
    if (this.queue[0]?.refuses === number) this.host.touch(this)
  }

  /** The message with this number is committed; earlier ones are, for the log keeps their order. */
  messageDone(number: number): void {
    if (number > this.lastDone) this.lastDone = number
    this.handled = this.session.uncommitted === 0 ? this.lastDone : Math.max(this.handled, number)
    if (!this.resumable) this.tell()
  }

  changed(): void {
    if (!this.resumable) return
    this.detailsMayDiffer = this.requestsChanged = true
    this.host.touch(this)
  }

  /** `<r/>` (§4): answered with what is committed, as soon as that is all, or a commit has made it more. */
  requested(): void {
    this.asked = this.received
    if (this.h >= this.asked) this.tell()
    else this.wantsJournal()
  }

  /** The count that may be said. */
  get h(): number {
    return this.resumable ? this.journaled : this.handled
  }

  private tell(): void {
    if (this.asked === NOT_ASKED) return
    const { h } = this
    if (h < this.asked && h === this.told) return
    this.told = h
    this.wire?.acknowledge(h % WRAP)
    if (h >= this.asked) this.asked = NOT_ASKED
  }

  /** What is done and not in the journal, and asked for, needs a commit of its own where none is under way. */
  private wantsJournal(): void {
    if (this.asked !== NOT_ASKED && this.resumable && this.session.uncommitted === 0 && this.handled > this.journaled) this.host.touch(this)
  }

  /** A second has passed: who has asked is answered, even while no commit ends. */
  tick(): void {
    if (this.unacked.length > 0 && this.unasked > 0) this.ask()
    if (this.asked === NOT_ASKED) return
    this.told = -1
    this.tell()
    this.wantsJournal()
  }

  /** A request of the client's (D15). False: too many are open. */
  asks(id: string, to: string): boolean {
    if (id.length > LONGEST_ID) return true // it is going to be refused
    if (this.isFull) return false
    this.requests.push({ id, to, number: this.received, answer: 0, refusal: '' })
    this.requestsChanged = true
    return true
  }

  /** A request with a long id, or to a long address, counts as several: all of them go into the journal together. */
  private get isFull(): boolean {
    let sum = 0
    for (const { id, to } of this.requests) sum += 1 + ((id.length + to.length) >> 8)
    return sum >= MOST_REQUESTS
  }

  refuses(number: number, id: string, to: string, condition: string): void {
    if (!this.resumable || this.isFull || id.length > LONGEST_ID || this.requests.some((r) => r.number === number)) return
    this.requests.push({ id, to, number, answer: 0, refusal: condition })
    this.requestsChanged = true
    this.refused = Math.max(this.refused, number)
    this.host.touch(this)
  }

  // Journaled

  get fence(): readonly [string, number] | null {
    const { open, account, member } = this.session
    return open ? [account, member.generation] : null
  }

  joins(number: number): void {
    this.inBatch++
    this.batchLast = number
  }

  compose(): string | null {
    // what comes of its last stanzas here is nothing: its client sends them again, where it is now
    if (this.session.moved) return null
    const rest = this.session.uncommitted - this.inBatch
    const h = this.inBatch === 0 ? this.handled : rest === 0 ? Math.max(this.batchLast, this.lastDone) : this.batchLast
    this.inBatch = 0
    if (!this.resumable) return null
    this.composed = Math.max(h, this.journaled)
    this.reserved = Math.min(this.queue.length, MOST_RESERVED)
    const early = this.queue.findIndex((out) => out.refuses > this.composed)
    if (early >= 0 && early < this.reserved) this.reserved = early
    if (this.reserved === 0 && h <= this.journaled && !this.requestsChanged) return null
    this.requestsChanged = false
    let details: string | null = null
    if (this.detailsMayDiffer) {
      details = this.host.details(this)
      this.detailsMayDiffer = false
      if (details === this.details) details = null
      else this.details = details
    }
    const records: { number: number; seq: number; form: Form }[] = []
    for (let i = 0; i < this.reserved; i++) {
      const { given } = this.queue[i] as Out
      if (given !== null) records.push({ number: this.sent + i + 1, ...given })
    }
    const { account, id, incarnation } = this.session
    return record({ account, sessionId: id, incarnation, h: this.composed, records, requests: this.requests, details })
  }

  committed(): void {
    // another node's by now, which has not seen what this commit says of it: so nothing follows from that
    if (this.session.moved) return
    this.journaled = this.composed
    const ready = this.queue.splice(0, this.reserved)
    this.reserved = 0
    for (const out of ready) this.number(out)
    this.pump()
    this.tell()
    this.wantsJournal()
  }

  voided(): void {
    this.reserved = 0
    this.requestsChanged = this.detailsMayDiffer = true
    this.details = ''
  }

  // What goes to the client

  write(octets: string, declared: boolean, given: Given | null): boolean {
    if (this.proving !== null) return given === null && deferredOf(this.session).write(octets, declared)
    const size = octets.length
    if (this.resumable) this.bytes += size
    if (given !== null) {
      this.outstanding.set(given.seq, given.form)
      this.logged += size
    }
    const refuses = this.refused > this.journaled ? this.refusedBy(octets) : 0
    const out: Out = { octets, declared, given, refuses, size }
    if (this.queue.length > 0 || refuses > 0 || (given !== null && this.resumable)) {
      this.queue.push(out)
      if (given !== null) this.host.touch(this)
    } else this.number(out)
    return true
  }

  /** It has a number now, and goes. */
  private number(out: Out): void {
    const { octets, declared, given, size } = out
    this.sent++
    if (this.requests.length > 0 && given === null && (octets.startsWith('<iq') || octets.startsWith('<message'))) this.answers(octets)
    // what cannot be resumed need not be kept, but for its number, and what must be answered in its place
    const isKept = this.resumable || isRequest(octets)
    if (isKept && !this.resumable) this.bytes += size
    this.unacked.push(isKept ? out : given === null ? NOTHING : { octets: '', declared, given, refuses: 0, size })
    if (this.unacked.length === 1) this.since = this.host.now()
    this.wire?.put(octets, declared)
    if (given !== null) this.host.trace.given(this.session, given, this.sent)
    this.unasked++
    if (given === null && this.unasked < ASK_AFTER) return
    // at once where it was not asked just now: a client that leaves in order has said what it has got
    if (this.host.now() - this.askedAt > ASK_EVERY || this.unasked === ASK_AFTER) this.ask()
    else this.host.askSoon(this)
  }

  /** Behind what has got its number, stanzas that need no record have one too. */
  private pump(): void {
    let i = 0
    for (; i < this.queue.length; i++) {
      const out = this.queue[i] as Out
      if (out.given !== null || out.refuses > this.journaled) break
      this.number(out)
    }
    if (i > 0) this.queue.splice(0, i)
    if (this.queue.length > 0) this.host.touch(this)
  }

  /**
   * The message that this stanza says was refused, where the journal does not know yet: a client that has heard of it must not
   * be told by a lower h, after a crash, to send it again.
   */
  private refusedBy(octets: string): number {
    const pending = octets.startsWith('<message') ? this.answeredBy(octets) : undefined
    return pending !== undefined && pending.number > this.journaled ? pending.number : 0
  }

  private answeredBy(octets: string): Pending | undefined {
    const { kind, type, id } = frameOf(octets)
    if (type !== 'error' && (kind !== 'iq' || type !== 'result')) return undefined
    return this.requests.find((r) => r.id === id && r.answer === 0 && (r.refusal === '') === (kind === 'iq'))
  }

  private answers(octets: string): void {
    const pending = this.answeredBy(octets)
    if (pending === undefined) return
    pending.answer = this.sent
    this.requestsChanged = true
  }

  give(octets: string, declared: boolean, given: Given): boolean {
    return this.session.outlet.write(octets, declared, given)
  }

  has(seq: number, form?: Form): boolean {
    const as = this.outstanding.get(seq)
    return (as !== undefined && (form === undefined || as === form)) || this.before?.has(seq, form) === true ||
      this.left?.unacked.some((ref) => ref.seq === seq && (form === undefined || ref.form === form)) === true
  }

  get octets(): number {
    return this.logged + (this.before?.octets ?? 0)
  }

  ask(): void {
    if (this.wire === null) return
    this.unasked = 0
    this.askedAt = this.host.now()
    this.wire.request()
  }

  proved(id: string): boolean {
    return this.before?.proved(id) === true
  }

  /** Unless it was asked meanwhile. */
  askAgain(): void {
    if (this.unasked > 0) this.ask()
  }

  /** `<a h=''/>`, or the h of `<resume/>`. Counts that cannot be are survived: what is behind is old, what is ahead is all. */
  acknowledge(count: number): void {
    const { proving } = this
    if (proving !== null) {
      this.proving = null
      proving(count)
      return
    }
    const ahead = (count - this.acked % WRAP) | 0
    const n = Math.min(ahead, this.unacked.length)
    if (n <= 0) return
    const gone = this.unacked.splice(0, n)
    this.acked += n
    this.since = this.host.now()
    const given: Given[] = []
    for (const out of gone) {
      if (out.octets !== '') this.bytes -= out.size
      if (out.given !== null) this.over(out, given)
    }
    if (this.requests.some((r) => r.answer !== 0 && r.answer <= this.acked)) {
      const left = this.requests.filter((r) => r.answer === 0 || r.answer > this.acked)
      // that one of its messages was refused would be said again after a crash; an answer may be
      if (left.reduce(countRefusals, 0) < this.requests.reduce(countRefusals, 0)) this.host.touch(this)
      this.requests.splice(0, this.requests.length, ...left)
      this.requestsChanged = true
    }
    this.host.acknowledged(this.session, given)
  }

  private over(out: Out, given: Given[]): void {
    const it = out.given as Given
    this.outstanding.delete(it.seq)
    given.push(it)
    this.logged -= out.size
  }

  get unacknowledged(): number {
    return this.unacked.length
  }

  /** Stanzas not of the log that were not acknowledged, as octets, and those that were not sent. @param count what its client has, where that is known better */
  lost(count = this.acked): readonly string[] {
    const has = Math.max(0, (count - this.acked % WRAP) | 0)
    return [...this.unacked.slice(has), ...this.queue].flatMap((out) => (out.given === null && out.octets !== '' ? [out.octets] : []))
  }

  // Resuming

  /** As its row has it; it is detached. */
  restore(state: StreamState): void {
    this.received = this.handled = this.journaled = this.lastDone = state.h
    this.left = state
    // what its h does not cover the client sends again
    this.requests.push(...state.requests.filter((r) => r.number <= state.h))
  }

  /** What its row is to say (D8); call while no commit is under way. */
  state(n: number): StreamState {
    if (this.left !== null) return { ...this.left, h: this.journaled, requests: this.requests.map((r) => ({ ...r })), folded: n, details: this.host.details(this) }
    const unacked: Reference[] = []
    this.unacked.forEach(({ given }, i) => {
      if (given !== null) unacked.push({ number: this.acked + i + 1, seq: given.seq, form: given.form })
    })
    // what waits for its number will get this one, for nothing passes it
    this.queue.forEach(({ given }, i) => {
      if (given !== null) unacked.push({ number: this.sent + i + 1, seq: given.seq, form: given.form })
    })
    return {
      h: this.resumable ? this.journaled : this.handled, outbound: this.sent, position: this.session.position, unacked,
      requests: this.requests.map((r) => ({ ...r })), folded: n, details: this.host.details(this),
    }
  }

  /** What is done is in the row now. */
  saved(h: number): void {
    this.journaled = Math.max(this.journaled, h)
  }

  /**
   * A connection, of whose client it is not known whether it still waits there: it is asked (§4) before anything is numbered.
   * A node that has stood still may read a `<resume/>` after its client has left, and resumed elsewhere; what is numbered from that old
   * count is not what the client has by those numbers.
   */
  prove(wire: Wire, proved: (count: number) => void): void {
    this.wire = wire
    this.asked = NOT_ASKED
    this.told = -1
    this.proving = proved
    this.ask()
  }

  /** It has no connection any more. */
  detach(): void {
    this.wire = this.proving = null
  }

  /**
   * A connection again (XEP-0198 §5). The client has `count` stanzas; after a crash that is the only count there is. What it
   * does not have is sent again.
   */
  attach(wire: Wire, count: number): void {
    if (this.left === null) this.acknowledge(count)
    else this.sent = this.acked = count
    this.left = null
    this.wire = wire
    this.asked = NOT_ASKED
    this.told = -1
    this.unacked.forEach(({ octets, declared, given }, i) => {
      wire.put(octets, declared)
      if (given !== null) this.host.trace.given(this.session, given, this.acked + i + 1)
    })
    this.unasked = 0
    if (this.unacked.length > 0) this.ask()
    if (this.queue.length > 0) this.host.touch(this)
  }
}

const NOTHING: Out = { octets: '', declared: false, given: null, refuses: 0, size: 0 }

const countRefusals = (sum: number, { refusal }: Pending): number => (refusal === '' ? sum : sum + 1)

const isRequest = (octets: string): boolean => octets.startsWith('<iq') && /^<iq[^>]* type=['"][gs]et['"]/.test(octets)
