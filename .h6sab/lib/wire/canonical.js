import { NS } from '../base/namespaces.js';
import { toOctets } from '../base/octets.js';
import { treeOf, withoutPrefixes } from './tree.js';
import { escapeAttribute, serialize } from './writer.js';
/**
 * @param inherited prefixes that the element takes from the stream header, declared there as in `around`
 * @param rebuild the root or a child is written with a prefix
 * @param limit octets that the declarations written instead of prefixes may take; beyond it StreamError policy-violation
 * @returns octets, to be framed anew
 */
export const canonical = (frame, inherited, around, rebuild, limit) => {
    let declarations = '';
    for (const prefix of inherited ?? [])
        declarations += ` xmlns:${toOctets(prefix)}='${escapeAttribute(around.namespaces.get(prefix) ?? '')}'`;
    const xml = frame.xml.slice(0, frame.nameEnd) + declarations + frame.xml.slice(frame.nameEnd);
    return rebuild ? serialize(withoutPrefixes(treeOf(xml), NS.client, around.defaultNs, limit)) : xml;
};
//# sourceMappingURL=canonical.js.map