// Finding archived messages by their words (XEP-0431). An account's index is made at its first search and brought up to date
// by each further one, so that what is never searched costs nothing when it is written.
//
// A batch of entries makes one row for each of its words, with the numbers of the entries that hold it. So any word's entries
// are a walk along the primary key in their order, page by page, however often it occurs and however long the log is; and
// words that must stand together meet within a batch. (A tsvector under GIN would give its finds in no order, all at once.)
import { toOctets } from '../base/octets.js'
import type { ArchiveQuery, BatchRange, FoundHead, Order } from '../core/archive-find.js'
import type { Db } from '../core/ports.js'
import { HEAD, IN_ARCHIVE } from './archive-rows.js'

/** Entries of one batch, and octets of their stanzas. */
const BATCH = 1000
const BATCH_BYTES = 2 * 1024 ** 2
/** Entries whose words are found before others have their turn. */
const TURN = 50

/** From now on the account has an index. */
export const beginSearch = async (db: Db, account: string): Promise<void> => {
  await db.query('insert into archive_search (account) select account from account where account = $1 and deleted is null on conflict do nothing', [account])
}

/**
 * Index the next entries. True: there are no more. Two at once disturb each other no further than that one is for nothing,
 * and so does a retraction in between: what was read may have been retracted.
 */
export const indexNext = async (db: Db, account: string, wordsOf: (xml: string) => readonly string[]): Promise<boolean> => {
  const [state] = await db.query<{ upto: number; retractions: number }>('select upto, retractions from archive_search where account = $1', [account])
  if (state === undefined) return true
  const sizes = await db.query<{ seq: number; bytes: number }>(
    'select seq, octet_length(xml) as bytes from log where account = $1 and seq > $2 order by seq limit $3', [account, state.upto, BATCH])
  let bytes = 0
  const fitting = sizes.findIndex((entry, i) => (bytes += entry.bytes) > BATCH_BYTES && i > 0)
  const last = sizes.at(fitting < 0 ? -1 : fitting - 1)
  if (last === undefined) return true
  const entries = await db.query<{ seq: number; xml: string }>(
    `select seq, xml from log where account = $1 and seq > $2 and seq <= $3 and ${IN_ARCHIVE} order by seq`, [account, state.upto, last.seq])
  const seqs = new Map<string, number[]>()
  for (const [i, { seq, xml }] of entries.entries()) {
    if (i % TURN === TURN - 1) await new Promise((resolve) => setImmediate(resolve))
    for (const word of wordsOf(toOctets(xml))) {
      const list = seqs.get(word)
      if (list === undefined) seqs.set(word, [seq])
      else list.push(seq)
    }
  }
  await db.query(`
    with moved as (update archive_search set upto = $2 where account = $1 and upto = $3 and retractions = $4 returning account)
    insert into archive_word (account, word, upto, seqs)
    select $1, w.word, $2, w.seqs::bigint[] from unnest($5::text[], $6::text[]) w (word, seqs) where exists (select from moved)`,
  [account, last.seq, state.upto, state.retractions, [...seqs.keys()], [...seqs.values()].map((list) => `{${list.join(',')}}`)])
  return fitting < 0 && sizes.length < BATCH
}

const BATCHES = (order: Order): string => `
  select upto from archive_word where account = $1 and word = $2 and upto > $3 and upto < $4
    and upto <= coalesce((select b.upto from archive_word b where b.account = $1 and b.upto >= $5::bigint - 1 order by b.upto limit 1), $5::bigint)
  order by upto ${order} limit $6`
const batches = { asc: BATCHES('asc'), desc: BATCHES('desc') } as const

export const batchesWith = async (db: Db, account: string, word: string, { above, below, before }: BatchRange, order: Order, limit: number): Promise<number[]> =>
  (await db.query<{ upto: number }>(batches[order], [account, word, above, below, before, limit])).map((row) => row.upto)

// `limit 1` says that entries are looked up one by one, whatever Postgres thinks of how many there are
const SEARCH = (order: Order): string => `
  select l.seq, l.mark, l.at, l.flags, l.bytes, l.head
  from unnest($6::bigint[]) b (upto)
  cross join lateral (
    select s.seq from archive_word w cross join unnest(w.seqs) s (seq)
    where w.account = $1 and w.word = any($7::text[]) and w.upto = b.upto and s.seq > $2 and s.seq < $3
    group by s.seq having count(*) = cardinality($7::text[])) m
  cross join lateral (
    select seq, mark, at, flags, octet_length(xml) as bytes, ${HEAD} from log
    where account = $1 and seq = m.seq and at >= $4 and at <= $5 and ($8::text is null or peer = $8) and ${IN_ARCHIVE} limit 1) l
  order by l.seq ${order} limit $9`
const search = { asc: SEARCH('asc'), desc: SEARCH('desc') } as const

/** Of these batches the entries that match and hold all of these words. */
export const searchBatches = async (
  db: Db, { account, after, before, from, until, peer }: ArchiveQuery, uptos: readonly number[], words: readonly string[], order: Order, limit: number,
): Promise<FoundHead[]> =>
  (await db.query<FoundHead>(search[order], [account, after, before, from, until, uptos, words, peer, limit])).map((row) => ({ ...row, head: toOctets(row.head) }))

/** An entry has lost its words: after it has lost its text, so that nobody reads them again. */
export const forgetWords = async (db: Db, account: string, seq: number): Promise<void> => {
  const indexed = await db.query('update archive_search set retractions = retractions + 1 where account = $1 returning 1', [account])
  if (indexed.length === 0) return
  await db.query(`
    update archive_word set seqs = array_remove(seqs, $2::bigint)
    where account = $1 and upto = (select b.upto from archive_word b where b.account = $1 and b.upto >= $2 order by b.upto limit 1) and $2::bigint = any(seqs)`, [account, seq])
}

/** The words of the oldest batch that ends before this entry. False: there is none. */
export const dropWords = async (db: Db, account: string, first: number): Promise<boolean> => (await db.query<{ n: number }>(`
  with gone as (
    delete from archive_word where account = $1
      and upto = (select b.upto from archive_word b where b.account = $1 and b.upto < $2 order by b.upto limit 1) returning 1)
  select count(*)::int as n from gone`, [account, first]))[0]?.n !== 0
