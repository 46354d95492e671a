// The contract between the router and a feature: a route declares which requests it answers and which steps of the hot
// path it joins. It registers nothing, imports no other route, and touches only what `Services` holds (design.md §4).
import type { Wants } from './elsewhere.js'
import type { Element } from 'ltx'
import type { Settings } from '../base/config.js'
import type { Jid } from '../base/jid.js'
import type { Kind, Stanza } from '../base/stanza.js'
import type { Accounts } from './accounts.js'
import type { Ending } from './ending.js'
import type { Blocklists } from './blocklists.js'
import type { Avatars } from './avatar.js'
import type { Caps } from './caps.js'
import type { Direction } from './carbon-copy.js'
import type { Db, Location } from './ports.js'
import type { Presence } from './presence.js'
import type { Members } from './members.js'
import type { Rosters } from './rosters.js'
import type { Session } from './sessions.js'
import type { Subscribing } from './subscribing.js'

/** The hot path in the order it runs. Within a step: the order of routes/index.ts. */
export const STEPS = ['sent', 'received', 'delivered', 'unreachable', 'committed'] as const
/**
 * sent: one of our users' sessions sent this. received: it is for one of our users, nothing decided yet.
 * delivered: at least one session took it. unreachable: no session could. Of a message that goes into the log neither is known
 * then; its step is committed: it is in the log, and is delivered, or waits. Nothing can be changed about it any more.
 */
export type Step = (typeof STEPS)[number]

/** A stanza under way: who sent it and to whom. `session` is the sender's, where it is one of ours. */
export interface Routed {
  readonly stanza: Stanza
  readonly from: Jid
  readonly to: Jid
  readonly session: Session | null
  /** It is to go into the message log: it is delivered, and copied, from there (durability.md). */
  readonly logged: boolean
}

/** An ending ends the walk: this feature has dealt with the stanza. A stanza replaces the one under way. */
export type StepResult = Ending | Stanza | void

export interface StepHandler {
  readonly kinds: readonly Kind[]
  /** Join only for stanzas with a top-level child in this namespace; others do not even pay a call. */
  readonly ns?: string
  /** @param taken in the step `delivered`: the sessions of this node that took it; otherwise none @param elsewhere then: all that the receiver has on other nodes */
  run(routed: Routed, server: Services, taken: readonly Session[], elsewhere: readonly Location[]): StepResult | Promise<StepResult>
}

/** A top-level element that is no stanza and expects no answer, from a session (XEP-0352's <active/>). */
export interface Nonza {
  readonly ns: string
  readonly name: string
  run(session: Session, server: Services): void
}

/** A request on a stream that nobody has logged in to yet (XEP-0077). */
export interface Stranger {
  readonly payload: Element
  /** The domain of the stream. */
  readonly domain: string
  /** IP address. */
  readonly address: string
}

export interface StrangerAnswer {
  readonly type: 'get' | 'set'
  readonly ns: string
  readonly name: string
  /** As IqAnswer.answer. The connection is held until it ends. */
  answer(request: Stranger, server: Services): Promise<Element | void> | Element | void
}

export interface Request {
  readonly stanza: Stanza
  readonly from: Jid
  /** The account or domain that is asked; for a request without `to`, the sender's own account. */
  readonly to: Jid
  readonly session: Session | null
  /** The request's only child. */
  readonly payload: Element
}

export interface IqAnswer {
  readonly type: 'get' | 'set'
  /**
   * server: a domain of ours. account: the sender's own account; another's is refused before the handler (design.md §6).
   * either: both of these. anyone: an account, the sender's own or another's, `request.to`, which need not exist: what the
   * handler refuses to strangers it refuses alike for an account that is not there.
   */
  readonly to: 'server' | 'account' | 'either' | 'anyone'
  readonly ns: string
  readonly name: string
  /** Return the payload; nothing makes an empty result; throw StanzaError to refuse. */
  answer(request: Request, server: Services): Promise<Element | void> | Element | void
}

export interface Route {
  /** The file's name; logs and settings use it. */
  readonly name: string
  /** 'XEP-0199 2.0.1'; README's table is generated from it. */
  readonly spec: string
  /** False: with these settings there is no such feature: it announces nothing, answers nothing, joins no step. */
  readonly isOn?: (settings: Settings) => boolean
  /** What disco#info of the server tells; `accountFeatures` that of an account. */
  readonly features?: readonly string[]
  readonly accountFeatures?: readonly string[]
  /** Forms in disco#info of the server (XEP-0128). Part of the hash that stands for it, so always the same. */
  readonly forms?: (settings: Settings) => readonly Element[]
  /** What the stream's features tell (RFC 6120 §4.3.2), asked once at start: to strangers, and to who has logged in. */
  readonly offersStrangers?: (settings: Settings) => readonly Element[]
  readonly offers?: (settings: Settings, routes: readonly Route[]) => readonly Element[]
  readonly iq?: readonly IqAnswer[]
  readonly strangers?: readonly StrangerAnswer[]
  readonly nonzas?: readonly Nonza[]
  readonly on?: Partial<Record<Step, StepHandler>>
}

/** All that a feature may touch. What is not here, a feature cannot break. */
export interface Services {
  readonly db: Db
  readonly settings: Settings
  /** The domains served here, normalised. */
  readonly domains: ReadonlySet<string>
  readonly routes: readonly Route[]
  readonly now: () => Date
  /** An address, normalised; null where it is none. */
  readonly jid: (text: string) => Jid | null
  readonly rosters: Rosters
  readonly subscribing: Subscribing
  readonly blocklists: Blocklists
  readonly presence: Presence
  readonly members: Members
  readonly caps: Caps
  readonly avatars: Avatars
  readonly accounts: Accounts
  /** Remove an account, tell its contacts, and end its sessions once what was going to be answered is written. False: there is none. */
  readonly removeAccount: (account: string) => Promise<boolean>
  /** ms since the server started. */
  readonly uptime: () => number
  /**
   * Ask a session's client (an IQ from its own account's server). Resolves to the payload, null where the result has none.
   * Throws StanzaError: the client's own error, or remote-server-timeout when no answer came in 30 s.
   */
  readonly ask: (session: Session, type: 'get' | 'set', payload: Element) => Promise<Element | null>
  /** The sessions of an account on this node. */
  readonly sessionsOf: (account: string) => readonly Session[]
  /**
   * A message that is not of the log, to the sender's ('sent') or the receiver's sessions on other nodes: a carbon copy to each that
   * wants one and did not get it itself. A promise where the stream waits for it.
   */
  readonly copyElsewhere: (direction: Direction, routed: Routed) => Promise<void> | void
  /** A request (set) from the account to all of its sessions that have asked to be told of this, wherever they are. */
  readonly push: (account: string, wants: Wants, payload: Element) => void
  /** Route a stanza of the server's own making; `from` and `to` are its attributes. */
  readonly send: (stanza: Element) => Promise<Ending>
  /** Keep a message until the receiver's next log-in. Throws StanzaError where it cannot be kept. */
  readonly keep: (routed: Routed) => Promise<Ending>
  /**
   * Entries of the log that wait for the session's account, and that this session has proved to have (durability.md,
   * promise 2): they need not wait any more. What does not wait is left alone.
   */
  readonly release: (session: Session, seqs: readonly number[]) => Promise<void>
}
