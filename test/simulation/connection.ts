// A node's end of a client's connection: what lib/net/connection.ts does between the wire and the core, without octets, log-in
// and the bounds of one socket. One element is handled at a time, and the end of the connection waits for it (durability.md D17).
import { StanzaError, StreamError } from '../../lib/base/errors.js'
import { parseJid } from '../../lib/base/jid.js'
import type { Stanza } from '../../lib/base/stanza.js'
import type { Core } from '../../lib/core/core.js'
import { deferredOf } from '../../lib/core/deferred.js'
import type { Given } from '../../lib/core/given.js'
import type { Wire } from '../../lib/core/managed-stream.js'
import { settled } from '../../lib/core/sessions.js'
import type { Outlet, Session } from '../../lib/core/sessions.js'
import { bindResource } from '../../lib/net/bind.js'
import type { Host } from '../../lib/net/host.js'
import { frameOf } from '../../lib/wire/framer.js'

/** From a client. */
export type Up =
  | { readonly is: 'bind'; readonly account: string; readonly resource: string }
  | { readonly is: 'resume'; readonly account: string; readonly id: string; readonly h: number }
  | { readonly is: 'enable' | 'r' | 'end' }
  | { readonly is: 'stanza'; readonly xml: string }
  | { readonly is: 'a'; readonly h: number }

/** To a client. */
export type Down =
  | { readonly is: 'bound' | 'enabled'; readonly id: string }
  | { readonly is: 'resumed'; readonly h: number; readonly incarnation: number }
  | { readonly is: 'failed'; readonly h: number | null }
  | { readonly is: 'stanza'; readonly xml: string }
  | { readonly is: 'a'; readonly h: number }
  | { readonly is: 'r' }
  /** The stream is over; the socket goes with it. */
  | { readonly is: 'closed'; readonly condition: string }

export interface ConnectionHost {
  readonly core: Core
  readonly host: Host
  readonly connections: Set<Connection>
  /** As lib/net/host.ts has it: asked before anything goes to a socket. */
  maySend(): boolean
  /** What was our bug. */
  bug(error: unknown): void
}

/** Seconds that a stream may be detached: no session ends by itself within a run. */
const WINDOW = 600
const LEAVES_SESSION: readonly string[] = ['connection-timeout', 'system-shutdown', 'resource-constraint', 'internal-server-error', 'reset', 'conflict']

export class Connection implements Outlet, Wire {
  private readonly node: ConnectionHost
  private readonly down: (down: Down) => void
  private readonly inbox: Up[] = []
  private session: Session | null = null
  private phase: 'open' | 'closing' | 'over' = 'open'
  private held = false
  private gone = false
  private ended = false
  private readonly released: (() => void)[] = []

  constructor(node: ConnectionHost, down: (down: Down) => void) {
    this.node = node
    this.down = down
    node.connections.add(this)
  }

  get isOver(): boolean {
    return this.phase !== 'open' || this.gone
  }

  receive(up: Up): void {
    if (this.isOver) return
    this.inbox.push(up)
    if (!this.held) this.next()
  }

  /** The other end is gone. */
  closed(): void {
    this.gone = true
    if (!this.held) this.finish()
  }

  private next(): void {
    while (this.inbox.length > 0 && !this.isOver) {
      const work = this.handle(this.inbox.shift() as Up)
      if (work === null) continue
      this.held = true
      void work.catch((error: unknown) => {
        if (error instanceof StreamError) this.close(error)
        else {
          this.node.bug(error)
          this.close(new StreamError('internal-server-error'))
        }
      }).then(() => {
        this.held = false
        for (const release of this.released.splice(0)) release()
        if (this.phase === 'closing') this.leave()
        if (this.gone) this.finish()
        else this.next()
      })
      return
    }
  }

  private handle(up: Up): Promise<unknown> | null {
    const { core } = this.node
    switch (up.is) {
      case 'bind': return this.bindNew(up.account, up.resource)
      case 'resume': return this.resume(up.account, up.id, up.h)
      case 'enable': return core.resumption.enable(this.session as Session, this, WINDOW, ({ id }) => this.send({ is: 'enabled', id })).catch((error: unknown) => {
        // its client begins anew
        if ((error as Error).name !== 'AwayError') throw error
        this.close(new StreamError('resource-constraint'))
      })
      case 'r':
        this.session?.stream?.requested()
        return null
      case 'a':
        this.session?.stream?.acknowledge(up.h)
        return null
      case 'end':
        this.ended = true
        this.close(null)
        return null
      case 'stanza': return this.stanza(up.xml)
    }
  }

  private stanza(xml: string): Promise<unknown> | null {
    const session = this.session as Session
    const { stream } = session
    const stanza = frameOf(xml) as Stanza
    const number = stream === null ? 0 : ++stream.received
    if (stanza.kind === 'iq' && stream?.resumable === true && (stanza.type === 'get' || stanza.type === 'set')) stream.asks(stanza.id, stanza.to)
    const ending = this.node.core.router.fromClient(session, stanza)
    if (ending instanceof Promise) return ending.then((e) => e !== 'logged' && stream?.done(number))
    if (ending !== 'logged') stream?.done(number)
    return null
  }

  private async bindNew(account: string, resource: string): Promise<void> {
    try {
      await bindResource(this.node.host, this, parseJid(account), resource, '', (session) => {
        this.session = session
        this.send({ is: 'bound', id: session.id })
      })
    } catch (error) {
      if (!(error instanceof StanzaError)) throw error
      this.close(new StreamError('resource-constraint'))
    }
  }

  private async resume(account: string, id: string, h: number): Promise<void> {
    const found = await this.node.core.resumption.resume(account, id, () => !this.isOver)
    if (found === null || typeof found === 'number') {
      this.send({ is: 'failed', h: found })
      return
    }
    this.send({ is: 'resumed', h: found.h, incarnation: found.session.incarnation })
    this.session = found.session
    found.attach(this, this, h)
  }

  // Outlet

  write(octets: string, declared: boolean, given: Given | null = null): boolean {
    const { session } = this
    if (this.isOver) return given === null && session !== null && session.open && !this.ended && session.stream?.resumable === true && deferredOf(session).write(octets, declared)
    const stream = session?.stream ?? null
    if (stream !== null) return stream.write(octets, declared, given)
    this.put(octets)
    return true
  }

  put(octets: string): void {
    if (this.phase === 'open') this.send({ is: 'stanza', xml: octets })
  }

  /** A node that has not renewed its lease in time says nothing any more (routing.md, step 8; lib/net/link.ts): the connection ends instead. */
  private send(down: Down): void {
    if (this.gone) return
    if (this.node.maySend()) this.down(down)
    else this.drop()
  }

  acknowledge(h: number): void {
    this.send({ is: 'a', h })
  }

  request(): void {
    this.send({ is: 'r' })
  }

  flushed(): Promise<boolean> {
    return Promise.resolve(!this.isOver)
  }

  async handOver(): Promise<void> {
    const { session } = this
    this.close(new StreamError('conflict', 'resumed on another connection'))
    while (this.held) {
      await new Promise<void>((resolve) => {
        this.released.push(resolve)
      })
    }
    if (session !== null) await settled(session, 0)
    this.drop()
  }

  close(error: StreamError | null): void {
    if (this.phase !== 'open') return
    if (error !== null && !LEAVES_SESSION.includes(error.condition)) this.ended = true
    this.send({ is: 'closed', condition: error?.condition ?? '' })
    this.phase = 'closing'
    if (!this.held) this.leave()
  }

  drop(): void {
    if (this.phase === 'open') this.down({ is: 'closed', condition: '' })
    this.gone = true
    if (!this.held) this.finish()
  }

  private leave(): void {
    const { session } = this
    // another connection's, since it was resumed
    if (session === null || session.outlet !== this) return
    if (this.ended || !this.node.core.resumption.detach(session)) void this.node.core.sessionOver(session, this.ended)
  }

  private finish(): void {
    if (this.phase === 'over') return
    this.phase = 'over'
    this.leave()
    this.node.connections.delete(this)
  }
}
