export declare const makeCounters: () => {
    delivered: number;
    stored: number;
    answered: number;
    refused: number;
    /** Ignored by a rule of the RFCs: how often, by rule. The rules are constants of the source, so the map is bounded. */
    ignored: Map<string, number>;
    /** Our bugs: a handler threw something that is no StanzaError. */
    bugs: number;
    route: {
        hits: number;
        misses: number;
        negativeHits: number;
        refusedStale: number;
        retries: number;
        queries: number;
        lookups: number;
        unknown: number;
        evicted: number;
    };
};
export type Counters = ReturnType<typeof makeCounters>;
