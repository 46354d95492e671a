// Readers of the tokens between tags, and of the pieces of a tag. They check what XML 1.0 (fifth edition), XML Names 1.0 and
// RFC 6120 §11 say about each; every byte is looked at once.
//
// What they return: the offset behind the token; or, where bytes are missing, `~offset` (below 0) of where to read on.
import { AMP, BAD, BLANK, codePoint, GT, isNameChar, isNameStart, LT, MULTI, NAME, QUOTE, TEXT, utf8Length, VALUE, WHITE } from './characters.js';
import { checkReference } from './references.js';
import { badOctets, notWellFormed, restricted, unexpected } from './violations.js';
/** The class of a byte. */
const at = (table, buf, p) => table[buf[p]];
/** Character data inside an element, up to the next '<'. Two bytes of the element stand before `pos`. */
export const readText = (buf, pos, end) => {
    let p = pos;
    const last = end - 3;
    for (;;) {
        // four at a time: measured at 0.5 ns a byte, against 0.9 one by one
        while (p < last && (at(TEXT, buf, p) | at(TEXT, buf, p + 1) | at(TEXT, buf, p + 2) | at(TEXT, buf, p + 3)) === 0)
            p += 4;
        while (p < end && TEXT[buf[p]] === 0)
            p++;
        if (p >= end)
            return p;
        switch (TEXT[buf[p]]) {
            case LT: return p;
            case AMP: {
                const next = checkReference(buf, p, end);
                if (next < 0)
                    return ~p;
                p = next;
                break;
            }
            case GT:
                // XML 1.0 §2.4. The two bytes before are part of this element, so they are there; ']]' there is text, for a tag, a
                // reference and a CDATA section all end with another byte
                if (buf[p - 1] === 0x5d && buf[p - 2] === 0x5d)
                    throw notWellFormed('"]]>" in character data');
                p++;
                break;
            case MULTI: {
                const n = utf8Length(buf, p, end);
                if (n < 0)
                    throw badOctets(n);
                if (n === 0)
                    return ~p;
                p += n;
                break;
            }
            default: throw notWellFormed('a character that XML does not have');
        }
    }
};
const CDATA = Buffer.from('<![CDATA[');
/** '<![CDATA[' at `pos`; whatever else begins with '<!' throws. */
export const readCdataStart = (buf, pos, end) => {
    for (let i = 2; i < CDATA.length; i++) {
        if (pos + i >= end)
            return ~pos;
        if (buf[pos + i] === CDATA[i])
            continue;
        const c = buf[pos + i];
        if (i === 2 && (c === 0x2d || NAME[c] === 1))
            throw restricted();
        return unexpected(buf, pos + i, end, pos, 'bad markup');
    }
    return pos + CDATA.length;
};
/** Left by `readCdata`: the section ended. */
export let cdataEnded = false;
/** The content of a CDATA section, with the ']]>' that ends it. */
export const readCdata = (buf, pos, end) => {
    cdataEnded = false;
    let p = pos;
    while (p < end) {
        const c = buf[p];
        if (c === 0x5d) {
            if (p + 1 >= end)
                return ~p;
            if (buf[p + 1] === 0x5d) {
                if (p + 2 >= end)
                    return ~p;
                if (buf[p + 2] === 0x3e) {
                    cdataEnded = true;
                    return p + 3;
                }
            }
            p++;
        }
        else if (c >= 0x80) {
            const n = utf8Length(buf, p, end);
            if (n < 0)
                throw badOctets(n);
            if (n === 0)
                return ~p;
            p += n;
        }
        else if (TEXT[c] === BAD)
            throw notWellFormed('a character that XML does not have');
        else
            p++;
    }
    return p;
};
/** Left by `readName`: where its colon stands, or -1. */
export let lastColon = -1;
/** A QName (XML Names 1.0 §4): its end, or below 0 where bytes are missing. */
export const readName = (buf, start, end) => {
    lastColon = -1;
    let p = start;
    let first = true;
    for (; p < end; p++) {
        const kind = NAME[buf[p]];
        if (kind === 1)
            first = false;
        else if (kind === 2) {
            if (first)
                throw notWellFormed('bad name');
        }
        else if (kind === 3) {
            if (first || lastColon >= 0)
                throw notWellFormed('bad name');
            lastColon = p;
            first = true;
        }
        else if (kind === 4) {
            const n = utf8Length(buf, p, end);
            if (n < 0)
                throw badOctets(n);
            if (n === 0)
                return ~start;
            const c = codePoint(buf, p, n);
            if (first ? !isNameStart(c) : !isNameChar(c))
                throw notWellFormed('bad name');
            first = false;
            p += n - 1;
        }
        else {
            if (first)
                throw p === start && buf[p] === 0x3f && buf[p - 1] === 0x3c ? restricted() : notWellFormed('bad name');
            return p;
        }
    }
    return ~start;
};
/** The attribute's value means something else than its octets: references, white space to normalise, or not ASCII. */
export const DECODE = 1;
/** Left by `readValue`: DECODE or 0. */
export let valueFlags = 0;
/** An attribute value: where its closing quote stands, or below 0 where bytes are missing. */
export const readValue = (buf, start, end, quote) => {
    valueFlags = 0;
    let p = start;
    for (;;) {
        while (p < end && VALUE[buf[p]] === 0)
            p++;
        if (p >= end)
            return ~start;
        switch (VALUE[buf[p]]) {
            case QUOTE:
                if (buf[p] === quote)
                    return p;
                p++;
                break;
            case AMP: {
                valueFlags = DECODE;
                const next = checkReference(buf, p, end);
                if (next < 0)
                    return ~start;
                p = next;
                break;
            }
            case BLANK:
                valueFlags = DECODE;
                p++;
                break;
            case MULTI: {
                valueFlags = DECODE;
                const n = utf8Length(buf, p, end);
                if (n < 0)
                    throw badOctets(n);
                if (n === 0)
                    return ~start;
                p += n;
                break;
            }
            case LT: throw notWellFormed('"<" in an attribute value');
            default: throw notWellFormed('a character that XML does not have');
        }
    }
};
/** An end tag at `pos`, of the element whose name stands between `nameStart` and `nameEnd`. */
export const readEndTag = (buf, pos, end, nameStart, nameEnd) => {
    let p = pos + 2;
    for (let from = nameStart; from < nameEnd; from++, p++) {
        if (p >= end)
            return ~pos;
        if (buf[p] !== buf[from])
            return unexpected(buf, startOfCharacter(buf, p), end, pos, WRONG_END);
    }
    while (p < end && WHITE[buf[p]] === 1)
        p++;
    if (p >= end)
        return ~pos;
    return buf[p] === 0x3e ? p + 1 : unexpected(buf, p, end, pos, WRONG_END);
};
const WRONG_END = 'end tag does not match its start tag';
/** Names are compared by bytes; the one that differs may be in the middle of a character. */
export const startOfCharacter = (buf, p) => {
    for (let q = p - 1; q >= p - 3 && buf[q] >= 0x80; q--)
        if (utf8Length(buf, q, p) === 0)
            return q;
    return p;
};
//# sourceMappingURL=tokens.js.map