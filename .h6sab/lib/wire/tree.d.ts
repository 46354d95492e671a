import { Element } from 'ltx';
/** Parse one whole element that the framer has passed. Names and values are text, not octets. */
export declare const treeOf: (octets: string) => Element;
/**
 * The same content without prefixes on element names: every element declares the namespace that it is in where that
 * differs from its parent's. Clients match names, and an element so written stands by itself.
 * @param outer the default namespace around the result; the root declares its own where it differs
 * @param defaultNs the default namespace around `element`
 * @param limit octets that those declarations may take: each child may repeat a long one. Throws StreamError beyond it
 */
export declare const withoutPrefixes: (element: Element, outer: string, defaultNs: string, limit?: number) => Element;
