// The state of a client, which its files share: client.ts, listen.ts, talk.ts.
import type { Frame } from '../base/stanza.js'
import type { Cast, Profile } from './cast.js'
import type { Ledger, Life } from './ledger.js'
import type { Management } from './management.js'
import type { Random } from './random.js'
import type { Requests } from './requests.js'
import type { Where, Wire } from '../client/wire.js'

/** What every client of a run shares. */
export interface World {
  readonly run: string
  readonly where: Where
  readonly cast: Cast
  readonly ledger: Ledger
  /** ms since the run began. */
  readonly now: () => number
  /** Told of each message from an archive; for clients that read one. */
  readonly archived?: (frame: Frame) => void
}

/** away: no connection, or none wanted · joining: opening the stream · resuming, binding, enabling · up · leaving. */
export type Phase = 'away' | 'joining' | 'resuming' | 'binding' | 'enabling' | 'up' | 'leaving'

/** The state of a client; its three files share it. */
export interface Self {
  readonly profile: Profile
  readonly world: World
  readonly random: Random
  phase: Phase
  wire: Wire | null
  life: Life | null
  /** Never null while there is a life; counts by <a/> where `managed`, else by proof. */
  sm: Management
  /** The server agreed to stream management. */
  managed: boolean
  /** <enabled/> was read: what comes is counted. */
  counting: boolean
  requests: Requests
  /** Presence seen, by full JID. */
  sight: Map<string, number>
  /** Serial of the presence said last, and when; whether any was in this session. */
  serial: number
  saidAt: number
  available: boolean
  /** Stanza ids given in this life. */
  ids: number
  /** Messages that came, in all. */
  messages: number
  /** When something came last. */
  heardAt: number
  /** An acknowledgement was asked for and did not come yet. */
  asked: boolean
  sinceAsked: number
  ackedOut: number
  /** Private data (XEP-0049): the value set last, and the last one whose setting was answered. */
  privateSet: number
  privateSure: number
  readonly send: (octets: string, message: number) => void
  /** Write without counting: no stanza. */
  readonly tell: (octets: string) => void
  readonly ask: (what: string, to: string, type: 'get' | 'set', payload: string, unique?: boolean) => string
  readonly note: (what: string) => void
  /** The answer to a request; null: none in so many ms. */
  readonly answer: (id: string, ms: number) => Promise<Frame | null>
  /** Who waits for an answer, by id. */
  readonly waiting: Map<string, (frame: Frame) => void>
}

export type Cut = 'drop' | 'reset' | 'abandon' | 'forget'

export interface Client {
  readonly self: Self
  /** Connect, and again whenever the connection breaks. */
  join(): void
  /** Break the connection and stay away for so many ms. `forget`: the session is not resumed. */
  cut(how: Cut, away: number): void
  /** The same in the middle of a stanza, which counts as sent. */
  cutInside(octets: string, message: number, away: number): void
  /** Do not read for so many ms. */
  stopReading(ms: number): void
  /** Called now and then: asks for what is due, gives up on a server that is silent for too long. */
  tick(): void
  /** Nothing is under way: connected, everything acknowledged and answered. */
  readonly settled: boolean
  /** Acknowledge everything, end the session in order. */
  leave(): Promise<void>
  /** Drop everything now. */
  quit(): void
  /** Say another presence. */
  presence(): void
}
