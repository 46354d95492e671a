// The recorder: a proxy between a client and a server that writes down what each says, as lines of a trace. It passes on
// what it gets, item by item, and changes only what stands in its own way before the log-in: it takes up the server's offer
// of TLS itself, and makes or leaves out the offer to the client (RFC 6120 §5); and it leaves out what binds a log-in to
// its channel, for there are two of them (RFC 5802 §6). TCP only.
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { connect as connectTls, TLSSocket } from 'node:tls'
import type { SecureContext, TlsOptions } from 'node:tls'
import { NS } from '../base/namespaces.js'
import { toText } from '../base/octets.js'
import { splitter } from './items.js'
import type { ItemKind, Splitter } from './items.js'
import { makeSecrets } from './secrets.js'
import { BOUNDS } from './trace.js'

export interface RecorderPlan {
  readonly listen: { readonly host: string; readonly port: number }
  readonly server: { readonly host: string; readonly port: number }
  /** What STARTTLS to the server trusts, and whether it looks. */
  readonly trust: { readonly context: SecureContext; readonly verify: boolean }
  /** Offer STARTTLS to clients. */
  readonly offer: TlsOptions | null
  /** One line of the trace, with its end. */
  readonly write: (line: string) => void
  /** Something that the user should know. */
  readonly tell: (text: string) => void
}

export interface Recorder {
  readonly port: number
  readonly lines: number
  readonly connections: number
  close(): Promise<void>
}

/** Connections at once. */
const MOST_OPEN = 100
/** ms until the server takes the connection. */
const PATIENCE = 20_000

export const startRecorder = async (plan: RecorderPlan): Promise<Recorder> => {
  const secrets = makeSecrets()
  const open = new Set<() => void>()
  let began = -1
  let bytes = 0
  let lines = 0
  let connections = 0

  const write = (s: number, dir: 'in' | 'out', octets: string, tls: boolean): void => {
    const now = performance.now()
    if (began < 0) began = now
    const line = `${JSON.stringify({ t: Math.round(now - began), s, tls, dir, xml: toText(secrets.hide(octets)) })}\n`
    bytes += Buffer.byteLength(line)
    if (bytes <= BOUNDS.fileBytes) {
      lines++
      return plan.write(line)
    }
    if (bytes - Buffer.byteLength(line) <= BOUNDS.fileBytes) plan.tell(`the trace has its ${BOUNDS.fileBytes} bytes: what follows is passed on, and not recorded`)
  }

  const server = createServer((client) => {
    if (open.size >= MOST_OPEN || connections >= BOUNDS.connections) {
      plan.tell(`more than ${open.size >= MOST_OPEN ? `${MOST_OPEN} connections at once` : `${BOUNDS.connections} connections`}: one is refused`)
      client.destroy()
      return
    }
    const s = ++connections
    const quit = between(client, plan, (dir, octets, tls) => write(s, dir, octets, tls), () => open.delete(quit))
    open.add(quit)
  })
  await new Promise<void>((done, failed) => {
    server.once('error', failed)
    server.listen(plan.listen.port, plan.listen.host, done)
  })
  return {
    port: (server.address() as AddressInfo).port,
    get lines() { return lines },
    get connections() { return connections },
    close: () => new Promise((done) => {
      server.close(() => done())
      for (const quit of open) quit()
    }),
  }
}

/** One client and its way to the server. Returns what ends both. */
const between = (client: Socket, { server, trust, offer, tell }: RecorderPlan, record: (dir: 'in' | 'out', octets: string, tls: boolean) => void, over: () => void): (() => void) => {
  let near = client.setNoDelay(true)
  let far: Socket = connect({ ...server, noDelay: true })
  let nearTls = false
  let farTls = false
  let authenticated = false
  /** The client's last header: what opens the stream to the server again, inside TLS. */
  let header = ''
  /** The server's header, until its features say what is to be done. */
  let opening = ''
  /** Both, for a client that begins anew inside TLS. */
  let greeting: readonly [header: string, features: string] | null = null
  let fromClient: Splitter
  let fromServer: Splitter
  let ended = false

  const end = (): void => {
    if (ended) return
    ended = true
    clearTimeout(late)
    near.end()
    far.end()
    // who does not take the end is cut off
    setTimeout(() => {
      near.destroy()
      far.destroy()
    }, 1000).unref()
    over()
  }
  const broken = (whose: string, error: unknown): void => {
    if (!ended) tell(`${whose}: ${(error as Error).message}`)
    end()
  }
  const late = setTimeout(() => broken('the server', new Error(`no answer in ${PATIENCE / 1000} s`)), PATIENCE)

  const give = (to: () => Socket, from: () => Socket, octets: string): void => {
    if (to().write(octets, 'latin1')) return
    const waiting = from()
    waiting.pause()
    to().once('drain', () => waiting.resume())
  }
  const toServer = (octets: string): void => give(() => far, () => near, octets)
  const toClient = (octets: string): void => {
    record('out', octets, nearTls)
    give(() => near, () => far, octets)
  }

  const clientItem = (kind: ItemKind, octets: string): void => {
    record('in', octets, nearTls)
    if (kind === 'header') {
      header = octets
      // the stream to the server is open already
      if (nearTls && !authenticated && greeting !== null) {
        greeting.forEach(toClient)
        greeting = null
        return
      }
    } else if (!nearTls && !authenticated && offer !== null && octets.startsWith('<starttls')) return secureClient(offer)
    toServer(octets)
  }

  const giveOpening = (): void => {
    if (opening !== '') toClient(opening)
    opening = ''
  }

  const serverItem = (kind: ItemKind, octets: string): void => {
    clearTimeout(late)
    if (authenticated) return toClient(octets)
    if (kind === 'header') return void (opening = octets)
    if (octets.startsWith('<proceed')) return secureServer()
    if (!/^<(?:[\w.-]+:)?features[\s>]/.test(octets)) {
      if (/^<(?:[\w.-]+:)?success[\s/>]/.test(octets)) authenticated = true
      giveOpening()
      return toClient(octets)
    }
    if (!farTls && octets.includes(NS.tls)) return toServer(`<starttls xmlns='${NS.tls}'/>`)
    const plain = withoutChannel(octets)
    if (offer !== null && !nearTls) greeting = [opening, plain]
    giveOpening()
    if (greeting === null) return toClient(plain)
    const prefix = /^<([\w.-]+:)?features/.exec(octets)?.[1] ?? ''
    toClient(`<${prefix}features><starttls xmlns='${NS.tls}'><required/></starttls></${prefix}features>`)
  }

  const secureServer = (): void => {
    const plain = far
    plain.removeAllListeners('data')
    opening = ''
    far = connectTls({ socket: plain, servername: /\sto\s*=\s*["']([^"']+)/.exec(header)?.[1] ?? '', secureContext: trust.context, rejectUnauthorized: trust.verify })
    farTls = true
    fromServer.restart()
    far.once('secureConnect', () => toServer(header))
    listen(far, 'the server', () => fromServer)
  }

  const secureClient = (options: TlsOptions): void => {
    toClient(`<proceed xmlns='${NS.tls}'/>`)
    const plain = near
    plain.removeAllListeners('data')
    near = new TLSSocket(plain, { ...options, isServer: true })
    nearTls = true
    fromClient.restart()
    listen(near, 'the client', () => fromClient)
  }

  const listen = (socket: Socket, whose: string, to: () => Splitter): void => {
    socket.on('data', (data: Buffer) => {
      try {
        if (!ended) to().write(data.latin1Slice())
      } catch (error) {
        broken(`${whose} sent no stream that can be recorded`, error)
      }
    })
    socket.on('error', (error) => broken(whose, error))
    socket.on('close', end)
    socket.on('end', end)
  }
  // a header may come again on the same connection, after log-in
  const listener = (heard: (kind: ItemKind, octets: string) => void): Splitter => splitter(heard, BOUNDS.lineBytes / 2)
  fromClient = listener(clientItem)
  fromServer = listener(serverItem)
  listen(near, 'the client', () => fromClient)
  listen(far, 'the server', () => fromServer)
  return end
}

/** Features without STARTTLS, -PLUS and what belongs to it (XEP-0440). */
const withoutChannel = (octets: string): string => octets
  .replace(/<starttls[^>]*\/>|<starttls[^>]*>[\s\S]*?<\/starttls>/, '')
  .replace(/<mechanism>[^<]*-PLUS<\/mechanism>/g, '')
  .replace(/<sasl-channel-binding[\s\S]*?<\/sasl-channel-binding>/, '')
