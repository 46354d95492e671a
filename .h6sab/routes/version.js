// XEP-0092: Software Version. The operating system is nobody's business (§5).
import { createElement as el } from 'ltx';
import { VERSION } from '../lib/base/version.js';
const NS = 'jabber:iq:version';
export const version = {
    name: 'version',
    spec: 'XEP-0092 1.1',
    features: [NS],
    iq: [{
            type: 'get', to: 'server', ns: NS, name: 'query',
            answer: () => el('query', { xmlns: NS }, el('name', {}, 'jidway'), el('version', {}, VERSION)),
        }],
};
//# sourceMappingURL=version.js.map