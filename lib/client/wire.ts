// One connection of a client: a socket, the stream's opening, STARTTLS, log-in by SASL PLAIN (RFC 4616) or by SCRAM, and then
// elements as they come. It scans with the server's own framer, which builds no tree.
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { SecureContext } from 'node:tls'
import { NS } from '../base/namespaces.js'
import { toOctets } from '../base/octets.js'
import type { Frame } from '../base/stanza.js'
import { Framer } from '../wire/framer.js'
import { attribute } from '../wire/writer.js'
import { scram } from './scram.js'
import type { Digest, Scram, Secret } from './scram.js'

export interface Where {
  readonly host: string
  readonly port: number
  /** TLS from the first byte (XEP-0368), trusting what is in here; else none. */
  readonly tls?: SecureContext
  /** Log in by SCRAM-SHA-256, as clients of people do; else by PLAIN, which is only for loopback. */
  readonly scram?: boolean
  /** Go by what the server offers: STARTTLS, and the strongest mechanism that is known here. */
  readonly offered?: Offered
}

export interface Offered {
  /** What STARTTLS trusts. */
  readonly context: SecureContext
  /** Look at the server's certificate at all. */
  readonly verify: boolean
  /** Do without STARTTLS where the server lets one log in without: on loopback only. */
  readonly clear: boolean
}

export interface Login extends Secret {
  readonly domain: string
  /** More attributes for the stream header, octets, with a space before each. */
  readonly header?: string
}

export interface WireEvents {
  /** Logged in; the features of the stream after that, as octets. */
  ready(features: string): void
  element(frame: Frame): void
  /** The connection is over; never after `drop`, `reset`, `abandon` or `half`. */
  down(reason: string): void
}

export interface Wire {
  send(octets: string): void
  /** Octets that the kernel did not take yet. */
  readonly backlog: number
  /** Close the socket, without a word. */
  drop(): void
  /** The same with a TCP reset. */
  reset(): void
  /** Write these octets, perhaps the half of a stanza, and close the socket. */
  half(octets: string): void
  /** Walk away: the socket stays open and silent for some ms, as one behind a dead link does. */
  abandon(ms: number): void
  /** Stop reading. */
  pause(): void
  resume(): void
  /** End the stream in order; `down` follows. */
  close(): void
}

const LIMITS = { bytes: 16 * 1024 * 1024, depth: 256, attributes: 256, children: 10_000 }
/** Strongest first. */
const MECHANISMS = ['SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN'] as const
type Mechanism = (typeof MECHANISMS)[number]
const DIGESTS: Record<Mechanism, Digest | null> = { 'SCRAM-SHA-256': 'sha256', 'SCRAM-SHA-1': 'sha1', PLAIN: null }
/** ms from connecting to being logged in. */
const PATIENCE = 20_000

export const dial = ({ host, port, tls, scram: byScram = false, offered }: Where, login: Login, events: WireEvents): Wire => {
  let state: 'strange' | 'known' | 'ready' = 'strange'
  let over = false
  let secure = tls !== undefined
  let proof: Scram | null = null
  let socket: Socket = tls === undefined ? connect({ host, port, noDelay: true })
    : connectTls({ host, port, servername: login.domain, secureContext: tls, rejectUnauthorized: offered?.verify !== false }).setNoDelay(true)
  const deadline = setTimeout(() => end('no log-in in time'), PATIENCE)

  /** Nothing more is heard of this connection. */
  const silence = (): boolean => {
    if (over) return false
    over = true
    clearTimeout(deadline)
    return true
  }
  const end = (reason: string): void => {
    if (!silence()) return
    socket.destroy()
    events.down(reason)
  }
  // what is said in one turn goes out in one piece; most of what a client costs is writing
  let unsaid = ''
  const flush = (): void => {
    if (unsaid !== '' && !over) socket.write(unsaid, 'latin1')
    unsaid = ''
  }
  const write = (octets: string): void => {
    if (unsaid === '') process.nextTick(flush)
    unsaid += octets
  }
  const header = (): void => {
    write(`<?xml version='1.0'?><stream:stream xmlns='${NS.client}' xmlns:stream='${NS.stream}' to='${toOctets(login.domain)}' version='1.0'${login.header ?? ''}>`)
  }

  const say = (name: 'auth' | 'response', attributes: string, text: string): void =>
    write(`<${name} xmlns='${NS.sasl}'${attributes}>${Buffer.from(text).toString('base64')}</${name}>`)

  const authenticate = (mechanism: Mechanism): void => {
    const digest = DIGESTS[mechanism]
    proof = digest === null ? null : scram(login, undefined, digest)
    say('auth', attribute('mechanism', mechanism), proof?.first ?? `\0${login.local}\0${login.password}`)
  }

  /** RFC 6120 §5.3.1: TLS first, where the server has it; a password goes in clear only where that is allowed. */
  const choose = (features: string, { clear }: Offered): void => {
    const mechanism = MECHANISMS.find((name) => features.includes(`>${name}<`))
    if (!secure && features.includes(NS.tls) && !(clear && mechanism !== undefined && !features.includes('<required'))) return write(`<starttls xmlns='${NS.tls}'/>`)
    if (!secure && !clear) return end('the server offers no STARTTLS, and a password goes in clear only to this machine')
    if (mechanism === undefined) return end(`the server offers no way to log in that is known here (${MECHANISMS.join(', ')})`)
    authenticate(mechanism)
  }

  const startTls = ({ context, verify }: Offered): void => {
    framer.discard() // RFC 6120 §5.4.3.3
    const plain = socket
    plain.removeAllListeners()
    plain.on('error', () => {})
    socket = connectTls({ socket: plain, servername: login.domain, secureContext: context, rejectUnauthorized: verify })
    secure = true
    framer.restart()
    listen('secureConnect')
  }

  const framer = new Framer({
    header: () => {},
    element: (frame) => {
      if (!over) heard(frame)
      return true
    },
    end: () => end('the server ended the stream'),
  }, LIMITS)

  const heard = (frame: Frame): void => {
    if (frame.ns === NS.stream && frame.name === 'error') return end(`stream error ${frame.children[0]?.name ?? ''}`)
    if (state === 'ready') return events.element(frame)
    if (frame.ns === NS.stream && frame.name === 'features') {
      if (state === 'strange') return offered === undefined ? authenticate(byScram ? 'SCRAM-SHA-256' : 'PLAIN') : choose(frame.xml, offered)
      state = 'ready'
      clearTimeout(deadline)
      return events.ready(frame.xml)
    }
    if (frame.ns === NS.tls) return frame.name === 'proceed' && offered !== undefined ? startTls(offered) : end('STARTTLS refused')
    if (frame.ns !== NS.sasl) return
    if (frame.name === 'challenge') {
      const answer = proof?.final(saidIn(frame))
      return typeof answer === 'string' ? say('response', '', answer) : end('log-in refused: a challenge without sense')
    }
    if (frame.name !== 'success') return end(`log-in refused: ${frame.children[0]?.name ?? frame.name}`)
    if (proof !== null && !proof.proves(saidIn(frame))) return end('log-in refused: the server does not know the password')
    state = 'known'
    framer.restart() // RFC 6120 §6.4.6
    header()
  }

  const listen = (connected: 'connect' | 'secureConnect'): void => {
    socket.on(connected, header)
    socket.on('data', (data) => {
      if (over) return
      try {
        framer.write(data)
      } catch (error) {
        end(`not XML: ${(error as Error).message}`)
      }
    })
    socket.on('error', (error) => end((error as NodeJS.ErrnoException).code ?? error.message))
    socket.on('close', () => end('closed'))
  }
  listen(tls === undefined ? 'connect' : 'secureConnect')

  return {
    send: write,
    get backlog() { return socket.writableLength + unsaid.length },
    drop: () => {
      silence()
      socket.destroy()
    },
    reset: () => {
      silence()
      socket.resetAndDestroy()
    },
    half: (octets) => {
      flush()
      if (!silence()) return
      socket.write(octets, 'latin1', () => socket.destroy())
      setTimeout(() => socket.destroy(), 1000).unref()
    },
    abandon: (ms) => {
      flush()
      if (!silence()) return
      socket.pause()
      setTimeout(() => socket.destroy(), ms).unref()
    },
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    close: () => write('</stream:stream>'),
  }
}

/** The base64 of SASL, decoded. */
const saidIn = ({ xml }: Frame): string => Buffer.from(/>([^<]*)</.exec(xml)?.[1] ?? '', 'base64').toString()
