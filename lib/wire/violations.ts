// What the framer says when a stream breaks a rule of XML: the conditions of RFC 6120 §4.9.3.
import { StreamError } from '../base/errors.js'
import { NAME, NOT_UTF8 } from './characters.js'

/** RFC 6120 §4.9.3.13, §11.3: XML 1.0 or XML Names 1.0 is broken. */
export const notWellFormed = (text: string): StreamError => new StreamError('not-well-formed', text)

/** RFC 6120 §4.9.3.14: one of our limits is exceeded. */
export const overLimit = (text: string): StreamError => new StreamError('policy-violation', text)

/** RFC 6120 §4.9.3.22, §11.6: another encoding, or octets that break the rules of UTF-8. */
export const notUtf8 = (): StreamError => new StreamError('unsupported-encoding', 'only UTF-8 is supported')

/** @param verdict what `utf8Length` said, below 0 */
export const badOctets = (verdict: number): StreamError =>
  verdict === NOT_UTF8 ? notUtf8() : notWellFormed('a character that XML does not have')

/** '<?…' or '<!…' at `pos` that is no CDATA section. RFC 6120 §11.1: comments, DTDs, processing instructions are restricted. */
export const badMarkup = (buf: Buffer, pos: number, end: number): StreamError => {
  const c = pos + 2 < end ? buf[pos + 2] as number : 0
  return buf[pos + 1] === 0x3f || c === 0x2d || NAME[c] === 1
    ? new StreamError('restricted-xml', 'comments, DTDs and processing instructions are not allowed')
    : notWellFormed('bad markup')
}
