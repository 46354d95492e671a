import { NS } from '../lib/base/namespaces.js';
export const ping = {
    name: 'ping',
    spec: 'XEP-0199 2.0.1',
    features: [NS.ping],
    accountFeatures: [NS.ping],
    iq: [{ type: 'get', to: 'either', ns: NS.ping, name: 'ping', answer: () => { } }],
};
//# sourceMappingURL=ping.js.map