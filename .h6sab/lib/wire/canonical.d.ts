import type { Frame } from '../base/stanza.js';
import type { Surroundings } from './namespaces.js';
/**
 * @param inherited prefixes that the element takes from the stream header, declared there as in `around`
 * @param rebuild the root or a child is written with a prefix
 * @param limit octets that the declarations written instead of prefixes may take; beyond it StreamError policy-violation
 * @returns octets, to be framed anew
 */
export declare const canonical: (frame: Frame, inherited: ReadonlySet<string> | null, around: Surroundings, rebuild: boolean, limit: number) => string;
