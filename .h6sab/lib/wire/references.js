// Entity and character references (XML 1.0 §4.1), the only ones a stream may hold: the five predefined entities and
// character references (RFC 6120 §11.1).
import { StreamError } from '../base/errors.js';
import { toText } from '../base/octets.js';
import { codePoint, isChar, isNameChar, isNameStart, NAME, utf8Length } from './characters.js';
import { badOctets, notWellFormed, unexpected } from './violations.js';
/** The longest reference taken, ';' not counted: an incomplete one is read again with every byte that comes. */
const LONGEST = 32;
const NAMED = new Map([['amp', 38], ['lt', 60], ['gt', 62], ['quot', 34], ['apos', 39]]);
const CHARACTER = /^#(?:x([0-9a-fA-F]+)|([0-9]+))$/;
/** The code point that a reference means, its '&' and ';' taken off; undefined where it is not one that we know. */
const meaning = (name) => {
    const known = NAMED.get(name);
    if (known !== undefined)
        return known;
    const match = CHARACTER.exec(name);
    if (match === null)
        return undefined;
    return match[1] !== undefined ? parseInt(match[1], 16) : parseInt(match[2], 10);
};
/** Check the reference whose '&' is at `pos`. Returns the offset behind its ';', or -1 when it is not complete yet. */
export const checkReference = (buf, pos, end) => {
    const furthest = pos + 2 + LONGEST;
    const limit = Math.min(end, furthest);
    let p = pos + 1;
    while (p < limit && buf[p] !== 0x3b)
        p++;
    if (p === limit)
        return incomplete(buf, pos, limit, p === furthest);
    const code = meaning(buf.latin1Slice(pos + 1, p));
    if (code === undefined)
        return incomplete(buf, pos, p + 1, false);
    // XML 1.0 §4.1, WFC "Legal Character"
    if (!isChar(code))
        throw notWellFormed('reference to a character that XML does not have');
    return p + 1;
};
/** A reference that is not complete, or not known: what is wrong with it, character by character. */
const incomplete = (buf, pos, end, long) => {
    let p = pos + 1;
    if (buf[p] === 0x23 && p < end)
        return numeric(buf, p + 1, end, long);
    while (p < end) {
        const c = buf[p];
        const kind = NAME[c];
        if (c === 0x3b && p > pos + 1)
            throw undeclared();
        if (kind === 4) {
            const n = utf8Length(buf, p, end);
            if (n < 0)
                throw badOctets(n);
            if (n === 0)
                break;
            const code = codePoint(buf, p, n);
            if (p === pos + 1 ? !isNameStart(code) : !isNameChar(code))
                throw notWellFormed('bad reference');
            p += n;
        }
        else if (kind === 0 || kind === 3 || (p === pos + 1 && kind === 2))
            throw notWellFormed('bad reference'); // XML Names 1.0 §7: no colon
        else
            p++;
    }
    if (long)
        throw undeclared(); // no predefined entity has so long a name
    return -1;
};
/** RFC 6120 §11.1 */
const undeclared = () => new StreamError('restricted-xml', 'only the predefined entities may be used');
const numeric = (buf, start, end, long) => {
    const hex = start < end && buf[start] === 0x78;
    for (let p = hex ? start + 1 : start; p < end; p++) {
        const c = buf[p];
        const digit = (c >= 0x30 && c <= 0x39) || (hex && ((c >= 0x41 && c <= 0x46) || (c >= 0x61 && c <= 0x66)));
        if (!digit)
            return unexpected(buf, p, end, 0, 'bad character reference');
    }
    if (long)
        throw new StreamError('policy-violation', `a character reference of more than ${LONGEST} characters`);
    return -1;
};
/** The meaning of a checked attribute value: references resolved, white space normalised (XML 1.0 §3.3.3), decoded. */
export const decodeValue = (octets) => 
// §2.11 comes first: a line break of two characters is one space
// oxlint-disable-next-line no-control-regex
toText(octets.replace(/\r\n/g, ' ').replace(/[\t\n\r]/g, ' '))
    .replace(/&([^;]*);/g, (_, name) => String.fromCodePoint(meaning(name)));
//# sourceMappingURL=references.js.map