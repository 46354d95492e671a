/** What a byte means inside character data. 0: nothing special. */
export declare const TEXT: Uint8Array<ArrayBuffer>;
/** What a byte means inside a quoted attribute value. 0: nothing special. */
export declare const VALUE: Uint8Array<ArrayBuffer>;
/** 1: starts a name, 2: may continue one, 3: ':' (XML Names: at most one, between two NCNames), 4: not ASCII, decode first. */
export declare const NAME: Uint8Array<ArrayBuffer>;
/** 1: may continue a name, and is neither a colon nor above ASCII. */
export declare const PLAIN: Uint8Array<ArrayBuffer>;
export declare const WHITE: Uint8Array<ArrayBuffer>;
export declare const LT = 1;
export declare const AMP = 2;
export declare const GT = 3;
export declare const MULTI = 4;
export declare const BAD = 5;
export declare const QUOTE = 6;
export declare const BLANK = 7;
/** What `utf8Length` says of octets that are no character. */
export declare const NOT_UTF8 = -1;
export declare const NOT_XML = -2;
/** XML 1.0 §2.2 Char, for code points given by a character reference. */
export declare const isChar: (c: number) => boolean;
/** XML 1.0 §2.3 NameStartChar above ASCII. */
export declare const isNameStart: (c: number) => boolean;
/** XML 1.0 §2.3 NameChar above ASCII. */
export declare const isNameChar: (c: number) => boolean;
/**
 * The length in bytes of the UTF-8 sequence at `pos`: 0 when it is not complete yet, NOT_UTF8 (overlong, surrogate, above
 * U+10FFFF, RFC 3629 §3) or NOT_XML (U+FFFE, U+FFFF: no characters in XML). Both are below 0.
 */
export declare const utf8Length: (buf: Uint8Array, pos: number, end: number) => number;
/** The code point of a complete, valid sequence of `n` bytes. */
export declare const codePoint: (buf: Uint8Array, pos: number, n: number) => number;
