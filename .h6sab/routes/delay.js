import { NS } from '../lib/base/namespaces.js';
import { attributeOf, isOurs, without } from '../lib/core/forgery.js';
export const delay = {
    name: 'delay',
    spec: 'XEP-0203 2.0',
    features: [NS.delay],
    on: {
        sent: {
            kinds: ['message', 'presence'],
            ns: NS.delay,
            run: ({ stanza, from, to }, { domains, jid }) => without(stanza, (child) => {
                if (child.ns !== NS.delay || child.name !== 'delay')
                    return false;
                const by = jid(attributeOf(stanza, child, 'from'));
                return by !== null && by.local === '' && isOurs(by, from, to, domains);
            }),
        },
    },
};
//# sourceMappingURL=delay.js.map