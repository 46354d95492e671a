import fc from 'fast-check';
/** Pieces of text: written as they are, or as a reference. */
interface Piece {
    readonly text: string;
    readonly as: 'plain' | 'decimal' | 'hex' | 'named' | 'cdata';
}
interface Attribute {
    readonly name: string;
    readonly prefix: number;
    readonly value: readonly Piece[];
    readonly quote: string;
    readonly blank: string;
    readonly equals: string;
}
export interface ElementModel {
    readonly name: string;
    /** Which of the prefixes in scope; 0: none. */
    readonly prefix: number;
    /** Declarations: 'x' → 'urn:x'; '' for the default namespace. */
    readonly declares: readonly {
        readonly prefix: string;
        readonly ns: string;
    }[];
    readonly attrs: readonly Attribute[];
    readonly children: readonly (ElementModel | readonly Piece[])[];
    readonly short: boolean;
    readonly blank: string;
}
export interface StreamModel {
    readonly before: string;
    readonly streamPrefix: string;
    readonly defaultNs: string;
    readonly declares: readonly {
        readonly prefix: string;
        readonly ns: string;
    }[];
    readonly attrs: readonly Attribute[];
    readonly items: readonly {
        readonly element: ElementModel;
        readonly after: string;
    }[];
    readonly ends: boolean;
}
export declare const stream: fc.Arbitrary<StreamModel>;
export declare const writeElement: (model: ElementModel, outer: ReadonlyMap<string, string>) => string;
export declare const writeStream: (model: StreamModel) => Buffer;
/** A small generator of numbers with a seed, for what is drawn in the hundred thousands (xorshift32). */
export declare const random: (seed: number) => ((below: number) => number);
/** `octets` with one to three accidents: flips, insertions, deletions, duplications, moves, truncation. */
export declare const mutate: (octets: Buffer, below: (n: number) => number) => Buffer;
export {};
