// The three kinds of error: StanzaError (we refuse this stanza; the stream lives on), StreamError (we end this stream),
// and anything else (our bug: logged, answered with internal-server-error, the server stays up).

/** RFC 6120 §8.3.3: every stanza error condition with the error type that the RFC recommends for it. */
const TYPE_OF = {
  'bad-request': 'modify',
  conflict: 'cancel',
  'feature-not-implemented': 'cancel',
  forbidden: 'auth',
  gone: 'cancel',
  'internal-server-error': 'cancel',
  'item-not-found': 'cancel',
  'jid-malformed': 'modify',
  'not-acceptable': 'modify',
  'not-allowed': 'cancel',
  'not-authorized': 'auth',
  'policy-violation': 'modify',
  'recipient-unavailable': 'wait',
  redirect: 'modify',
  'registration-required': 'auth',
  'remote-server-not-found': 'cancel',
  'remote-server-timeout': 'wait',
  'resource-constraint': 'wait',
  'service-unavailable': 'cancel',
  'subscription-required': 'auth',
  'undefined-condition': 'cancel',
  'unexpected-request': 'wait',
} as const

export type Condition = keyof typeof TYPE_OF
export type ErrorType = 'auth' | 'cancel' | 'continue' | 'modify' | 'wait'

/** We refuse this stanza; the stream lives on. Handlers throw it, only the router sends it (RFC 6120 §8.3). */
export class StanzaError extends Error {
  override readonly name = 'StanzaError'
  readonly condition: Condition
  readonly type: ErrorType
  /** An application-specific condition element (RFC 6120 §8.3.4), serialised, with its own namespace. */
  readonly detail: string

  constructor(condition: Condition, text = '', options: { type?: ErrorType; detail?: string } & ErrorOptions = {}) {
    super(text, options)
    this.condition = condition
    this.type = options.type ?? TYPE_OF[condition]
    this.detail = options.detail ?? ''
  }
}

/** The database does not answer. Nobody's fault who asked, and no bug: the router tells the sender to try again. */
export class AwayError extends Error {
  override readonly name = 'AwayError'
  constructor(cause: unknown) {
    super(`the database does not answer: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}

/** Nothing was written: sessions of these accounts may be another node's by now (durability.md D2). */
export class MovedError extends Error {
  override readonly name = 'MovedError'
  readonly accounts: readonly string[]
  constructor(accounts: readonly string[]) {
    super(`the sessions of ${accounts.length} accounts have changed`)
    this.accounts = accounts
  }
}

/** RFC 6120 §4.9.3: the conditions of stream errors that jidway sends. */
export type StreamCondition =
  | 'bad-format'
  | 'bad-namespace-prefix'
  | 'conflict'
  | 'connection-timeout'
  | 'host-gone'
  | 'host-unknown'
  | 'improper-addressing'
  | 'internal-server-error'
  | 'invalid-from'
  | 'invalid-namespace'
  | 'invalid-xml'
  | 'not-authorized'
  | 'not-well-formed'
  | 'policy-violation'
  | 'reset'
  | 'resource-constraint'
  | 'restricted-xml'
  | 'system-shutdown'
  | 'undefined-condition'
  | 'unsupported-encoding'
  | 'unsupported-feature'
  | 'unsupported-stanza-type'
  | 'unsupported-version'

/** We end this stream: the peer is told the condition, then the stream is closed (RFC 6120 §4.9). */
export class StreamError extends Error {
  override readonly name = 'StreamError'
  readonly condition: StreamCondition

  constructor(condition: StreamCondition, text = '', options?: ErrorOptions) {
    super(text, options)
    this.condition = condition
  }
}

/** What an operator or caller did wrong (a setting, a command line, a file): printed without a stack, with what to do. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
