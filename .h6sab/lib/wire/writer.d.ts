import type { Node } from 'ltx';
/** Text → octets for an attribute value in either kind of quotes. */
export declare const escapeAttribute: (text: string) => string;
/** Text → octets for character data. */
export declare const escapeText: (text: string) => string;
/** ` name='value'`, or nothing where the value is empty. */
export declare const attribute: (name: string, value: string) => string;
/** A tree → octets. Names are trusted (they came through the framer, or are ours); values are escaped. */
export declare const serialize: (node: Node) => string;
