// One connection of a client: a socket, the stream's opening, log-in by SASL PLAIN (RFC 4616; only ever on loopback) or by
// SCRAM, and then elements as they come. It scans with the server's own framer, which builds no tree.
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { SecureContext } from 'node:tls'
import { NS } from '../base/namespaces.js'
import { toOctets } from '../base/octets.js'
import type { Frame } from '../base/stanza.js'
import { Framer } from '../wire/framer.js'
import { attribute } from '../wire/writer.js'
import { scram } from './scram.js'
import type { Scram, Secret } from './scram.js'

export interface Where {
  readonly host: string
  readonly port: number
  /** TLS from the first byte (XEP-0368), trusting what is in here; else none. */
  readonly tls?: SecureContext
  /** Log in by SCRAM-SHA-256, as clients of people do; else by PLAIN. */
  readonly scram?: boolean
}

export interface Login extends Secret {
  readonly domain: string
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
/** ms from connecting to being logged in. */
const PATIENCE = 20_000

export const dial = ({ host, port, tls, scram: byScram = false }: Where, login: Login, events: WireEvents): Wire => {
  let state: 'strange' | 'known' | 'ready' = 'strange'
  let over = false
  let proof: Scram | null = null
  const socket = tls === undefined ? connect({ host, port, noDelay: true })
    : connectTls({ host, port, servername: login.domain, secureContext: tls }).setNoDelay(true)
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
    write(`<?xml version='1.0'?><stream:stream xmlns='${NS.client}' xmlns:stream='${NS.stream}' to='${toOctets(login.domain)}' version='1.0'>`)
  }

  const say = (name: 'auth' | 'response', attributes: string, text: string): void =>
    write(`<${name} xmlns='${NS.sasl}'${attributes}>${Buffer.from(text).toString('base64')}</${name}>`)

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
      if (state === 'strange') {
        proof = byScram ? scram(login) : null
        return say('auth', attribute('mechanism', byScram ? 'SCRAM-SHA-256' : 'PLAIN'), proof?.first ?? `\0${login.local}\0${login.password}`)
      }
      state = 'ready'
      clearTimeout(deadline)
      return events.ready(frame.xml)
    }
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

  socket.on(tls === undefined ? 'connect' : 'secureConnect', header)
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
