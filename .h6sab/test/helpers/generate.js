// Streams for property tests: models that fast-check can shrink, and how they are written as XML. Everything that may vary in
// writing does: prefixes, default namespaces, quotes, white space, references, CDATA, characters of every length in UTF-8.
import fc from 'fast-check';
import { NS } from '../../lib/base/namespaces.js';
const blank = fc.constantFrom('', '', '', ' ', '\n', '\t', '\r\n', '  \r');
const some = fc.constantFrom(' ', ' ', ' ', '\n', '\t ', '\r\n', '  \r');
const PREFIXES = ['p', 'q', 'ns0', 'stanza', 'é', 'x-1', '_.', 'xmlish'];
const NAMESPACES = ['urn:p', 'urn:q', NS.client, 'jabber:server', 'urn:ünï', 'http://example.org/?a=b&c=\'d"<'];
const declaration = fc.record({ prefix: fc.constantFrom(...PREFIXES), ns: fc.constantFrom(...NAMESPACES) });
const defaultDeclaration = fc.record({ prefix: fc.constant(''), ns: fc.constantFrom('', ...NAMESPACES) });
// U+007F and C1 controls are characters; so are U+FEFF, U+FFFD, private use, and U+10FFFF
const character = fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...'abcXYZ019 .,;:-_=/!?#%(){}[]>"\'\t\n\r') }, { weight: 2, arbitrary: fc.constantFrom('&', '<', '>', ']]>', '\r\n', '&amp;', '<!--', '<![CDATA[') }, { weight: 2, arbitrary: fc.constantFrom('\u007f', '\u0080', '\u0085', 'é', '\u07ff', '\u0800', '\u2028', '☕', '\ud7ff', '\ue000', '\ufeff', '\ufffd', '😀', '\u{10000}', '\u{10ffff}') });
const piece = fc.record({ text: character, as: fc.constantFrom('plain', 'plain', 'plain', 'decimal', 'hex', 'named', 'cdata') });
const pieces = fc.array(piece, { maxLength: 12 });
const name = fc.oneof({ weight: 4, arbitrary: fc.constantFrom('body', 'x', 'query', 'item', 'message', 'a', 'xmlns', 'é', 'a.b-c_1', '名前', '𐀀z', 'n·') }, { weight: 1, arbitrary: fc.stringMatching(/^[A-Za-z_][A-Za-z0-9._-]{0,20}$/) });
const attribute = (names) => fc.record({
    name: names, prefix: fc.nat(12), value: pieces, quote: fc.constantFrom('"', "'"), blank: some, equals: fc.constantFrom('=', '=', '=', ' =', '= ', '\n=\t'),
});
const NAMED_ATTRIBUTES = fc.constantFrom('to', 'from', 'id', 'type', 'xml:lang', 'tp', 'form', 'xml:space');
const attrs = fc.array(fc.oneof(attribute(name), attribute(NAMED_ATTRIBUTES)), { maxLength: 6 });
const inner = fc.letrec((tie) => ({
    element: fc.record({
        name, prefix: fc.oneof(fc.constant(0), fc.nat(12)),
        declares: fc.array(fc.oneof(declaration, declaration, defaultDeclaration), { maxLength: 2 }),
        attrs: fc.array(fc.oneof(attribute(name), attribute(NAMED_ATTRIBUTES)), { maxLength: 3 }),
        children: fc.array(tie('child'), { maxLength: 4 }),
        short: fc.boolean(), blank,
    }),
    child: fc.oneof({ maxDepth: 4, depthSize: 'small' }, pieces, tie('element')),
}));
const stanza = fc.record({
    name: fc.oneof({ weight: 5, arbitrary: fc.constantFrom('message', 'presence', 'iq') }, { weight: 1, arbitrary: name }),
    prefix: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(12) }),
    declares: fc.array(fc.oneof(declaration, declaration, defaultDeclaration), { maxLength: 2 }),
    attrs, children: fc.array(fc.oneof(pieces, inner.element, inner.element), { maxLength: 5 }),
    short: fc.boolean(), blank,
});
export const stream = fc.record({
    before: fc.constantFrom('', '', '<?xml version="1.0"?>', "<?xml version='1.0' encoding='UTF-8'?>\n", "\r\n <?xml\tversion = '1.0'\n encoding=\"utf-8\" standalone='yes' ?>", ' \n'),
    streamPrefix: fc.constantFrom('stream', 'stream', 'stream', '', 'é'),
    defaultNs: fc.constantFrom(NS.client, NS.client, NS.client, NS.client, '', 'jabber:server'),
    declares: fc.array(declaration, { maxLength: 3 }),
    attrs: fc.array(attribute(NAMED_ATTRIBUTES), { maxLength: 3 }),
    items: fc.array(fc.record({ element: stanza, after: blank }), { minLength: 1, maxLength: 4 }),
    ends: fc.boolean(),
});
const NAMES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' };
const writePiece = ({ text, as }, quote) => {
    const codes = Array.from(text, (c) => c.codePointAt(0));
    if (as === 'decimal')
        return codes.map((c) => `&#${c};`).join('');
    if (as === 'hex')
        return codes.map((c, i) => `&#x${i % 2 ? c.toString(16).toUpperCase() : `00${c.toString(16)}`};`).join('');
    if (as === 'cdata' && quote === '')
        return `<![CDATA[${text.replaceAll(']]>', ']]]]><![CDATA[>')}]]>`;
    // '>' need not be escaped but in ']]>'; quotes not but in values
    return Array.from(text, (c) => (c === '&' || c === '<' || c === quote || (c === '>' && quote === '') || (as === 'named' && NAMES[c] !== undefined) ? NAMES[c] : c)).join('');
};
const escaped = (text) => text.replace(/[&<"']/g, (c) => NAMES[c]);
/** The attributes and declarations of a tag, each with white space before it; what would be a duplicate is left out. */
const writeAttributes = (model, scope) => {
    const parts = [];
    const seen = new Set();
    for (const { prefix, ns } of model.declares) {
        if (seen.has(`xmlns:${prefix}`))
            continue;
        seen.add(`xmlns:${prefix}`);
        parts.push(` xmlns${prefix === '' ? '' : `:${prefix}`}='${escaped(ns)}'`);
    }
    const prefixes = [...scope].filter(([prefix]) => prefix !== '');
    for (const [i, a] of model.attrs.entries()) {
        const reserved = a.name.startsWith('xml:');
        const [prefix, ns] = reserved || a.name === 'xmlns' ? ['', ''] : prefixes[a.prefix - 1] ?? ['', ''];
        if (a.name === 'xmlns')
            continue;
        const expanded = `{${ns}}${a.name}`;
        if (seen.has(expanded))
            continue;
        seen.add(expanded);
        const text = `${a.blank}${prefix === '' ? '' : `${prefix}:`}${a.name}${a.equals}${a.quote}${a.value.map((p) => writePiece(p, a.quote)).join('')}${a.quote}`;
        // declarations stand before, between and behind the attributes that need them
        if (i % 2 === 0)
            parts.push(text);
        else
            parts.unshift(text);
    }
    return parts.join('');
};
const declaring = (declares, outer) => {
    const scope = new Map(outer);
    const seen = new Set();
    for (const { prefix, ns } of declares) {
        if (!seen.has(prefix))
            scope.set(prefix, ns);
        seen.add(prefix);
    }
    return scope;
};
const isElement = (child) => !Array.isArray(child);
export const writeElement = (model, outer) => {
    const scope = declaring(model.declares, outer);
    const prefixes = [...scope.keys()].filter((prefix) => prefix !== '');
    const prefix = prefixes[model.prefix - 1] ?? '';
    const tag = prefix === '' ? model.name : `${prefix}:${model.name}`;
    const start = `<${tag}${writeAttributes(model, scope)}${model.blank}`;
    if (model.children.length === 0 && model.short)
        return `${start}/>`;
    const content = model.children.map((child) => (isElement(child) ? writeElement(child, scope) : child.map((p) => writePiece(p, '')).join(''))).join('');
    return `${start}>${content}</${tag}${model.blank}>`;
};
export const writeStream = (model) => {
    const own = model.streamPrefix === '' ? [{ prefix: '', ns: NS.stream }] : [{ prefix: model.streamPrefix, ns: NS.stream }, ...(model.defaultNs === '' ? [] : [{ prefix: '', ns: model.defaultNs }])];
    const declares = [...own, ...model.declares];
    const scope = declaring(declares, new Map());
    const tag = model.streamPrefix === '' ? 'stream' : `${model.streamPrefix}:stream`;
    const items = model.items.map(({ element, after }) => writeElement(element, scope) + after).join('');
    return Buffer.from(`${model.before}<${tag}${writeAttributes({ declares, attrs: model.attrs }, scope)}>${items}${model.ends ? `</${tag} >` : ''}`);
};
/** A small generator of numbers with a seed, for what is drawn in the hundred thousands (xorshift32). */
export const random = (seed) => {
    let x = seed | 0 || 1;
    return (below) => {
        x ^= x << 13;
        x ^= x >>> 17;
        x ^= x << 5;
        return (x >>> 0) % below;
    };
};
/** Bytes and pieces that hurt parsers. */
const HURTFUL = [
    '<', '>', '&', '"', "'", '/', '=', ' ', '\n', ']', ']]>', '<!--', '-->', '<?', '?>', '<!', '<![CDATA[', '<!DOCTYPE a [<!ENTITY b "c">]>', '&b;', '&amp;', '&#0;', '&#x41;', '&#xD800;',
    '&lt', '&constructor;', '</a>', '</', '/>', '<a>', '<a/>', '<a:b/>', ":", 'xmlns:', " xmlns='urn:x'", " xmlns:p='urn:x'", " a='1'", " xmlns=''", 'p:', 'xml:', '\u0000', '\u0001', '\ufffe', '\uffff', '\ufeff', 'é', '😀',
    '</stream:stream>', '<stream:stream>', "<?xml version='1.0'?>",
].map((text) => Buffer.from(text)).concat([[0x80], [0xc0, 0x80], [0xc3], [0xe0, 0x80, 0x80], [0xed, 0xa0, 0x80], [0xf0, 0x80], [0xf4, 0x90], [0xf5], [0xff], [0xfe, 0xff], [0xef, 0xbf]].map((b) => Buffer.from(b)));
/** `octets` with one to three accidents: flips, insertions, deletions, duplications, moves, truncation. */
export const mutate = (octets, below) => {
    let out = octets;
    for (let n = below(4) === 0 ? 1 + below(3) : 1; n > 0; n--) {
        const at = below(out.length + 1);
        const to = Math.min(out.length, at + 1 + below(below(3) === 0 ? 200 : 12));
        const before = out.subarray(0, at);
        switch (below(7)) {
            case 0:
                out = Buffer.concat([before, Buffer.from([below(256)]), out.subarray(Math.min(out.length, at + 1))]);
                break;
            case 1:
                out = Buffer.concat([before, out.subarray(to)]);
                break;
            case 2:
                out = Buffer.concat([out.subarray(0, to), out.subarray(at)]);
                break;
            case 3: {
                const other = below(out.length + 1);
                out = Buffer.concat([out.subarray(0, other), out.subarray(at, to), out.subarray(other)]);
                break;
            }
            case 4:
                out = below(4) === 0 ? before : Buffer.concat([before, Buffer.from([(out[at] ?? 0x20) ^ (1 << below(8))]), out.subarray(Math.min(out.length, at + 1))]);
                break;
            default: out = Buffer.concat([before, HURTFUL[below(HURTFUL.length)], out.subarray(at)]);
        }
    }
    return out;
};
//# sourceMappingURL=generate.js.map