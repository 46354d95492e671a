import { NS } from '../base/namespaces.js';
import { escapeAttribute, serialize } from './writer.js';
import { treeOf, withoutPrefixes } from './tree.js';
/**
 * @param inherited prefixes that the element takes from the stream header, declared there as in `namespaces`
 * @param rebuild the root or a child is written with a prefix
 * @returns octets, to be framed anew
 */
export const canonical = (frame, inherited, namespaces, rebuild) => {
    let declarations = '';
    for (const prefix of inherited ?? [])
        declarations += ` xmlns:${prefix}='${escapeAttribute(namespaces.get(prefix) ?? '')}'`;
    const xml = frame.xml.slice(0, frame.nameEnd) + declarations + frame.xml.slice(frame.nameEnd);
    if (!rebuild)
        return xml;
    const scope = new Map([['', namespaces.get('') ?? NS.client]]);
    return serialize(withoutPrefixes(treeOf(xml), NS.client, scope));
};
//# sourceMappingURL=canonical.js.map