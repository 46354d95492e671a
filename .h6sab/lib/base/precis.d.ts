/** What a code point is in a string class; 'free': in FreeformClass only. */
type Derived = 'valid' | 'free' | 'context' | 'disallowed';
/** RFC 5892 §2.6: exceptions, the same for PRECIS and IDNA. null: not one. */
export declare const exception: (c: number) => Derived | null;
/** What both PRECIS and IDNA disallow, whatever else a code point is. */
export declare const isRefused: (c: number, char: string) => boolean;
export declare const isLetterDigit: (char: string) => boolean;
/** RFC 5892 Appendix A: whether the code point at `i` may stand there. */
export declare const fitsContext: (chars: readonly string[], i: number) => boolean;
/** RFC 5893 §2, for one label or string. */
export declare const fitsBidi: (text: string) => boolean;
/** RFC 8265 §3.3 UsernameCaseMapped. null: not allowed. */
export declare const usernameCaseMapped: (text: string) => string | null;
/** RFC 8265 §4.2 OpaqueString. null: not allowed. */
export declare const opaqueString: (text: string) => string | null;
export {};
