/** Character data inside an element, up to the next '<'. Two bytes of the element stand before `pos`. */
export declare const readText: (buf: Buffer, pos: number, end: number) => number;
/** '<![CDATA[' at `pos`; whatever else begins with '<!' throws. */
export declare const readCdataStart: (buf: Buffer, pos: number, end: number) => number;
/** Left by `readCdata`: the section ended. */
export declare let cdataEnded: boolean;
/** The content of a CDATA section, with the ']]>' that ends it. */
export declare const readCdata: (buf: Buffer, pos: number, end: number) => number;
/** Left by `readName`: where its colon stands, or -1. */
export declare let lastColon: number;
/** A QName (XML Names 1.0 §4): its end, or below 0 where bytes are missing. */
export declare const readName: (buf: Buffer, start: number, end: number) => number;
/** The attribute's value means something else than its octets: references, white space to normalise, or not ASCII. */
export declare const DECODE = 1;
/** Left by `readValue`: DECODE or 0. */
export declare let valueFlags: number;
/** An attribute value: where its closing quote stands, or below 0 where bytes are missing. */
export declare const readValue: (buf: Buffer, start: number, end: number, quote: number) => number;
/** An end tag at `pos`, of the element whose name stands between `nameStart` and `nameEnd`. */
export declare const readEndTag: (buf: Buffer, pos: number, end: number, nameStart: number, nameEnd: number) => number;
/** Names are compared by bytes; the one that differs may be in the middle of a character. */
export declare const startOfCharacter: (buf: Buffer, p: number) => number;
