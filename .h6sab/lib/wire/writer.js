import { toOctets } from '../base/octets.js';
const ESCAPES = {
    '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;',
    // so that they arrive as they were sent: a parser normalises the bare characters (XML 1.0 §2.11, §3.3.3)
    '\t': '&#9;', '\n': '&#10;', '\r': '&#13;',
};
// XML 1.0 §2.2: what is no character in XML at all cannot be escaped either; it is replaced
// oxlint-disable-next-line no-control-regex
const NO_CHARACTER = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const clean = (text) => text.replace(NO_CHARACTER, '\ufffd');
/** Text → octets for an attribute value in either kind of quotes. */
export const escapeAttribute = (text) => toOctets(/[&<>"'\t\n\r]/.test(text) ? clean(text).replace(/[&<>"'\t\n\r]/g, (c) => ESCAPES[c]) : clean(text));
/** Text → octets for character data. */
export const escapeText = (text) => toOctets(clean(text).replace(/[&<>\r]/g, (c) => ESCAPES[c]));
/** ` name='value'`, or nothing where the value is empty. */
export const attribute = (name, value) => (value === '' ? '' : ` ${name}='${escapeAttribute(value)}'`);
/** A tree → octets. Names are trusted (they came through the framer, or are ours); values are escaped. */
export const serialize = (node) => {
    if (typeof node === 'string')
        return escapeText(node);
    if (typeof node !== 'object' || node === null)
        return escapeText(String(node));
    const element = node;
    let out = `<${toOctets(element.name)}`;
    for (const [name, value] of Object.entries(element.attrs)) {
        if (value !== undefined && value !== null)
            out += ` ${toOctets(name)}='${escapeAttribute(String(value))}'`;
    }
    if (element.children.length === 0)
        return `${out}/>`;
    out += '>';
    for (const child of element.children)
        out += serialize(child);
    return `${out}</${toOctets(element.name)}>`;
};
//# sourceMappingURL=writer.js.map