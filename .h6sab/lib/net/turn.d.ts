export interface Flushable {
    flush(): void;
}
/** Counts turns in which something was written; connections measure their share of a turn by it. */
export declare const turn: {
    number: number;
};
/** Call `flush` at the end of this turn. The caller makes sure to ask only once a turn. */
export declare const soon: (who: Flushable) => void;
/** So many octets more wait for the end of this turn. */
export declare const waits: (octets: number) => void;
