// XEP-0334: Message Processing Hints. What asks not to be stored is not; its sender meant it for now only.
import { ignored } from '../lib/core/ending.js'
import type { Route } from '../lib/core/route.js'
import { NS } from '../lib/base/namespaces.js'

export const hints: Route = {
  name: 'hints',
  spec: 'XEP-0334 1.0.0',
  on: {
    unreachable: {
      kinds: ['message'],
      ns: NS.hints,
      // §4.2 no-store forbids the offline store too; §4.1 no-permanent-store speaks of archives only
      run: ({ stanza }) => (stanza.children.some((c) => c.ns === NS.hints && c.name === 'no-store') ? ignored('XEP-0334 §4.2') : undefined),
    },
  },
}
