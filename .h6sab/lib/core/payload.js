// Elements for features: reading and writing the trees that they keep, so that routes need nothing of lib/wire.
import { Element } from 'ltx';
import { treeOf, withoutPrefixes } from '../wire/tree.js';
import { serialize } from '../wire/writer.js';
/** The element standing by itself: its namespace declared on it, whatever was declared around it. */
export const plain = (element) => {
    const copy = new Element(element.name, { ...element.attrs });
    copy.children = element.children;
    let defaultNs = '';
    let found = false;
    for (let outer = element.parent; outer !== null && outer !== undefined; outer = outer.parent) {
        for (const [name, value] of Object.entries(outer.attrs)) {
            if (name.startsWith('xmlns:'))
                copy.attrs[name] ??= value;
            else if (name === 'xmlns' && !found) {
                defaultNs = String(value);
                found = true;
            }
        }
    }
    return withoutPrefixes(copy, '', defaultNs);
};
/** Octets that the server wrote itself → tree. */
export const readElement = treeOf;
/** Tree → octets. */
export const writeElement = serialize;
//# sourceMappingURL=payload.js.map