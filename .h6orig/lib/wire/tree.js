// The tree of a stanza, for features that must look inside. ltx is lenient (it swallows comments, takes wrong end tags), so
// it only ever sees octets that the framer has passed.
import { Element, parse } from 'ltx';
import { toText } from '../base/octets.js';
/** Parse one whole element that the framer has passed. */
export const treeOf = (octets) => parse(toText(octets));
/**
 * The same content without prefixes on element names: every element declares the namespace that it is in where that
 * differs from its parent's. Clients match names, and an element so written stands by itself.
 * @param outer the default namespace around the result; the root declares its own where it differs
 */
export const withoutPrefixes = (element, outer, scope = new Map()) => {
    let inside = scope;
    for (const [name, value] of Object.entries(element.attrs)) {
        if (name === 'xmlns' || name.startsWith('xmlns:')) {
            if (inside === scope)
                inside = new Map(scope);
            inside.set(name === 'xmlns' ? '' : name.slice(6), String(value));
        }
    }
    const colon = element.name.indexOf(':');
    const ns = inside.get(colon < 0 ? '' : element.name.slice(0, colon)) ?? '';
    const attrs = {};
    if (ns !== outer)
        attrs['xmlns'] = ns;
    for (const [name, value] of Object.entries(element.attrs))
        if (name !== 'xmlns')
            attrs[name] = String(value);
    const copy = new Element(element.name.slice(colon + 1), attrs);
    for (const child of element.children) {
        copy.append(typeof child === 'string' ? child : withoutPrefixes(child, ns, inside));
    }
    return copy;
};
//# sourceMappingURL=tree.js.map