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
/** The stream's opening tag (RFC 6120 §4.7). Values are decoded. */
export interface Header {
    readonly ns: string;
    readonly name: string;
    readonly attributes: ReadonlyMap<string, string>;
    /** Prefixes declared on it, '' for the default namespace. */
    readonly namespaces: ReadonlyMap<string, string>;
}
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
    private state;
    private fragment;
    /** Bytes not consumed yet: the start of an incomplete element, or what came after a stop. */
    private pending;
    private pendingEnd;
    /** Where the current element starts in `pending`, and where reading goes on. */
    private base;
    private pos;
    private scratch;
    /** How far, and inside which quote, an incomplete tag was searched for its end (0: not searched). */
    private searched;
    private quote;
    private stopped;
    private headerName;
    private defaultNs;
    private namespaces;
    constructor(sink: FramerSink, limits: FramerLimits);
    /** Other limits from the next element on (after authentication). */
    setLimits(limits: FramerLimits): void;
    /** A new stream starts on the same connection (RFC 6120 §4.3.3). What was read beyond the last element is kept. */
    restart(): void;
    /** Forget what was received and not read: after STARTTLS nothing sent in clear may count (RFC 6120 §5.3.1). Returns whether there was any. */
    discard(): boolean;
    /** No header: every element stands by itself, with these declarations around it (RFC 7395 §3.3: none). */
    fragments(defaultNs?: string): void;
    /** Bytes received and not read yet: of an element that is not complete, or behind a stop. */
    get waiting(): number;
    /** True between elements: nothing is held for this connection. */
    get idle(): boolean;
    /** Take the next bytes. Throws StreamError. */
    write(chunk: Buffer): void;
    /** Go on after `element` returned false. */
    resume(): void;
    private append;
    private owned;
    private read;
    private tooBig;
    private take;
    private release;
    /** The loop over tokens. Leaves `base` and `pos` where reading has to go on. */
    private scan;
    private halfway;
    /** Text and CDATA go on in the middle of a run; everything else at its first byte. */
    private resumeAt;
    /** Character data at depth ≥ 1 up to the next '<'. Always makes progress or says INCOMPLETE. */
    private text;
    private incomplete;
    private cdataStart;
    private cdata;
    /** '<!' or '<?' where they may not stand. RFC 6120 §11.1: comments, DTDs and processing instructions are restricted XML. */
    private markup;
    private strayText;
    /** The XML declaration (XML 1.0 §2.8), if there is one. */
    private prolog;
    private streamEnd;
    private endTag;
    /** Search an incomplete tag for its end, going on where the last search stopped. True: it can be read now. */
    private findTagEnd;
    /** A start tag at `pos`: of the stream (no scratch), of a top-level element, or below. */
    private startTag;
    private outOfBytes;
    /** A QName (XML Names 1.0 §4): returns its end, -1 when bytes are missing. Leaves its colon in `lastColon`. */
    private name;
    /** The end of an attribute value (where its quote stands), -1 when bytes are missing. Leaves `valueFlags`. */
    private value;
    private attrValue;
    /** Names must be unique as written (XML 1.0 §3.1), and by namespace and local name (XML Names 1.0 §6.3). */
    private checkUnique;
    private checkExpanded;
    /** The namespace of a prefix in scope. Throws when it is not declared. */
    private resolve;
    /** XML Names 1.0 §3: what may not be declared. */
    private checkDeclaration;
    private openStream;
    /** Declarations, uniqueness, prefixes; for the root and its children also what the router needs. */
    private element;
    /** to, id, type, from, xml:lang: told apart by length and first bytes. */
    private rootAttribute;
    /** A top-level element is complete: give it away. */
    private complete;
}
/** Frame one whole element in canonical form (jabber:client by default). Throws StreamError where it is not well-formed. */
export declare const frameOf: (octets: string, limits?: FramerLimits) => Frame;
