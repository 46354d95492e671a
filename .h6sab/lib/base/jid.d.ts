export { prepDomain } from './domain.js';
/** Valid once made, and normalised. `local` and `resource` are '' when absent. */
export interface Jid {
    readonly local: string;
    readonly domain: string;
    readonly resource: string;
    /** local@domain */
    readonly bare: string;
    readonly full: string;
}
/** This is no address; the message says which part is wrong. */
export declare class JidError extends Error {
    readonly name = "JidError";
}
/** A localpart, normalised; null where it is none (RFC 7622 §3.3). */
export declare const prepLocal: (text: string) => string | null;
/** From parts; '' for an absent one. Throws JidError. */
export declare const makeJid: (local: string, domain: string, resource?: string) => Jid;
/** Throws JidError. */
export declare const parseJid: (text: string) => Jid;
/** The same account without a resource. */
export declare const bareOf: (jid: Jid) => Jid;
/** With this resource, normalised. Throws JidError. */
export declare const withResource: (jid: Jid, resource: string) => Jid;
/**
 * parseJid with a bounded memory, null instead of a throw: most stanzas go to an address that was seen a moment ago, and
 * preparing one costs a hundred times what finding it does.
 */
export declare const jidParser: (max?: number) => ((text: string) => Jid | null);
