// The archive (XEP-0313) as a view of the message log: its entries with the flag ARCHIVED, in the order of their numbers.
// Every statement is keyed by account and bounded: a page is first found as numbers and sizes, then read in pieces, so that
// neither a long archive nor long messages cost more than the page that is asked for.
import { toOctets } from '../base/octets.js'
import type { ArchiveQuery, ArchiveSource, Found, FoundHead } from '../core/archive-find.js'
import type { ArchivedEntry } from '../core/archived-copy.js'
import type { Db } from '../core/ports.js'
import { batchesWith, searchBatches } from './archive-words.js'
import { HEAD, IN_ARCHIVE } from './archive-rows.js'

/** No number and no time is greater. */
export const NO_END = Number.MAX_SAFE_INTEGER

const RANGE = `account = $1 and seq > $2 and seq < $3 and at >= $4 and at <= $5 and ${IN_ARCHIVE}`
const WITH_PEER = `${RANGE} and peer = $6`
const COLUMNS = 'seq, mark, at, flags, octet_length(xml) as bytes'
const found = (columns: string, where: string, order: 'asc' | 'desc', limit: string): string =>
  `select ${columns} from log where ${where} order by seq ${order} limit ${limit}`

const FIND = {
  asc: { all: found(COLUMNS, RANGE, 'asc', '$6'), peer: found(COLUMNS, WITH_PEER, 'asc', '$7') },
  desc: { all: found(COLUMNS, RANGE, 'desc', '$6'), peer: found(COLUMNS, WITH_PEER, 'desc', '$7') },
} as const
const WITH_HEAD = `${COLUMNS}, ${HEAD}`
const HEADS = {
  asc: { all: found(WITH_HEAD, RANGE, 'asc', '$6'), peer: found(WITH_HEAD, WITH_PEER, 'asc', '$7') },
  desc: { all: found(WITH_HEAD, RANGE, 'desc', '$6'), peer: found(WITH_HEAD, WITH_PEER, 'desc', '$7') },
} as const
const COUNT = {
  all: `select count(*)::int as n from (select from log where ${RANGE} order by seq limit $6) l`,
  peer: `select count(*)::int as n from (select from log where ${WITH_PEER} order by seq limit $7) l`,
} as const

const values = ({ account, after, before, from, until, peer }: ArchiveQuery): readonly unknown[] =>
  [account, after, before, from, until, ...(peer === null ? [] : [peer])]

/** The first of what matches, or with 'desc' the last, in that order. */
export const findArchived = (db: Db, query: ArchiveQuery, order: 'asc' | 'desc', limit: number): Promise<Found[]> =>
  db.query<Found>(FIND[order][query.peer === null ? 'all' : 'peer'], [...values(query), limit])

/** The same with start tags, for who must look at the addresses in them. */
export const findHeads = async (db: Db, query: ArchiveQuery, order: 'asc' | 'desc', limit: number): Promise<FoundHead[]> =>
  (await db.query<FoundHead>(HEADS[order][query.peer === null ? 'all' : 'peer'], [...values(query), limit])).map((row) => ({ ...row, head: toOctets(row.head) }))

/** How much matches, counted up to `most`. */
export const countArchived = async (db: Db, query: ArchiveQuery, most: number): Promise<number> =>
  (await db.query<{ n: number }>(COUNT[query.peer === null ? 'all' : 'peer'], [...values(query), most]))[0]?.n ?? 0

/** Of these entries what matches, in order. */
export const pickArchived = async (db: Db, query: ArchiveQuery, seqs: readonly number[]): Promise<FoundHead[]> => (await db.query<FoundHead>(
  // first those entries, or Postgres may walk along all that the range has
  `select ${COLUMNS}, ${HEAD} from (select * from log where account = $1 and seq = any($7) offset 0) log
   where ${RANGE} and ($6::text is null or peer = $6) order by seq`,
  [...values({ ...query, peer: null }), query.peer, seqs])).map((row) => ({ ...row, head: toOctets(row.head) }))

/** Entries by number, in order, archived or not any more; what is gone is left out. */
export const locate = (db: Db, account: string, seqs: readonly number[]): Promise<{ seq: number; mark: number; archived: boolean }[]> => db.query(`
  select seq, mark, (${IN_ARCHIVE}) as archived from log where account = $1 and seq = any($2) order by seq`, [account, seqs])

/** The archived ones of these entries, in order. */
export const readArchived = async (db: Db, account: string, seqs: readonly number[]): Promise<ArchivedEntry[]> => {
  const rows = await db.query<ArchivedEntry>(`
    select seq, mark, at, peer, xml from log where account = $1 and seq = any($2) and ${IN_ARCHIVE} order by seq`, [account, seqs])
  return rows.map(({ xml, ...row }) => ({ ...row, xml: toOctets(xml) }))
}

/**
 * The lowest number from which on all entries are at or after a time: by bisection over the primary key, for `at` does not
 * fall along it. Each step looks at the entry at or above the middle, since numbers may be missing.
 */
export const seqAt = async (db: Db, account: string, at: number): Promise<number> => {
  const rows = await db.query<{ seq: number }>(`
    with recursive half (low, high) as (
      select coalesce(min(seq), 1), coalesce(max(seq), 0) + 1 from log where account = $1
      union all
      select case when e.at < $2 then e.seq + 1 else h.low end, case when e.at < $2 then h.high else (h.low + h.high) / 2 end
      from half h left join lateral (
        select l.seq, l.at from log l where l.account = $1 and l.seq >= (h.low + h.high) / 2 and l.seq < h.high order by l.seq limit 1) e on true
      where h.low < h.high)
    select low as seq from half where low >= high`, [account, at])
  return rows[0]?.seq ?? 1
}

/** First and last entry of the archive; none where it is empty. */
export const archiveEnds = (db: Db, account: string): Promise<{ seq: number; mark: number; at: number }[]> => db.query(`
  (select seq, mark, at from log where account = $1 and ${IN_ARCHIVE} order by seq limit 1)
  union all
  (select seq, mark, at from log where account = $1 and ${IN_ARCHIVE} order by seq desc limit 1)`, [account])

export const archiveSource = (db: Db): ArchiveSource => ({
  find: (query, order, limit) => findArchived(db, query, order, limit),
  heads: (query, order, limit) => findHeads(db, query, order, limit),
  pick: (query, seqs) => pickArchived(db, query, seqs),
  batches: (account, word, between, order, limit) => batchesWith(db, account, word, between, order, limit),
  search: (query, batches, words, order, limit) => searchBatches(db, query, batches, words, order, limit),
})
