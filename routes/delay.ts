// XEP-0203: Delayed Delivery. The server's own <delay/> is added where stored messages are read; a client that says that
// this server delayed something is not believed (§4).
import type { Route } from '../lib/core/route.js'
import { NS } from '../lib/base/namespaces.js'
import { attributeOf, isOurs, without } from '../lib/core/forgery.js'

export const delay: Route = {
  name: 'delay',
  spec: 'XEP-0203 2.0',
  features: [NS.delay],
  on: {
    sent: {
      kinds: ['message', 'presence'],
      ns: NS.delay,
      run: ({ stanza, from, to }, { domains, jid }) => without(stanza, (child) => {
        if (child.ns !== NS.delay || child.name !== 'delay') return false
        const by = jid(attributeOf(stanza, child, 'from'))
        return by !== null && by.local === '' && isOurs(by, from, to, domains)
      }),
    },
  },
}
