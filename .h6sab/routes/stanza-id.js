import { NS } from '../lib/base/namespaces.js';
import { attributeOf, isOurs, without } from '../lib/core/forgery.js';
export const stanzaId = {
    name: 'stanza-id',
    spec: 'XEP-0359 0.7.0',
    on: {
        sent: {
            kinds: ['message'],
            ns: NS.stanzaId,
            run: ({ stanza, from, to }, { domains, jid }) => without(stanza, (child) => child.ns === NS.stanzaId &&
                child.name === 'stanza-id' && isOurs(jid(attributeOf(stanza, child, 'by')), from, to, domains)),
        },
    },
};
//# sourceMappingURL=stanza-id.js.map