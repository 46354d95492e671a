// The tree of a stanza, for features that must look inside. ltx is lenient (it swallows comments, takes wrong end tags), so
// it only ever sees octets that the framer has passed; and what it does not do of XML is done before it reads.
import { Element, parse } from 'ltx';
import { NS } from '../base/namespaces.js';
import { toText } from '../base/octets.js';
import { overLimit } from './violations.js';
const CDATA = /<!\[CDATA\[([^]*?)\]\]>/g;
/** A tag; '<' stands nowhere else once there is no CDATA. */
const TAG = /<(?:[^"'>]|"[^"]*"|'[^']*')*>/g;
/** CDATA sections as text (ltx loses the text behind one), line breaks and white space in values as XML 1.0 §2.11, §3.3.3 say. */
const normalized = (octets) => {
    let xml = octets.includes('\r') ? octets.replace(/\r\n?/g, '\n') : octets;
    if (xml.includes('<![CDATA[')) {
        xml = xml.replace(CDATA, (_, text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;'));
    }
    if (/[\t\n]/.test(xml))
        xml = xml.replace(TAG, (tag) => tag.replace(/[\t\n]/g, ' '));
    return xml;
};
/** Parse one whole element that the framer has passed. Names and values are text, not octets. */
export const treeOf = (octets) => parse(toText(normalized(octets)));
/**
 * The same content without prefixes on element names: every element declares the namespace that it is in where that
 * differs from its parent's. Clients match names, and an element so written stands by itself.
 * @param outer the default namespace around the result; the root declares its own where it differs
 * @param defaultNs the default namespace around `element`
 * @param limit octets that those declarations may take: each child may repeat a long one. Throws StreamError beyond it
 */
export const withoutPrefixes = (element, outer, defaultNs, limit = Infinity) => {
    let left = limit;
    const copyOf = (original, outside, scope) => {
        const inside = withDeclarations(original, scope);
        const colon = original.name.indexOf(':');
        const prefix = colon < 0 ? '' : original.name.slice(0, colon);
        // The xml prefix stays: its namespace cannot be declared as default (XML Names 1.0 §3)
        const ns = prefix === 'xml' ? outside : inside.get(prefix) ?? '';
        const attrs = {};
        if (ns !== outside) {
            attrs['xmlns'] = ns;
            left -= ns.length;
            if (left < 0)
                throw overLimit(`more than ${limit} bytes of namespaces in one element`);
        }
        for (const [name, value] of Object.entries(original.attrs))
            if (name !== 'xmlns')
                attrs[name] = String(value);
        const copy = new Element(prefix === 'xml' ? original.name : original.name.slice(colon + 1), attrs);
        for (const child of original.children)
            copy.append(typeof child === 'string' ? child : copyOf(child, ns, inside));
        return copy;
    };
    return copyOf(element, outer, new Map([['', defaultNs], ['xml', NS.xml]]));
};
const withDeclarations = (element, scope) => {
    let inside = null;
    for (const [name, value] of Object.entries(element.attrs)) {
        if (name !== 'xmlns' && !name.startsWith('xmlns:'))
            continue;
        inside ??= new Map(scope);
        inside.set(name === 'xmlns' ? '' : name.slice(6), String(value));
    }
    return inside ?? scope;
};
//# sourceMappingURL=tree.js.map