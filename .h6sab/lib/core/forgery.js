import { frameOf } from '../wire/framer.js';
import { treeOf } from '../wire/tree.js';
/** An attribute of a child, decoded; '' where absent. */
export const attributeOf = (stanza, child, name) => String(treeOf(stanza.xml.slice(child.start, child.end)).attrs[name] ?? '').trim();
/** Without the children for which `forged` says so. Children are cut, nothing else changes; framed anew. */
export const without = (stanza, forged) => {
    let xml = '';
    let from = 0;
    for (const child of stanza.children) {
        if (!forged(child))
            continue;
        xml += stanza.xml.slice(from, child.start);
        from = child.end;
    }
    return from === 0 ? stanza : frameOf(xml + stanza.xml.slice(from));
};
/** An address of ours, or of this stanza's sender or receiver, whatever its spelling. */
export const isOurs = (address, from, to, domains) => address !== null && (address.bare === from.bare || address.bare === to.bare || (address.local === '' && domains.has(address.domain)));
//# sourceMappingURL=forgery.js.map