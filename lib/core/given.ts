// The words of acknowledged delivery (durability.md): what of the log was given to a client, and who keeps track of it.

/** What a client gets of an entry of the log: the message itself, or a copy of what another session got or sent (XEP-0280). */
export type Form = 'original' | 'received' | 'sent'

/** An entry of the account's log on its way to a client. */
export interface Given {
  readonly seq: number
  readonly form: Form
  /** It waited for the account when it was given, below the session's position (D12). */
  readonly pulled: boolean
}

/** What of the log was given to a client and is not known to have arrived. */
export interface Receipts {
  /** Write it and remember it. False: nothing was taken. */
  give(octets: string, declared: boolean, given: Given): boolean
  /** @param form only as this */
  has(seq: number, form?: Form): boolean
  /** Of entries that were given and not acknowledged. */
  readonly octets: number
  /** Ask the client now, and not when more has come together. */
  ask(): void
  /** An answer with this id came from the client. True: it proves what it was asked for, and is nobody else's. */
  proved(id: string): boolean
}

/** What the client has to hear about a stanza of its that counts as done: the answer to a request, or that a message was refused (D15). */
export interface Pending {
  readonly id: string
  readonly to: string
  /** The number that it had among the client's stanzas. */
  readonly number: number
  /** Number of the stanza that says so; 0: none has yet. */
  answer: number
  /** '': a request. Otherwise the condition that a message was refused with. */
  readonly refusal: string
}

/** A stream with something to say in the journal (D7). */
export interface Journaled {
  /** Its account, and the generation at which that one's sessions are known to be this node's (D2); null: it is over. */
  readonly fence: readonly [account: string, generation: number] | null
  /** A message of its, with this number, is in the batch that is being put together. */
  joins(number: number): void
  /** What the journal is to say of it; null: nothing. */
  compose(): string | null
  /** It says so now, durably. */
  committed(): void
  /** It does not, and will not. */
  voided(): void
}

/** Stream management (XEP-0198) as a connection and the router need it. */
export interface Managed extends Receipts, Journaled {
  readonly id: string
  readonly resumable: boolean
  /** There is a connection. */
  readonly connected: boolean
  /** Stanzas read. */
  received: number
  /** Octets kept: not acknowledged, or not sent. */
  readonly bytes: number
  readonly unacknowledged: number
  /** Version of the roster that its client is known to have. */
  readonly rosterVersion: number
  /** Stanzas not of the log that were not acknowledged or not sent, as octets. */
  lost(count?: number): readonly string[]
  /** A stanza of the client's that is no message of the log, and all before it, is done. */
  done(number: number): void
  /** The message with this number is committed. */
  messageDone(number: number): void
  /** The stanza read last is a request (D15). False: too many are open. */
  asks(id: string, to: string): boolean
  /** The client's message with this number is refused with this condition; the error follows. */
  refuses(number: number, id: string, to: string, condition: string): void
  /** What its client has asked for has changed, and is to survive a crash soon: until then its copies would be missing. */
  changed(): void
  /** `<r/>` */
  requested(): void
  /** `<a h=''/>` */
  acknowledge(count: number): void
  /** To the client: at once, or behind what waits for the journal. */
  write(octets: string, declared: boolean, given: Given | null): boolean
}
