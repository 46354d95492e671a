// Listeners for clients over TCP: with STARTTLS (RFC 6120 §5) and with TLS from the first byte (XEP-0368).
import { createServer, Socket } from 'node:net'
import type { AddressInfo, Server, SocketConstructorOpts } from 'node:net'
import type { SecureContext } from 'node:tls'
import type { Logger } from 'pino'
import { UsageError } from '../base/errors.js'
import { Connection } from './connection.js'
import { admit, enter } from './host.js'
import type { Host } from './host.js'
import { plainAddress, TcpLink } from './link.js'

export interface Listener {
  readonly port: number
  /** Take no more connections. Those there are stay. */
  close(): Promise<void>
}

/** Listen, or say why not in words that help. */
export const listen = (server: Server, port: number, host: string, what: string, log: Logger): Promise<number> => new Promise((resolve, reject) => {
  const refused = (error: NodeJS.ErrnoException): void => {
    const why = error.code === 'EADDRINUSE' ? 'it is in use: stop the other program, or choose another port (0: any free one)'
      : error.code === 'EACCES' ? 'that is not allowed to this user; ports below 1024 need rights'
        : error.message
    reject(new UsageError(`cannot listen on ${host} port ${port} (${what}): ${why}`, { cause: error }))
  }
  server.once('error', refused)
  // many clients come at once after a restart
  server.listen({ port, host, backlog: 4096 }, () => {
    server.removeListener('error', refused)
    // one that could not be accepted, as when descriptors run out; the next may be
    server.on('error', (err) => log.warn({ err }, `a connection could not be accepted (${what})`))
    resolve((server.address() as AddressInfo).port)
  })
})

/**
 * Node makes a buffer of 64 KiB for each read of a socket, unless it is given one (`onread`): then all sockets share it, and
 * what was read is copied. Measured at one message a read: a fifth of the time spent outside the kernel.
 */
const onread = {
  buffer: Buffer.allocUnsafeSlow(65536),
  callback(this: Socket, length: number, buffer: Uint8Array): boolean {
    this.emit('data', Buffer.from(buffer.subarray(0, length)))
    return true
  },
}

/** The socket of a paused connection made anew, with `onread`, which a server's options do not offer. `_handle` has no other name. */
const sharingBuffer = (paused: Socket): Socket => {
  const owner = paused as unknown as { _handle: { useUserBuffer?: unknown } | null }
  const handle = owner._handle
  if (typeof handle?.useUserBuffer !== 'function') return paused.resume()
  owner._handle = null
  return new Socket({ handle, onread } as unknown as SocketConstructorOpts)
}

/** Take a socket in, if the gate lets it. */
export const welcome = (host: Host, socket: Socket, tls = false): void => {
  socket.setNoDelay(true)
  if (!admit(host, plainAddress(socket.remoteAddress))) {
    socket.destroy()
    return
  }
  const connection = new Connection(host, (events) => new TcpLink(socket, events))
  enter(host, connection)
  if (tls) connection.secure(host.tls() as SecureContext)
}

export const listenTcp = async (host: Host, port: number, address: string): Promise<Listener> => {
  const server = createServer({ pauseOnConnect: true }, (socket) => welcome(host, sharingBuffer(socket)))
  const bound = await listen(server, port, address, 'c2s_port', host.log)
  return { port: bound, close: () => closing(server) }
}

/** TLS from the first byte: the same connection, with the handshake before the stream instead of in it. */
export const listenTls = async (host: Host, port: number, address: string): Promise<Listener> => {
  const server = createServer((socket) => welcome(host, socket, true))
  const bound = await listen(server, port, address, 'c2s_tls_port', host.log)
  return { port: bound, close: () => closing(server) }
}

const closing = (server: Server): Promise<void> => {
  // does not wait for connections: the caller closes those
  server.close()
  return Promise.resolve()
}
