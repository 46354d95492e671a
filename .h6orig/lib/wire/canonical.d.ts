import type { Frame } from '../base/stanza.js';
/**
 * @param inherited prefixes that the element takes from the stream header, declared there as in `namespaces`
 * @param rebuild the root or a child is written with a prefix
 * @returns octets, to be framed anew
 */
export declare const canonical: (frame: Frame, inherited: ReadonlySet<string> | null, namespaces: ReadonlyMap<string, string>, rebuild: boolean) => string;
