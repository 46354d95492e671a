// RFC 6121 §2: the roster, as far as a client needs it to log in: get, set, remove, pushes. Subscriptions come next.
import { createElement as el } from 'ltx'
import type { Element } from 'ltx'
import { randomUUID } from 'node:crypto'
import { StanzaError } from '../lib/base/errors.js'
import { NS } from '../lib/base/namespaces.js'
import type { Request, Route, Services } from '../lib/core/route.js'
import { removeContact, rosterOf, setContact } from '../lib/store/roster.js'
import type { RosterItem } from '../lib/store/roster.js'

/** RFC 6121 §2.3.3: what is too long is not acceptable. */
const LONGEST_NAME = 1023
const MOST_GROUPS = 50

const itemElement = ({ jid, name, subscription, ask, groups }: RosterItem): Element => el('item', {
  jid, subscription, ...(name === '' ? {} : { name }), ...(ask ? { ask: 'subscribe' } : {}),
}, ...groups.map((group) => el('group', {}, group)))

const get = async ({ from, session }: Request, { db }: Services): Promise<Element> => {
  // §2.2: who asks for the roster is interested in its changes. From before the reading, so that none is missed
  if (session !== null) session.interested = true
  return el('query', { xmlns: NS.roster }, ...(await rosterOf(db, from.bare)).map(itemElement))
}

/** §2.1.6: to each interested resource, the sender's included. */
const push = async (account: string, item: Element, { sessionsOf, send }: Services): Promise<void> => {
  for (const session of sessionsOf(account)) {
    if (!session.interested) continue
    await send(el('iq', { type: 'set', id: `push-${randomUUID()}`, from: account, to: session.jid.full }, el('query', { xmlns: NS.roster }, item)))
  }
}

const set = async ({ payload, from }: Request, server: Services): Promise<void> => {
  const items = payload.getChildElements()
  const [item] = items
  if (item === undefined || items.length > 1 || item.getName() !== 'item') throw new StanzaError('bad-request', 'a roster set has exactly one item') // §2.3.3
  const jid = server.jid(String(item.attrs['jid'] ?? ''))
  if (jid === null) throw new StanzaError(item.attrs['jid'] === undefined ? 'bad-request' : 'jid-malformed')
  if (item.attrs['subscription'] === 'remove') {
    if (!await removeContact(server.db, from.bare, jid.full)) throw new StanzaError('item-not-found') // §2.5.3
    await push(from.bare, el('item', { jid: jid.full, subscription: 'remove' }), server)
    return
  }
  const name = String(item.attrs['name'] ?? '')
  // RFC 6121 §2.3.3 calls an empty group not acceptable; Psi sends one where it means none, so none it is (clients.md §5)
  const groups = item.getChildElements().filter((e) => e.getName() === 'group').map((e) => e.getText()).filter((g) => g !== '')
  if (name.length > LONGEST_NAME || groups.length > MOST_GROUPS || groups.some((g) => g.length > LONGEST_NAME)) throw new StanzaError('not-acceptable', 'a name or group is too long, or there are too many groups')
  if (new Set(groups).size !== groups.length) throw new StanzaError('bad-request', 'a group is named twice') // §2.3.3
  const stored = await setContact(server.db, from.bare, jid.full, name, groups, server.settings.rosterMaxItems)
  if (stored === 'full') throw new StanzaError('resource-constraint', `more than ${server.settings.rosterMaxItems} contacts`, { type: 'cancel' })
  await push(from.bare, itemElement(stored), server)
}

export const roster: Route = {
  name: 'roster',
  spec: 'RFC 6121 §2',
  iq: [
    { type: 'get', to: 'account', ns: NS.roster, name: 'query', answer: get },
    { type: 'set', to: 'account', ns: NS.roster, name: 'query', answer: set },
  ],
}
