// XEP-0160: Offline Messages. What no session could take is kept until somebody is there.
import { ignored } from '../lib/core/ending.js';
const CHAT_STATES = 'http://jabber.org/protocol/chatstates';
export const offline = {
    name: 'offline',
    spec: 'XEP-0160 1.0.1',
    features: ['msgoffline'],
    on: {
        unreachable: {
            kinds: ['message'],
            run: (routed, { keep }) => {
                const { children } = routed.stanza;
                // §3: a stand-alone chat state says something about now. Its thread comes with it (XEP-0085 §5.5)
                const states = children.some((c) => c.ns === CHAT_STATES);
                const fleeting = states && children.every((c) => c.ns === CHAT_STATES || c.name === 'thread' || c.ns === 'urn:xmpp:hints');
                return fleeting ? ignored('XEP-0160 §3') : keep(routed);
            },
        },
    },
};
//# sourceMappingURL=offline.js.map