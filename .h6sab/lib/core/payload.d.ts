import { Element } from 'ltx';
/** The element standing by itself: its namespace declared on it, whatever was declared around it. */
export declare const plain: (element: Element) => Element;
/** Octets that the server wrote itself → tree. */
export declare const readElement: (octets: string) => Element;
/** Tree → octets. */
export declare const writeElement: (node: import("ltx").Node) => string;
