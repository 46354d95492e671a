// XEP-0115: Entity Capabilities. The server's own, told at log-in as a hash that routes/disco.ts can explain; and those of
// clients, learned when their presence announces them (lib/core/caps.ts).
import { createElement as el } from 'ltx'
import { CAPS } from '../lib/core/caps.js'
import { SERVER_NODE, serverVer } from '../lib/core/disco-info.js'
import type { Route } from '../lib/core/route.js'

export const caps: Route = {
  name: 'caps',
  spec: 'XEP-0115 1.6.0',
  features: [CAPS],
  // §6.3
  offers: (settings, routes) => [el('c', { xmlns: CAPS, hash: 'sha-1', node: SERVER_NODE, ver: serverVer(routes, settings) })],
  on: {
    sent: {
      kinds: ['presence'],
      ns: CAPS,
      run: ({ stanza, session }, server) => {
        // what is sent to somebody is between the two (§8.3); a request and a goodbye announce nothing
        if (session !== null && stanza.to === '' && stanza.type === '') server.caps.note(session, stanza)
      },
    },
  },
}
