import type { StreamError } from '../base/errors.js';
export interface StreamOpen {
    readonly id: string;
    readonly from: string;
    readonly to: string;
}
export interface Framing {
    open(stream: StreamOpen): string;
    /** `inner`: the features, each with its own namespace. */
    features(inner: string): string;
    error(error: StreamError): string;
    close(): string;
}
export declare const DOCUMENT: Framing;
export declare const FRAMES: Framing;
