import type { Counters } from '../core/counters.js';
export interface Gauges {
    readonly sessions: () => number;
    readonly connections: () => number;
    readonly unauthenticated: () => number;
    readonly routes: () => number;
}
export declare const makeMetrics: (counters: Counters, gauges: Gauges) => () => Promise<{
    type: string;
    text: string;
}>;
