// Entity and character references (XML 1.0 §4.1), the only ones a stream may hold: the five predefined entities and
// character references (RFC 6120 §11.1).
import { StreamError } from '../base/errors.js';
import { toText } from '../base/octets.js';
import { isChar } from './characters.js';
/** The longest reference taken; leading zeros beyond it are refused, so that a reference cannot be read again and again. */
const LONGEST = 32;
const NAMED = { amp: 38, lt: 60, gt: 62, quot: 34, apos: 39 };
const CHARACTER = /^#(?:x([0-9a-fA-F]+)|([0-9]+))$/;
const POSSIBLE = /^(?:#(?:x[0-9a-fA-F]*|[0-9]*)?|[a-zA-Z_\u0080-\u00ff][\w.:\u0080-\u00ff-]*)?$/;
const value = (name) => {
    const known = NAMED[name];
    if (known !== undefined)
        return known;
    const match = CHARACTER.exec(name);
    if (match === null) {
        if (name === '' || name.startsWith('#') || !POSSIBLE.test(name))
            throw new StreamError('not-well-formed', 'bad reference');
        throw new StreamError('restricted-xml', 'only the predefined entities may be used'); // RFC 6120 §11.1
    }
    const code = match[1] !== undefined ? parseInt(match[1], 16) : parseInt(match[2], 10);
    if (!isChar(code))
        throw new StreamError('not-well-formed', 'reference to a character that XML does not have');
    return code;
};
/** Check the reference whose '&' is at `pos`. Returns the offset behind its ';', or -1 when it is not complete yet. */
export const checkReference = (buf, pos, end) => {
    const limit = Math.min(end, pos + 1 + LONGEST);
    let p = pos + 1;
    while (p < limit && buf[p] !== 0x3b)
        p++;
    const name = buf.latin1Slice(pos + 1, p);
    if (p < limit) {
        value(name);
        return p + 1;
    }
    if (!POSSIBLE.test(name))
        throw new StreamError('not-well-formed', 'bad reference');
    if (limit < end || p - pos > LONGEST)
        throw new StreamError('restricted-xml', 'reference too long');
    return -1;
};
/** The meaning of a checked attribute value: references resolved, white space normalised (XML 1.0 §3.3.3), decoded. */
export const decodeValue = (octets) => 
// oxlint-disable-next-line no-control-regex
toText(octets.replace(/\r\n/g, ' ').replace(/[\t\n\r]/g, ' '))
    .replace(/&([^;]*);/g, (_, name) => String.fromCodePoint(value(name)));
//# sourceMappingURL=references.js.map