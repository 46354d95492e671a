import type { Element } from 'ltx';
import type { StanzaError, StreamError } from '../base/errors.js';
import type { Frame } from '../base/stanza.js';
/** The result of an IQ (RFC 6120 §8.2.3). */
export declare const resultOf: (request: Frame, requester: string, payload: Element | null) => string;
/** RFC 6120 §8.3. The caller has made sure that `request` is no error itself (§8.3.1: never an error for an error). */
export declare const errorOf: (request: Frame, requester: string, error: StanzaError) => string;
/** RFC 6120 §4.9.2. Needs the `stream` prefix declared around it. */
export declare const streamErrorOf: (error: StreamError) => string;
