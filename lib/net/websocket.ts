// XMPP over WebSocket (RFC 7395): one element a frame, each well-formed by itself.
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { WebSocket, WebSocketServer } from 'ws'
import { NS } from '../base/namespaces.js'
import { Connection } from './connection.js'
import { admit, enter } from './host.js'
import type { Host } from './host.js'
import { plainAddress } from './link.js'
import type { Link, LinkEvents } from './link.js'

/** RFC 7395 §3.1 */
const PROTOCOL = 'xmpp'
export const WEBSOCKET_PATH = '/xmpp-websocket'

/** RFC 7395 §3.3.3: a stanza's namespace is declared in its own frame. */
const framed = (octets: string, declared: boolean): string =>
  declared ? octets : octets.replace(/^<(message|presence|iq)/, `<$1 xmlns='${NS.client}'`)

const websocketLink = (ws: WebSocket, address: string, encrypted: boolean, events: LinkEvents): Link => {
  let closed = false
  let paused = false
  /** Frames that came while nobody read: `ws` goes on with what it has already taken from the socket. */
  let queue: Buffer[] = []
  let lastSent: Promise<boolean> = Promise.resolve(true)
  const over = (): void => {
    // what was read before the end is still handled
    if (closed || queue.length > 0) return
    closed = true
    events.closed()
  }
  ws.on('message', (data: Buffer, binary: boolean) => {
    // RFC 7395 §3.2: text frames only
    if (binary) ws.close(1003, 'XMPP is text')
    else if (paused) queue.push(data)
    else events.data(data)
  })
  ws.on('close', over)
  // 'close' follows
  ws.on('error', () => {})
  return {
    kind: 'websocket',
    address,
    encrypted,
    tls: null,
    send: (octets, declared) => {
      if (closed) return
      if (!events.maySend()) {
        ws.terminate()
        return
      }
      lastSent = new Promise((resolve) => {
        ws.send(Buffer.from(framed(octets, declared), 'latin1'), { binary: false }, (error) => resolve(error === undefined || error === null))
      })
    },
    buffered: () => ws.bufferedAmount,
    flushed: () => (closed ? Promise.resolve(false) : lastSent),
    pause: () => {
      paused = true
      ws.pause()
    },
    resume: () => {
      paused = false
      // `data` may pause again
      while (!paused && queue.length > 0) events.data(queue.shift() as Buffer)
      if (paused) return
      if (ws.readyState === WebSocket.CLOSED) over()
      else ws.resume()
    },
    end: () => ws.close(1000),
    destroy: () => {
      queue = []
      ws.terminate()
      over()
    },
  }
}

export interface WebSocketEntrance {
  /** Take an HTTP request that asks to become a WebSocket. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
}

export const webSocketEntrance = (host: Host): WebSocketEntrance => {
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: host.settings.maxStanzaBytes,
    perMessageDeflate: false, // compressed secrets beside chosen text give themselves away, and every socket would hold 300 KiB
    handleProtocols: (offered) => (offered.has(PROTOCOL) ? PROTOCOL : false),
  })
  const refuse = (socket: Duplex, status: string): void => {
    // HTTP sockets may be half open: one whose other end stays would be here for ever
    socket.once('finish', () => socket.destroy())
    socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
  }
  return {
    upgrade: (request, socket, head) => {
      socket.on('error', () => {})
      const path = (request.url ?? '').split('?')[0]
      if (path !== WEBSOCKET_PATH) return refuse(socket, '404 Not Found')
      const offered = String(request.headers['sec-websocket-protocol'] ?? '').split(',').map((p) => p.trim())
      if (!offered.includes(PROTOCOL)) return refuse(socket, '400 Bad Request')
      const address = plainAddress(request.socket.remoteAddress)
      if (!admit(host, address)) return refuse(socket, '503 Service Unavailable')
      let welcomed = false
      socket.once('close', () => {
        if (!welcomed) host.gate.closed(address, false)
      })
      server.handleUpgrade(request, socket, head, (ws) => {
        welcomed = true
        enter(host, new Connection(host, (events) => websocketLink(ws, address, request.socket instanceof TLSSocket, events)))
      })
    },
  }
}
