// What the framer says when a stream breaks a rule of XML: the conditions of RFC 6120 §4.9.3.
import { StreamError } from '../base/errors.js';
import { NOT_UTF8, utf8Length } from './characters.js';
/** RFC 6120 §4.9.3.13, §11.3: XML 1.0 or XML Names 1.0 is broken. */
export const notWellFormed = (text) => new StreamError('not-well-formed', text);
/** RFC 6120 §4.9.3.1: what cannot be processed, though it is well-formed. */
export const badFormat = (text) => new StreamError('bad-format', text);
/** RFC 6120 §4.9.3.14: one of our limits is exceeded. */
export const overLimit = (text) => new StreamError('policy-violation', text);
/** RFC 6120 §4.9.3.22, §11.6: another encoding, or octets that break the rules of UTF-8. */
export const notUtf8 = () => new StreamError('unsupported-encoding', 'only UTF-8 is supported');
/** @param verdict what `utf8Length` said, below 0 */
export const badOctets = (verdict) => verdict === NOT_UTF8 ? notUtf8() : notWellFormed('a character that XML does not have');
/** RFC 6120 §11.1: comments, DTDs and processing instructions may not stand in a stream. */
export const restricted = () => new StreamError('restricted-xml', 'comments, DTDs and processing instructions are not allowed');
/**
 * What stands at `p` may not stand there. Octets that are no UTF-8 at all are the worse violation; where that cannot be told
 * yet, the token at `pos` waits (returns `~pos`), so that the verdict does not depend on how the input was cut.
 */
export const unexpected = (buf, p, end, pos, text) => {
    if (buf[p] >= 0x80) {
        const n = utf8Length(buf, p, end);
        if (n < 0)
            throw badOctets(n);
        if (n === 0)
            return ~pos;
    }
    throw notWellFormed(text);
};
//# sourceMappingURL=violations.js.map