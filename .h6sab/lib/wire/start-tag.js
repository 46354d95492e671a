// Reading a start tag: the hot loop of the framer. Names, values and white space are checked byte by byte; what was found
// is left in TAG and in the table of attributes, for element.ts.
//
// Module state instead of objects: a tag is read and used before the next one is, on whatever connection.
import { NAME, PLAIN, VALUE, WHITE } from './characters.js';
import { DECODE, lastColon, readName, readValue, valueFlags } from './tokens.js';
import { notWellFormed, overLimit, unexpected } from './violations.js';
/** The tag that was read last. Offsets in the buffer; `colon` -1 where there is no prefix. */
export const TAG = {
    nameStart: 0,
    nameEnd: 0,
    colon: -1,
    /** Attributes, declarations included. */
    count: 0,
    empty: false,
    /** An attribute that is no declaration has a prefix. */
    prefixed: false,
};
// In this file and not imported, which V8 reads as a constant
const at = (table, buf, p) => table[buf[p]];
/** Numbers an attribute takes in the table: name start, name end, colon (or -1), value start, value end, flags. */
export const WIDTH = 6;
/** The attributes of that tag. */
export let attrs = new Int32Array(64 * WIDTH);
/** Flag: the attribute is a namespace declaration. The other flag is DECODE. */
export const DECLARATION = 2;
export const isDeclaration = (a) => (attrs[a + 5] & DECLARATION) !== 0;
export const needsDecoding = (a) => (attrs[a + 5] & DECODE) !== 0;
/** A start tag or empty-element tag at `pos`: the offset behind it, or `~pos` where bytes are missing. */
export const readStartTag = (buf, pos, end, limit) => {
    // the name; ASCII without a prefix is read here, all else by `readName`
    const nameStart = pos + 1;
    let p = nameStart;
    let colon = -1;
    let c = buf[p];
    if (NAME[c] === 1) {
        do
            p++;
        while (p < end && PLAIN[(c = buf[p])] === 1);
    }
    if (p >= end || NAME[c] > 2 || p === nameStart) {
        p = readName(buf, nameStart, end);
        if (p < 0)
            return ~pos;
        colon = lastColon;
        c = buf[p];
    }
    const nameEnd = p;
    // the attributes
    const last = end - 3;
    let count = 0;
    let empty = false;
    let prefixed = false;
    for (;;) {
        const blank = p;
        while (p < end && WHITE[(c = buf[p])] === 1)
            p++;
        if (p >= end)
            return ~pos;
        if (c === 0x3e) {
            p++;
            break;
        }
        if (c === 0x2f) {
            if (p + 1 >= end)
                return ~pos;
            if (buf[p + 1] !== 0x3e)
                return unexpected(buf, p + 1, end, pos, '"/" in a tag');
            empty = true;
            p += 2;
            break;
        }
        if (p === blank)
            return unexpected(buf, p, end, pos, 'no white space before an attribute');
        const a = count * WIDTH;
        if (a + WIDTH > attrs.length)
            growAttributes();
        const A = attrs;
        const attrStart = p;
        let attrColon = -1;
        if (NAME[c] === 1) {
            do
                p++;
            while (p < end && PLAIN[(c = buf[p])] === 1);
        }
        if (p >= end || NAME[c] > 2 || p === attrStart) {
            p = readName(buf, attrStart, end);
            if (p < 0)
                return ~pos;
            attrColon = lastColon;
            c = buf[p];
        }
        A[a] = attrStart;
        A[a + 1] = p;
        A[a + 2] = attrColon;
        let flags = 0;
        if (isXmlns(buf, attrStart, attrColon < 0 ? p : attrColon))
            flags = DECLARATION;
        else if (attrColon >= 0)
            prefixed = true;
        if (c !== 0x3d) {
            while (p < end && WHITE[buf[p]] === 1)
                p++;
            if (p >= end)
                return ~pos;
            if (buf[p] !== 0x3d)
                return unexpected(buf, p, end, pos, 'an attribute without a value');
        }
        p++;
        while (p < end && WHITE[buf[p]] === 1)
            p++;
        if (p >= end)
            return ~pos;
        const quote = buf[p];
        if (quote !== 0x22 && quote !== 0x27)
            return unexpected(buf, p, end, pos, 'an attribute value without quotes');
        p++;
        A[a + 3] = p;
        while (p < last && (at(VALUE, buf, p) | at(VALUE, buf, p + 1) | at(VALUE, buf, p + 2) | at(VALUE, buf, p + 3)) === 0)
            p += 4;
        while (p < end && VALUE[(c = buf[p])] === 0)
            p++;
        if (p >= end)
            return ~pos;
        if (c !== quote) {
            p = readValue(buf, p, end, quote);
            if (p < 0)
                return ~pos;
            flags |= valueFlags;
        }
        A[a + 4] = p;
        A[a + 5] = flags;
        p++;
        if (++count > limit)
            throw overLimit(`more than ${limit} attributes`);
    }
    if (count > 1)
        checkUnique(buf, count);
    TAG.nameStart = nameStart;
    TAG.nameEnd = nameEnd;
    TAG.colon = colon;
    TAG.count = count;
    TAG.empty = empty;
    TAG.prefixed = prefixed;
    return p;
};
const growAttributes = () => {
    const more = new Int32Array(attrs.length * 2);
    more.set(attrs);
    attrs = more;
};
/** 'xmlns' stands there. */
const isXmlns = (buf, start, end) => end - start === 5 && buf[start] === 0x78 && buf[start + 1] === 0x6d && buf[start + 2] === 0x6c &&
    buf[start + 3] === 0x6e && buf[start + 4] === 0x73;
/** Names must be unique as written (XML 1.0 §3.1). The limit of attributes bounds the square. */
const checkUnique = (buf, count) => {
    for (let i = 1; i < count; i++) {
        const a = i * WIDTH;
        const start = attrs[a];
        const length = attrs[a + 1] - start;
        for (let b = 0; b < a; b += WIDTH) {
            const other = attrs[b];
            if (attrs[b + 1] - other !== length)
                continue;
            let k = 0;
            while (k < length && buf[start + k] === buf[other + k])
                k++;
            if (k === length)
                throw notWellFormed('an attribute given twice');
        }
    }
};
//# sourceMappingURL=start-tag.js.map