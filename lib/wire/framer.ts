// The framer: bytes → stanzas, in one pass. It finds where each top-level element of a stream ends, checks
// well-formedness (XML 1.0 fifth edition, XML Names 1.0), the restrictions of RFC 6120 §11 and the limits while it reads,
// and notes what a router needs. It never builds a tree and keeps nothing for a connection that is between stanzas.
//
// How it reads: `scan` goes token by token (tokens.ts, start-tag.ts). A token that is not complete yet is read again from
// its start when more bytes are there; text and CDATA go on in their middle. So that nobody can make that quadratic by
// sending single bytes, an incomplete tag is first searched for its end, which remembers how far it got.
//
// The verdict on a stream does not depend on how it was cut into chunks; only, what is wrong inside a tag may be said when
// the tag ends.
import { NS } from '../base/namespaces.js'
import type { Frame } from '../base/stanza.js'
import { toText } from '../base/octets.js'
import { canonical, withoutHollow } from './canonical.js'
import { WHITE } from './characters.js'
import { readDeclaration, readStreamEnd, strayText } from './document.js'
import { giveScratch, makeFrame, noteChild, noteElement, takeScratch } from './element.js'
import type { Scratch } from './element.js'
import { forgetChunk, MOST_ATTRIBUTES, plainEnd, readPlainStanza } from './plain-stanza.js'
import { findTag } from './known-tags.js'
import type { KnownTag } from './known-tags.js'
import { checkAttributes, headerAttributes, resolve, undeclare } from './namespaces.js'
import type { Surroundings } from './namespaces.js'
import { readStartTag, TAG } from './start-tag.js'
import { cdataEnded, readCdata, readCdataStart, readEndTag, readText } from './tokens.js'
import { badFormat, notUtf8, notWellFormed, overLimit, unexpected } from './violations.js'

export interface FramerLimits {
  /** Octets of one top-level element, or of the stream header. */
  readonly bytes: number
  /** Depth of nesting; the top-level element is 1. */
  readonly depth: number
  /** Attributes of one element, declarations included. */
  readonly attributes: number
  /** Children of one top-level element. */
  readonly children: number
}

/** The stream's opening tag (RFC 6120 §4.7). Everything is decoded. */
export interface Header {
  readonly ns: string
  readonly name: string
  /** By name as written (`xml:lang`), declarations not included. */
  readonly attributes: ReadonlyMap<string, string>
  /** Prefixes declared on it, '' for the default namespace. */
  readonly namespaces: ReadonlyMap<string, string>
}

/** What a framer tells. Each may call `restart`, `discard` and `setLimits`; a StreamError thrown here ends the stream too. */
export interface FramerSink {
  header(header: Header): void
  /** Return false to stop: what is left of the chunk is kept until `resume()`. */
  element(frame: Frame): boolean
  /** The stream's closing tag. */
  end(): void
}

/** What the framer expects next. */
const PROLOG = 0 // nothing read: an XML declaration may stand here
const HEADER = 1 // the stream's opening tag
const STREAM = 2 // top-level elements
const ENDED = 3

const NO_HEADER: Surroundings = { defaultNs: '', namespaces: new Map() }

export class Framer {
  private readonly sink: FramerSink
  private limits: FramerLimits
  /** Limits that wait for the end of the element that is being read. */
  private nextLimits: FramerLimits | null = null
  private state = PROLOG
  private fragment = false
  /** Bytes not consumed yet: the start of an incomplete element, or what came after a stop. */
  private pending: Buffer | null = null
  private pendingEnd = 0
  /** `pending` is a buffer of our own that can take more bytes. */
  private owned = false
  /** Where the current element starts, and where reading goes on. */
  private base = 0
  private pos = 0
  private scratch: Scratch | null = null
  /** How far, and inside which quote, an incomplete tag was searched for its end (0: not searched). */
  private searched = 0
  private quote = 0
  private stopped = false
  private reading = false
  private discarded = false
  private headerName = ''
  /** Elements without a declaration are in jabber:client. */
  private clientNs = false
  private around = NO_HEADER

  constructor(sink: FramerSink, limits: FramerLimits) {
    this.sink = sink
    this.limits = limits
  }

  /** Other limits from the next element on (after authentication). */
  setLimits(limits: FramerLimits): void {
    if (this.scratch === null) this.limits = limits
    else this.nextLimits = limits
  }

  /** A new stream starts on the same connection (RFC 6120 §4.3.3). What was read beyond the last element is kept. */
  restart(): void {
    if (this.fragment) return
    this.state = PROLOG
    this.around = NO_HEADER
  }

  /**
   * Forget what was received and not read: after STARTTLS nothing sent in clear may count (RFC 6120 §5.4.3.3). It may be
   * called by the sink, about the rest of the chunk. Returns whether there was any.
   */
  discard(): boolean {
    const had = (this.reading || this.pending !== null) && this.pendingEnd > this.pos
    this.release()
    if (this.reading) this.discarded = true
    else this.pending = null
    return had
  }

  /** No header: every element stands by itself, with this default namespace around it (RFC 7395 §3.3: none). */
  fragments(defaultNs = ''): void {
    this.state = STREAM
    this.fragment = true
    this.around = { defaultNs, namespaces: NO_HEADER.namespaces }
    this.clientNs = defaultNs === NS.client
  }

  /** True between elements: nothing is held for this connection. */
  get idle(): boolean {
    return this.scratch === null && this.pending === null
  }

  /** Octets that wait for `resume()`. The caller bounds them: it stops reading from its socket. */
  get waiting(): number {
    return this.stopped && this.pending !== null ? this.pendingEnd - this.pos : 0
  }

  /** Take the next bytes. Throws StreamError; then this stream is over, and the framer holds nothing any more. */
  write(chunk: Buffer): void {
    if (this.pending === null) {
      this.base = this.pos = 0
      this.read(chunk, chunk.length)
    } else {
      this.append(chunk)
      if (!this.stopped) this.read(this.pending, this.pendingEnd)
    }
  }

  /** Go on after `element` returned false. Throws as `write` does. */
  resume(): void {
    if (!this.stopped) return
    this.stopped = false
    if (this.pending !== null) this.read(this.pending, this.pendingEnd)
  }

  private append(chunk: Buffer): void {
    const old = this.pending as Buffer
    const length = this.pendingEnd - this.base
    const size = length + chunk.length
    if (this.base === 0 && size <= old.length && this.owned) {
      chunk.copy(old, this.pendingEnd)
      forgetChunk()
    } else {
      // with as much room to spare as was held, so that single bytes are not copied again and again
      this.move(old, this.pendingEnd, size + Math.min(length, 65536))
      chunk.copy(this.pending as Buffer, length)
    }
    this.pendingEnd = size
  }

  /** What is not consumed moves to the start of a buffer of its own. */
  private move(from: Buffer, end: number, size: number): void {
    const own = Buffer.allocUnsafeSlow(size)
    from.copy(own, 0, this.base, end)
    this.pending = own
    this.pendingEnd = end - this.base
    this.owned = true
    this.pos -= this.base
    if (this.searched > 0) this.searched -= this.base
    this.base = 0
  }

  private read(buf: Buffer, end: number): void {
    this.pendingEnd = end
    this.reading = true
    this.discarded = false
    let over = true
    try {
      this.scan(buf, end)
      over = this.discarded || (this.base >= end && this.scratch === null)
    } catch (error) {
      this.state = ENDED
      this.release()
      throw error
    } finally {
      this.reading = false
      if (over) {
        this.pending = null
        this.owned = false
      }
    }
    if (over) return
    // A stop keeps the chunk as it is; a partial element gets a copy of its own, the socket's buffer may be far larger
    if (this.stopped) {
      if (this.pending === buf) return
      this.pending = buf
      this.owned = false
    } else if (this.pending !== buf || !this.owned || this.base > 0) this.move(buf, end, end - this.base)
  }

  private release(): void {
    if (this.scratch !== null) giveScratch(this.scratch, this.pos - this.base)
    this.scratch = null
    this.searched = 0
    if (this.nextLimits !== null) this.limits = this.nextLimits
    this.nextLimits = null
  }

  /** The loop over tokens. Leaves `base` and `pos` where reading has to go on. */
  private scan(buf: Buffer, received: number): void {
    let pos = this.pos
    // No further than the limit: what is wrong beyond it does not count, however the input was cut
    let end = Math.min(received, this.base + this.limits.bytes)
    let again = false
    for (;;) {
      const s = this.scratch
      let next: number
      if (s === null) {
        // between top-level elements, RFC 6120 §11.7: white space may stand there
        while (pos < received && WHITE[buf[pos] as number] === 1) pos++
        this.base = this.pos = pos
        if (pos >= received || this.stopped || this.discarded) return
        end = Math.min(received, pos + this.limits.bytes)
        next = this.outside(buf, pos, end)
      } else if (pos >= end) next = ~pos
      else if (s.cdata) {
        next = readCdata(buf, pos, end)
        if (cdataEnded) s.cdata = false
      } else if (buf[pos] !== 0x3c) next = readText(buf, pos, end)
      else if (pos + 1 >= end) next = ~pos
      else if (buf[pos + 1] === 0x2f) next = this.endTag(buf, pos, end, s)
      else if (buf[pos + 1] === 0x21) {
        next = readCdataStart(buf, pos, end)
        if (next >= 0) s.cdata = true
      } else next = this.startTag(buf, pos, end, s)

      if (next >= 0) {
        pos = next
        continue
      }
      pos = ~next
      if (end - this.base < this.limits.bytes) {
        this.pos = pos
        return
      }
      // Too long. What is wrong in its incomplete tag comes first, and was perhaps not looked at yet
      if (again || this.searched === 0) throw overLimit(`more than ${this.limits.bytes} bytes in one element`)
      again = true
      this.searched = 0
    }
  }

  /** A token at stream level that is no white space. */
  private outside(buf: Buffer, pos: number, end: number): number {
    if (this.state === ENDED) return unexpected(buf, pos, end, pos, 'something follows the end of the stream')
    const opening = this.state !== STREAM
    if (buf[pos] !== 0x3c) return strayText(buf, pos, end, this.state === PROLOG, opening)
    if (pos + 1 >= end) return ~pos
    const c = buf[pos + 1] as number
    if (c === 0x2f) return this.streamEnd(buf, pos, end)
    if (c === 0x21) {
      const next = readCdataStart(buf, pos, end)
      if (next < 0) return next
      throw opening ? notWellFormed('CDATA before the stream header') : badFormat('CDATA between stanzas')
    }
    if (!opening) {
      // this way counts no attributes: it takes fewer than any sensible limit
      if (this.clientNs && this.limits.attributes >= MOST_ATTRIBUTES) {
        const frame = readPlainStanza(buf, pos, end, this.limits.depth, this.limits.children)
        if (frame !== null) {
          this.base = this.pos = plainEnd
          if (!this.sink.element(frame)) this.stopped = true
          return this.pos
        }
      }
      this.scratch = takeScratch(this.limits.depth)
      return pos
    }
    if (c === 0 && this.state === PROLOG) throw notUtf8() // UTF-16 or UTF-32
    if (c === 0x3f && this.state === PROLOG) return this.declaration(buf, pos, end)
    return this.startTag(buf, pos, end, null)
  }

  /** Search an incomplete tag for its end, going on where the last search stopped. True: it can be read now. */
  private findTagEnd(buf: Buffer, pos: number, end: number): boolean {
    const known = this.searched > pos
    let p = known ? this.searched : pos + 1
    let quote = known ? this.quote : 0
    for (; p < end; p++) {
      const c = buf[p] as number
      if (quote !== 0) {
        if (c === quote) quote = 0
        else if (c === 0x3c) return true // an error; reading says which
      } else if (c === 0x3e || c === 0x3c) return true
      else if (c === 0x22 || c === 0x27) quote = c
    }
    this.searched = p
    this.quote = quote
    return false
  }

  /** A reader's answer about the tag at `pos`: where it ends, or that it is incomplete. */
  private tag(buf: Buffer, pos: number, end: number, next: number): number {
    if (next < 0) this.findTagEnd(buf, pos, end)
    else this.searched = 0
    return next
  }

  /** XML 1.0 §2.8 */
  private declaration(buf: Buffer, pos: number, end: number): number {
    if (this.searched > pos && !this.findTagEnd(buf, pos, end)) return ~pos
    const next = this.tag(buf, pos, end, readDeclaration(buf, pos, end))
    if (next >= 0) this.state = HEADER
    return next
  }

  private streamEnd(buf: Buffer, pos: number, end: number): number {
    if (this.searched > pos && !this.findTagEnd(buf, pos, end)) return ~pos
    const open = this.state === STREAM && !this.fragment
    const next = this.tag(buf, pos, end, readStreamEnd(buf, pos, end, open ? this.headerName : ''))
    if (next < 0) return next
    this.state = ENDED
    this.pos = next
    this.sink.end()
    return next
  }

  private endTag(buf: Buffer, pos: number, end: number, s: Scratch): number {
    if (this.searched > pos && !this.findTagEnd(buf, pos, end)) return ~pos
    const top = (s.depth - 1) * 2
    const next = readEndTag(buf, pos, end, this.base + (s.stack[top] as number), this.base + (s.stack[top + 1] as number))
    if (next < 0) return this.tag(buf, pos, end, next)
    this.searched = 0
    const depth = --s.depth
    if (s.declared.length > 0) undeclare(s, depth)
    if (depth === 1) s.childEnd[s.count - 1] = next - this.base
    else if (depth === 0) this.complete(buf, next, s)
    return next
  }

  /** A start tag at `pos`: of the stream (no scratch), of a top-level element, or below. */
  private startTag(buf: Buffer, pos: number, end: number, s: Scratch | null): number {
    if (s !== null && s.depth > 0) {
      const known = findTag(buf, pos, end)
      if (known !== null) return this.knownTag(pos, s, known)
    }
    if (this.searched > pos && !this.findTagEnd(buf, pos, end)) return ~pos
    const next = readStartTag(buf, pos, end, this.limits.attributes)
    if (next < 0) return this.tag(buf, pos, end, next)
    this.searched = 0
    if (s === null) {
      this.open(buf, next)
      return next
    }
    const { depth } = s
    noteElement(buf, this.base, next, s, this.around, this.limits.children)
    if (depth >= this.limits.depth) throw overLimit(`more than ${this.limits.depth} elements deep`)
    if (TAG.empty) {
      if (s.declared.length > 0) undeclare(s, depth)
      if (depth === 0) this.complete(buf, next, s)
      else if (depth === 1) s.childEnd[s.count - 1] = next - this.base
    } else {
      s.stack[depth * 2] = TAG.nameStart - this.base
      s.stack[depth * 2 + 1] = TAG.nameEnd - this.base
      s.depth = depth + 1
    }
    return next
  }

  /** The same for a tag that was read before: what `readStartTag` and `noteElement` would find is known. */
  private knownTag(pos: number, s: Scratch, { bytes, name, nameLength, ns, empty }: KnownTag): number {
    this.searched = 0
    const { depth } = s
    const next = pos + bytes.length
    if (depth === 1) noteChild(s, pos - this.base, ns ?? s.rootDefault, name, this.limits.children)
    if (depth >= this.limits.depth) throw overLimit(`more than ${this.limits.depth} elements deep`)
    if (!empty) {
      s.stack[depth * 2] = pos + 1 - this.base
      s.stack[depth * 2 + 1] = pos + 1 + nameLength - this.base
      s.depth = depth + 1
    } else if (depth === 1) s.childEnd[s.count - 1] = next - this.base
    return next
  }

  /** The stream header is complete. Whether its namespaces and attributes are right is for the sink to say. */
  private open(buf: Buffer, end: number): void {
    const { nameStart, nameEnd, colon, empty } = TAG
    const { attributes, declared } = headerAttributes(buf)
    const prefixes = { declared: [], inherited: null }
    const around = { defaultNs: declared.get('') ?? '', namespaces: declared }
    if (TAG.prefixed) checkAttributes(buf, prefixes, around)
    const ns = colon < 0 ? around.defaultNs : resolve(buf, nameStart, colon, prefixes, around)
    this.around = around
    this.clientNs = around.defaultNs === NS.client
    this.headerName = buf.latin1Slice(nameStart, nameEnd)
    this.state = empty ? ENDED : STREAM
    this.pos = end
    this.sink.header({ ns, name: toText(buf.latin1Slice(colon < 0 ? nameStart : colon + 1, nameEnd)), attributes, namespaces: declared })
    if (empty) this.sink.end()
  }

  /** A top-level element is complete: give it away. */
  private complete(buf: Buffer, end: number, s: Scratch): void {
    this.pos = end
    let frame = makeFrame(buf, this.base, end, s)
    if (frame.kind !== '' && (s.inherited !== null || s.rebuild || s.hollow)) {
      const octets = withoutHollow(canonical(frame, s.inherited, this.around, s.rebuild, this.limits.bytes))
      frame = frameOf(octets, { ...this.limits, bytes: Infinity, attributes: Infinity })
    }
    this.release()
    this.base = end
    if (!this.sink.element(frame)) this.stopped = true
  }
}

const NO_LIMITS: FramerLimits = { bytes: Infinity, depth: 1024, attributes: Infinity, children: Infinity }

/** Frame one whole element in jabber:client. Throws StreamError where it is not one, or not well-formed. */
export const frameOf = (octets: string, limits: FramerLimits = NO_LIMITS): Frame => {
  const found: Frame[] = []
  const framer = new Framer({
    header: () => {},
    element: (frame) => found.push(frame) > 0,
    end: () => {},
  }, limits)
  framer.fragments(NS.client)
  framer.write(Buffer.from(octets, 'latin1'))
  if (found.length !== 1 || !framer.idle) throw notWellFormed('not one whole element')
  return found[0] as Frame
}
