// What has happened to messages lately, in memory, for `jidway trace`: a ring of slots made at the start, the oldest
// overwritten. It is written on the hot path, so a note makes no object: it sets numbers in typed arrays, and references to
// strings that live anyway. Of a message it knows ids and addresses, never what it says.
import { NS } from '../base/namespaces.js'
import { toText } from '../base/octets.js'
import type { Stanza } from '../base/stanza.js'
import { treeOf } from '../wire/tree.js'
import type { Form, Given } from './given.js'
import type { Clock, Logged } from './ports.js'
import type { Session } from './sessions.js'

/** What is noted where it happens. */
export interface Tracing {
  /** A message has come from this session; null: from the server itself. */
  received(session: Session | null, stanza: Stanza): void
  /** Its way has ended without the log. @param how an ending, or the condition of an error */
  ended(session: Session | null, stanza: Stanza, number: number, how: string): void
  /** It is in the log, written by group commit `batch`. @param number of the stanza on its stream; 0: nobody counts there */
  committed(session: Session | null, stanza: Stanza, number: number, accounts: { readonly receiver: string; readonly sender: string }, batch: number, logged: Exclude<Logged, null>): void
  /** An entry of its account's log goes to this session as its stanza `number`; 0: nobody counts there. */
  given(session: Session, given: Given, number: number): void
  acknowledged(session: Session, seq: number, form: Form): void
  /** It has waited too long. */
  expired(account: string, seq: number): void
}

export type What = 'received' | 'ended' | 'committed' | 'given' | 'acknowledged' | 'expired'

/** A note, read again. What does not concern its kind is '' or 0. */
export interface Note {
  readonly what: What
  /** ms since 1970 */
  readonly at: number
  /** Own id of the message as its sender has given it; cut where it is very long. '' of a commit whose arrival tells it. */
  readonly id: string
  /** Full JID; '': the server. */
  readonly session: string
  /** Number of the stanza on the session's stream. */
  readonly number: number
  /** The entry; of one that was committed the receiver's, and the sender's (0: none). */
  readonly account: string
  readonly seq: number
  readonly sender: string
  readonly sentSeq: number
  readonly mark: number
  readonly batch: number
  readonly form: Form
  /** Of what has ended: how. */
  readonly how: string
}

export interface Ring extends Tracing {
  /** Slots. */
  readonly size: number
  /** ms since 1970: what happened before is forgotten, or was before the start. */
  readonly since: number
  /** Something was overwritten. */
  readonly overwritten: boolean
  /** Newest first: what was received under this own id, and commits and endings of messages that no stream counts. */
  named(id: string, most: number): readonly Note[]
  /** Newest first: commits that gave this number and these random bits to an entry. */
  numbered(seq: number, mark: number, most: number): readonly Note[]
  /** Oldest first: what happened to this entry. */
  of(account: string, seq: number, most: number): readonly Note[]
  /** How the message came that this commit, or this ending, is about; null: forgotten. */
  arrival(note: Note): Note | null
  /** The commit, or ending, of what was received; null: there was none yet. */
  outcome(received: Note): Note | null
}

const KINDS: readonly What[] = ['received', 'ended', 'committed', 'given', 'acknowledged', 'expired']
const [RECEIVED, ENDED, COMMITTED, GIVEN, ACKNOWLEDGED, EXPIRED] = [1, 2, 3, 4, 5, 6] as const
/** Another name of the message that was noted just before: its <origin-id/>. */
const ALSO = 7
const FORMS: readonly Form[] = ['original', 'received', 'sent']
/** Characters kept of an own id. */
const ID = 64

/** XEP-0359 §3.2; '' where it has none. */
export const originIdOf = ({ children, xml }: Pick<Stanza, 'children' | 'xml'>): string => {
  for (let i = 0; i < children.length; i++) {
    const child = children[i] as Stanza['children'][number]
    if (child.name !== 'origin-id' || child.ns !== NS.stanzaId) continue
    const tag = xml.slice(child.start, child.end)
    const plain = /\sid=(?:'([^'&]*)'|"([^"&]*)")/.exec(tag)
    return plain === null ? String(treeOf(tag).attrs['id'] ?? '') : toText(plain[1] ?? plain[2] ?? '')
  }
  return ''
}

/** @param size slots; 0: nothing is remembered */
export const makeTracing = (size: number, clock: Clock): Ring => {
  const kind = new Uint8Array(size)
  const at = new Float64Array(size)
  const seqs = new Float64Array(size)
  const sentSeqs = new Float64Array(size)
  const numbers = new Float64Array(size)
  const batches = new Float64Array(size)
  const marks = new Int32Array(size)
  const forms = new Uint8Array(size)
  const ids = new Uint16Array(size * ID)
  const lengths = new Uint16Array(size)
  const sessions = new Array<string>(size).fill('')
  /** The entry's account; of what has ended: how. */
  const accounts = new Array<string>(size).fill('')
  const senders = new Array<string>(size).fill('')
  const begun = clock.now()
  let next = 0
  let overwritten = false

  // the clock is asked once a turn: asking is dearer than noting
  let time = 0
  let fresh = false
  const expire = (): void => {
    fresh = false
  }
  const now = (): number => {
    if (fresh) return time
    fresh = true
    setImmediate(expire)
    time = clock.now()
    return time
  }

  const slot = (what: number, session: string, account: string, seq: number, number: number): number => {
    const i = next
    next = i + 1 === size ? 0 : i + 1
    if (kind[i] !== 0) overwritten = true
    kind[i] = what
    at[i] = now()
    sessions[i] = session
    accounts[i] = account
    seqs[i] = seq
    numbers[i] = number
    lengths[i] = 0
    return i
  }

  // copied: a slice would keep the whole stanza alive that it was cut from
  const name = (i: number, id: string): void => {
    const n = id.length < ID ? id.length : ID
    for (let k = 0, to = i * ID; k < n; k++) ids[to++] = id.charCodeAt(k)
    lengths[i] = id.length < 65_535 ? id.length : 65_535
  }

  const isNamed = (i: number, id: string): boolean => {
    const n = id.length < ID ? id.length : ID
    if (lengths[i] !== Math.min(id.length, 65_535)) return false
    for (let k = 0, from = i * ID; k < n; k++) if (ids[from++] !== id.charCodeAt(k)) return false
    return true
  }

  const read = (i: number): Note => {
    const what = kind[i] as number
    const isCommit = what === COMMITTED
    return {
      what: KINDS[what - 1] as What, at: at[i] as number, session: sessions[i] as string, number: numbers[i] as number,
      id: String.fromCharCode(...ids.subarray(i * ID, i * ID + Math.min(ID, lengths[i] as number))),
      account: what === ENDED ? '' : accounts[i] as string, how: what === ENDED ? accounts[i] as string : '', seq: seqs[i] as number,
      sender: isCommit ? senders[i] as string : '', sentSeq: isCommit ? sentSeqs[i] as number : 0, mark: isCommit ? marks[i] as number : 0, batch: isCommit ? batches[i] as number : 0,
      form: FORMS[what === GIVEN || what === ACKNOWLEDGED ? forms[i] as number : 0] as Form,
    }
  }

  /** The slot before; -1: there is none any more. */
  const before = (i: number): number => {
    if (i === next) return -1
    const b = i === 0 ? size - 1 : i - 1
    return kind[b] === 0 ? -1 : b
  }
  const newest = (): number => (size === 0 ? -1 : kind[(next + size - 1) % size] === 0 ? -1 : (next + size - 1) % size)

  const find = (fits: (i: number) => boolean, most: number): number[] => {
    const found: number[] = []
    for (let i = newest(); i >= 0 && found.length < most; i = before(i)) if (fits(i)) found.push(i)
    return found
  }

  /** The same message: from the same session, under the same number on its stream, and the same id where both have one. */
  const isOf = (i: number, { session, number, id }: Note): boolean => sessions[i] === session && numbers[i] === number && (number > 0 || isNamed(i, id))

  return {
    size,
    get since() {
      return overwritten ? at[next] as number : begun
    },
    get overwritten() {
      return overwritten
    },
    received: (session, stanza) => {
      if (size === 0) return
      const from = session === null ? '' : session.jid.full
      const number = session === null || session.stream === null ? 0 : session.stream.received
      name(slot(RECEIVED, from, '', 0, number), stanza.id)
      const { children } = stanza
      for (let i = 0; i < children.length; i++) {
        if ((children[i] as Stanza['children'][number]).name !== 'origin-id') continue
        const origin = originIdOf(stanza)
        // most clients give it twice
        if (origin !== '' && origin !== stanza.id) name(slot(ALSO, from, '', 0, number), origin)
        return
      }
    },
    ended: (session, stanza, number, how) => {
      if (size === 0) return
      name(slot(ENDED, session === null ? '' : session.jid.full, how, 0, number), stanza.id)
    },
    committed: (session, stanza, number, { receiver, sender }, batch, { received, sent }) => {
      if (size === 0) return
      const i = slot(COMMITTED, session === null ? '' : session.jid.full, receiver, received === null ? 0 : received.seq, number)
      senders[i] = sender
      sentSeqs[i] = sent === null ? 0 : sent.seq
      marks[i] = (received ?? sent)?.mark ?? 0
      batches[i] = batch
      // where stanzas are counted, the number leads to the name
      if (number === 0) name(i, stanza.id)
    },
    given: (session, { seq, form }, number) => {
      if (size === 0) return
      forms[slot(GIVEN, session.jid.full, session.account, seq, number)] = FORMS.indexOf(form)
    },
    acknowledged: (session, seq, form) => {
      if (size === 0) return
      forms[slot(ACKNOWLEDGED, session.jid.full, session.account, seq, 0)] = FORMS.indexOf(form)
    },
    expired: (account, seq) => {
      if (size > 0) slot(EXPIRED, '', account, seq, 0)
    },

    named: (id, most) => {
      const found: Note[] = []
      for (const i of find((k) => (kind[k] === RECEIVED || kind[k] === COMMITTED || kind[k] === ALSO || kind[k] === ENDED) && isNamed(k, id), most)) {
        if (kind[i] !== ALSO) {
          found.push(read(i))
          continue
        }
        const main = before(i)
        if (main >= 0) found.push(read(main))
      }
      return found
    },
    numbered: (seq, mark, most) => find((i) => kind[i] === COMMITTED && marks[i] === mark && (seqs[i] === seq || sentSeqs[i] === seq), most).map(read),
    of: (account, seq, most) => find((i) => {
      const what = kind[i] as number
      if (what === COMMITTED) return (seqs[i] === seq && accounts[i] === account) || (sentSeqs[i] === seq && senders[i] === account)
      return (what === GIVEN || what === ACKNOWLEDGED || what === EXPIRED) && seqs[i] === seq && accounts[i] === account
    }, most).reverse().map(read),
    arrival: (note) => {
      const [i] = find((k) => kind[k] === RECEIVED && isOf(k, note) && (at[k] as number) <= note.at, 1)
      return i === undefined ? null : read(i)
    },
    outcome: (received) => {
      // the first that came after it
      const i = find((k) => (kind[k] === COMMITTED || kind[k] === ENDED) && isOf(k, received) && (at[k] as number) >= received.at, size).at(-1)
      return i === undefined ? null : read(i)
    },
  }
}
