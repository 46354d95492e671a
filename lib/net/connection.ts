// One connection and the stream on it: bytes in through the framer, stanzas to the router, octets out through the link.
// Before a session is bound, elements go to negotiation.ts instead.
//
// Order (RFC 6120 §10.1): a stanza whose handling must wait for something holds its stream; the framer keeps what follows,
// and reading stops when that is too much. Fairness: a connection that has used its share of a turn goes on in the next.
import { randomBytes } from 'node:crypto'
import type { SecureContext } from 'node:tls'
import { StanzaError, StreamError } from '../base/errors.js'
import type { StreamCondition } from '../base/errors.js'
import { NS } from '../base/namespaces.js'
import type { Frame, Stanza } from '../base/stanza.js'
import { Framer } from '../wire/framer.js'
import type { FramerSink, Header } from '../wire/framer.js'
import { makeHold } from '../core/hold.js'
import type { Holding } from '../core/hold.js'
import { deferredOf } from '../core/deferred.js'
import { settled } from '../core/sessions.js'
import type { Session } from '../core/sessions.js'
import type { Given, Managed } from '../core/given.js'
import type { Wire } from '../core/managed-stream.js'
import { errorOf } from '../wire/replies.js'
import { DOCUMENT, FRAMES } from './framing.js'
import type { Framing } from './framing.js'
import type { Link, LinkEvents, TcpLink } from './link.js'
import { acceptHeader, negotiate } from './negotiation.js'
import { managed } from './stream-management.js'
import type { Login, Negotiating } from './negotiation.js'
import type { Guest, Host, Tap } from './host.js'
import { turn } from './turn.js'

/** Where the stream is. opening: no header yet · negotiating: header seen, no session · bound · closing: we said goodbye. */
type Phase = 'opening' | 'negotiating' | 'bound' | 'closing' | 'over'

export class Connection implements FramerSink, Negotiating, Guest, LinkEvents, Wire {
  readonly host: Host
  link: Link
  private readonly framing: Framing
  private readonly framer: Framer
  private phase: Phase = 'opening'
  /** What is known while logging in; null once bound. */
  login: Login | null
  session: Session | null = null
  authenticated = false
  private headerSent = false
  /** A stanza is being handled that the next has to wait for. */
  private held = false
  private paused = false
  private released: (() => void) | null = null
  /** The stream was closed in order, or for a reason that ends the session too: it cannot be resumed. */
  private ended = false
  /** The peer is gone; what was read of it is still handled. */
  private gone = false
  /** Presence kept back from a reader that is slow; null: it keeps up. */
  private slow: Holding | null = null
  /** Octets unread above which a write needs a closer look: a quarter of what is allowed, none while presence is kept back. */
  private brim: number
  private turn = 0
  private usedStanzas = 0
  private usedBytes = 0
  /** Elements in the WebSocket frame that is being read. */
  private inFrame = 0
  /** Octets read before authentication. */
  private early = 0
  /** Coarse clock (host.time): last octets read; when the phase began that has a deadline; our ping's time or 0. */
  lastRead: number
  deadline: number
  pinged = 0

  constructor(host: Host, makeLink: (events: LinkEvents) => Link) {
    this.host = host
    this.framer = new Framer(this, host.limits.unauthenticated)
    this.login = { header: null, username: null, domain: null, exchange: null, attempts: 0 }
    this.brim = host.settings.writeBufferBytes >> 2
    this.lastRead = host.time()
    this.deadline = this.lastRead + host.settings.authTimeout * 1000
    this.link = makeLink(this)
    this.framing = this.link.kind === 'tcp' ? DOCUMENT : FRAMES
    if (this.link.kind === 'websocket') this.framer.fragments()
  }

  get isOver(): boolean {
    return this.gone || this.phase === 'closing' || this.phase === 'over'
  }

  // LinkEvents

  data(chunk: Buffer): void {
    if (this.phase === 'closing' || this.phase === 'over') return
    this.lastRead = this.host.time()
    this.pinged = 0
    if (!this.authenticated) {
      this.early += chunk.length
      if (this.early > this.host.limits.early) {
        this.fail(new StreamError('policy-violation', 'too much before authentication'))
        return
      }
    }
    try {
      if (this.framing === FRAMES) this.frame(chunk)
      else this.framer.write(chunk)
    } catch (error) {
      this.fail(error)
    }
    // held back: keep a little, then stop reading
    if (this.framer.waiting > this.host.settings.turnBytes) this.pause()
  }

  closed(): void {
    this.gone = true
    if (!this.held) this.finish()
  }

  maySend(): boolean {
    return this.host.maySend === null || this.host.maySend()
  }

  // FramerSink

  header(header: Header): void {
    acceptHeader(this, header)
  }

  element(frame: Frame): boolean {
    const { session } = this
    if (this.phase === 'closing' || this.phase === 'over') return false
    if (this.framing === FRAMES && ++this.inFrame > 1) throw new StreamError('not-well-formed', 'one element a frame') // RFC 7395 §3.3.3
    if (session === null) return this.wait(negotiate(this, frame))
    if (frame.kind === '') return this.nonza(frame)
    // RFC 6120 §8.1.2.1: `from` may be one's own full or bare JID. Clients send either (or none)
    if (frame.from !== '' && frame.from !== session.jid.full && frame.from !== session.jid.bare && !this.host.sameAddress(frame.from, session.jid)) {
      throw new StreamError('invalid-from')
    }
    if (this.host.tap !== null && this.tapped(this.host.tap, session, frame as Stanza)) return true
    const { stream } = session
    if (stream !== null) return this.counted(session, stream, frame as Stanza)
    const ending = this.host.router.fromClient(session, frame as Stanza)
    if (ending instanceof Promise) return this.wait(ending)
    return this.mayGoOn(frame.xml.length) && this.mayHaveMore(session)
  }

  /** XEP-0198 §4: a stanza counts once it is done; a message once it is committed, which the router tells the stream. */
  private counted(session: Session, stream: Managed, stanza: Stanza): boolean {
    const number = ++stream.received
    if (stanza.kind === 'iq' && stream.resumable && (stanza.type === 'get' || stanza.type === 'set') && !stream.asks(stanza.id, stanza.to)) {
      this.write(errorOf(stanza, session.jid.full, new StanzaError('resource-constraint', 'too many requests are not answered yet', { type: 'wait' })), false)
      stream.done(number)
      return true
    }
    const ending = this.host.router.fromClient(session, stanza)
    if (ending instanceof Promise) return this.wait(ending.then((e) => e !== 'logged' && stream.done(number)))
    if (ending !== 'logged') stream.done(number)
    return this.mayGoOn(stanza.xml.length) && this.mayHaveMore(session)
  }

  /** What one client may have uncommitted is bounded: then it waits (durability.md D20). */
  private mayHaveMore(session: Session): boolean {
    return session.uncommitted < MOST_UNCOMMITTED || this.wait(settled(session, MOST_UNCOMMITTED >> 1))
  }

  end(): void {
    // RFC 6120 §4.4: they closed their stream; we close ours, everything before is handled. XEP-0198 §6: so the session ends
    this.ended = true
    this.close(null)
  }

  // Outlet

  write(octets: string, declared: boolean, given: Given | null = null): boolean {
    if (this.isOver) return given === null && this.leftBehind(octets, declared)
    const hold = this.session?.hold
    if (hold !== null && hold !== undefined && hold.take(octets, declared, given !== null)) return true
    return this.offer(octets, declared, given)
  }

  /** Nothing goes out any more; the session may live on, and have it later. */
  private leftBehind(octets: string, declared: boolean): boolean {
    const { session } = this
    return session !== null && session.open && !this.ended && session.stream?.resumable === true && deferredOf(session).write(octets, declared)
  }

  private offer(octets: string, declared: boolean, given: Given | null): boolean {
    const stream = this.session?.stream ?? null
    // what was sent and not acknowledged does not make a slow reader: nothing would be waited for
    const waiting = this.link.buffered() + octets.length
    if (waiting > this.brim && this.keptBack(octets, declared, given !== null)) return true
    if (waiting + (stream?.bytes ?? 0) > this.host.settings.writeBufferBytes && !this.hasRoom(octets)) return false
    if (stream !== null) return stream.write(octets, declared, given)
    this.put(octets, declared)
    return true
  }

  // Wire: what the session's stream lets go

  put(octets: string, declared: boolean): void {
    if (this.phase === 'closing' || this.phase === 'over') return
    if (this.host.tap !== null && this.session !== null) this.host.tap.saw('out', this.session, octets)
    this.link.send(octets, declared)
  }

  acknowledge(h: number): void {
    this.send(`<a xmlns='${NS.sm}' h='${h}'/>`)
  }

  request(): void {
    this.send(REQUEST)
  }

  /** Nothing more of it is read; resolves when what was is done (XEP-0198 §5: the old stream ends with 'conflict'). */
  async handOver(): Promise<void> {
    const { session } = this
    this.close(new StreamError('conflict', 'resumed on another connection'))
    // what is being handled may wait for its reader, who has gone
    const impatient = setTimeout(() => this.link.destroy(), LAST_WORDS).unref()
    while (this.held) {
      await new Promise<void>((resolve) => {
        this.released = resolve
      })
    }
    clearTimeout(impatient)
    if (session !== null) await settled(session, 0)
    this.drop()
  }

  /** Of presence only the last counts: until a slow reader has read, it waits here; everything else goes out behind it. */
  private keptBack(octets: string, declared: boolean, ofLog: boolean): boolean {
    if (this.session === null) return false
    if (this.slow === null) {
      const { inactiveHoldStanzas, inactiveHoldBytes, writeBufferBytes } = this.host.settings
      this.slow = makeHold({ write: (kept, has) => this.offer(kept, has, null) }, { stanzas: inactiveHoldStanzas, bytes: Math.min(inactiveHoldBytes, writeBufferBytes >> 2) })
      this.brim = -1
      void this.link.flushed().then(() => this.caughtUp())
    }
    return this.slow.take(octets, declared, ofLog)
  }

  private caughtUp(): void {
    const { slow } = this
    this.slow = null
    this.brim = this.host.settings.writeBufferBytes >> 2
    // nothing goes out behind a goodbye
    if (this.phase === 'bound') slow?.release()
  }

  flushed(): Promise<boolean> {
    return this.link.flushed()
  }

  /** End the stream: with an error, or (null) as agreed (RFC 6120 §4.4, §4.9). */
  close(error: StreamError | null): void {
    if (this.phase === 'closing' || this.phase === 'over') return
    if (error !== null && !LEAVES_SESSION.includes(error.condition)) this.ended = true
    if (error !== null && !this.headerSent) this.openStream(this.host.defaultDomain, '') // RFC 6120 §4.9.1.2
    if (error !== null) this.link.send(this.framing.error(error), true)
    if (this.headerSent) this.link.send(this.framing.close(), true)
    this.phase = 'closing'
    this.deadline = this.host.time() + CLOSING
    this.framer.discard()
    if (!this.held) this.leave()
    this.link.end()
    // what still comes is thrown away, but its end must be seen
    if (this.paused) this.link.resume()
    this.paused = false
  }

  // For negotiation

  openStream(from: string, to: string): void {
    this.headerSent = true
    this.link.send(this.framing.open({ id: randomBytes(12).toString('hex'), from, to }), true)
  }

  sendFeatures(inner: string): void {
    this.link.send(this.framing.features(inner), true)
  }

  send(octets: string): void {
    if (this.phase === 'closing' || this.phase === 'over' || !this.hasRoom(octets)) return
    this.link.send(octets, false)
  }

  opened(): void {
    if (this.phase === 'opening') this.phase = 'negotiating'
  }

  /** A new stream follows on the same connection (RFC 6120 §6.3.2). */
  restart(): void {
    if (this.phase === 'closing' || this.phase === 'over') return
    this.phase = 'opening'
    this.headerSent = false
    if (this.link.kind === 'tcp') this.framer.restart()
  }

  /** The same stream anew inside TLS (RFC 6120 §5.4.3.3): nothing that came in clear counts any more. */
  secure(context: SecureContext): void {
    if (this.phase === 'closing' || this.phase === 'over' || this.gone) return
    this.framer.discard()
    this.framer.restart()
    this.phase = 'opening'
    this.headerSent = false
    ;(this.link as TcpLink).startTls(context)
  }

  /** SASL succeeded: the account is known, limits are those of a user. */
  authenticate(): void {
    // the gate has been told that it is over
    if (this.phase === 'over') return
    this.authenticated = true
    this.framer.setLimits(this.host.limits.authenticated)
    this.host.gate.authenticated(this.link.address)
    this.host.strangers.delete(this)
  }

  bind(session: Session): void {
    this.session = session
    this.login = null
    if (this.phase === 'over' || this.phase === 'closing') {
      this.leave()
      return
    }
    this.phase = 'bound'
    this.deadline = 0
  }

  // The rest

  private hasRoom(octets: string): boolean {
    if (this.link.buffered() + octets.length + (this.session?.stream?.bytes ?? 0) <= this.host.settings.writeBufferBytes) return true
    // The reader is too slow. It cannot be told, its buffer is full; what it did not read is lost with the session
    this.host.log.warn({ jid: this.session?.jid.full, bytes: this.link.buffered() }, 'connection closed: it does not read what it is sent')
    this.drop()
    return false
  }

  /** True: the test that this server runs in wants the stanza refused. */
  private tapped(tap: Tap, session: Session, stanza: Stanza): boolean {
    tap.saw('in', session, stanza.xml)
    const error = tap.refuse(session, stanza)
    if (error !== null) this.write(errorOf(stanza, session.jid.full, error), false)
    return error !== null
  }

  /** RFC 7395 §3.3.3: a frame holds one element, and all of it. While it is handled the link keeps the next. */
  private frame(octets: Buffer): void {
    this.inFrame = 0
    this.framer.write(octets)
    if (!this.framer.idle) throw new StreamError('not-well-formed', 'a frame is one element, and all of it')
    if (this.held) this.pause()
  }

  private nonza(frame: Frame): boolean {
    if (frame.ns === NS.sm && this.session !== null) return this.wait(managed(this, this.session, frame))
    if (this.session !== null && this.host.nonza(this.session, frame.ns, frame.name)) return true
    if (frame.ns === NS.framing && frame.name === 'close') {
      this.end()
      return true
    }
    throw new StreamError('unsupported-stanza-type', `<${frame.name}/> is not understood here`) // RFC 6120 §4.9.3.24
  }

  /** True while this connection's share of the turn lasts. */
  private mayGoOn(bytes: number): boolean {
    if (this.turn !== turn.number) {
      this.turn = turn.number
      this.usedStanzas = this.usedBytes = 0
    }
    this.usedBytes += bytes
    if (++this.usedStanzas < this.host.settings.turnStanzas && this.usedBytes < this.host.settings.turnBytes) return true
    this.usedStanzas = this.usedBytes = 0
    this.held = true
    this.pause()
    setImmediate(() => this.goOn())
    return false
  }

  wait(work: boolean | Promise<unknown>): boolean {
    if (typeof work === 'boolean') return work
    this.held = true
    work.then(() => this.goOn(), (error: unknown) => {
      this.fail(error)
      this.goOn()
    })
    return false
  }

  private goOn(): void {
    this.held = false
    if (this.released !== null) {
      this.released()
      this.released = null
    }
    if (this.phase === 'closing') this.leave()
    else if (this.phase !== 'over') {
      try {
        this.framer.resume()
      } catch (error) {
        this.fail(error)
      }
    }
    if (this.held) return
    if (this.gone) this.finish()
    else if (this.paused && this.phase !== 'over') {
      this.paused = false
      this.link.resume()
    }
  }

  private pause(): void {
    if (this.paused || this.phase === 'closing') return
    this.paused = true
    this.link.pause()
  }

  private fail(error: unknown): void {
    if (error instanceof StreamError) {
      this.host.log.debug({ address: this.link.address, condition: error.condition, reason: error.message }, 'stream error')
      this.close(error)
    } else {
      this.host.log.error({ err: error }, 'a stream failed')
      this.close(new StreamError('internal-server-error'))
    }
  }

  /** No goodbye is possible any more. */
  drop(): void {
    this.link.destroy()
    // what is being handled is counted before the session is anybody else's (durability.md D17)
    this.gone = true
    if (!this.held) this.finish()
  }

  /** The session is over, whatever becomes of the socket. */
  private leave(): void {
    const { session } = this
    // another connection's, since it was resumed
    if (session === null || session.outlet !== this) return
    if (this.ended || !this.host.resumption.detach(session)) void this.host.sessionOver(session, this.ended)
  }

  private finish(): void {
    if (this.phase === 'over') return
    this.phase = 'over'
    this.leave()
    this.host.gate.closed(this.link.address, this.authenticated)
    this.host.connections.delete(this)
    this.host.strangers.delete(this)
  }

  /** Called about once a second: deadlines and silent peers. */
  tick(now: number): void {
    const { pingAfter, deadAfter } = this.host.settings
    if (this.deadline !== 0 && now > this.deadline) {
      if (this.phase === 'closing') this.drop()
      else this.close(new StreamError('connection-timeout', 'not logged in in time')) // RFC 6120 §4.9.3.4
    } else if (this.phase === 'bound' && this.session !== null) {
      if (this.pinged !== 0 && now - this.pinged > deadAfter * 1000) {
        this.close(new StreamError('connection-timeout', 'no answer to a ping'))
      } else if (this.pinged === 0 && now - this.lastRead > pingAfter * 1000) {
        // RFC 6120 §4.6.1; any octet that comes back shows that the peer lives
        this.pinged = now
        const { jid } = this.session
        this.host.ping(this, jid)
      }
    }
  }
}

/** ms that a peer has to close its side after we said goodbye. */
const CLOSING = 5000
/** ms that a connection whose stream was resumed on another has to take what is being written to it. */
const LAST_WORDS = 100
/** Messages of one client that wait for a commit. */
const MOST_UNCOMMITTED = 256
const REQUEST = `<r xmlns='${NS.sm}'/>`
/** Errors of the stream after which the session may be resumed on another: nothing is wrong with its client. */
const LEAVES_SESSION: readonly StreamCondition[] = ['connection-timeout', 'system-shutdown', 'resource-constraint', 'internal-server-error', 'reset', 'conflict']
