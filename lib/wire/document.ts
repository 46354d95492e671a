// What stands around the elements of a stream: the XML declaration, the end of the stream, and text that may not be there.
import { utf8Length, WHITE } from './characters.js'
import { checkReference } from './references.js'
import { startOfCharacter } from './tokens.js'
import { badFormat, badOctets, notUtf8, notWellFormed, restricted, unexpected } from './violations.js'

const DECLARATION = /^<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(['"])1\.[0-9]+\1(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(['"])([A-Za-z][A-Za-z0-9._-]*)\2)?(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(['"])(?:yes|no)\4)?[ \t\r\n]*\?>$/

/** '<?' at the start of a stream: it must be an XML declaration (XML 1.0 §2.8), and of UTF-8 (RFC 6120 §11.5, §11.6). */
export const readDeclaration = (buf: Buffer, pos: number, end: number): number => {
  const OPEN = '<?xml'
  for (let i = 2; i <= OPEN.length; i++) {
    if (pos + i >= end) return ~pos
    // '<?xml' must be followed by white space: '<?xml-stylesheet' is a processing instruction
    if (i < OPEN.length ? buf[pos + i] !== OPEN.charCodeAt(i) : WHITE[buf[pos + i] as number] !== 1) throw restricted()
  }
  let p = pos
  while (p < end && buf[p] !== 0x3e) {
    if (buf[p] === 0x3c && p > pos) throw notWellFormed('bad XML declaration')
    const n = (buf[p] as number) < 0x80 ? 1 : utf8Length(buf, p, end)
    if (n < 0) throw badOctets(n)
    if (n === 0) return ~pos
    p += n
  }
  if (p >= end) return ~pos
  const match = DECLARATION.exec(buf.latin1Slice(pos, p + 1))
  if (match === null) throw notWellFormed('bad XML declaration')
  if (match[3] !== undefined && match[3].toLowerCase() !== 'utf-8') throw notUtf8()
  return p + 1
}

/** '</' between top-level elements. @param name the stream's opening tag as octets, '' where no stream is open */
export const readStreamEnd = (buf: Buffer, pos: number, end: number, name: string): number => {
  let p = pos + 2
  for (let i = 0; i < name.length; i++, p++) {
    if (p >= end) return ~pos
    if (buf[p] !== name.charCodeAt(i)) return unexpected(buf, startOfCharacter(buf, p), end, pos, 'end tag without a start tag')
  }
  if (name !== '') while (p < end && WHITE[buf[p] as number] === 1) p++
  if (p >= end) return ~pos
  if (buf[p] !== 0x3e || name === '') return unexpected(buf, p, end, pos, 'end tag without a start tag')
  return p + 1
}

/**
 * Something else than a tag or white space at stream level. `~pos` when it cannot be told yet; else it throws.
 * @param first nothing but white space was read before it
 * @param opening the stream header is still to come
 */
export const strayText = (buf: Buffer, pos: number, end: number, first: boolean, opening: boolean): number => {
  const c = buf[pos] as number
  // RFC 6120 §11.6: a zero byte is what UTF-16 and UTF-32 begin with. Their byte order marks are no UTF-8, and that of UTF-8
  // is no mark but a character, that is text
  if (first && c === 0) throw notUtf8()
  if (opening) return unexpected(buf, pos, end, pos, 'text before the stream header')
  if (c === 0x26 && checkReference(buf, pos, end) < 0) return ~pos
  if (c >= 0x80 ? utf8Length(buf, pos, end) <= 0 : c < 0x20) return unexpected(buf, pos, end, pos, 'a character that XML does not have')
  throw badFormat('text between stanzas') // RFC 6120 §4.9.3.1
}
