// XEP-0191: Blocking Command. Whom an account blocks can neither reach it nor see that it is there, and it cannot reach
// them; what follows for presence is in lib/core/reblocked.ts, for subscriptions in lib/core/subscribing.ts.
import { createElement as el } from 'ltx'
import type { Element } from 'ltx'
import { StanzaError } from '../lib/base/errors.js'
import type { Jid } from '../lib/base/jid.js'
import type { Blocklist } from '../lib/core/blocklist.js'
import { ignored } from '../lib/core/ending.js'
import type { Request, Route, Routed, Services, StepResult } from '../lib/core/route.js'

const NS = 'urn:xmpp:blocking'

const get = async ({ session, from }: Request, { blocklists }: Services): Promise<Element> => {
  // from before the reading, so that no change is missed
  if (session !== null) session.blocklist = true
  const list = await blocklists.of(from.bare)
  return el('blocklist', { xmlns: NS }, ...(list?.jids ?? []).map((jid) => el('item', { jid })))
}

const addressesIn = (payload: Element, server: Services): readonly string[] => {
  const items = payload.getChildElements().filter((e) => e.getName() === 'item')
  const jids = items.map(({ attrs }) => {
    if (attrs['jid'] === undefined) throw new StanzaError('bad-request', 'an item names a jid')
    const jid = server.jid(String(attrs['jid']))
    if (jid === null) throw new StanzaError('jid-malformed')
    return jid.full
  })
  return [...new Set(jids)]
}

const block = async ({ payload, from, session }: Request, server: Services): Promise<void> => {
  const jids = addressesIn(payload, server)
  if (jids.length === 0) throw new StanzaError('bad-request', 'nobody is named') // §3.3
  const most = server.settings.blocklistMaxItems
  if (!await server.blocklists.add(from.bare, jids, most, session)) throw new StanzaError('resource-constraint', `more than ${most} blocked addresses`, { type: 'cancel' })
  push('block', from, jids, server)
}

/** §3.4; §3.5: without an item, all. */
const unblock = async ({ payload, from, session }: Request, server: Services): Promise<void> => {
  const jids = addressesIn(payload, server)
  await server.blocklists.remove(from.bare, jids.length === 0 ? null : jids, session)
  push('unblock', from, jids, server)
}

/** §3.3, §3.4: to each session that has asked for the list, the one that changed it included. */
const push = (name: 'block' | 'unblock', { bare }: Jid, jids: readonly string[], server: Services): void =>
  server.push(bare, 'blocklist', el(name, { xmlns: NS }, ...jids.map((it) => el('item', { jid: it }))))

/** §5: never one's own sessions from one another; and no list keeps out the server itself, or nobody could change it any more. */
const isExempt = (own: Jid, other: Jid, { domains }: Services): boolean => other.bare === own.bare || (other.local === '' && domains.has(other.domain))

/** §3.3, from the user's side. An answer or error is not answered with an error: that is the router's to know. */
const outbound = ({ session, from, to }: Routed, server: Services): void => {
  if (session === null) return
  const { blocks } = session.member
  if (blocks === null || isExempt(from, to, server) || !blocks.blocks(to)) return
  throw new StanzaError('not-acceptable', '', { type: 'cancel', detail: `<blocked xmlns='${NS}:errors'/>` })
}

/** §3.3, from the contact's side: to it, the account looks offline. */
const inbound = (routed: Routed, server: Services): StepResult | Promise<StepResult> => {
  const { kind, type } = routed.stanza
  // they change the sender's own roster too, where they look like any that is never answered: lib/core/subscribing.ts
  if (kind === 'presence' && SUBSCRIPTIONS.includes(type)) return
  const list = server.blocklists.of(routed.to.bare)
  if (list === null) return
  return list instanceof Promise ? list.then((found) => refuse(routed, found, server)) : refuse(routed, list, server)
}

const SUBSCRIPTIONS: readonly string[] = ['subscribe', 'subscribed', 'unsubscribe', 'unsubscribed']

const refuse = ({ stanza, from, to }: Routed, list: Blocklist | null, server: Services): StepResult => {
  if (list === null || isExempt(to, from, server) || !list.blocks(from)) return
  const { kind, type } = stanza
  if (kind === 'presence' || (kind === 'iq' && type !== 'get' && type !== 'set')) return ignored('XEP-0191 §3.3')
  throw new StanzaError('service-unavailable')
}

export const blocking: Route = {
  name: 'blocking',
  spec: 'XEP-0191 1.3',
  features: [NS],
  iq: [
    { type: 'get', to: 'account', ns: NS, name: 'blocklist', answer: get },
    { type: 'set', to: 'account', ns: NS, name: 'block', answer: block },
    { type: 'set', to: 'account', ns: NS, name: 'unblock', answer: unblock },
  ],
  on: {
    sent: { kinds: ['message', 'presence', 'iq'], run: outbound },
    received: { kinds: ['message', 'presence', 'iq'], run: inbound },
  },
}
