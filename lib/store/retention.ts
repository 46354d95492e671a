// Deleting from the log (durability.md D19): by account and number, from the oldest, a batch a statement. Which entries
// may go is decided where they are deleted, so that one that waits is never among them.
import { toOctets } from '../base/octets.js'
import type { Db, LogEntry } from '../core/ports.js'
import type { RetentionStore, Swept } from '../core/retention.js'
import { listAccounts } from './accounts.js'
import { seqAt } from './archive.js'
import { dropWords } from './archive-words.js'
import { acknowledge } from './queue.js'

// as WAITS in queue.ts says it, but `<> 0`: of `= 2` Postgres expects few, and would sort them instead of walking along the key
const WAITING = 'l.flags & 2 <> 0 and l.seq > coalesce(q.watermark, 0) and not coalesce(q.ranges @> l.seq, false)'

/** The next entries in order, and whether they wait. */
const NEXT = `
  select l.seq, l.flags, ${WAITING} as waiting from log l left join queue q on q.account = l.account
  where l.account = $1 and l.seq > $2 and l.seq <= $3 order by l.seq limit $4`

const remove = async (db: Db, account: string, after: number, upTo: number, limit: number): Promise<Swept> => (await db.query<Swept>(`
  with old as materialized (${NEXT}),
  gone as (delete from log where account = $1 and seq = any(array(select seq from old where not waiting))),
  kept as (update log set flags = flags & ~1 where account = $1 and seq = any(array(select seq from old where waiting and flags & 1 <> 0)))
  select count(*)::int as looked, coalesce(max(seq), 0) as "upTo" from old`, [account, after, upTo, limit]))[0] as Swept

const tidy = async (db: Db, account: string, after: number, upTo: number, limit: number): Promise<Swept> => (await db.query<Swept>(`
  with old as materialized (${NEXT}),
  stop as (select min(seq) as seq from old where waiting),
  gone as (
    delete from log where account = $1 and seq = any(array(
      select seq from old where not waiting and flags & 1 = 0 and seq < coalesce((select seq from stop), ${Number.MAX_SAFE_INTEGER}))))
  select count(*)::int as looked, coalesce((select seq from stop) - 1, max(seq), 0) as "upTo" from old`, [account, after, upTo, limit]))[0] as Swept

const expired = async (db: Db, account: string, upTo: number, before: number, limit: number): Promise<LogEntry[]> => {
  const rows = await db.query<LogEntry>(`
    select l.seq, l.mark, l.at, l.peer, l.flags, l.xml, true as waiting from log l left join queue q on q.account = l.account
    where l.account = $1 and l.seq > coalesce((select watermark from queue where account = $1), 0) and l.seq <= $2 and l.at < $3 and ${WAITING}
    order by l.seq limit $4`, [account, upTo, before, limit])
  return rows.map((row) => ({ ...row, xml: toOctets(row.xml) }))
}

/** @param node this one */
export const retentionStore = (db: Db, node: string): RetentionStore => ({
  accounts: (after, limit) => listAccounts(db, after, limit),
  claim: async (account, now, since) => (await db.query<{ swept: number }>(`
    insert into retention as r (account, at) select account, $2 from account where account = $1 and deleted is null
    on conflict (account) do update set at = excluded.at where r.at <= $3 returning swept`, [account, Math.round(now), Math.round(since)]))[0]?.swept ?? null,
  bounds: async (account) => (await db.query<Awaited<ReturnType<RetentionStore['bounds']>>>(`
    select coalesce((select seq from log where account = $1 order by seq limit 1), 0) as first,
      coalesce((select seq from log where account = $1 order by seq desc limit 1), 0) as last,
      (select min(position) from resumption where account = $1 and ended is null) as position,
      exists (select from resumption where account = $1 and ended is null and unacked <> '')
        or exists (select from presence where account = $1 and node <> $2) as busy`, [account, node]))[0] as Awaited<ReturnType<RetentionStore['bounds']>>,
  seqAt: (account, at) => seqAt(db, account, Math.round(at)),
  expired: (account, upTo, before, limit) => expired(db, account, upTo, Math.round(before), limit),
  acknowledge: (account, seqs) => acknowledge(db, new Map([[account, seqs]])),
  remove: (account, after, upTo, limit) => remove(db, account, after, upTo, limit),
  tidy: (account, after, upTo, limit) => tidy(db, account, after, upTo, limit),
  noteTidied: async (account, upTo) => {
    await db.query('update retention set swept = greatest(swept, $2) where account = $1', [account, upTo])
  },
  dropWords: (account, first) => dropWords(db, account, first),
})
