// Prefixes in scope while an element is read (XML Names 1.0): those of the element itself, and around it the declarations
// of the stream header (RFC 6120 §4.8).
import { NS } from '../base/namespaces.js';
import { toText } from '../base/octets.js';
import { intern } from './intern.js';
import { decodeValue } from './references.js';
import { attrs, DECLARATION, isDeclaration, needsDecoding, TAG, WIDTH } from './start-tag.js';
import { notWellFormed } from './violations.js';
/** The decoded value of an attribute. */
export const attrValue = (buf, a) => {
    const start = attrs[a + 3];
    const end = attrs[a + 4];
    return needsDecoding(a) ? decodeValue(buf.latin1Slice(start, end)) : intern(buf, start, end);
};
/** The prefix that the declaration declares; '' for the default namespace. */
const declaredPrefix = (buf, a) => attrs[a + 2] < 0 ? '' : intern(buf, attrs[a + 2] + 1, attrs[a + 1]);
/** XML Names 1.0 §3 (reserved prefixes) and §5 (a prefix cannot be undeclared): what may not be declared. */
const checkDeclaration = (prefix, ns) => {
    if (prefix === 'xmlns' || ns === NS.xmlns || (prefix === 'xml') !== (ns === NS.xml) || (prefix !== '' && ns === '')) {
        throw notWellFormed('a namespace declaration that is not allowed');
    }
};
/** Note the declarations of the tag read last. Returns its default namespace, null where it declares none. */
export const declare = (buf, prefixes, depth) => {
    let defaultNs = null;
    const A = attrs;
    for (let a = 0, last = TAG.count * WIDTH; a < last; a += WIDTH) {
        if ((A[a + 5] & DECLARATION) === 0)
            continue;
        const ns = attrValue(buf, a);
        const prefix = declaredPrefix(buf, a);
        checkDeclaration(prefix, ns);
        if (prefix === '')
            defaultNs = ns;
        else
            prefixes.declared.push({ at: depth, prefix, ns });
    }
    return defaultNs;
};
/** The declarations go out of scope that are deeper than `depth`. */
export const undeclare = (prefixes, depth) => {
    const { declared } = prefixes;
    while (declared.length > 0 && declared[declared.length - 1].at > depth)
        declared.pop();
};
/** The namespace of the prefix between `start` and `end`. XML Names 1.0 §5: it must be declared. */
export const resolve = (buf, start, end, prefixes, around) => {
    const prefix = intern(buf, start, end);
    if (prefix === 'xml')
        return NS.xml;
    const { declared } = prefixes;
    for (let i = declared.length - 1; i >= 0; i--) {
        const one = declared[i];
        if (one.prefix === prefix)
            return one.ns;
    }
    const inherited = around.namespaces.get(prefix);
    // RFC 6120 §4.9.3.13: violations of XML Names too are not-well-formed
    if (inherited === undefined)
        throw notWellFormed('a prefix that is not declared');
    (prefixes.inherited ??= new Set()).add(prefix);
    return inherited;
};
/** Attributes with a prefix: it must be declared, and no two may have the same namespace and local name (XML Names 1.0 §6.3). */
export const checkAttributes = (buf, prefixes, around) => {
    const A = attrs;
    let first = '';
    let seen = null;
    let firstAt = -1;
    for (let i = 0, a = 0; i < TAG.count; i++, a += WIDTH) {
        const colon = A[a + 2];
        if (colon < 0 || isDeclaration(a))
            continue;
        const ns = resolve(buf, A[a], colon, prefixes, around);
        if (firstAt < 0) {
            // mostly the only one
            firstAt = a;
            first = ns;
            continue;
        }
        seen ??= new Set([expanded(buf, firstAt, first)]);
        const name = expanded(buf, a, ns);
        if (seen.has(name))
            throw notWellFormed('an attribute given twice');
        seen.add(name);
    }
};
/** Namespace and local name of an attribute; no name holds a space. */
const expanded = (buf, a, ns) => `${intern(buf, attrs[a + 2] + 1, attrs[a + 1])} ${ns}`;
/** All attributes of the stream header, by their names as written, and its declarations. */
export const headerAttributes = (buf) => {
    const attributes = new Map();
    const declared = new Map();
    for (let a = 0; a < TAG.count * WIDTH; a += WIDTH) {
        const value = attrValue(buf, a);
        if (isDeclaration(a))
            declared.set(declaredPrefix(buf, a), value);
        else
            attributes.set(toText(buf.latin1Slice(attrs[a], attrs[a + 1])), value);
    }
    for (const [prefix, ns] of declared)
        checkDeclaration(prefix, ns);
    return { attributes, declared };
};
//# sourceMappingURL=namespaces.js.map