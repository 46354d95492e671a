// The framer's judgement of a stream beside the oracle's (oracle.ts), and what it means that they agree.
import type { Element } from 'ltx'
import { StreamError } from '../../lib/base/errors.js'
import { NS } from '../../lib/base/namespaces.js'
import { toOctets } from '../../lib/base/octets.js'
import { stamp } from '../../lib/base/stanza.js'
import type { Frame } from '../../lib/base/stanza.js'
import { Framer } from '../../lib/wire/framer.js'
import type { FramerLimits, Header } from '../../lib/wire/framer.js'
import { treeOf } from '../../lib/wire/tree.js'
import { escapeAttribute } from '../../lib/wire/writer.js'
import { contentOf, judge } from './oracle.js'
import type { Judgement, Node } from './oracle.js'

export const LIMITS: FramerLimits = { bytes: 262_144, depth: 100, attributes: 500, children: 5000 }

/** What a framer told, in order. */
export interface Told {
  readonly verdict: 'ended' | 'open' | 'refused'
  readonly condition: string
  readonly header: Header | null
  readonly frames: Frame[]
  readonly idle: boolean
}

/** Feed `octets` to a new framer, cut at the offsets `cuts` (ascending). Errors other than StreamError pass through. */
export const frame = (octets: Buffer, limits: FramerLimits = LIMITS, cuts: readonly number[] = []): Told => {
  const frames: Frame[] = []
  let header: Header | null = null
  let ended = false
  const framer = new Framer({
    header: (h) => { header = h },
    element: (f) => frames.push(f) > 0,
    end: () => { ended = true },
  }, limits)
  const told = (verdict: Told['verdict'], condition: string): Told => ({ verdict, condition, header, frames, idle: framer.idle })
  try {
    let at = 0
    for (const cut of [...cuts, octets.length]) {
      // a copy that is overwritten afterwards, as sockets do with their buffers: nothing may point into it
      const chunk = Buffer.from(octets.subarray(at, cut))
      framer.write(chunk)
      chunk.fill(0x21)
      at = cut
    }
  } catch (error) {
    if (error instanceof StreamError) return told('refused', error.condition)
    throw error
  }
  return told(ended ? 'ended' : 'open', '')
}

/** Every byte by itself. */
export const everyByte = (octets: Buffer): number[] => Array.from({ length: Math.max(0, octets.length - 1) }, (_, i) => i + 1)

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)
const sorted = (node: Node): Node => ({
  ...node,
  attrs: Object.fromEntries(Object.entries(node.attrs).sort(([a], [b]) => (a < b ? -1 : 1))),
  children: node.children.map((c) => (typeof c === 'string' ? c : sorted(c))),
})
export const sameContent = (a: Node, b: Node): boolean => same(sorted(a), sorted(b))

/** The tree that features see, in the oracle's form. */
export const nodeOf = (element: Element, around: ReadonlyMap<string, string>): Node => {
  const scope = new Map(around)
  for (const [name, value] of Object.entries(element.attrs)) {
    if (name === 'xmlns') scope.set('', String(value))
    else if (name.startsWith('xmlns:')) scope.set(name.slice(6), String(value))
  }
  const split = (name: string): [string, string] => (name.includes(':') ? name.split(':') as [string, string] : ['', name])
  const attrs: Record<string, string> = {}
  for (const [name, value] of Object.entries(element.attrs)) {
    const [prefix, local] = split(name)
    if (name !== 'xmlns' && prefix !== 'xmlns') attrs[`{${prefix === '' ? '' : scope.get(prefix) ?? '?'}}${local}`] = String(value)
  }
  const [prefix, local] = split(element.name)
  const children: (Node | string)[] = []
  for (const child of element.children) {
    const last = children[children.length - 1]
    if (typeof child !== 'string') children.push(nodeOf(child as Element, scope))
    else if (typeof last === 'string') children[children.length - 1] = last + child
    else if (child !== '') children.push(child)
  }
  return { ns: scope.get(prefix) ?? '?', name: local, attrs, children }
}

const XML_LANG = `{${NS.xml}}lang`

/** Everything that a frame says, against the content that the oracle found. Returns what is wrong, '' when nothing is. */
export const wrongInFrame = (f: Frame, read: Node, header: Header): string => {
  // of a stanza, an empty one of these is cut: it counts as absent, and others are spliced in
  const hollow = (key: string, value: string): boolean => value === '' && (key === '{}to' || key === XML_LANG)
  const expected = f.kind === '' ? read : { ...read, attrs: Object.fromEntries(Object.entries(read.attrs).filter(([key, value]) => !hollow(key, value))) }
  if (f.ns !== expected.ns || f.name !== expected.name) return `is {${f.ns}}${f.name}, not {${expected.ns}}${expected.name}`
  const stanza = expected.ns === NS.client && ['message', 'presence', 'iq'].includes(expected.name)
  if ((f.kind !== '') !== stanza) return `kind ${f.kind}`
  for (const key of ['type', 'id', 'to', 'from'] as const) {
    if (f[key] !== (expected.attrs[`{}${key}`] ?? '')) return `${key} is ${JSON.stringify(f[key])}`
  }
  if (f.lang !== (expected.attrs[XML_LANG] ?? '')) return `lang is ${f.lang}`

  // What is no stanza is read where it stands, so its octets need the stream around them
  const scope = stanza ? new Map([['', NS.client as string]]) : header.namespaces
  const declarations = [...scope].map(([prefix, ns]) => ` xmlns${prefix === '' ? '' : `:${toOctets(prefix)}`}='${escapeAttribute(ns)}'`).join('')
  const alone = (octets: string): Node => contentOf(`<x xmlns=''${declarations}>${octets}</x>`.replace("<x xmlns=''", scope.has('') ? '<x' : "<x xmlns=''")).children[0] as Node
  if (!sameContent(alone(f.xml), expected)) return `content of ${f.xml}`
  const scopeOfTree = new Map([['', ''], ['xml', NS.xml as string], ...scope])
  if (!sameContent(nodeOf(treeOf(f.xml), scopeOfTree), expected)) return `tree of ${f.xml}`

  const elements = expected.children.filter((c) => typeof c !== 'string')
  if (f.children.length !== elements.length) return `${f.children.length} children`
  const start = f.xml.slice(0, f.openEnd)
  const name = start.slice(1, f.nameEnd)
  if (!start.startsWith(`<${name}`) || !/[\s/>]/.test(start[f.nameEnd] as string) || !start.endsWith('>')) return 'offsets of the start tag'
  if (f.empty !== (f.openEnd === f.xml.length && start.endsWith('/>'))) return 'empty'
  if (f.declared !== /[ \t\r\n]xmlns[ \t\r\n]*=/.test(start.replace(/"[^"]*"|'[^']*'/g, "''"))) return 'declared'
  for (const [i, child] of f.children.entries()) {
    const node = elements[i] as Node
    if (child.ns !== node.ns || child.name !== node.name) return `child {${child.ns}}${child.name}`
    const piece = f.xml.slice(child.start, child.end)
    if (stanza && piece.includes(':') && !new RegExp(`^<${toOctets(node.name)}[\\s/>]`).test(piece) && node.ns !== NS.xml) return `prefix left on ${piece}`
    if (!sameContent((alone(`${start}${piece}</${name}>`).children[0]) as Node, node)) return `piece ${piece}`
  }

  const from = "o'b\"<&>é/\t"
  // as the router does where there is none
  const more = { ...(stanza && f.to === '' ? { '{}to': 'x' } : {}), ...(stanza && f.lang === '' ? { [XML_LANG]: 'x' } : {}) }
  const stamped = stamp(f, ` from='${escapeAttribute(from)}'${'{}to' in more ? " to='x'" : ''}${XML_LANG in more ? " xml:lang='x'" : ''}`)
  if (!sameContent(alone(stamped), { ...expected, attrs: { ...expected.attrs, ...more, '{}from': from } })) return `stamped ${stamped}`
  return ''
}

/** Ways to end whatever may be open at the end of a text. */
const ENDINGS = ['', '>', "='x'>", 'x>', "x='x'>", "'>", '">', ';', ';">', ";'>", 'amp;', 'mp;', 'p;', 't;', 'quot;', 'uot;', 'ot;', 'os;', 's;', '41;', 'x41;', '#x41;', ']]>', ']>', '[CDATA[]]>', 'CDATA[]]>', 'DATA[]]>', 'ATA[]]>', 'TA[]]>', 'A[]]>', '[]]>', '/>', 'x/>', '\u0301>', '\u0301;']

/**
 * The framer may refuse before the oracle does, where whatever follows cannot help. Here is tried what could: no ending makes a
 * whole stream of it, and some ending makes the oracle refuse with the same condition.
 */
const isHopeless = (octets: Buffer, { open }: Judgement, condition: string): boolean => {
  const top = open[open.length - 1] ?? ''
  const names = Array.from({ length: top.length + 1 }, (_, i) => `${top.slice(i)}>`)
  let confirmed = false
  for (const ending of [...ENDINGS, ...names, ...names.map((name) => `/${name}`)]) {
    let text = Buffer.concat([octets, Buffer.from(ending)])
    let judged = judge(text)
    if (judged.verdict === 'open') {
      text = Buffer.concat([text, Buffer.from(judged.open.toReversed().map((name) => `</${name}>`).join(''))])
      judged = judge(text)
    }
    if (judged.verdict === 'ended') return false
    if (judged.verdict === 'refused' && judged.condition === condition) confirmed = true
  }
  return confirmed
}

/** Framer and oracle agree about `octets`: '' or in what they do not. */
export const disagreement = (octets: Buffer, limits: FramerLimits = LIMITS, contents = true): string => {
  const told = frame(octets, limits)
  const judged = judge(octets, limits)
  const found = `framer: ${told.verdict} ${told.condition}, oracle: ${judged.verdict} ${judged.condition}`
  if (told.verdict !== judged.verdict || told.condition !== judged.condition) {
    if (told.verdict === 'refused') {
      // the shortest beginning that the framer refuses
      let good = 0
      let bad = octets.length
      while (bad - good > 1) {
        const middle = (good + bad) >> 1
        if (frame(octets.subarray(0, middle), limits).verdict === 'refused') bad = middle
        else good = middle
      }
      const beginning = octets.subarray(0, bad)
      const early = judge(beginning, limits)
      const justified = early.verdict === 'refused' ? early.condition === told.condition : isHopeless(beginning, early, told.condition)
      // of two violations in one XML declaration either may be told
      const inDeclaration = judged.verdict === 'refused' && /^[ \t\r\n]*<\?xml[ \t\r\n][^>]*>?$/.test(beginning.latin1Slice())
      if (!justified && !inDeclaration) return `${found}, at ${bad} ${early.condition}`
    } else {
      // the XML declaration is judged when it ends
      const late = frame(Buffer.concat([octets, Buffer.from('">\'>')]), limits)
      if (judged.verdict !== 'refused' || late.condition !== judged.condition) return found
    }
  }
  const count = Math.min(told.frames.length, judged.elements.length)
  if (told.verdict === judged.verdict && told.frames.length !== judged.elements.length) return `${told.frames.length} elements, not ${judged.elements.length}`
  if (contents) {
    for (let i = 0; i < count; i++) {
      const wrong = wrongInFrame(told.frames[i] as Frame, judged.elements[i] as Node, told.header as Header)
      if (wrong !== '') return `element ${i}: ${wrong}`
    }
  } else {
    for (let i = 0; i < count; i++) {
      const [f, node] = [told.frames[i] as Frame, judged.elements[i] as Node]
      if (f.ns !== node.ns || f.name !== node.name || f.to !== (node.attrs['{}to'] ?? '')) return `element ${i}: {${f.ns}}${f.name}`
    }
  }
  return ''
}

/** The verdict does not depend on the cuts: '' or how it does. What is wrong inside a tag may be told when the tag ends. */
export const dependence = (octets: Buffer, cuts: readonly number[], limits: FramerLimits = LIMITS): string => {
  const whole = frame(octets, limits)
  let cut = frame(octets, limits, cuts)
  if (whole.verdict === 'refused' && cut.verdict === 'open') {
    for (const end of ['>', "'>", '">']) {
      cut = frame(Buffer.concat([octets, Buffer.from(end)]), limits, cuts)
      if (cut.verdict === 'refused') break
    }
  }
  if (cut.verdict !== whole.verdict || cut.condition !== whole.condition) {
    return `whole: ${whole.verdict} ${whole.condition}, cut: ${cut.verdict} ${cut.condition}`
  }
  return same(whole.frames, cut.frames) && same([...(whole.header?.attributes ?? [])], [...(cut.header?.attributes ?? [])]) ? '' : 'frames differ'
}

