/** Check the reference whose '&' is at `pos`. Returns the offset behind its ';', or -1 when it is not complete yet. */
export declare const checkReference: (buf: Buffer, pos: number, end: number) => number;
/** The meaning of a checked attribute value: references resolved, white space normalised (XML 1.0 §3.3.3), decoded. */
export declare const decodeValue: (octets: string) => string;
