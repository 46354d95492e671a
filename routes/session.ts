// RFC 3921 §3: sessions, which RFC 6121 has done away with. Clients that still ask for one get an empty result.
import { NS } from '../lib/base/namespaces.js'
import type { Route } from '../lib/core/route.js'

export const session: Route = {
  name: 'session',
  spec: 'RFC 3921 §3',
  iq: [{ type: 'set', to: 'either', ns: NS.session, name: 'session', answer: () => {} }],
}
