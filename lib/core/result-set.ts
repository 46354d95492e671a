// XEP-0059: Result Set Management: which page of a long result is asked for, and which one was given.
import { createElement as el } from 'ltx'
import type { Element } from 'ltx'
import { StanzaError } from '../base/errors.js'

export const RSM = 'http://jabber.org/protocol/rsm'

export interface PageRequest {
  /** null: not said. 0: only the count is wanted (§2.7). */
  readonly max: number | null
  /** The page behind this item; null: from the beginning. */
  readonly after: string | null
  /** The page before this item; '': the last page (§2.5). null: not asked for. */
  readonly before: string | null
}

export interface Page {
  /** Items of the page; null: it is empty (§2.2: then neither is told). */
  readonly ends: { readonly first: string; readonly last: string } | null
  /** Of the whole result; null: nobody counted. */
  readonly count: number | null
  /** Place of the first item in the whole result; null: not known. */
  readonly index: number | null
  /** What `max` was cut to; null: it was not. */
  readonly max: number | null
}

/** What a request asks for; without <set/>: all. Throws StanzaError. */
export const pageRequest = (payload: Element): PageRequest => {
  const set = payload.getChild('set', RSM)
  if (set === undefined) return { max: null, after: null, before: null }
  // §2.6: places are not counted, so none can be looked up
  if (set.getChild('index') !== undefined) throw new StanzaError('feature-not-implemented', 'pages are found by item, not by index')
  const text = (name: string): string | null => set.getChild(name)?.getText().trim() ?? null
  const max = text('max')
  if (max !== null && !/^\d{1,9}$/.test(max)) throw new StanzaError('bad-request', '<max/> is a number')
  // several clients send an empty <after/> for the first page
  return { max: max === null ? null : Number(max), after: text('after') || null, before: text('before') }
}

export const pageSet = ({ ends, count, index, max }: Page): Element => el('set', { xmlns: RSM },
  ...(ends === null ? [] : [el('first', index === null ? {} : { index: String(index) }, ends.first), el('last', {}, ends.last)]),
  ...(max === null ? [] : [el('max', {}, String(max))]),
  ...(count === null ? [] : [el('count', {}, String(count))]))
