import type { Frame } from '../base/stanza.js';
export interface FramerLimits {
    /** Octets of one top-level element, or of the stream header. */
    readonly bytes: number;
    /** Depth of nesting; the top-level element is 1. */
    readonly depth: number;
    /** Attributes of one element, declarations included. */
    readonly attributes: number;
    /** Children of one top-level element. */
    readonly children: number;
}
/** The stream's opening tag (RFC 6120 §4.7). Everything is decoded. */
export interface Header {
    readonly ns: string;
    readonly name: string;
    /** By name as written (`xml:lang`), declarations not included. */
    readonly attributes: ReadonlyMap<string, string>;
    /** Prefixes declared on it, '' for the default namespace. */
    readonly namespaces: ReadonlyMap<string, string>;
}
/** What a framer tells. Each may call `restart`, `discard` and `setLimits`; a StreamError thrown here ends the stream too. */
export interface FramerSink {
    header(header: Header): void;
    /** Return false to stop: what is left of the chunk is kept until `resume()`. */
    element(frame: Frame): boolean;
    /** The stream's closing tag. */
    end(): void;
}
export declare class Framer {
    private readonly sink;
    private limits;
    /** Limits that wait for the end of the element that is being read. */
    private nextLimits;
    private state;
    private fragment;
    /** Bytes not consumed yet: the start of an incomplete element, or what came after a stop. */
    private pending;
    private pendingEnd;
    /** `pending` is a buffer of our own that can take more bytes. */
    private owned;
    /** Where the current element starts, and where reading goes on. */
    private base;
    private pos;
    private scratch;
    /** How far, and inside which quote, an incomplete tag was searched for its end (0: not searched). */
    private searched;
    private quote;
    private stopped;
    private reading;
    private discarded;
    private headerName;
    private around;
    constructor(sink: FramerSink, limits: FramerLimits);
    /** Other limits from the next element on (after authentication). */
    setLimits(limits: FramerLimits): void;
    /** A new stream starts on the same connection (RFC 6120 §4.3.3). What was read beyond the last element is kept. */
    restart(): void;
    /**
     * Forget what was received and not read: after STARTTLS nothing sent in clear may count (RFC 6120 §5.4.3.3). It may be
     * called by the sink, about the rest of the chunk. Returns whether there was any.
     */
    discard(): boolean;
    /** No header: every element stands by itself, with this default namespace around it (RFC 7395 §3.3: none). */
    fragments(defaultNs?: string): void;
    /** True between elements: nothing is held for this connection. */
    get idle(): boolean;
    /** Octets that wait for `resume()`. The caller bounds them: it stops reading from its socket. */
    get waiting(): number;
    /** Take the next bytes. Throws StreamError; then this stream is over, and the framer holds nothing any more. */
    write(chunk: Buffer): void;
    /** Go on after `element` returned false. Throws as `write` does. */
    resume(): void;
    private append;
    /** What is not consumed moves to the start of a buffer of its own. */
    private move;
    private read;
    private release;
    /** The loop over tokens. Leaves `base` and `pos` where reading has to go on. */
    private scan;
    /** A token at stream level that is no white space. */
    private outside;
    /** Search an incomplete tag for its end, going on where the last search stopped. True: it can be read now. */
    private findTagEnd;
    /** A reader's answer about the tag at `pos`: where it ends, or that it is incomplete. */
    private tag;
    /** XML 1.0 §2.8 */
    private declaration;
    private streamEnd;
    private endTag;
    /** A start tag at `pos`: of the stream (no scratch), of a top-level element, or below. */
    private startTag;
    /** The stream header is complete. Whether its namespaces and attributes are right is for the sink to say. */
    private open;
    /** A top-level element is complete: give it away. */
    private complete;
}
/** Frame one whole element in jabber:client. Throws StreamError where it is not one, or not well-formed. */
export declare const frameOf: (octets: string, limits?: FramerLimits) => Frame;
