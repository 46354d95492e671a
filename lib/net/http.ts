// HTTP beside the streams: WebSocket's entrance, how clients find it (XEP-0156), metrics, health, the welcome page.
import { createServer as createHttp } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
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

const start = async (server: Server | HttpsServer, entrance: WebSocketEntrance, port: number, address: string, what: string, log: Logger): Promise<Listener> => {
  // a request is read in seconds, or the socket is closed (slow headers, slow bodies)
  server.headersTimeout = 10_000
  server.requestTimeout = 30_000
  server.keepAliveTimeout = 5000
  server.maxConnections = 10_000
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

export const listenHttp = (app: Hono, entrance: WebSocketEntrance, port: number, address: string, log: Logger): Promise<Listener> =>
  start(createHttp({ maxHeaderSize: 16_384 }, handlerOf(app)), entrance, port, address, 'http_port', log)

export const listenHttps = async (
  app: Hono, entrance: WebSocketEntrance, port: number, address: string, log: Logger, options: TlsOptions,
): Promise<Listener & { swap(options: TlsOptions): void }> => {
  const server = createHttps({ ...options, maxHeaderSize: 16_384 }, handlerOf(app))
  const listener = await start(server, entrance, port, address, 'https_port', log)
  return { ...listener, swap: (next) => server.setSecureContext(next) }
}
