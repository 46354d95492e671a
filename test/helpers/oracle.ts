// The oracle: what an independent strict parser (saxes 6.0.0, XML 1.0 fifth edition and XML Names) says of a stream, as one
// document: the stream header is its root, stanzas are the root's children. What saxes does not know of XMPP is added here
// from the RFC, never from the framer: RFC 6120 §11 (restricted XML), §11.6 (UTF-8), text between stanzas, limits.
//
// "The same content" means the same infoset: names resolved to namespaces, values after normalisation (XML 1.0 §3.3.3, with
// line breaks as §2.11 says), neighbouring text and CDATA joined. Prefixes, quotes, order of attributes do not count.
import { SaxesParser } from 'saxes'
import type { FramerLimits } from '../../lib/wire/framer.js'

export interface Node {
  readonly ns: string
  readonly name: string
  /** `{namespace}name` → value; declarations are not in it. */
  readonly attrs: Record<string, string>
  readonly children: (Node | string)[]
}

export interface Judgement {
  /** ended: a whole stream · open: well-formed so far · refused: by `condition` */
  readonly verdict: 'ended' | 'open' | 'refused'
  readonly condition: string
  readonly header: Node | null
  /** The top-level elements that are complete. */
  readonly elements: Node[]
  /** Names as written of the elements that are open, outermost first. */
  readonly open: string[]
}

export const NO_LIMITS: FramerLimits = { bytes: Infinity, depth: Infinity, attributes: Infinity, children: Infinity }

class Refused extends Error {
  readonly condition: string
  constructor(condition: string) {
    super(condition)
    this.condition = condition
  }
}

/** The text before the first octet that cannot be UTF-8; whole characters only. */
const decoded = (octets: Uint8Array): { text: string; broken: boolean } => {
  const decode = (n: number): string | null => {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(octets.subarray(0, n), { stream: true })
    } catch {
      return null
    }
  }
  const text = decode(octets.length)
  if (text !== null) return { text, broken: false }
  let good = 0
  let bad = octets.length
  while (bad - good > 1) {
    const middle = (good + bad) >> 1
    if (decode(middle) === null) bad = middle
    else good = middle
  }
  return { text: decode(good) as string, broken: true }
}

const XML_DECLARATION = /^[ \t\r\n]*<\?xml[ \t\r\n]/
/** A token that is not '<?' or '<!' markup; XML decides what is wrong inside it. */
const TOKEN = /[^<]+|<!\[CDATA\[[^]*?\]\]>|<[^!?"'<>](?:[^"'<>]|"[^"<]*"|'[^'<]*')*>/y

/** Where a comment, DTD or processing instruction begins, or the text ends. RFC 6120 §11.1. */
const restrictedAt = (text: string): number => {
  const start = XML_DECLARATION.test(text) ? text.indexOf('>') + 1 : 0
  if (start === 0 && XML_DECLARATION.test(text)) return -1
  TOKEN.lastIndex = start
  let at = start
  while (TOKEN.test(text)) at = TOKEN.lastIndex
  return /^<(?:\?|!-|![A-Za-z_])/.test(text.slice(at, at + 3)) ? at : -1
}

/** XML 1.0 §2.3 [4], without the colon: what a local name may begin with. saxes does not look at it behind a prefix. */
const NAME_START = /^[A-Z_a-z\u{c0}-\u{d6}\u{d8}-\u{f6}\u{f8}-\u{2ff}\u{370}-\u{37d}\u{37f}-\u{1fff}\u{200c}-\u{200d}\u{2070}-\u{218f}\u{2c00}-\u{2fef}\u{3001}-\u{d7ff}\u{f900}-\u{fdcf}\u{fdf0}-\u{fffd}\u{10000}-\u{effff}]/u

/** saxes trims the names of namespaces, which XML Names does not; so what concerns them is judged here, at the end of a tag. */
const NAMESPACES = /prefix must be bound|default namespace may not|may not assign|undefine prefix|unbound namespace prefix|may not have "xmlns" as prefix/
const XML = 'http://www.w3.org/XML/1998/namespace'
const XMLNS = 'http://www.w3.org/2000/xmlns/'

interface Open { node: Node; scope: Map<string, string>; name: string }

/** What the octets are, taken as a stream from its first byte; saxes gets no more than is valid UTF-8 and not restricted. */
export const judge = (octets: Uint8Array, limits: FramerLimits = NO_LIMITS): Judgement => {
  const { text: all, broken } = decoded(octets)
  const restricted = restrictedAt(all)
  // Real clients send line breaks around a stream restart; nothing else may stand before an XML declaration
  const text = (restricted < 0 ? all : all.slice(0, restricted)).replace(/^[ \t\r\n]+/, '')
  const skipped = (restricted < 0 ? all.length : restricted) - text.length

  let header: Node | null = null
  let ended = false
  const elements: Node[] = []
  const stack: Open[] = []
  let attributes = 0
  let elementStart = -1
  let streamLevel = 0

  const parser = new SaxesParser({ xmlns: true, forceXMLVersion: true, defaultXMLVersion: '1.0', position: true })
  // its table inherits from Object.prototype, where '&constructor;' is an entity
  parser.ENTITIES = Object.assign(Object.create(null) as Record<string, string>, { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" })

  const refuse = (condition: string): never => {
    throw new Refused(condition)
  }
  const byteAt = (chars: number): number => Buffer.byteLength(all.slice(0, skipped + chars))
  const checkBytes = (): void => {
    if (octets.length > limits.bytes && elementStart >= 0 && byteAt(parser.position) - byteAt(elementStart) > limits.bytes) refuse('policy-violation')
  }
  const between = (): void => {
    elementStart = -1
    streamLevel = parser.position
  }
  const addText = (value: string): void => {
    const top = stack[stack.length - 1]
    if (top === undefined) return
    if (stack.length === 1) {
      if (/[^ \t\r\n]/.test(value)) refuse('bad-format')
      return
    }
    const { children } = top.node
    const last = children[children.length - 1]
    if (typeof last === 'string') children[children.length - 1] = last + value
    else if (value !== '') children.push(value)
  }

  parser.on('error', (error) => {
    if (NAMESPACES.test(error.message)) return
    // saxes tells of the element that was closed before it tells that this was wrong
    if (/unexpected close tag/.test(error.message) && stack.length === 1) elements.pop()
    checkBytes()
    if (/undefined entity/.test(error.message)) refuse('restricted-xml')
    refuse('not-well-formed')
  })
  parser.on('xmldecl', ({ encoding }) => {
    if (encoding !== undefined && encoding.toLowerCase() !== 'utf-8') refuse('unsupported-encoding')
  })
  parser.on('comment', () => refuse('restricted-xml'))
  parser.on('processinginstruction', () => refuse('restricted-xml'))
  parser.on('doctype', () => refuse('restricted-xml'))
  parser.on('text', addText)
  parser.on('cdata', (value) => {
    if (stack.length === 1) refuse('bad-format')
    addText(value)
  })
  parser.on('opentagstart', () => {
    attributes = 0
    if (stack.length <= 1) elementStart = text.lastIndexOf('<', parser.position - 1)
  })
  parser.on('attribute', ({ local }) => {
    checkBytes()
    if (!NAME_START.test(local)) refuse('not-well-formed')
    if (++attributes > limits.attributes) refuse('policy-violation')
  })
  parser.on('opentag', (tag) => {
    checkBytes()
    if (!NAME_START.test(tag.local)) refuse('not-well-formed')
    const outer = stack[stack.length - 1]
    const scope = new Map(outer?.scope ?? [['', ''], ['xml', XML]])
    for (const { name, prefix, local, value } of Object.values(tag.attributes)) {
      if (name !== 'xmlns' && prefix !== 'xmlns') continue
      const declared = prefix === 'xmlns' ? local : ''
      // XML Names 1.0 §3, §5
      if (declared === 'xmlns' || value === XMLNS || (declared === 'xml') !== (value === XML) || (declared !== '' && value === '')) refuse('not-well-formed')
      scope.set(declared, value)
    }
    if (!scope.has(tag.prefix) || Object.values(tag.attributes).some(({ prefix }) => prefix !== '' && prefix !== 'xmlns' && !scope.has(prefix))) refuse('not-well-formed')
    const attrs: Record<string, string> = {}
    for (const { name, prefix, local, value } of Object.values(tag.attributes)) {
      if (name !== 'xmlns' && prefix !== 'xmlns') attrs[`{${prefix === '' ? '' : scope.get(prefix)}}${local}`] = value
    }
    const node: Node = { ns: scope.get(tag.prefix) ?? '', name: tag.local, attrs, children: [] }
    if (stack.length > limits.depth) refuse('policy-violation')
    if (outer === undefined) header = node
    else if (stack.length > 1) outer.node.children.push(node)
    if (stack.length === 2 && outer !== undefined && outer.node.children.filter((c) => typeof c !== 'string').length > limits.children) refuse('policy-violation')
    stack.push({ node, scope, name: tag.name })
    if (stack.length === 1) between()
  })
  parser.on('closetag', () => {
    checkBytes()
    const top = stack.pop()
    if (stack.length === 1 && top !== undefined) elements.push(top.node)
    if (stack.length === 0) ended = true
    if (stack.length <= 1) between()
  })

  const result = (verdict: Judgement['verdict'], condition: string): Judgement =>
    ({ verdict, condition, header, elements, open: stack.map(({ name }) => name) })
  try {
    // RFC 6120 §11.6: a zero byte where a stream begins is UTF-16 or UTF-32; U+FEFF is a character like others
    if (/^<?\0/.test(text)) refuse('unsupported-encoding')
    if (text.startsWith('\ufeff')) refuse('not-well-formed')
    parser.write(text)
    // saxes tells of text when it ends; between stanzas it is wrong as soon as it is there
    const tail = stack.length === 1 || ended ? text.slice(streamLevel) : ''
    if (ended && /[^ \t\r\n]/.test(tail)) refuse('not-well-formed')
    if (/^[ \t\r\n]*[^ \t\r\n<&]/.test(tail) || /^[ \t\r\n]*&[^;]*;/.test(tail)) refuse('bad-format')
    const beyond = (more: number): boolean => elementStart >= 0 && Buffer.byteLength(all.slice(0, skipped + text.length)) + more - byteAt(elementStart) > limits.bytes
    if (restricted >= 0) {
      if (ended) refuse('not-well-formed')
      refuse(beyond(all[restricted + 1] === '?' ? 2 : 3) ? 'policy-violation' : 'restricted-xml')
    }
    if (broken) refuse(beyond(1) ? 'policy-violation' : 'unsupported-encoding')
    if (beyond(1)) refuse('policy-violation')
    return result(ended ? 'ended' : 'open', '')
  } catch (error) {
    if (error instanceof Refused) return result('refused', error.condition)
    throw error
  }
}

/** The content of one element that stands alone in jabber:client, as octets; throws where it is not well-formed there. */
export const contentOf = (octets: string): Node => {
  const { verdict, condition, elements } = judge(Buffer.from(`<x xmlns='jabber:client'>${octets}</x>`, 'latin1'))
  if (verdict !== 'ended' || elements.length !== 1) throw new Error(`not one well-formed element: ${verdict} ${condition}: ${octets}`)
  return elements[0] as Node
}
