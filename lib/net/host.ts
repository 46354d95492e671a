// What all connections of a server share.
import type { Element } from 'ltx'
import type { Logger } from 'pino'
import type { SecureContext } from 'node:tls'
import type { Settings } from '../base/config.js'
import type { StanzaError, StreamError } from '../base/errors.js'
import type { Jid } from '../base/jid.js'
import type { Stanza } from '../base/stanza.js'
import type { Stranger } from '../core/route.js'
import type { Router } from '../core/router.js'
import type { Outlet, Session, Sessions } from '../core/sessions.js'
import type { Members } from '../core/members.js'
import type { Feed } from '../core/feed.js'
import type { Resends } from '../core/resends.js'
import type { Resumption } from '../core/resumption.js'
import type { PresenceRows } from '../core/presence-rows.js'
import type { FramerLimits } from '../wire/framer.js'
import type { SaslLookup } from '../wire/sasl.js'
import type { Gate } from './gate.js'

/** What the server asks of a connection. */
export interface Guest {
  /** Called about once a second: deadlines and silent peers. */
  tick(now: number): void
  /** End the stream: with an error, or (null) as agreed. */
  close(error: StreamError | null): void
  /** No goodbye is possible any more. */
  drop(): void
}

/** Who watches and disturbs the sessions of a server that runs inside a test (routes/embed.ts). */
export interface Tap {
  /** A stanza went over the wire: 'in' from the session's client, 'out' to it. Octets, as on the wire. */
  saw(direction: 'in' | 'out', session: Session, octets: string): void
  /** The error that this stanza shall be answered with; null: it goes its way. */
  refuse(session: Session, stanza: Stanza): StanzaError | null
}

export interface Host {
  readonly settings: Settings
  readonly domains: ReadonlySet<string>
  readonly defaultDomain: string
  readonly log: Logger
  /** ms, raised about once a second and at the start of busy turns: enough for time-outs, and free to read. */
  readonly time: () => number
  readonly limits: {
    readonly unauthenticated: FramerLimits
    readonly authenticated: FramerLimits
    /** Octets that a connection may send before it is authenticated, white space included. */
    readonly early: number
  }
  readonly gate: Gate
  readonly router: Router
  readonly sessions: Sessions
  readonly members: Members
  readonly rows: PresenceRows
  readonly connections: Set<Guest>
  /** Of these, who has not logged in, in the order in which they came. */
  readonly strangers: Set<Guest>
  /** The current certificate; null without TLS. Another one after SIGHUP. */
  readonly tls: () => SecureContext | null
  /** Credentials of a local part of a domain. */
  readonly credentials: (domain: string) => SaslLookup
  readonly decoySecret: Buffer
  /** What unknown names seem to have: as most accounts do, also after the setting has been changed. */
  readonly decoyIterations: number
  readonly jid: (text: string) => Jid | null
  /** The address, differently written, is the session's full or bare JID. */
  readonly sameAddress: (text: string, jid: Jid) => boolean
  /** What the routes add to the stream's features, as octets: before a log-in, and after it. */
  readonly offersStrangers: string
  readonly offers: string
  /** A request on a stream that nobody has logged in to; undefined: no feature answers it. */
  readonly stranger: (type: string, ns: string, name: string) => ((request: Stranger) => Promise<Element | void> | Element | void) | undefined
  /** An element that is no stanza; false: no feature takes it. */
  readonly nonza: (session: Session, ns: string, name: string) => boolean
  /** The session is over. @param clean its client said so, or it never was one: nothing of it is to be remembered */
  readonly sessionOver: (session: Session, clean: boolean) => Promise<void> | void
  readonly ending: (full: string) => Promise<void> | undefined
  readonly resends: Resends
  readonly resumption: Resumption
  readonly feed: Feed
  /** Routing.md, step 9: others may have this node's sessions by now. null: there are no others. */
  readonly maySend: (() => boolean) | null
  /** null in every server but those of tests. */
  readonly tap: Tap | null
  readonly ping: (outlet: Outlet, jid: Jid) => void
}

/**
 * May a connection from this address stay? Where all places for strangers are taken, the one who has had his for longest
 * loses it: else a few addresses that only sit there would lock everybody out.
 */
export const admit = ({ gate, strangers }: Host, address: string): boolean => {
  const [oldest] = strangers
  if (gate.isFull && oldest !== undefined) oldest.drop()
  return gate.arrive(address)
}

/** It was let in. */
export const enter = ({ connections, strangers }: Host, guest: Guest): void => {
  connections.add(guest)
  strangers.add(guest)
}
