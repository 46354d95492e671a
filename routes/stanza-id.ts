// XEP-0359: Unique and Stable Stanza IDs. A <stanza-id/> says who assigned it; what says that we did, and came from a
// client, is a forgery and goes (§5). Ids are assigned once there is an archive that they can name.
import type { Route } from '../lib/core/route.js'
import { NS } from '../lib/base/namespaces.js'
import { attributeOf, isOurs, without } from '../lib/core/forgery.js'

export const stanzaId: Route = {
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
}
