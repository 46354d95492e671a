import type { Element } from 'ltx';
import type { Frame } from '../../lib/base/stanza.js';
import type { FramerLimits, Header } from '../../lib/wire/framer.js';
import type { Node } from './oracle.js';
export declare const LIMITS: FramerLimits;
/** What a framer told, in order. */
export interface Told {
    readonly verdict: 'ended' | 'open' | 'refused';
    readonly condition: string;
    readonly header: Header | null;
    readonly frames: Frame[];
    readonly idle: boolean;
}
/** Feed `octets` to a new framer, cut at the offsets `cuts` (ascending). Errors other than StreamError pass through. */
export declare const frame: (octets: Buffer, limits?: FramerLimits, cuts?: readonly number[]) => Told;
/** Every byte by itself. */
export declare const everyByte: (octets: Buffer) => number[];
export declare const sameContent: (a: Node, b: Node) => boolean;
/** The tree that features see, in the oracle's form. */
export declare const nodeOf: (element: Element, around: ReadonlyMap<string, string>) => Node;
/** Everything that a frame says, against the content that the oracle found. Returns what is wrong, '' when nothing is. */
export declare const wrongInFrame: (f: Frame, expected: Node, header: Header) => string;
/** Framer and oracle agree about `octets`: '' or in what they do not. */
export declare const disagreement: (octets: Buffer, limits?: FramerLimits, contents?: boolean) => string;
/** The verdict does not depend on the cuts: '' or how it does. What is wrong inside a tag may be told when the tag ends. */
export declare const dependence: (octets: Buffer, cuts: readonly number[], limits?: FramerLimits) => string;
