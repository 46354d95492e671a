// What the mechanisms of SASL share: the words of an exchange, the look-up of an account's keys, whose identity may be assumed.
import { decoyCredential } from './scram-keys.js'
import type { Credential, HashMechanism } from './scram-keys.js'

export type BindingType = 'tls-exporter' | 'tls-unique' | 'tls-server-end-point'

export interface SaslLookup {
  /** Keys of an account, by its prepared local part; null: there is no such account. */
  (username: string): Promise<readonly Credential[] | null>
}

export interface SaslContext {
  readonly lookup: SaslLookup
  /** The local part, normalised; null where it is none. */
  readonly prepare: (username: string) => string | null
  /** Channel bindings of this connection; none without TLS and on WebSocket. */
  readonly bindings: ReadonlyMap<BindingType, Buffer>
  readonly channelBinding: 'strict' | 'lenient' | 'off'
  /** Passwords may travel here. */
  readonly encrypted: boolean
  readonly decoySecret: Buffer
  /** Of keys made now; what an unknown account seems to have. */
  readonly iterations: number
  readonly domain: string
  /** The server's part of the nonce; for test vectors. */
  readonly nonce?: string
}

/** RFC 6120 §6.5 */
export type SaslFailure = 'aborted' | 'account-disabled' | 'credentials-expired' | 'encryption-required' | 'incorrect-encoding' |
  'invalid-authzid' | 'invalid-mechanism' | 'malformed-request' | 'mechanism-too-weak' | 'not-authorized' | 'temporary-auth-failure'

export type SaslStep =
  | { readonly kind: 'challenge'; readonly data: Buffer }
  | { readonly kind: 'success'; readonly data: Buffer | null; readonly username: string }
  | {
    readonly kind: 'failure'
    readonly condition: SaslFailure
    /** A password or proof was checked and was wrong: a guess. */
    readonly counted: boolean
    readonly username: string | null
    /** For the log; no secrets. */
    readonly reason: string
  }

export interface SaslExchange {
  /** The client's next message, decoded; null: it sent none (an <auth/> without initial response). */
  respond(data: Buffer | null): Promise<SaslStep>
}

export const fail = (condition: SaslFailure, reason: string, username: string | null = null, counted = false): SaslStep =>
  ({ kind: 'failure', condition, counted, username, reason })

/** An account's keys for a mechanism, or keys that no password fits: both take the same steps. */
export const keysFor = async (context: SaslContext, username: string | null, name: string, mechanism: HashMechanism): Promise<Credential> => {
  const found = username === null ? null : await context.lookup(username)
  return found?.find((c) => c.mechanism === mechanism) ?? decoyCredential(context.decoySecret, username ?? name, mechanism, context.iterations)
}

/** RFC 6120 §6.3.8: an authorization identity may be one's own bare JID, and nobody else's. */
export const isOwn = (authzid: string, username: string, { prepare, domain }: SaslContext): boolean => {
  if (authzid === '') return true
  const at = authzid.lastIndexOf('@')
  return at > 0 && prepare(authzid.slice(0, at)) === username && authzid.slice(at + 1).toLowerCase() === domain
}
