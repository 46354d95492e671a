// What a query of the archive asks for (XEP-0313 §4): a form (XEP-0004) with filters, and a page (XEP-0059).
import { createElement as el } from 'ltx'
import type { Element } from 'ltx'
import { StanzaError } from '../base/errors.js'
import type { Jid } from '../base/jid.js'
import { wordsOf } from '../base/words.js'
import { logId } from './log-id.js'
import type { LogId } from './log-id.js'
import { pageRequest } from './result-set.js'
import type { PageRequest } from './result-set.js'

export const MAM = 'urn:xmpp:mam:2'
/** XEP-0431 */
export const FULLTEXT = 'urn:xmpp:fulltext:0'
const SEARCHED = `{${FULLTEXT}}fulltext`
const FORM = 'jabber:x:data'
const VALIDATE = 'http://jabber.org/protocol/xdata-validate'

export interface ArchiveRequest {
  readonly queryId: string
  readonly with: Jid | null
  /** ms since 1970, inclusive. */
  readonly start: number | null
  readonly end: number | null
  readonly beforeId: LogId | null
  readonly afterId: LogId | null
  readonly ids: readonly LogId[] | null
  /** Words, all of which a message must hold (XEP-0431); null: any message will do. */
  readonly words: readonly string[] | null
  readonly flip: boolean
  readonly page: PageRequest & { readonly afterEntry: LogId | null; readonly beforeEntry: LogId | null }
}

/** Of a search. */
const MOST_WORDS = 32

/** §4.1.5: what can be asked for. */
export const archiveForm = (): Element => el('x', { xmlns: FORM, type: 'form' },
  el('field', { var: 'FORM_TYPE', type: 'hidden' }, el('value', {}, MAM)),
  el('field', { var: 'with', type: 'jid-single' }),
  el('field', { var: 'start', type: 'text-single' }),
  el('field', { var: 'end', type: 'text-single' }),
  el('field', { var: 'before-id', type: 'text-single' }),
  el('field', { var: 'after-id', type: 'text-single' }),
  // any value may be chosen, and the list of them is not sent
  el('field', { var: 'ids', type: 'list-multi' }, el('validate', { xmlns: VALIDATE, datatype: 'xs:string' }, el('open'))),
  el('field', { var: 'include-groupchat', type: 'boolean' }),
  el('field', { var: SEARCHED, type: 'text-single' }))

/** Throws StanzaError. @param most ids that may be asked for at once */
export const archiveRequest = (payload: Element, jid: (text: string) => Jid | null, most: number): ArchiveRequest => {
  // XEP-0442: archives of nodes; this account has none
  if (payload.attrs['node'] !== undefined) throw new StanzaError('item-not-found')
  const fields = fieldsOf(payload.getChild('x', FORM))
  const one = (name: string): string | null => fields.get(name)?.[0] ?? null
  const address = one('with')
  const other = address === null ? null : jid(address)
  if (address !== null && other === null) throw new StanzaError('jid-malformed')
  const ids = fields.get('ids') ?? null
  if (ids !== null && ids.length > most) throw new StanzaError('policy-violation', `more than ${most} ids`)
  const text = one(SEARCHED)
  const words = text === null ? null : wordsOf(text)
  if (words !== null && words.length > MOST_WORDS) throw new StanzaError('policy-violation', `more than ${MOST_WORDS} words`)
  const page = pageRequest(payload)
  return {
    queryId: String(payload.attrs['queryid'] ?? ''),
    with: other,
    start: timeOf(one('start'), Math.ceil),
    end: timeOf(one('end'), Math.floor),
    beforeId: idFrom(one('before-id')),
    afterId: idFrom(one('after-id')),
    ids: ids === null ? null : ids.map((id) => idFrom(id) as LogId),
    words,
    flip: payload.getChild('flip-page') !== undefined,
    page: { ...page, afterEntry: idFrom(page.after), beforeEntry: idFrom(page.before || null) },
  }
}

/** Nothing is left out of the pages of such a query but what the pages leave out (durability.md, promise 2). */
export const isWhole = (request: ArchiveRequest): boolean =>
  request.with === null && request.start === null && request.end === null && request.ids === null && request.words === null && request.beforeId === null

const KNOWN = new Set(['FORM_TYPE', 'with', 'start', 'end', 'before-id', 'after-id', 'ids', 'include-groupchat', SEARCHED])

/** Values that are not empty, by field. */
const fieldsOf = (form: Element | undefined): ReadonlyMap<string, readonly string[]> => {
  const fields = new Map<string, readonly string[]>()
  for (const field of form?.getChildren('field') ?? []) {
    const name = String(field.attrs['var'] ?? '')
    // §4.1.5
    if (!KNOWN.has(name)) throw new StanzaError('feature-not-implemented', `unknown field '${name}'`)
    const given = field.getChildren('value').map((value) => value.getText().trim()).filter((text) => text !== '')
    if (given.length > 0) fields.set(name, given)
  }
  const [type = MAM] = fields.get('FORM_TYPE') ?? []
  if (type !== MAM) throw new StanzaError('bad-request', `FORM_TYPE is ${MAM}`) // §4.1
  // §4.1.4: no groupchat is in the archive of an account, so both answers are the same
  const [groupchat = 'true'] = fields.get('include-groupchat') ?? []
  if (!['true', 'false', '1', '0'].includes(groupchat)) throw new StanzaError('bad-request', 'include-groupchat is a boolean')
  return fields
}

/** §4.1.3: what is no id of ours names nothing. */
const idFrom = (text: string | null): LogId | null => {
  if (text === null) return null
  const id = logId(text)
  if (id === null) throw new StanzaError('item-not-found')
  return id
}

/** XEP-0082 §3.2. Entries have times in whole milliseconds: `round` is to the one that is inside. */
const timeOf = (text: string | null, round: (ms: number) => number): number | null => {
  if (text === null) return null
  const [, day = '', fraction = '', zone = ''] = /^(-?\d{4,6}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)$/.exec(text) ?? []
  const ms = day === '' ? Number.NaN : Date.parse(`${day}${zone}`) + round(Number(`0${fraction}`) * 1000)
  if (Number.isNaN(ms)) throw new StanzaError('bad-request', `'${text}' is no date and time (XEP-0082)`)
  return ms
}
