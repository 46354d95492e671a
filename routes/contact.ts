// XEP-0157: Contact Addresses for XMPP Services: whom to write to about this server, in its disco#info.
import { createElement as el } from 'ltx'
import type { Element } from 'ltx'
import type { Route } from '../lib/core/route.js'

const FORM = 'http://jabber.org/network/serverinfo'
/** Of the roles that §3 knows, those in which somebody of every server should answer. */
const ROLES = ['abuse', 'admin', 'security', 'support'] as const

const field = (name: string, values: readonly string[], more: Record<string, string> = {}): Element =>
  el('field', { var: name, ...more }, ...values.map((value) => el('value', {}, value)))

export const contact: Route = {
  name: 'contact',
  spec: 'XEP-0157 1.1.1',
  forms: ({ contact: addresses }) => (addresses.length === 0 ? [] : [
    el('x', { xmlns: 'jabber:x:data', type: 'result' }, field('FORM_TYPE', [FORM], { type: 'hidden' }), ...ROLES.map((role) => field(`${role}-addresses`, addresses))),
  ]),
}
