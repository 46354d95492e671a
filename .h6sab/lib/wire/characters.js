// XML 1.0 (fifth edition) character classes, as tables for bytes and ranges for code points.
/** What a byte means inside character data. 0: nothing special. */
export const TEXT = new Uint8Array(256);
/** What a byte means inside a quoted attribute value. 0: nothing special. */
export const VALUE = new Uint8Array(256);
/** 1: starts a name, 2: may continue one, 3: ':' (XML Names: at most one, between two NCNames), 4: not ASCII, decode first. */
export const NAME = new Uint8Array(256);
/** 1: may continue a name, and is neither a colon nor above ASCII. */
export const PLAIN = new Uint8Array(256);
export const WHITE = new Uint8Array(256);
export const LT = 1;
export const AMP = 2;
export const GT = 3;
export const MULTI = 4;
export const BAD = 5;
export const QUOTE = 6;
export const BLANK = 7;
/** What `utf8Length` says of octets that are no character. */
export const NOT_UTF8 = -1;
export const NOT_XML = -2;
for (let c = 0; c < 256; c++) {
    const high = c >= 0x80 ? MULTI : 0;
    // XML 1.0 §2.2: of the control characters only tab, line feed and carriage return are characters
    const control = c < 0x20 && c !== 9 && c !== 10 && c !== 13 ? BAD : 0;
    TEXT[c] = high || control;
    VALUE[c] = high || control;
    if (c >= 0x80)
        NAME[c] = 4;
    else if ((c >= 0x61 && c <= 0x7a) || (c >= 0x41 && c <= 0x5a) || c === 0x5f)
        NAME[c] = 1;
    else if ((c >= 0x30 && c <= 0x39) || c === 0x2d || c === 0x2e)
        NAME[c] = 2;
}
TEXT[0x3c] = LT;
TEXT[0x26] = AMP;
TEXT[0x3e] = GT; // only to find ']]>', which must not stand in character data (XML 1.0 §2.4)
VALUE[0x3c] = LT;
VALUE[0x26] = AMP;
VALUE[0x22] = QUOTE;
VALUE[0x27] = QUOTE;
VALUE[9] = VALUE[10] = VALUE[13] = BLANK; // normalised to a space (XML 1.0 §3.3.3)
for (let c = 0; c < 128; c++)
    PLAIN[c] = NAME[c] === 1 || NAME[c] === 2 ? 1 : 0;
NAME[0x3a] = 3;
WHITE[9] = WHITE[10] = WHITE[13] = WHITE[32] = 1;
/** XML 1.0 §2.2 Char, for code points given by a character reference. */
export const isChar = (c) => c >= 0x20 ? c <= 0xd7ff || (c >= 0xe000 && c <= 0xfffd) || (c >= 0x10000 && c <= 0x10ffff) : c === 9 || c === 10 || c === 13;
/** XML 1.0 §2.3 NameStartChar above ASCII. */
export const isNameStart = (c) => (c >= 0xc0 && c <= 0x2ff && c !== 0xd7 && c !== 0xf7) ||
    (c >= 0x370 && c <= 0x1fff && c !== 0x37e) ||
    c === 0x200c || c === 0x200d ||
    (c >= 0x2070 && c <= 0x218f) || (c >= 0x2c00 && c <= 0x2fef) || (c >= 0x3001 && c <= 0xd7ff) ||
    (c >= 0xf900 && c <= 0xfdcf) || (c >= 0xfdf0 && c <= 0xfffd) || (c >= 0x10000 && c <= 0xeffff);
/** XML 1.0 §2.3 NameChar above ASCII. */
export const isNameChar = (c) => isNameStart(c) || c === 0xb7 || (c >= 0x300 && c <= 0x36f) || c === 0x203f || c === 0x2040;
/**
 * The length in bytes of the UTF-8 sequence at `pos`: 0 when it is not complete yet, NOT_UTF8 (overlong, surrogate, above
 * U+10FFFF, RFC 3629 §3) or NOT_XML (U+FFFE, U+FFFF: no characters in XML). Both are below 0.
 */
export const utf8Length = (buf, pos, end) => {
    const a = buf[pos];
    const n = a < 0xc2 ? 0 : a < 0xe0 ? 2 : a < 0xf0 ? 3 : a < 0xf5 ? 4 : 0;
    if (n === 0)
        return NOT_UTF8;
    const have = end - pos;
    if (have > 1) {
        const b = buf[pos + 1];
        if ((b & 0xc0) !== 0x80)
            return NOT_UTF8;
        if (a === 0xe0 && b < 0xa0)
            return NOT_UTF8;
        if (a === 0xed && b > 0x9f)
            return NOT_UTF8;
        if (a === 0xf0 && b < 0x90)
            return NOT_UTF8;
        if (a === 0xf4 && b > 0x8f)
            return NOT_UTF8;
    }
    if (have > 2 && n > 2) {
        const c = buf[pos + 2];
        if ((c & 0xc0) !== 0x80)
            return NOT_UTF8;
        if (a === 0xef && buf[pos + 1] === 0xbf && c >= 0xbe)
            return NOT_XML;
    }
    if (have > 3 && n > 3 && (buf[pos + 3] & 0xc0) !== 0x80)
        return NOT_UTF8;
    return have < n ? 0 : n;
};
/** The code point of a complete, valid sequence of `n` bytes. */
export const codePoint = (buf, pos, n) => {
    const at = (i) => buf[pos + i] & 0x3f;
    const a = buf[pos];
    return n === 2 ? ((a & 0x1f) << 6) | at(1)
        : n === 3 ? ((a & 0x0f) << 12) | (at(1) << 6) | at(2)
            : ((a & 0x07) << 18) | (at(1) << 12) | (at(2) << 6) | at(3);
};
//# sourceMappingURL=characters.js.map