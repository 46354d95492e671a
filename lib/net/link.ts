// A link carries the octets of one connection: TCP, TLS or WebSocket. The stream on top of it (connection.ts) does not
// care which; what differs is how a stream is opened, closed and framed.
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { SecureContext } from 'node:tls'
import { soon, waits } from './turn.js'

export interface Link {
  readonly kind: 'tcp' | 'websocket'
  /** IP address of the peer. */
  readonly address: string
  readonly encrypted: boolean
  /** The TLS socket, for channel binding. */
  readonly tls: TLSSocket | null
  /** Queue octets; they go out at the end of this turn of the event loop. */
  send(octets: string, declared: boolean): void
  /** Octets queued that the kernel has not taken yet. */
  buffered(): number
  /** Resolves when all that was queued so far is with the kernel; false when the link was over before. */
  flushed(): Promise<boolean>
  /** Stop and start reading. */
  pause(): void
  resume(): void
  /** Send what is queued, then close. */
  end(): void
  destroy(): void
}

export interface LinkEvents {
  data(chunk: Buffer): void
  /** Asked before anything goes to the socket; where not, the link is over. */
  maySend(): boolean
  /** Nothing more will come, and nothing can be sent. Called once. */
  closed(): void
}

/** IPv4 addresses come mapped into IPv6 on a dual-stack listener. */
export const plainAddress = (address: string | undefined): string => (address ?? '').replace(/^::ffff:(?=\d+\.)/, '')

export const isLoopback = (address: string): boolean => address === '::1' || address.startsWith('127.')

/** A class, not closures: a server has tens of thousands, and all must have one shape (closures with getters: one each). */
export class TcpLink implements Link {
  readonly kind = 'tcp'
  readonly address: string
  private readonly events: LinkEvents
  private socket: Socket
  private out = ''
  private closed = false
  private waiting: ((sent: boolean) => void)[] | null = null
  private readonly data: (chunk: Buffer) => void
  private readonly over: () => void

  constructor(socket: Socket, events: LinkEvents) {
    this.socket = socket
    this.events = events
    this.address = plainAddress(socket.remoteAddress)
    this.data = (chunk) => this.events.data(chunk)
    this.over = () => this.finish()
    this.listen()
  }

  get encrypted(): boolean {
    return this.socket instanceof TLSSocket
  }

  get tls(): TLSSocket | null {
    return this.socket instanceof TLSSocket ? this.socket : null
  }

  send(octets: string): void {
    if (this.closed) return
    if (this.out === '') soon(this)
    this.out += octets
    waits(octets.length)
  }

  flush(): void {
    if (this.out === '' || this.closed) return
    if (!this.events.maySend()) {
      this.destroy()
      return
    }
    const octets = this.out
    this.out = ''
    if (this.waiting === null) {
      this.socket.write(octets, 'latin1')
      return
    }
    const tellThem = this.waiting
    this.waiting = null
    this.socket.write(octets, 'latin1', (error) => {
      for (const tell of tellThem) tell(error === null || error === undefined)
    })
  }

  buffered(): number {
    return this.out.length + this.socket.writableLength
  }

  flushed(): Promise<boolean> {
    return new Promise((resolve) => {
      if (this.closed) resolve(false)
      else if (this.out !== '') (this.waiting ??= []).push(resolve)
      else if (this.socket.writableLength === 0) resolve(true)
      else this.socket.write('', (error) => resolve(error === null || error === undefined))
    })
  }

  pause(): void {
    this.socket.pause()
  }

  resume(): void {
    this.socket.resume()
  }

  end(): void {
    this.flush()
    this.socket.end()
  }

  destroy(): void {
    this.socket.destroy()
    this.finish()
  }

  /** The same connection inside TLS from now on (RFC 6120 §5.4.3.3). Call after what was queued has been sent. */
  startTls(context: SecureContext): void {
    this.flush()
    const raw = this.socket
    raw.removeListener('data', this.data)
    raw.removeListener('close', this.over)
    // XEP-0368 §3: the name of the protocol, where the client asks by ALPN
    this.socket = new TLSSocket(raw, { isServer: true, secureContext: context, requestCert: false, ALPNProtocols: ['xmpp-client'] })
    this.listen()
  }

  private listen(): void {
    this.socket.on('data', this.data)
    this.socket.on('close', this.over)
    // 'close' follows; a reset is no event of its own for a stream
    this.socket.on('error', nothing)
  }

  private finish(): void {
    if (this.closed) return
    this.closed = true
    this.out = ''
    for (const tell of this.waiting ?? []) tell(false)
    this.waiting = null
    this.events.closed()
  }
}

const nothing = (): void => {}
