// XEP-0441: Message Archive Management Preferences: whose messages an account wants archived. They decide as a message is
// written (lib/store/log.ts): what is archived stays so, and what was not archived is not archived later.
import { createElement as el } from 'ltx'
import type { Element } from 'ltx'
import { StanzaError } from '../lib/base/errors.js'
import { MAM } from '../lib/core/archive-query.js'
import type { Request, Route, Services } from '../lib/core/route.js'
import { getPreference, setPreference } from '../lib/store/archive-preference.js'
import type { ArchivePreference, Fallback } from '../lib/store/archive-preference.js'

const FALLBACKS: readonly string[] = ['always', 'never', 'roster'] satisfies Fallback[]

const shown = ({ fallback, always, never }: ArchivePreference): Element => {
  const list = (name: string, jids: readonly string[]): Element => el(name, {}, ...jids.map((jid) => el('jid', {}, jid)))
  return el('prefs', { xmlns: MAM, default: fallback }, list('always', always), list('never', never)) // §2.1: all of them, empty or not
}

const get = async ({ from }: Request, { db, settings: { archive } }: Services): Promise<Element> =>
  shown(await getPreference(db, from.bare) ?? { fallback: archive === 'roster' ? 'roster' : 'always', always: [], never: [] })

const addresses = (list: Element | undefined, server: Services): string[] => {
  const jids = (list?.getChildren('jid') ?? []).map((element) => {
    const jid = server.jid(element.getText().trim())
    if (jid === null) throw new StanzaError('jid-malformed')
    // §2.3.1 would compare it with the whole address; the log knows messages by account, and a wish is not granted by half
    if (jid.resource !== '') throw new StanzaError('not-acceptable', `${jid.full}: whose messages are archived is decided by account, without a resource`)
    return jid.bare
  })
  return [...new Set(jids)].sort()
}

const set = async ({ payload, from, session }: Request, server: Services): Promise<Element> => {
  const fallback = String(payload.attrs['default'] ?? '')
  if (!FALLBACKS.includes(fallback)) throw new StanzaError('bad-request', `default is one of ${FALLBACKS.join(', ')}`) // §2.1.1
  const always = addresses(payload.getChild('always'), server)
  // who is in both is always archived, which the answer says
  const never = addresses(payload.getChild('never'), server).filter((jid) => !always.includes(jid))
  const most = server.settings.archiveMaxPreferences
  if (always.length + never.length > most) throw new StanzaError('resource-constraint', `more than ${most} addresses`, { type: 'cancel' })
  const preference: ArchivePreference = { fallback: fallback as Fallback, always, never }
  if (!await setPreference(server.db, from.bare, preference, session)) throw new StanzaError('service-unavailable')
  return shown(preference)
}

export const archivePreferences: Route = {
  name: 'archive-preferences',
  spec: 'XEP-0441 0.2.0',
  isOn: ({ archive }) => archive !== 'off',
  iq: [
    { type: 'get', to: 'account', ns: MAM, name: 'prefs', answer: get },
    { type: 'set', to: 'account', ns: MAM, name: 'prefs', answer: set },
  ],
}
