import type { Frame } from '../base/stanza.js';
import type { Prefixes, Surroundings } from './namespaces.js';
/** An element that is not complete. */
export interface Scratch extends Prefixes {
    /** Two numbers an open element: start and end of its name. */
    stack: Int32Array;
    /** Open elements. */
    depth: number;
    /** Reading is inside a CDATA section. */
    cdata: boolean;
    /** The root, or a child of it, is written with a prefix (other than xml). */
    rebuild: boolean;
    empty: boolean;
    declares: boolean;
    rootNs: string;
    rootName: string;
    rootDefault: string;
    nameEnd: number;
    openEnd: number;
    /** Start and end of the root's attributes that routing needs; -1 where absent. */
    type: number;
    typeEnd: number;
    id: number;
    idEnd: number;
    to: number;
    toEnd: number;
    from: number;
    fromEnd: number;
    fromAll: number;
    fromAllEnd: number;
    lang: number;
    langEnd: number;
    /** One of the values above holds references, white space or bytes above ASCII. */
    decode: boolean;
    /** How many children; the arrays below are reused and may be longer. */
    count: number;
    readonly childStart: number[];
    readonly childEnd: number[];
    readonly childNs: string[];
    readonly childName: string[];
}
/** @param depth how deep the element may be */
export declare const takeScratch: (depth: number) => Scratch;
/** @param size octets of the element that it was used for */
export declare const giveScratch: (s: Scratch, size: number) => void;
/** The start tag read last, at `s.depth`: namespaces, and for the root and its children what the router needs. */
export declare const noteElement: (buf: Buffer, base: number, end: number, s: Scratch, around: Surroundings, maxChildren: number) => void;
/** The frame of a complete element, in the form in which it was written. */
export declare const makeFrame: (buf: Buffer, base: number, end: number, s: Scratch) => Frame;
