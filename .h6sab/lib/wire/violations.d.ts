import { StreamError } from '../base/errors.js';
/** RFC 6120 §4.9.3.13, §11.3: XML 1.0 or XML Names 1.0 is broken. */
export declare const notWellFormed: (text: string) => StreamError;
/** RFC 6120 §4.9.3.1: what cannot be processed, though it is well-formed. */
export declare const badFormat: (text: string) => StreamError;
/** RFC 6120 §4.9.3.14: one of our limits is exceeded. */
export declare const overLimit: (text: string) => StreamError;
/** RFC 6120 §4.9.3.22, §11.6: another encoding, or octets that break the rules of UTF-8. */
export declare const notUtf8: () => StreamError;
/** @param verdict what `utf8Length` said, below 0 */
export declare const badOctets: (verdict: number) => StreamError;
/** RFC 6120 §11.1: comments, DTDs and processing instructions may not stand in a stream. */
export declare const restricted: () => StreamError;
/**
 * What stands at `p` may not stand there. Octets that are no UTF-8 at all are the worse violation; where that cannot be told
 * yet, the token at `pos` waits (returns `~pos`), so that the verdict does not depend on how the input was cut.
 */
export declare const unexpected: (buf: Buffer, p: number, end: number, pos: number, text: string) => number;
