// What the framer notes of a top-level element while it reads it, and the Frame made of that in the end.
// Offsets are relative to the start of the element, so a partial element can move to another buffer.
import type { Child, Frame, Kind } from '../base/stanza.js'
import { NS } from '../base/namespaces.js'
import { WHITE } from './characters.js'
import { intern } from './intern.js'
import { checkAttributes, declare, resolve } from './namespaces.js'
import type { Prefixes, Surroundings } from './namespaces.js'
import { decodeValue } from './references.js'
import { learnTag } from './known-tags.js'
import { attrs, isDeclaration, TAG, WIDTH } from './start-tag.js'
import { DECODE } from './tokens.js'
import { overLimit } from './violations.js'

/** An element that is not complete. */
export interface Scratch extends Prefixes {
  /** Two numbers an open element: start and end of its name. */
  stack: Int32Array
  /** Open elements. */
  depth: number
  /** Reading is inside a CDATA section. */
  cdata: boolean
  /** The root, or a child of it, is written with a prefix (other than xml). */
  rebuild: boolean
  /** Its `to` or xml:lang is there and empty. */
  hollow: boolean
  empty: boolean
  declares: boolean
  rootNs: string
  rootName: string
  rootDefault: string
  nameEnd: number
  openEnd: number
  /** Start and end of the root's attributes that routing needs; -1 where absent. */
  type: number; typeEnd: number
  id: number; idEnd: number
  to: number; toEnd: number
  from: number; fromEnd: number; fromAll: number; fromAllEnd: number
  lang: number; langEnd: number
  /** One of the values above holds references, white space or bytes above ASCII. */
  decode: boolean
  /** How many children; the arrays below are reused and may be longer. */
  count: number
  readonly childStart: number[]
  readonly childEnd: number[]
  readonly childNs: string[]
  readonly childName: string[]
}

const makeScratch = (): Scratch => ({
  declared: [], inherited: null,
  stack: new Int32Array(0), depth: 0, cdata: false, rebuild: false, hollow: false, empty: false,
  declares: false, rootNs: '', rootName: '', rootDefault: '', nameEnd: 0, openEnd: 0,
  type: -1, typeEnd: -1, id: -1, idEnd: -1, to: -1, toEnd: -1, from: -1, fromEnd: -1, fromAll: -1, fromAllEnd: -1,
  lang: -1, langEnd: -1, decode: false, count: 0, childStart: [], childEnd: [], childNs: [], childName: [],
})

/** Scratch objects not in use. A framer holds one only while it is inside an element, so there are few. */
const pool: Scratch[] = []
const POOLED = 64
/** A scratch of a longer element is not kept, for its names of children may be as long. */
const SMALL = 8192

/** @param depth how deep the element may be */
export const takeScratch = (depth: number): Scratch => {
  const s = pool.pop() ?? makeScratch()
  if (s.stack.length < depth * 2) s.stack = new Int32Array(depth * 2)
  s.depth = s.count = 0
  s.cdata = s.rebuild = s.hollow = s.decode = false
  s.type = s.id = s.to = s.from = s.lang = s.fromAll = s.fromAllEnd = -1
  if (s.declared.length > 0) s.declared.length = 0
  s.inherited = null
  return s
}

/** @param size octets of the element that it was used for */
export const giveScratch = (s: Scratch, size: number): void => {
  if (pool.length < POOLED && size <= SMALL) pool.push(s)
}

/** The start tag read last, at `s.depth`: namespaces, and for the root and its children what the router needs. */
export const noteElement = (buf: Buffer, base: number, end: number, s: Scratch, around: Surroundings, maxChildren: number): void => {
  const { nameStart, nameEnd, colon, count } = TAG
  const { depth } = s
  const ownNs = count > 0 ? declare(buf, s, depth + 1) : null
  if (TAG.prefixed) checkAttributes(buf, s, around)
  if (depth > 1) {
    if (colon >= 0) resolve(buf, nameStart, colon, s, around)
    else if (isPlain(colon, count)) learnTag(buf, nameStart - 1, end, intern(buf, nameStart, nameEnd), nameEnd - nameStart, ownNs, TAG.empty)
    return
  }
  const outerNs = depth === 0 ? around.defaultNs : s.rootDefault
  const ns = colon >= 0 ? resolve(buf, nameStart, colon, s, around) : ownNs ?? outerNs
  const name = intern(buf, colon < 0 ? nameStart : colon + 1, nameEnd)
  // Nothing can take the place of the xml prefix: its namespace may not be the default (XML Names 1.0 §3)
  if (colon >= 0 && ns !== NS.xml) s.rebuild = true
  if (depth === 1) {
    noteChild(s, nameStart - 1 - base, ns, name, maxChildren)
    if (isPlain(colon, count)) learnTag(buf, nameStart - 1, end, name, nameEnd - nameStart, ownNs, TAG.empty)
    return
  }
  s.rootNs = ns
  s.rootName = name
  s.rootDefault = ownNs ?? outerNs
  s.declares = ownNs !== null
  s.empty = TAG.empty
  s.nameEnd = nameEnd - base
  s.openEnd = end - base
  const A = attrs
  for (let i = 0, a = 0; i < count; i++, a += WIDTH) rootAttribute(buf, A, s, a, base)
}

/** A child of the root begins. */
export const noteChild = (s: Scratch, start: number, ns: string, name: string, maxChildren: number): void => {
  const i = s.count++
  if (i >= maxChildren) throw overLimit(`more than ${maxChildren} children`)
  s.childStart[i] = start
  s.childNs[i] = ns
  s.childName[i] = name
}

/** No prefix, and no attribute but a default namespace: the tag means the same wherever it stands. */
const isPlain = (colon: number, count: number): boolean =>
  colon < 0 && (count === 0 || (count === 1 && (attrs[2] as number) < 0 && isDeclaration(0)))

/** to, id, type, from, xml:lang: told apart by length and first bytes. */
const rootAttribute = (buf: Buffer, A: Int32Array, s: Scratch, a: number, base: number): void => {
  const n = A[a] as number
  const length = (A[a + 1] as number) - n
  if (length !== 2 && length !== 4 && length !== 8) return
  const start = (A[a + 3] as number) - base
  const end = (A[a + 4] as number) - base
  const c = buf[n] as number
  if (length === 2) {
    if (c === 0x74 && buf[n + 1] === 0x6f) { s.to = start; s.toEnd = end } else if (c === 0x69 && buf[n + 1] === 0x64) { s.id = start; s.idEnd = end } else return
  } else if (length === 4) {
    if (c === 0x74 && buf[n + 1] === 0x79 && buf[n + 2] === 0x70 && buf[n + 3] === 0x65) { s.type = start; s.typeEnd = end } else if (c === 0x66 && buf[n + 1] === 0x72 && buf[n + 2] === 0x6f && buf[n + 3] === 0x6d) {
      s.from = start
      s.fromEnd = end
      // the white space before it goes with it; there is always some
      let from = n - base
      while (WHITE[buf[base + from - 1] as number] === 1) from--
      s.fromAll = from
      s.fromAllEnd = end + 1
    } else return
  } else if ((A[a + 2] as number) === n + 3 && buf.latin1Slice(n, n + 8) === 'xml:lang') { s.lang = start; s.langEnd = end } else return
  if (((A[a + 5] as number) & DECODE) !== 0) s.decode = true
  if (start === end && (s.to === start || s.lang === start)) s.hollow = true
}

const NO_CHILDREN: readonly Child[] = []

/** Beyond this, attributes get strings of their own: a slice would keep a long stanza as long as its address is known. */
const SHARED = 2048

/** The frame of a complete element, in the form in which it was written. */
export const makeFrame = (buf: Buffer, base: number, end: number, s: Scratch): Frame => {
  const xml = buf.latin1Slice(base, end)
  let children: readonly Child[] = NO_CHILDREN
  const { count } = s
  if (count > 0) {
    const list = new Array<Child>(count) // one pushed to would have room for 17
    for (let i = 0; i < count; i++) {
      list[i] = { ns: s.childNs[i] as string, name: s.childName[i] as string, start: s.childStart[i] as number, end: s.childEnd[i] as number }
    }
    children = list
  }
  const shared = !s.decode && xml.length <= SHARED
  return {
    kind: s.rootNs === NS.client ? kindOf(s.rootName) : '',
    ns: s.rootNs,
    name: s.rootName,
    type: s.type < 0 ? '' : s.decode ? value(buf, base, s.type, s.typeEnd, true) : intern(buf, base + s.type, base + s.typeEnd),
    id: s.id < 0 ? '' : shared ? xml.slice(s.id, s.idEnd) : value(buf, base, s.id, s.idEnd, s.decode),
    to: s.to < 0 ? '' : shared ? xml.slice(s.to, s.toEnd) : value(buf, base, s.to, s.toEnd, s.decode),
    from: s.from < 0 ? '' : shared ? xml.slice(s.from, s.fromEnd) : value(buf, base, s.from, s.fromEnd, s.decode),
    lang: s.lang < 0 ? '' : shared ? xml.slice(s.lang, s.langEnd) : value(buf, base, s.lang, s.langEnd, s.decode),
    children,
    xml,
    nameEnd: s.nameEnd,
    fromStart: s.fromAll,
    fromEnd: s.fromAllEnd,
    openEnd: s.openEnd,
    empty: s.empty,
    declared: s.declares,
  }
}

const value = (buf: Buffer, base: number, start: number, end: number, decode: boolean): string => {
  const octets = buf.latin1Slice(base + start, base + end)
  return decode ? decodeValue(octets) : octets
}

const kindOf = (name: string): Kind | '' => (name === 'message' || name === 'presence' || name === 'iq' ? name : '')
