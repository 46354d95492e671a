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
  /** Nothing more will come, and nothing can be sent. Called once. */
  closed(): void
}

/** IPv4 addresses come mapped into IPv6 on a dual-stack listener. */
export const plainAddress = (address: string | undefined): string => (address ?? '').replace(/^::ffff:(?=\d+\.)/, '')

export const isLoopback = (address: string): boolean => address === '::1' || address.startsWith('127.')

export interface TcpLink extends Link {
  /** The same connection inside TLS from now on (RFC 6120 §5.4.3.3). Call after what was queued has been sent. */
  startTls(context: SecureContext): void
}

export const tcpLink = (first: Socket, events: LinkEvents): TcpLink => {
  let socket = first
  let out = ''
  let closed = false
  let waiting: ((sent: boolean) => void)[] | null = null

  const over = (): void => {
    if (closed) return
    closed = true
    out = ''
    for (const tell of waiting ?? []) tell(false)
    waiting = null
    events.closed()
  }
  const data = (chunk: Buffer): void => events.data(chunk)
  const listen = (): void => {
    socket.on('data', data)
    socket.on('close', over)
    // 'close' follows; a reset is no event of its own for a stream
    socket.on('error', () => {})
  }
  const link: TcpLink & { flush(): void } = {
    kind: 'tcp',
    address: plainAddress(socket.remoteAddress),
    get encrypted() {
      return socket instanceof TLSSocket
    },
    get tls() {
      return socket instanceof TLSSocket ? socket : null
    },
    send: (octets) => {
      if (closed) return
      if (out === '') soon(link)
      out += octets
      waits(octets.length)
    },
    flush: () => {
      if (out === '' || closed) return
      const octets = out
      out = ''
      if (waiting === null) {
        socket.write(octets, 'latin1')
        return
      }
      const tellThem = waiting
      waiting = null
      socket.write(octets, 'latin1', (error) => {
        for (const tell of tellThem) tell(error === null || error === undefined)
      })
    },
    buffered: () => out.length + socket.writableLength,
    flushed: () => new Promise((resolve) => {
      if (closed) resolve(false)
      else if (out !== '') (waiting ??= []).push(resolve)
      else if (socket.writableLength === 0) resolve(true)
      else socket.write('', (error) => resolve(error === null || error === undefined))
    }),
    pause: () => {
      socket.pause()
    },
    resume: () => {
      socket.resume()
    },
    end: () => {
      link.flush()
      socket.end()
    },
    destroy: () => {
      socket.destroy()
      over()
    },
    startTls: (context) => {
      link.flush()
      const raw = socket
      raw.removeListener('data', data)
      raw.removeListener('close', over)
      // XEP-0368 §3: the name of the protocol, where the client asks by ALPN
      socket = new TLSSocket(raw, { isServer: true, secureContext: context, requestCert: false, ALPNProtocols: ['xmpp-client'] })
      listen()
    },
  }
  listen()
  return link
}
