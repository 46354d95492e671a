// RFC 3921 §3: sessions, which RFC 6121 has done away with. Clients that still ask for one get an empty result.
import { NS } from '../lib/base/namespaces.js';
export const session = {
    name: 'session',
    spec: 'RFC 3921 §3',
    iq: [{ type: 'set', to: 'either', ns: NS.session, name: 'session', answer: () => { } }],
};
//# sourceMappingURL=session.js.map