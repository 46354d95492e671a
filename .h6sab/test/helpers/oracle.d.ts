import type { FramerLimits } from '../../lib/wire/framer.js';
export interface Node {
    readonly ns: string;
    readonly name: string;
    /** `{namespace}name` → value; declarations are not in it. */
    readonly attrs: Record<string, string>;
    readonly children: (Node | string)[];
}
export interface Judgement {
    /** ended: a whole stream · open: well-formed so far · refused: by `condition` */
    readonly verdict: 'ended' | 'open' | 'refused';
    readonly condition: string;
    readonly header: Node | null;
    /** The top-level elements that are complete. */
    readonly elements: Node[];
    /** Names as written of the elements that are open, outermost first. */
    readonly open: string[];
}
export declare const NO_LIMITS: FramerLimits;
/** What the octets are, taken as a stream from its first byte; saxes gets no more than is valid UTF-8 and not restricted. */
export declare const judge: (octets: Uint8Array, limits?: FramerLimits) => Judgement;
/** The content of one element that stands alone in jabber:client, as octets; throws where it is not well-formed there. */
export declare const contentOf: (octets: string) => Node;
