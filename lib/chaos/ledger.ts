// The ledger: what was sent, acknowledged, refused and received, by whom and when; which sessions there were, and which
// faults. It only writes down. Whether the promises were kept is judged in reconcile.ts, from nothing but this.
import { columns } from './columns.js'
import type { Columns } from './columns.js'

/** How a message came: itself, as a carbon copy of what the account received or sent, or from the archive. */
export type Form = 'original' | 'received' | 'sent' | 'archive'
export const FORMS: readonly Form[] = ['original', 'received', 'sent', 'archive']

/** What is known of a message besides times; bits. */
export const REFUSED = 1 // its sender got an error for it
export const ABANDONED = 2 // its sender cannot know, and does not send it again (no stream management)
export const RESENT = 4 // sent again in a later session
export const STATE = 8 // only a chat state: may be lost, may not be doubled or reordered
export const NAMED = 16 // bears an id by which a server can know it again (durability.md D14)
export const DELIVERED = 32 // its receiver got it
export const CHAT = 64 // type chat, so eligible for carbons (XEP-0280 §6.1)

/** Who takes part: what the judge must know of each client. */
export interface Party {
  readonly account: number
  readonly full: string
  readonly priority: number
  /** Keeps its session over connections (XEP-0198 §5). */
  readonly resumes: boolean
}

/** A bound session, from the client's side: it ends when the client binds anew, not when a connection breaks. */
export interface Life {
  readonly id: number
  readonly client: number
  readonly account: number
  readonly from: number
  to: number
  /** Ended in order, everything acknowledged. */
  clean: boolean
  /** With stream management: what came was acknowledged. */
  managed: boolean
  /** From when on carbons were on; Infinity: never. */
  carbons: number
  /** The client that fetches what is still waiting at the very end. */
  readonly drain: boolean
}

export interface FaultSpan {
  readonly kind: string
  readonly from: number
  to: number
  /** Memory was lost: the server or its database was killed. */
  readonly crash: boolean
}

export interface Incident {
  readonly kind: string
  readonly text: string
  readonly client: number
  readonly at: number
  /** When what it is about happened. */
  readonly about: number
}

/** Something that happened to a client's connection. */
export interface Step {
  readonly client: number
  readonly at: number
  readonly what: string
}

export interface Ledger {
  readonly parties: readonly Party[]
  readonly accounts: readonly string[]
  readonly lives: readonly Life[]
  readonly faults: readonly FaultSpan[]
  readonly messages: Columns<'life' | 'client' | 'account' | 'target' | 'sentAt' | 'ackedAt' | 'flags' | 'sends'>
  readonly receipts: Columns<'message' | 'life' | 'at' | 'form' | 'delayed' | 'name'>
  readonly incidents: readonly Incident[]
  readonly steps: readonly Step[]
  /** How often each kind of incident was seen; only the first are kept. */
  readonly seen: ReadonlyMap<string, number>
  readonly acked: number
  readonly delivered: number
  /** Messages with a body, chat states not counted. */
  readonly texts: number
  /** Texts that somebody still has to get, as far as is known. */
  readonly waiting: number

  born(client: number, at: number, managed: boolean, drain?: boolean): Life
  sent(life: Life, account: number, target: number, at: number, flags: number): number
  resent(message: number): void
  ack(message: number, at: number): void
  mark(message: number, flag: number): void
  /** `name` is the hash of the stanza-id (XEP-0359), 0 without. */
  received(message: number, life: Life, at: number, form: Form, delayed: boolean, name: number): void
  fault(kind: string, at: number, crash: boolean): FaultSpan
  incident(kind: string, client: number, at: number, text: string, about?: number): void
  step(client: number, at: number, what: string): void
  /** A message came back to its sender that cannot be told from others: one of those to this account. */
  nameless(client: number, account: number): void
  /** How many of these there were. */
  readonly namelessRefusals: ReadonlyMap<string, number>
  /** Was memory lost in this time? `slack` ms after a crash belong to it. */
  crashed(from: number, to: number, slack?: number): boolean
}

export interface LedgerLimits {
  readonly messages: number
  readonly incidents: number
  readonly steps: number
}

const LIMITS: LedgerLimits = { messages: 20_000_000, incidents: 200, steps: 200_000 }

export const makeLedger = (parties: readonly Party[], accounts: readonly string[], limits: LedgerLimits = LIMITS): Ledger => {
  const messages: Ledger['messages'] = columns({ life: 'int', client: 'int', account: 'int', target: 'int', sentAt: 'float', ackedAt: 'float', flags: 'byte', sends: 'byte' }, limits.messages)
  const receipts: Ledger['receipts'] = columns({ message: 'int', life: 'int', at: 'float', form: 'byte', delayed: 'byte', name: 'float' }, limits.messages * 8)
  const lives: Life[] = []
  const faults: FaultSpan[] = []
  const incidents: Incident[] = []
  const seen = new Map<string, number>()
  const steps: Step[] = []
  const namelessRefusals = new Map<string, number>()
  let acked = 0
  let delivered = 0
  let texts = 0
  let waiting = 0

  /** Set a flag; true where it was not there. */
  const flag = (message: number, bit: number): boolean => {
    const flags = messages.get('flags', message)
    messages.set('flags', message, flags | bit)
    return (flags & bit) === 0
  }
  const has = (message: number, bits: number): boolean => (messages.get('flags', message) & bits) !== 0

  return {
    parties, accounts, lives, faults, messages, receipts, incidents, steps, seen, namelessRefusals,
    get acked() { return acked },
    get delivered() { return delivered },
    get texts() { return texts },
    get waiting() { return waiting },
    born: (client, at, managed, drain = false) => {
      const { account } = parties[client] as Party
      const life: Life = { id: lives.length, client, account, from: at, to: Infinity, clean: false, managed, carbons: Infinity, drain }
      lives.push(life)
      return life
    },
    sent: (life, account, target, at, flags) => {
      const message = messages.add()
      messages.set('life', message, life.id)
      messages.set('client', message, life.client)
      messages.set('account', message, account)
      messages.set('target', message, target)
      messages.set('sentAt', message, at)
      messages.set('flags', message, flags)
      messages.set('sends', message, 1)
      if ((flags & STATE) === 0) {
        texts++
        waiting++
      }
      return message
    },
    resent: (message) => {
      flag(message, RESENT)
      messages.set('sends', message, Math.min(255, messages.get('sends', message) + 1))
    },
    ack: (message, at) => {
      if (messages.get('ackedAt', message) !== 0) return
      messages.set('ackedAt', message, at)
      if (!has(message, STATE)) acked++
    },
    mark: (message, bit) => {
      const before = !has(message, REFUSED | ABANDONED | DELIVERED | STATE)
      flag(message, bit)
      if (before && has(message, REFUSED | ABANDONED)) waiting--
    },
    received: (message, life, at, form, delayed, name) => {
      const receipt = receipts.add()
      receipts.set('message', receipt, message)
      receipts.set('life', receipt, life.id)
      receipts.set('at', receipt, at)
      receipts.set('form', receipt, FORMS.indexOf(form))
      receipts.set('delayed', receipt, delayed ? 1 : 0)
      receipts.set('name', receipt, name)
      if (form !== 'original' || has(message, STATE) || life.account !== messages.get('account', message)) return
      const before = !has(message, REFUSED | ABANDONED | DELIVERED)
      if (!flag(message, DELIVERED)) return
      delivered++
      if (before) waiting--
    },
    fault: (kind, at, crash) => {
      const span: FaultSpan = { kind, from: at, to: Infinity, crash }
      faults.push(span)
      return span
    },
    incident: (kind, client, at, text, about = at) => {
      seen.set(kind, (seen.get(kind) ?? 0) + 1)
      if (incidents.length < limits.incidents) incidents.push({ kind, client, at, text, about })
    },
    step: (client, at, what) => {
      if (steps.length < limits.steps) steps.push({ client, at, what })
    },
    nameless: (client, account) => {
      const key = namelessKey(client, account)
      namelessRefusals.set(key, (namelessRefusals.get(key) ?? 0) + 1)
    },
    crashed: (from, to, slack = 0) => faults.some((f) => f.crash && f.from <= to && f.to + slack >= from),
  }
}

export const namelessKey = (client: number, account: number): string => `${client} ${account}`
