// What two nodes say to one another, as octets: lengths in front, numbers big-endian, strings as octet strings
// (lib/base/octets.ts). Whatever comes in is read within its bounds and to its last octet, or it is null: nothing here throws
// on what another node has sent.
//
//   request       version u8, deadline f64, n u16, n × (kind u8, with 4 where it declares jabber:client itself, account u16, session u16,
//                 xml u32: lengths), n × (account, session, xml)
//   answer        version u8, n u16, n × (code u8, and f64 behind NO_SESSION_AT: the generation)
//   refusal       0 u8: none of the request was acted on. No version has this number, so that all versions understand it
//   invalidation  version u8, node u16: length, epoch f64, number f64, n u32, node, n × (account u16: length, generation f64, account)
import { toOctets, toText } from '../base/octets.js'
import type { Kind } from '../base/stanza.js'
import type { Answer } from '../core/ports.js'

export const VERSION = 3
/** The answer to a request that came late or cannot be read, in every version. */
export const REFUSAL: Uint8Array = Uint8Array.of(0)

/** A stanza for a session of another node. */
export interface Handed {
  /** Bare JID, normalised. */
  readonly account: string
  readonly sessionId: string
  /** Octets. */
  readonly xml: string
  readonly kind: Kind
  /** It declares jabber:client itself (Frame.declared). */
  readonly declared: boolean
}

export interface Request {
  /** ms since 1970 by the database's clock; from then on it must not be acted on (routing.md, step 5). */
  readonly deadline: number
  readonly items: readonly Handed[]
}

/** What became of a stanza, as its owner says. 'unknown': it failed while acting on it. */
export type Reply = Answer | 'unknown'

/** Accounts whose sessions have changed (routing.md, step 6). */
export interface Invalidation {
  readonly node: string
  readonly epoch: number
  /** The first of a publisher is 1, then one more each time. */
  readonly number: number
  /** Bare JID and generation. */
  readonly changes: readonly (readonly [string, number])[]
}

const KINDS = ['message', 'presence', 'iq'] as const
const DECLARED = 4
const REPLIES = ['accepted', 'refused', 'busy', 'unknown'] as const
const NO_SESSION = 4
const NO_SESSION_AT = 5

/** Octets of a request before its first stanza, and of a stanza beside its three strings. */
const HEAD = 1 + 8 + 2
const ITEM = 1 + 2 + 2 + 4
const SHORT = 0xffff

/** Octets of a request with this stanza alone, a little more than it takes beside others; Infinity where no request can carry it. */
export const aloneOctets = (item: Handed): number => {
  const account = toOctets(item.account).length
  const session = toOctets(item.sessionId).length
  return account > SHORT || session > SHORT ? Infinity : HEAD + ITEM + account + session + item.xml.length
}
/** Stanzas that one request can count. */
export const MOST_STANZAS = SHORT

export const encodeRequest = ({ deadline, items }: Request): Uint8Array => {
  const lengths: number[] = []
  // joined, and written by one call: a stanza is a rope itself, which each writing would make flat first
  let text = ''
  for (const { account, sessionId, xml } of items) {
    const name = toOctets(account)
    const session = toOctets(sessionId)
    lengths.push(name.length, session.length)
    text += name + session + xml
  }
  const out = Buffer.allocUnsafe(HEAD + items.length * ITEM + text.length)
  let at = out.writeUInt8(VERSION)
  at = out.writeDoubleBE(deadline, at)
  at = out.writeUInt16BE(items.length, at)
  for (let i = 0; i < items.length; i++) {
    const { xml, kind, declared } = items[i] as Handed
    at = out.writeUInt8(KINDS.indexOf(kind) | (declared ? DECLARED : 0), at)
    at = out.writeUInt16BE(lengths[2 * i] as number, at)
    at = out.writeUInt16BE(lengths[2 * i + 1] as number, at)
    at = out.writeUInt32BE(xml.length, at)
  }
  out.write(text, at, 'latin1')
  return out
}

/** null: it is of another version, or not well-formed. */
export const decodeRequest = (data: Uint8Array): Request | null => read(data, (from) => {
  const deadline = from.double()
  if (!Number.isFinite(deadline)) return null
  const many = from.short()
  const table = from.part(many * ITEM)
  const items: Handed[] = []
  for (let at = 0; at < table.length; at += ITEM) {
    const bits = table[at] as number
    const kind = KINDS[bits & ~DECLARED]
    if (kind === undefined) return null
    const account = table.readUInt16BE(at + 1)
    const session = account + table.readUInt16BE(at + 3)
    // one string, of which the three are parts: a stanza that is kept keeps little more than itself
    const all = from.octets(session + table.readUInt32BE(at + 5))
    items.push({ kind, declared: (bits & DECLARED) !== 0, account: textOf(all.slice(0, account)), sessionId: textOf(all.slice(account, session)), xml: all.slice(session) })
  }
  return { deadline, items }
})

export const encodeAnswer = (replies: readonly Reply[]): Uint8Array => {
  const out = Buffer.allocUnsafe(3 + replies.length * 9)
  let at = out.writeUInt8(VERSION)
  at = out.writeUInt16BE(replies.length, at)
  for (const reply of replies) {
    if (typeof reply === 'string') at = out.writeUInt8(REPLIES.indexOf(reply), at)
    else if (reply.generation === null) at = out.writeUInt8(NO_SESSION, at)
    else at = out.writeDoubleBE(reply.generation, out.writeUInt8(NO_SESSION_AT, at))
  }
  return out.subarray(0, at)
}

/** One reply a stanza; 'refusal': none was acted on; null: it is not well-formed. */
export const decodeAnswer = (data: Uint8Array): readonly Reply[] | 'refusal' | null => {
  if (data.length === 1 && data[0] === REFUSAL[0]) return 'refusal'
  return read(data, (from) => {
    const replies: Reply[] = []
    for (let n = from.short(); n > 0; n--) {
      const code = from.byte()
      const reply = code === NO_SESSION ? { generation: null } : code === NO_SESSION_AT ? { generation: from.count() } : REPLIES[code]
      if (reply === undefined) return null
      replies.push(reply)
    }
    return replies
  })
}

/** Octets of an invalidation before its first change, and of one change. Infinity where it cannot be told. */
export const headOctets = (node: string): number => 1 + 2 + 8 + 8 + 4 + toOctets(node).length
export const changeOctets = (account: string): number => {
  const { length } = toOctets(account)
  return length > SHORT ? Infinity : 2 + 8 + length
}

export const encodeInvalidation = ({ node, epoch, number, changes }: Invalidation): Uint8Array => {
  const out = Buffer.allocUnsafe(changes.reduce((sum, [account]) => sum + changeOctets(account), headOctets(node)))
  const id = toOctets(node)
  let at = out.writeUInt8(VERSION)
  at = out.writeUInt16BE(id.length, at)
  at = out.writeDoubleBE(epoch, at)
  at = out.writeDoubleBE(number, at)
  at = out.writeUInt32BE(changes.length, at)
  at += out.write(id, at, 'latin1')
  for (const [account, generation] of changes) {
    const name = toOctets(account)
    at = out.writeUInt16BE(name.length, at)
    at = out.writeDoubleBE(generation, at)
    at += out.write(name, at, 'latin1')
  }
  return out
}

/** null: it is of another version, or not well-formed. */
export const decodeInvalidation = (data: Uint8Array): Invalidation | null => read(data, (from) => {
  const id = from.short()
  const [epoch, number] = [from.count(), from.count()]
  const many = from.long()
  const node = from.text(id)
  const changes: [string, number][] = []
  for (let n = many; n > 0; n--) {
    const account = from.short()
    const generation = from.count()
    changes.push([from.text(account), generation])
  }
  return { node, epoch, number, changes }
})

/** Thrown by a reader where the octets end too early or say what they must not, and caught by `read`. */
const MALFORMED = Symbol('malformed')

interface Reader {
  byte(): number
  short(): number
  long(): number
  double(): number
  /** A number that counts something. */
  count(): number
  octets(length: number): string
  text(length: number): string
  /** So many octets as they are. */
  part(length: number): Buffer
}

const textOf = (octets: string): string => {
  const text = toText(octets)
  if (text !== octets && toOctets(text) !== octets) throw MALFORMED // no UTF-8
  return text
}

const readerOf = (buffer: Buffer): Reader & { readonly isAtEnd: boolean } => {
  const end = buffer.length
  let at = 1
  /** The offset of the next so many octets, which are there. What a count announces is bounded by this, not by the count. */
  const next = (length: number): number => {
    if (end - at < length) throw MALFORMED
    at += length
    return at - length
  }
  const from = {
    get isAtEnd() {
      return at === end
    },
    byte: () => buffer.readUInt8(next(1)),
    short: () => buffer.readUInt16BE(next(2)),
    long: () => buffer.readUInt32BE(next(4)),
    double: () => buffer.readDoubleBE(next(8)),
    count: () => {
      const value = from.double()
      if (!Number.isSafeInteger(value) || value < 0) throw MALFORMED
      return value
    },
    octets: (length: number) => {
      const begin = next(length)
      return buffer.latin1Slice(begin, begin + length)
    },
    text: (length: number) => textOf(from.octets(length)),
    part: (length: number) => {
      const begin = next(length)
      return buffer.subarray(begin, begin + length)
    },
  }
  return from
}

const read = <T>(data: Uint8Array, body: (from: Reader) => T | null): T | null => {
  if (data[0] !== VERSION) return null
  const from = readerOf(Buffer.from(data.buffer, data.byteOffset, data.byteLength))
  try {
    const made = body(from)
    return from.isAtEnd ? made : null
  } catch (error) {
    if (error === MALFORMED) return null
    throw error
  }
}
