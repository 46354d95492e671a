// XEP-0049: Private XML Storage. Gajim waits for its answer before it comes online; others keep their bookmarks here.
import { Element, createElement as el } from 'ltx'
import { StanzaError } from '../lib/base/errors.js'
import { toOctets, toText } from '../lib/base/octets.js'
import type { Request, Route, Services } from '../lib/core/route.js'
import { getPrivate, setPrivate } from '../lib/store/private-xml.js'
import { plain, readElement, writeElement } from '../lib/core/payload.js'

const NS = 'jabber:iq:private'

/** The one element inside, which names what is meant by its namespace and name (§3). */
const inner = ({ payload }: Request): Element => {
  const children = payload.getChildElements()
  const [child] = children
  if (child === undefined || children.length > 1) throw new StanzaError('bad-request', 'exactly one element is stored or asked for at a time')
  const element = plain(child)
  const ns = String(element.attrs['xmlns'] ?? '')
  // §6.2: namespaces of the protocol itself are not for storing
  if (ns === '' || ns === NS || ns.startsWith('jabber:client')) throw new StanzaError('bad-request', 'the element needs a namespace of its own')
  return element
}

const get = async (request: Request, { db }: Services): Promise<Element> => {
  const asked = inner(request)
  const found = await getPrivate(db, request.from.bare, String(asked.attrs['xmlns']), asked.name)
  // §3.2: what was never stored comes back empty
  return el('query', { xmlns: NS }, found === null ? new Element(asked.name, { xmlns: asked.attrs['xmlns'] }) : readElement(toOctets(found)))
}

const set = async (request: Request, { db, settings }: Services): Promise<void> => {
  const element = inner(request)
  const outcome = await setPrivate(db, request.from.bare, String(element.attrs['xmlns']), element.name, toText(writeElement(element)), settings.privateMaxBytes, request.session)
  if (outcome === 'full') throw new StanzaError('resource-constraint', `more than ${settings.privateMaxBytes} bytes of private storage`, { type: 'cancel' })
}

export const privateXml: Route = {
  name: 'private',
  spec: 'XEP-0049 1.2',
  features: [NS],
  iq: [
    { type: 'get', to: 'account', ns: NS, name: 'query', answer: get },
    { type: 'set', to: 'account', ns: NS, name: 'query', answer: set },
  ],
}
