// RFC 6121 §2: the roster, with versions (§2.6). What is between two accounts is not the client's to set here: that takes
// presence stanzas (lib/core/subscribing.ts).
import { createElement as el } from 'ltx'
import type { Element } from 'ltx'
import { StanzaError } from '../lib/base/errors.js'
import { NS } from '../lib/base/namespaces.js'
import type { Request, Route, Services } from '../lib/core/route.js'

/** RFC 6121 §2.3.3: what is too long is not acceptable. */
const LONGEST_NAME = 1023
const MOST_GROUPS = 50

const get = async ({ payload, session }: Request, { rosters }: Services): Promise<Element | void> => {
  if (session === null) return
  const known = payload.attrs['ver'] as string | undefined
  // §2.2: who asks for the roster is interested in its changes. From before the reading, so that none is missed
  session.interested = true
  const roster = await rosters.read(session.account, known)
  if (roster === null) throw new StanzaError('item-not-found') // §2.1.5: no such account any more
  session.rosterVersion = Number(roster.ver)
  if (roster.items !== null) return el('query', { xmlns: NS.roster, ...(known === undefined ? {} : { ver: roster.ver }) }, ...roster.items)
  // §2.6.3: nothing in the answer, then what has changed
  if (roster.changes.length > 0) setImmediate(() => rosters.push(session, roster.changes))
}

const set = async ({ payload, from, session }: Request, server: Services): Promise<void> => {
  const items = payload.getChildElements()
  const [item] = items
  if (item === undefined || items.length > 1 || item.getName() !== 'item') throw new StanzaError('bad-request', 'a roster set has exactly one item') // §2.3.3
  const jid = server.jid(String(item.attrs['jid'] ?? ''))
  if (jid === null) throw new StanzaError(item.attrs['jid'] === undefined ? 'bad-request' : 'jid-malformed')
  if (item.attrs['subscription'] === 'remove') {
    if (!await server.subscribing.remove(from.bare, jid.full, session)) throw new StanzaError('item-not-found') // §2.5.3
    return
  }
  if (jid.full === from.bare) throw new StanzaError('not-allowed', 'one is no contact of oneself') // §2.3.3
  const name = String(item.attrs['name'] ?? '')
  // RFC 6121 §2.3.3 calls an empty group not acceptable; Psi sends one where it means none, so none it is (clients.md §5)
  const groups = item.getChildElements().filter((e) => e.getName() === 'group').map((e) => e.getText()).filter((g) => g !== '')
  if (name.length > LONGEST_NAME || groups.length > MOST_GROUPS || groups.some((g) => g.length > LONGEST_NAME)) throw new StanzaError('not-acceptable', 'a name or group is too long, or there are too many groups')
  if (new Set(groups).size !== groups.length) throw new StanzaError('bad-request', 'a group is named twice') // §2.3.3
  await server.rosters.change(from.bare, jid.full, (own) => ({
    own: { ...own ?? { jid: jid.full, subscription: 'none', ask: false, approved: false, request: null }, name, groups, listed: true },
  }), (push) => push.own(), session)
}

export const roster: Route = {
  name: 'roster',
  spec: 'RFC 6121 §2',
  // §2.6.1, §3.4.1
  offers: () => [el('ver', { xmlns: 'urn:xmpp:features:rosterver' }), el('sub', { xmlns: 'urn:xmpp:features:pre-approval' })],
  iq: [
    { type: 'get', to: 'account', ns: NS.roster, name: 'query', answer: get },
    { type: 'set', to: 'account', ns: NS.roster, name: 'query', answer: set },
  ],
}
