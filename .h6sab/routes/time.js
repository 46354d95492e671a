// XEP-0202: Entity Time. A server's users live anywhere, so it tells UTC.
import { createElement as el } from 'ltx';
const NS = 'urn:xmpp:time';
export const time = {
    name: 'time',
    spec: 'XEP-0202 2.0',
    features: [NS],
    iq: [{
            type: 'get', to: 'server', ns: NS, name: 'time',
            answer: (_request, { now }) => el('time', { xmlns: NS }, el('tzo', {}, 'Z'), el('utc', {}, now().toISOString())),
        }],
};
//# sourceMappingURL=time.js.map