// XEP-0199: XMPP Ping. An empty result is the pong.
import type { Route } from '../lib/core/route.js'
import { NS } from '../lib/base/namespaces.js'

export const ping: Route = {
  name: 'ping',
  spec: 'XEP-0199 2.0.1',
  features: [NS.ping],
  accountFeatures: [NS.ping],
  iq: [{ type: 'get', to: 'either', ns: NS.ping, name: 'ping', answer: () => {} }],
}
