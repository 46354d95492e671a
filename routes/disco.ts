// XEP-0030: Service Discovery. What is told is generated from the routes, so it is true by construction.
import { createElement as el } from 'ltx'
import type { Element } from 'ltx'
import { StanzaError } from '../lib/base/errors.js'
import { NS } from '../lib/base/namespaces.js'
import { accountInfo, SERVER_NODE, serverInfo, serverVer } from '../lib/core/disco-info.js'
import type { Request, Route, Services } from '../lib/core/route.js'

const nodeOf = ({ payload }: Request): string => String(payload.attrs['node'] ?? '')

const info = (request: Request, { routes, settings }: Services): Element => {
  const server = request.to.local === ''
  const node = nodeOf(request)
  // XEP-0115 §6.2: the node that the server's own capabilities name is the server. §3.2: others are unknown
  if (node !== '' && !(server && node === `${SERVER_NODE}#${serverVer(routes, settings)}`)) throw new StanzaError('item-not-found')
  return el('query', { xmlns: NS.discoInfo, ...(node === '' ? {} : { node }) }, ...(server ? serverInfo(routes, settings) : accountInfo(routes)))
}

const items = (request: Request): Element => {
  if (nodeOf(request) !== '') throw new StanzaError('item-not-found')
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
