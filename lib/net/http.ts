// HTTP beside the streams: WebSocket's entrance, how clients find it (XEP-0156), metrics, health, the welcome page.
import { createServer as createHttp } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { createServer as createHttps } from 'node:https'
import type { Server as HttpsServer } from 'node:https'
import type { TlsOptions } from 'node:tls'
import { getRequestListener } from '@hono/node-server'
import type { Hono } from 'hono'
import type { Logger } from 'pino'
import type { Listener } from './tcp.js'
import { listen } from './tcp.js'
import type { WebSocketEntrance } from './websocket.js'

type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** How many sockets may be open that are no WebSockets (those are the gate's): in all, and from one address. */
export interface HttpLimits {
  readonly sockets: number
  readonly socketsPerAddress: number
}

/** ms for each: TLS handshake, headers, the whole request, the next request. */
const HANDSHAKE = 10_000
const HEADERS = 10_000
const REQUEST = 30_000
const KEEP_ALIVE = 5000

/** Sockets are told apart by address and port: under TLS, 'upgrade' gives another object than 'connection'. */
const admit = (server: Server | HttpsServer, { sockets, socketsPerAddress }: HttpLimits): void => {
  const open = new Map<string, Set<number>>()
  let total = 0
  const leave = (address: string, port: number): void => {
    const here = open.get(address)
    if (here?.delete(port) !== true) return
    total--
    if (here.size === 0) open.delete(address)
  }
  server.on('connection', (socket: Socket) => {
    const { remoteAddress: address = '', remotePort: port = 0 } = socket
    const here = open.get(address) ?? new Set()
    if (total >= sockets || here.size >= socketsPerAddress) return void socket.destroy()
    total++
    open.set(address, here.add(port))
    socket.once('close', () => leave(address, port))
  })
  server.on('upgrade', ({ socket: { remoteAddress = '', remotePort = 0 } }: IncomingMessage) => leave(remoteAddress, remotePort))
}

const start = async (
  server: Server | HttpsServer, entrance: WebSocketEntrance, limits: HttpLimits, port: number, address: string, what: string, log: Logger,
): Promise<Listener> => {
  // a request is read in seconds, or the socket is closed (slow headers, slow bodies)
  server.headersTimeout = HEADERS
  server.requestTimeout = REQUEST
  server.keepAliveTimeout = KEEP_ALIVE
  admit(server, limits)
  server.on('upgrade', (request, socket, head) => entrance.upgrade(request, socket, head))
  const bound = await listen(server, port, address, what, log)
  return {
    port: bound,
    close: () => {
      server.close()
      server.closeIdleConnections()
      return Promise.resolve()
    },
  }
}

const handlerOf = (app: Hono): Handler => {
  const listener = getRequestListener(app.fetch)
  return (request, response) => void listener(request, response)
}

/** Node looks this often for requests that are late. */
const OPTIONS = { maxHeaderSize: 16_384, connectionsCheckingInterval: 5000 }

export const listenHttp = (app: Hono, entrance: WebSocketEntrance, limits: HttpLimits, port: number, address: string, log: Logger): Promise<Listener> =>
  start(createHttp(OPTIONS, handlerOf(app)), entrance, limits, port, address, 'http_port', log)

export const listenHttps = async (
  app: Hono, entrance: WebSocketEntrance, limits: HttpLimits, port: number, address: string, log: Logger, options: TlsOptions,
): Promise<Listener & { swap(options: TlsOptions): void }> => {
  const server = createHttps({ ...options, ...OPTIONS, handshakeTimeout: HANDSHAKE }, handlerOf(app))
  const listener = await start(server, entrance, limits, port, address, 'https_port', log)
  return { ...listener, swap: (next) => server.setSecureContext(next) }
}
