// XEP-0313: Message Archive Management: an account reads its archive, page by page (XEP-0059). The archive is a view of the
// message log: ids are those of log entries, so an id that was given out with a live message is one here too.
import { createElement as el } from 'ltx'
import type { Element } from 'ltx'
import { StanzaError } from '../lib/base/errors.js'
import { findPage } from '../lib/core/archive-find.js'
import type { ArchiveQuery, Found } from '../lib/core/archive-find.js'
import { archiveForm, archiveRequest, FULLTEXT, isWhole, MAM } from '../lib/core/archive-query.js'
import type { ArchiveRequest } from '../lib/core/archive-query.js'
import { wordsIn } from '../lib/core/archive-text.js'
import { archivedCopy } from '../lib/core/archived-copy.js'
import { upToDate } from '../lib/core/indexing.js'
import { idOf } from '../lib/core/log-id.js'
import type { LogId } from '../lib/core/log-id.js'
import { QUEUED } from '../lib/core/ports.js'
import { pageSet, RSM } from '../lib/core/result-set.js'
import type { Request, Route, Services } from '../lib/core/route.js'
import type { Session } from '../lib/core/sessions.js'
import { noteGiven, takeProved } from '../lib/core/walked-pages.js'
import { archiveEnds, archiveSource, countArchived, locate, NO_END, pickArchived, readArchived, seqAt } from '../lib/store/archive.js'
import { beginSearch, indexNext } from '../lib/store/archive-words.js'

/** How far `at` may fall along the numbers: the clocks of two nodes differ. ms */
const SKEW = 5000
/** Entries counted for a request that wants nothing but the count; of more, none is told (XEP-0059 §2.7). */
const MOST_COUNTED = 10_000

const query = async ({ payload, session }: Request, server: Services): Promise<Element> => {
  if (session === null) throw new StanzaError('service-unavailable')
  const { db, settings, jid } = server
  const request = archiveRequest(payload, jid, settings.archivePageMax)
  await released(session, request, server)
  const { whole, paged } = await rangesOf(session, request, server)
  const max = Math.min(request.page.max ?? settings.archivePage, settings.archivePageMax)
  if (max === 0) return counted(request, whole, server)
  if (request.words !== null) await indexed(session, server)
  const walked = await findPage(archiveSource(db), request, paged, max, jid)
  const found = session.stream?.resumable === true ? fitting(walked.found, settings.writeBufferBytes >> 2) : walked.found
  const complete = walked.complete && found.length === walked.found.length
  const page = request.page.before === null ? found : found.toReversed()
  await send(session, request.flip ? page.toReversed() : page, request.queryId, server)
  const [first, last] = [page[0], page.at(-1)]
  if (first === undefined || last === undefined) return fin(complete, { ends: null, count: sameRange(whole, paged) ? 0 : null, index: null, max: null })
  if (isWhole(request)) noteGiven(session, idOf(last), page.filter((e) => (e.flags & QUEUED) !== 0).map((e) => e.seq))
  // who has the whole result has counted it
  const all = complete && sameRange(whole, paged)
  return fin(complete, {
    ends: { first: idOf(first), last: idOf(last) }, count: all ? page.length : null, index: all ? 0 : null,
    max: (request.page.max ?? 0) > max ? max : null,
  })
}

/** §4.3.2 */
const fin = (complete: boolean, page: Parameters<typeof pageSet>[0]): Element => el('fin', { xmlns: MAM, ...(complete ? { complete: 'true' } : {}) }, pageSet(page))

const sameRange = (a: ArchiveQuery, b: ArchiveQuery): boolean => a.after === b.after && a.before === b.before

/** durability.md, promise 2: who asks for what comes after a page that it was given has that page. */
const released = async (session: Session, request: ArchiveRequest, server: Services): Promise<void> => {
  const after = request.page.afterEntry ?? request.afterId
  if (after === null || !isWhole(request)) return
  const proved = takeProved(session, idOf(after))
  if (proved.length > 0) await server.release(session, proved)
}

/** Where to look: for the whole result, and for the page of it. */
const rangesOf = async ({ account }: Session, request: ArchiveRequest, { db }: Services): Promise<{ readonly whole: ArchiveQuery; readonly paged: ArchiveQuery }> => {
  const { afterId, beforeId, ids, start, end, page: { afterEntry, beforeEntry } } = request
  await check(account, [afterId, beforeId, afterEntry, beforeEntry], ids ?? [], { db })
  // found by bisection with room for clocks that differ; `from` and `until` are exact
  const from = start === null ? 0 : await seqAt(db, account, start - SKEW)
  const until = end === null ? NO_END : await seqAt(db, account, end + 1 + SKEW)
  // §4.1.1: of a full JID of one's own either side will do, and the other may be anybody; that a message is from and to the account
  // is asked for with the bare one only
  const isOwn = request.with !== null && request.with.resource !== '' && request.with.bare === account
  const whole: ArchiveQuery = {
    account, peer: isOwn ? null : request.with?.bare ?? null, from: start ?? 0, until: end ?? NO_END,
    after: Math.max(from - 1, afterId?.seq ?? 0), before: Math.min(until, beforeId?.seq ?? NO_END),
  }
  return { whole, paged: { ...whole, after: Math.max(whole.after, afterEntry?.seq ?? 0), before: Math.min(whole.before, beforeEntry?.seq ?? NO_END) } }
}

/**
 * §4.1.3, §4.3.2: an id that is not in the archive is item-not-found. That goes for one whose entry was deleted, too, though
 * its place is known: the client must learn that there is a gap. An entry that is there but not archived is a place to go
 * on from all the same: its id was told with the live message, and nothing is missing behind it.
 */
const check = async (account: string, places: readonly (LogId | null)[], items: readonly LogId[], { db }: Pick<Services, 'db'>): Promise<void> => {
  const asked = [...places.filter((id) => id !== null), ...items]
  if (asked.length === 0) return
  const there = new Map((await locate(db, account, [...new Set(asked.map((id) => id.seq))])).map((row) => [row.seq, row]))
  for (const { seq, mark } of asked) if (there.get(seq)?.mark !== mark) throw new StanzaError('item-not-found')
  for (const { seq } of items) if (there.get(seq)?.archived !== true) throw new StanzaError('item-not-found')
}

/** XEP-0431: an account's words are indexed as far as its searches have come. */
const indexed = async ({ account }: Session, { db }: Services): Promise<void> => {
  await beginSearch(db, account)
  await upToDate(db, account, () => indexNext(db, account, wordsIn))
}

/** §2.7 of XEP-0059: nothing but the count. */
const counted = async (request: ArchiveRequest, whole: ArchiveQuery, { db }: Services): Promise<Element> => {
  const { ids, words, with: other } = request
  let count: number | null = null
  // one resource, or words, would have to be looked for
  if (words !== null || (other !== null && other.resource !== '')) count = null
  else if (ids !== null) count = (await pickArchived(db, whole, ids.map((id) => id.seq))).length
  else count = await countArchived(db, whole, MOST_COUNTED + 1)
  return fin(count === 0, { ends: null, count: count === null || count > MOST_COUNTED ? null : count, index: null, max: null })
}

/** §4.3.1: a page may be shorter than was asked for. What a stream keeps until it is acknowledged is bounded, and no <a/> is read meanwhile. */
const fitting = (found: readonly Found[], most: number): readonly Found[] => {
  let bytes = 0
  const end = found.findIndex((entry, i) => (bytes += entry.bytes) > most && i > 0)
  return end < 0 ? found : found.slice(0, end)
}

/**
 * In pieces, each written when the client has taken those before it. A connection that breaks meanwhile gets the rest when it is
 * resumed; where not all of it can be had then, the client must not take the page for whole.
 */
const send = async (session: Session, page: readonly Found[], queryId: string, server: Services): Promise<void> => {
  const { db, settings } = server
  for (const piece of pieces(page, settings.writeBufferBytes >> 3)) {
    const entries = new Map((await readArchived(db, session.account, piece.map((e) => e.seq))).map((entry) => [entry.seq, entry]))
    for (const { seq } of piece) {
      const entry = entries.get(seq)
      // deleted in between by retention
      if (entry === undefined) continue
      if (!session.outlet.write(archivedCopy(session, queryId, entry, server), false)) throw new StanzaError('resource-constraint', 'the connection broke; ask for this page again', { type: 'wait' })
    }
    await session.outlet.flushed()
  }
}

const pieces = (page: readonly Found[], most: number): readonly (readonly Found[])[] => {
  const all: Found[][] = []
  let bytes = most
  for (const entry of page) {
    if (bytes + entry.bytes > most) {
      all.push([])
      bytes = 0
    }
    all.at(-1)?.push(entry)
    bytes += entry.bytes
  }
  return all
}

/** §5 */
const metadata = async ({ from }: Request, { db }: Services): Promise<Element> => {
  const [first, last] = await archiveEnds(db, from.bare)
  if (first === undefined || last === undefined) return el('metadata', { xmlns: MAM })
  const end = (name: string, entry: LogId & { readonly at: number }): Element => el(name, { id: idOf(entry), timestamp: new Date(entry.at).toISOString() })
  return el('metadata', { xmlns: MAM }, end('start', first), end('end', last))
}

export const archive: Route = {
  name: 'archive',
  spec: 'XEP-0313 1.1.3, XEP-0059 1.0, XEP-0431 0.2.0',
  isOn: ({ archive: mode }) => mode !== 'off',
  accountFeatures: [MAM, `${MAM}#extended`, `${MAM}#groupchat-field`, RSM, FULLTEXT],
  iq: [
    { type: 'get', to: 'account', ns: MAM, name: 'query', answer: () => el('query', { xmlns: MAM }, archiveForm()) },
    { type: 'set', to: 'account', ns: MAM, name: 'query', answer: query },
    { type: 'get', to: 'account', ns: MAM, name: 'metadata', answer: metadata },
  ],
}
