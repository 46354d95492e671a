/** The tag that was read last. Offsets in the buffer; `colon` -1 where there is no prefix. */
export declare const TAG: {
    nameStart: number;
    nameEnd: number;
    colon: number;
    /** Attributes, declarations included. */
    count: number;
    empty: boolean;
    /** An attribute that is no declaration has a prefix. */
    prefixed: boolean;
};
/** Numbers an attribute takes in the table: name start, name end, colon (or -1), value start, value end, flags. */
export declare const WIDTH = 6;
/** The attributes of that tag. */
export declare let attrs: Int32Array<ArrayBuffer>;
/** Flag: the attribute is a namespace declaration. The other flag is DECODE. */
export declare const DECLARATION = 2;
export declare const isDeclaration: (a: number) => boolean;
export declare const needsDecoding: (a: number) => boolean;
/** A start tag or empty-element tag at `pos`: the offset behind it, or `~pos` where bytes are missing. */
export declare const readStartTag: (buf: Buffer, pos: number, end: number, limit: number) => number;
