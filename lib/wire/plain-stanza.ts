// The short way through the framer, for the stanzas that make up nearly all traffic: whole in one chunk, ASCII, no
// references, no CDATA, no prefixes, only the attributes that RFC 6120 §8.1 gives the root. One function, so that everything
// it needs is in registers; nothing is noted anywhere until the stanza is complete.
//
// It decides nothing: whatever is not plain, not complete or not right makes it give up, and the framer reads the element
// from its start, token by token, as if this file were not there. (Tests cut streams at every byte, where only the
// framer's own way can be taken, and want the same frames.)
import type { Child, Frame, Kind } from '../base/stanza.js'
import { NS } from '../base/namespaces.js'
import { PLAIN, TEXT, VALUE, WHITE } from './characters.js'
import { intern } from './intern.js'
import { findTag, learnTag } from './known-tags.js'

/** Bounds of this way only: what is larger takes the other. */
const MOST_CHILDREN = 16
const MOST_DEPTH = 16
export const MOST_ATTRIBUTES = 16
const LARGEST = 16_384
/** Beyond this, attributes get strings of their own: a slice would keep a long stanza as long as its address is known. */
const SHARED = 2048

const stack = new Int32Array(MOST_DEPTH * 2)
const names = new Int32Array(MOST_ATTRIBUTES * 2)
const childStart = new Int32Array(MOST_CHILDREN)
const childEnd = new Int32Array(MOST_CHILDREN)
const childNs: string[] = new Array<string>(MOST_CHILDREN).fill('')
const childName: string[] = new Array<string>(MOST_CHILDREN).fill('')
const NO_CHILDREN: readonly Child[] = []

const CLIENT = Buffer.from(NS.client)
const MESSAGE = Buffer.from('message')
const PRESENCE = Buffer.from('presence')
const IQ = Buffer.from('iq')
const LANG = Buffer.from('xml:lang')

const isThere = (word: Buffer, buf: Buffer, pos: number): boolean => {
  for (let i = 0; i < word.length; i++) if (buf[pos + i] !== word[i]) return false
  return true
}

/**
 * A stretch of a chunk that holds many stanzas is made a string once, and each stanza is a slice of it: a fifth of the cost
 * of a string of its own. A slice keeps the stretch alive, so it is short; what is kept for long is copied (ownCopy).
 */
let chunk: Buffer | null = null
let stretch = ''
let stretchStart = 0
const STRETCH = 8192
/** With fewer bytes to come a string of its own costs less. */
const WORTH = 1024

/** The bytes of a buffer change: what is known of it is forgotten. */
export const forgetChunk = (): void => {
  chunk = null
  stretch = ''
}

const octetsOf = (buf: Buffer, pos: number, end: number, received: number): string => {
  if (chunk !== buf || pos < stretchStart || end > stretchStart + stretch.length) {
    if (received - pos < WORTH || end - pos > WORTH) return buf.latin1Slice(pos, end)
    chunk = buf
    stretchStart = pos
    stretch = buf.latin1Slice(pos, Math.min(received, pos + STRETCH))
  }
  return stretch.slice(pos - stretchStart, end - stretchStart)
}

/** Left by `readPlainStanza`: the offset behind the stanza. */
export let plainEnd = 0

/**
 * The stanza at `pos`, which is a '<', if it is plain; null otherwise. The default namespace around it is jabber:client.
 * @param depth,children limits of the framer
 */
export const readPlainStanza = (buf: Buffer, pos: number, received: number, depth: number, children: number): Frame | null => {
  const end = received - pos > LARGEST ? pos + LARGEST : received
  const last = end - 8
  if (pos > last) return null

  // the root's name
  let kind: Kind
  let p: number
  const initial = buf[pos + 1] as number
  if (initial === 0x6d && isThere(MESSAGE, buf, pos + 1)) {
    kind = 'message'
    p = pos + 8
  } else if (initial === 0x69 && isThere(IQ, buf, pos + 1)) {
    kind = 'iq'
    p = pos + 3
  } else if (initial === 0x70 && isThere(PRESENCE, buf, pos + 1)) {
    kind = 'presence'
    p = pos + 9
  } else return null
  const nameEnd = p

  // its attributes
  let to = -1; let toEnd = 0
  let id = -1; let idEnd = 0
  let type = -1; let typeEnd = 0
  let from = -1; let fromEnd = 0; let fromAll = -1
  let lang = -1; let langEnd = 0
  let declared = false
  let empty = false
  for (;;) {
    const blank = p
    let c = buf[p] as number
    while (WHITE[c] === 1 && p < last) c = buf[++p] as number
    if (p >= last && c !== 0x3e && c !== 0x2f) return null
    if (c === 0x3e) {
      p++
      break
    }
    if (c === 0x2f) {
      if (buf[p + 1] !== 0x3e) return null
      empty = true
      p += 2
      break
    }
    if (p === blank) return null
    // which one: 1 to, 2 id, 3 type, 4 from, 5 xmlns, 6 xml:lang
    let which = 0
    const d = buf[p + 1] as number
    if (c === 0x74) { // t
      if (d === 0x6f) { which = 1; p += 2 } else if (d === 0x79 && buf[p + 2] === 0x70 && buf[p + 3] === 0x65) { which = 3; p += 4 }
    } else if (c === 0x69) { // i
      if (d === 0x64) { which = 2; p += 2 }
    } else if (c === 0x66) { // f
      if (d === 0x72 && buf[p + 2] === 0x6f && buf[p + 3] === 0x6d) { which = 4; p += 4 }
    } else if (c === 0x78 && d === 0x6d && buf[p + 2] === 0x6c) { // xml
      if (buf[p + 3] === 0x6e && buf[p + 4] === 0x73) { which = 5; p += 5 } else if (isThere(LANG, buf, p)) { which = 6; p += 8 }
    }
    if (which === 0 || buf[p] !== 0x3d) return null
    const quote = buf[p + 1] as number
    if (quote !== 0x22 && quote !== 0x27) return null
    p += 2
    const start = p
    while (p < last && VALUE[buf[p] as number] === 0) p++
    if (buf[p] !== quote || p >= last) return null
    switch (which) {
      case 1:
        if (to >= 0 || p === start) return null
        to = start
        toEnd = p
        break
      case 2:
        if (id >= 0) return null
        id = start
        idEnd = p
        break
      case 3:
        if (type >= 0) return null
        type = start
        typeEnd = p
        break
      case 4:
        if (from >= 0) return null
        from = start
        fromEnd = p
        fromAll = blank
        break
      case 5:
        if (declared || p - start !== CLIENT.length || !isThere(CLIENT, buf, start)) return null
        declared = true
        break
      default:
        if (lang >= 0 || p === start) return null
        lang = start
        langEnd = p
    }
    p++
  }
  const openEnd = p

  // what is inside
  let count = 0
  if (!empty) {
    stack[0] = pos + 1
    stack[1] = nameEnd
    let open = 1
    do {
      // text; a '>' may be the end of ']]>', so it is not plain
      while (p + 4 <= end && (TEXT[buf[p] as number]! | TEXT[buf[p + 1] as number]! | TEXT[buf[p + 2] as number]! | TEXT[buf[p + 3] as number]!) === 0) p += 4
      while (p < end && TEXT[buf[p] as number] === 0) p++
      if (p + 3 >= end || buf[p] !== 0x3c) return null
      const tag = p
      let c = buf[p + 1] as number
      if (c === 0x2f) {
        // an end tag
        open--
        let k = stack[open * 2] as number
        const stop = stack[open * 2 + 1] as number
        p += 2
        while (k < stop && buf[p] === buf[k]) {
          p++
          k++
        }
        if (k < stop || p >= end || buf[p] !== 0x3e) return null
        p++
        if (open === 1) childEnd[count - 1] = p - pos
        continue
      }
      if (open >= MOST_DEPTH || open >= depth) return null
      const known = findTag(buf, p, end)
      let childEmpty: boolean
      if (known !== null) {
        p += known.bytes.length
        childEmpty = known.empty
        if (open === 1) {
          if (count >= MOST_CHILDREN || count >= children) return null
          childStart[count] = tag - pos
          childNs[count] = known.ns ?? NS.client
          childName[count++] = known.name
        }
        if (!childEmpty) {
          stack[open * 2] = tag + 1
          stack[open * 2 + 1] = tag + 1 + known.nameLength
        }
      } else {
        // a start tag that was not seen before
        if (PLAIN[c] !== 1 || c < 0x3a) return null // no name starts with a digit, '-' or '.'
        p++
        const nameStart = p
        while (p < end && PLAIN[(c = buf[p] as number)] === 1) p++
        const stop = p
        let ns: string | null = null
        let attributes = 0
        childEmpty = false
        for (;;) {
          const blank = p
          while (p < end && WHITE[(c = buf[p] as number)] === 1) p++
          if (p + 1 >= end) return null
          if (c === 0x3e) {
            p++
            break
          }
          if (c === 0x2f) {
            if (buf[p + 1] !== 0x3e) return null
            childEmpty = true
            p += 2
            break
          }
          if (p === blank || PLAIN[c] !== 1 || c < 0x3a || attributes >= MOST_ATTRIBUTES) return null
          const start = p
          while (p < end && PLAIN[(c = buf[p] as number)] === 1) p++
          const length = p - start
          for (let i = 0; i < attributes; i++) {
            if (names[i * 2 + 1] !== length) continue
            const other = names[i * 2] as number
            let k = 0
            while (k < length && buf[start + k] === buf[other + k]) k++
            if (k === length) return null
          }
          names[attributes * 2] = start
          names[attributes++ * 2 + 1] = length
          const quote = buf[p + 1] as number
          if (c !== 0x3d || (quote !== 0x22 && quote !== 0x27)) return null
          p += 2
          const value = p
          while (p + 4 <= end && (VALUE[buf[p] as number]! | VALUE[buf[p + 1] as number]! | VALUE[buf[p + 2] as number]! | VALUE[buf[p + 3] as number]!) === 0) p += 4
          while (p < end && VALUE[buf[p] as number] === 0) p++
          if (p >= end || buf[p] !== quote) return null
          if (length === 5 && buf[start] === 0x78 && buf[start + 1] === 0x6d && buf[start + 2] === 0x6c && buf[start + 3] === 0x6e && buf[start + 4] === 0x73) {
            ns = intern(buf, value, p)
            if (ns === NS.xml || ns === NS.xmlns) return null
          }
          p++
        }
        if (open === 1) {
          if (count >= MOST_CHILDREN || count >= children) return null
          childStart[count] = tag - pos
          childNs[count] = ns ?? NS.client
          childName[count++] = intern(buf, nameStart, stop)
        }
        if (attributes === 0 || (attributes === 1 && ns !== null)) learnTag(buf, tag, p, intern(buf, nameStart, stop), stop - nameStart, ns, childEmpty)
        if (!childEmpty) {
          stack[open * 2] = nameStart
          stack[open * 2 + 1] = stop
        }
      }
      if (!childEmpty) open++
      else if (open === 1) childEnd[count - 1] = p - pos
    } while (open > 0)
  }
  if (p > end) return null

  const xml = octetsOf(buf, pos, p, received)
  let list = NO_CHILDREN
  if (count > 0) {
    const made = new Array<Child>(count)
    for (let i = 0; i < count; i++) made[i] = { ns: childNs[i] as string, name: childName[i] as string, start: childStart[i] as number, end: childEnd[i] as number }
    list = made
  }
  plainEnd = p
  const shared = xml.length <= SHARED
  return {
    kind,
    ns: NS.client,
    name: kind,
    type: type < 0 ? '' : intern(buf, type, typeEnd),
    id: id < 0 ? '' : shared ? xml.slice(id - pos, idEnd - pos) : buf.latin1Slice(id, idEnd),
    to: to < 0 ? '' : shared ? xml.slice(to - pos, toEnd - pos) : buf.latin1Slice(to, toEnd),
    from: from < 0 ? '' : shared ? xml.slice(from - pos, fromEnd - pos) : buf.latin1Slice(from, fromEnd),
    lang: lang < 0 ? '' : shared ? xml.slice(lang - pos, langEnd - pos) : buf.latin1Slice(lang, langEnd),
    children: list,
    xml,
    nameEnd: nameEnd - pos,
    fromStart: fromAll < 0 ? -1 : fromAll - pos,
    fromEnd: from < 0 ? -1 : fromEnd + 1 - pos,
    openEnd: openEnd - pos,
    empty,
    declared,
  }
}
