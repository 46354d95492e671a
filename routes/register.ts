// XEP-0077: In-Band Registration. Who has logged in changes its password or cancels its account here; strangers make
// accounts where the operator lets them (JIDWAY_REGISTRATION=open), inside TLS only (lib/net/negotiation.ts).
import { createElement as el } from 'ltx'
import type { Element } from 'ltx'
import { StanzaError } from '../lib/base/errors.js'
import type { Request, Route, Services, Stranger } from '../lib/core/route.js'

const NS = 'jabber:iq:register'
const FEATURE = 'http://jabber.org/features/iq-register'

/** §3.2 names nobody: it is the sender that is meant. Asked of a domain where it has no account, it is nobody there. */
const atHome = ({ from, to }: Request): void => {
  if (to.domain !== from.domain) throw new StanzaError('registration-required')
}

/** §3.1: what is on file; the password is not. */
const get = (request: Request): Element => {
  atHome(request)
  return el('query', { xmlns: NS }, el('registered'), el('username', {}, request.from.local), el('password'))
}

const set = async (request: Request, server: Services): Promise<void> => {
  atHome(request)
  const { payload, from, session } = request
  if (payload.getChild('remove') !== undefined) {
    if (payload.getChildElements().length > 1) throw new StanzaError('bad-request', '<remove/> stands alone') // §3.2
    await server.removeAccount(from.bare)
    return
  }
  // §3.3. An empty password changes nothing
  const [username, password] = fieldsOf(payload)
  if (username === '' || password === '') throw new StanzaError('bad-request', 'a username and a new password are needed')
  if (server.jid(`${username}@${from.domain}`)?.full !== from.bare) throw new StanzaError('not-allowed', 'one changes one\'s own password')
  if (!await server.accounts.setPassword(from.bare, password, session)) throw new StanzaError('registration-required')
}

const fieldsOf = (payload: Element): readonly [string, string] => [payload.getChildText('username') ?? '', payload.getChildText('password') ?? '']

const isOpen = (server: Services): void => {
  if (server.settings.registration !== 'open') throw new StanzaError('service-unavailable') // §3.1
}

const form = (_request: Stranger, server: Services): Element => {
  isOpen(server)
  return el('query', { xmlns: NS }, el('instructions', {}, 'Choose a username and a password.'), el('username'), el('password'))
}

/** §3.1, §3.1.1 */
const register = async ({ payload, domain, address }: Stranger, server: Services): Promise<void> => {
  isOpen(server)
  const [username, password] = fieldsOf(payload)
  if (username === '' || password === '') throw new StanzaError('not-acceptable', 'a username and a password are needed')
  const jid = server.jid(`${username}@${domain}`)
  if (jid === null || jid.local === '' || jid.resource !== '' || jid.domain !== domain) throw new StanzaError('not-acceptable', 'this cannot be a username')
  // whoever takes an operator's name first must not get its rights
  if (server.settings.admin.includes(jid.bare) || !await server.accounts.register(jid.bare, password, address)) throw new StanzaError('conflict', 'the name is taken')
}

export const registration: Route = {
  name: 'register',
  spec: 'XEP-0077 2.4',
  features: [NS],
  offersStrangers: ({ registration: who }) => (who === 'open' ? [el('register', { xmlns: FEATURE })] : []), // §8
  iq: [
    { type: 'get', to: 'either', ns: NS, name: 'query', answer: get },
    { type: 'set', to: 'either', ns: NS, name: 'query', answer: set },
  ],
  strangers: [
    { type: 'get', ns: NS, name: 'query', answer: form },
    { type: 'set', ns: NS, name: 'query', answer: register },
  ],
}
