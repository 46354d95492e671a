/** Collect garbage now, thoroughly. */
export declare const collectGarbage: () => void;
/** Octets in use after a collection: on the heap and in array buffers. */
export declare const used: () => {
    heap: number;
    buffers: number;
    rss: number;
};
