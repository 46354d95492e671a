// Which entries of an archive make the page that is asked for: by number, along the whole log or one conversation; by
// address where only one resource of a contact is meant; by words (XEP-0431). Whatever is not an index's to decide is
// decided on start tags, in rounds, up to a bound.
import { StanzaError } from '../base/errors.js'
import type { Jid } from '../base/jid.js'
import { addressesIn } from './archived-copy.js'
import type { ArchiveRequest } from './archive-query.js'

/** What is looked for, all of it together. `after` and `before` are numbers of entries, exclusive. */
export interface ArchiveQuery {
  readonly account: string
  readonly after: number
  readonly before: number
  /** ms since 1970, inclusive. */
  readonly from: number
  readonly until: number
  /** Bare JID of the other side; null: anybody, also where the account itself is looked for by a full JID. */
  readonly peer: string | null
}

export type Order = 'asc' | 'desc'

/** An entry that was found. `bytes`: of its stanza. */
export interface Found {
  readonly seq: number
  readonly mark: number
  readonly at: number
  readonly flags: number
  readonly bytes: number
}

/** `head`: the start tag of its stanza, octets. */
export interface FoundHead extends Found {
  readonly head: string
}

/** Batches that end above and below these entries, exclusive, and up to the one that holds the entry before `before`. */
export interface BatchRange {
  readonly above: number
  readonly below: number
  readonly before: number
}

/** What the store finds, each in order and no more than asked for. */
export interface ArchiveSource {
  find(query: ArchiveQuery, order: Order, limit: number): Promise<readonly Found[]>
  heads(query: ArchiveQuery, order: Order, limit: number): Promise<readonly FoundHead[]>
  /** Of these entries what matches, all of it. */
  pick(query: ArchiveQuery, seqs: readonly number[]): Promise<readonly FoundHead[]>
  /** Batches of the index of words that hold this word, by their last entries. */
  batches(account: string, word: string, between: BatchRange, order: Order, limit: number): Promise<readonly number[]>
  /** What matches in these batches and holds all of these words. */
  search(query: ArchiveQuery, batches: readonly number[], words: readonly string[], order: Order, limit: number): Promise<readonly FoundHead[]>
}

export interface Hits {
  /** From that end on from which the page is asked for. */
  readonly found: readonly Found[]
  /** There are no more. */
  readonly complete: boolean
}

/** Start tags looked at in one round, and in all. */
const HEADS = 1000
const MOST_HEADS = 50_000
/** Batches of words looked at in the first round, in each, and in all. */
const FIRST_BATCHES = 2
const BATCHES = 128
const MOST_BATCHES = 4000

/** @param range where the page is, with everything that a number, a time or a bare address says */
export const findPage = async (source: ArchiveSource, request: ArchiveRequest, range: ArchiveQuery, max: number, jid: (text: string) => Jid | null): Promise<Hits> => {
  const order = request.page.before === null ? 'asc' : 'desc'
  const fits = (entry: FoundHead): boolean => request.with === null || request.with.resource === '' || isWith(entry, request.with, jid)
  if (request.words !== null) return findWords(source, request, range, order, max, fits)
  if (request.ids !== null) {
    const picked = (await source.pick(range, request.ids.map((id) => id.seq))).filter(fits)
    return hits(order === 'asc' ? picked : picked.toReversed(), max)
  }
  if (request.with !== null && request.with.resource !== '') return findResource(source, request.with.full, range, order, max, fits)
  return hits(await source.find(range, order, max + 1), max)
}

const hits = (found: readonly Found[], max: number): Hits => ({ found: found.slice(0, max), complete: found.length <= max })

/** A short page can be gone on from; an empty one cannot. */
const cutShort = (found: readonly Found[], text: string): Hits => {
  if (found.length > 0) return { found, complete: false }
  throw new StanzaError('resource-constraint', text, { type: 'modify' })
}

/** XEP-0313 §4.1.1: a full JID matches `to` or `from` as it is. */
const isWith = ({ head }: FoundHead, { full }: Jid, jid: (text: string) => Jid | null): boolean => addressesIn(head).some((address) => jid(address)?.full === full)

const findResource = async (source: ArchiveSource, full: string, range: ArchiveQuery, order: Order, max: number, fits: (entry: FoundHead) => boolean): Promise<Hits> => {
  const found: Found[] = []
  let rest = range
  for (let seen = 0; seen < MOST_HEADS; seen += HEADS) {
    const heads = await source.heads(rest, order, HEADS)
    found.push(...heads.filter(fits))
    const last = heads.at(-1)
    if (last === undefined || heads.length < HEADS || found.length > max) return hits(found, max)
    rest = order === 'asc' ? { ...rest, after: last.seq } : { ...rest, before: last.seq }
  }
  return cutShort(found, `none of ${MOST_HEADS} messages is from or to ${full}; ask with start${range.peer === null ? ' or end' : ', end, or the bare address'}`)
}

/** Led by the longest word, which is the rarest as a rule; the others need only look where that one is. */
const findWords = async (source: ArchiveSource, { words, ids, with: other }: ArchiveRequest, range: ArchiveQuery, order: Order, max: number, fits: (entry: FoundHead) => boolean): Promise<Hits> => {
  const [leading] = [...words ?? []].sort((a, b) => b.length - a.length)
  // nothing of what was typed is a word
  if (words === null || leading === undefined) return { found: [], complete: true }
  const wanted = ids === null ? null : new Set(ids.map((id) => id.seq))
  // all that is found is on the page, or must be looked through
  const atOnce = wanted === null && (other === null || other.resource === '') ? max + 1 : Math.max(HEADS, max + 1)
  const found: Found[] = []
  let above = range.after
  let below = Number.MAX_SAFE_INTEGER
  let looked = 0
  let round = FIRST_BATCHES
  for (let seen = 0; seen < MOST_BATCHES; seen += round, round = Math.min(2 * round, BATCHES)) {
    const batches = await source.batches(range.account, leading, { above, below, before: range.before }, order, round)
    for (let rest = range; batches.length > 0;) {
      const matches = await source.search(rest, batches, words, order, atOnce)
      found.push(...matches.filter((entry) => (wanted === null || wanted.has(entry.seq)) && fits(entry)))
      if (found.length > max) return hits(found, max)
      const last = matches.at(-1)
      if (last === undefined || matches.length < atOnce) break
      if ((looked += atOnce) >= MOST_HEADS) return cutShort(found, TOO_MUCH)
      rest = order === 'asc' ? { ...rest, after: last.seq } : { ...rest, before: last.seq }
    }
    const end = batches.at(-1)
    if (end === undefined || batches.length < round) return hits(found, max)
    if (order === 'asc') above = end
    else below = end
  }
  return cutShort(found, TOO_MUCH)
}

const TOO_MUCH = 'no match in the part of the archive that was searched; ask with start or end'
