/** One top-level item as it crossed the wire: a stream header or end, an element, or a run of white space. */
export interface TraceItem {
    /** ms since the first item of the file */
    readonly t: number;
    /** Connection: 1 = first log-in, 2 = after coming back */
    readonly s: number;
    readonly tls?: boolean;
    readonly ws?: boolean;
    readonly dir: 'in' | 'out';
    readonly xml: string;
}
/** The folder of package.json: compiled helpers run from dist/, the data stays in the source tree. */
export declare const repository: () => string;
/** The clients that were recorded. */
export declare const clients: () => string[];
/** All items of one client, in order of time. */
export declare const trace: (client: string) => TraceItem[];
/** What a client sent on a TCP stream, one entry for each stream header: from the header to the next, as text. */
export declare const sentStreams: (client: string) => string[];
/** Every element that clients sent, stanzas or not, without headers, ends and white space. */
export declare const sentElements: (client: string) => string[];
