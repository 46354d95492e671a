// XEP-0030: Service Discovery. What is told is generated from the routes, so it is true by construction.
import { createElement as el } from 'ltx'
import type { Element } from 'ltx'
import { StanzaError } from '../lib/base/errors.js'
import { NS } from '../lib/base/namespaces.js'
import type { Request, Route, Services } from '../lib/core/route.js'

/** There are no nodes yet (§3.2: an unknown node is item-not-found). */
const noNode = ({ payload }: Request): void => {
  if (String(payload.attrs['node'] ?? '') !== '') throw new StanzaError('item-not-found')
}

const info = (request: Request, { routes, settings }: Services): Element => {
  noNode(request)
  const server = request.to.local === ''
  const features = new Set([NS.discoInfo, NS.discoItems, ...routes.flatMap((r) => (server ? r.features : r.accountFeatures) ?? [])])
  // §9: 'server/im' for the server, 'account/registered' for an account
  const identity = server ? { category: 'server', type: 'im', name: 'jidway' } : { category: 'account', type: 'registered' }
  return el('query', { xmlns: NS.discoInfo }, el('identity', identity), ...[...features].sort().map((f) => el('feature', { var: f })),
    ...(server ? routes.flatMap((r) => r.forms?.(settings) ?? []) : []))
}

const items = (request: Request): Element => {
  noNode(request)
  return el('query', { xmlns: NS.discoItems })
}

export const disco: Route = {
  name: 'disco',
  spec: 'XEP-0030 2.5.0',
  iq: [
    { type: 'get', to: 'either', ns: NS.discoInfo, name: 'query', answer: info },
    { type: 'get', to: 'either', ns: NS.discoItems, name: 'query', answer: items },
  ],
}
