// Which queued entries of the log were acknowledged (durability.md D12): per account a watermark, and ranges above it, as in
// TCP's selective acknowledgement. United, never moved back.
import type { Db } from '../core/ports.js'

/** An entry `l` of the log waits, with its account's row `q` of the queue, where it has one (D12). */
export const WAITS = 'l.flags & 2 = 2 and l.seq > coalesce(q.watermark, 0) and not coalesce(q.ranges @> l.seq, false)'

/**
 * The ranges are united first; then the watermark rises to just below the lowest entry that still waits, over all that is
 * not queued, so that an account's own messages split no range (10,000 ranges cost 14 ms an acknowledgement).
 */
export const acknowledge = async (db: Db, acks: ReadonlyMap<string, readonly number[]>): Promise<void> => {
  const accounts = [...acks.keys()].sort()
  if (accounts.length === 0) return
  const rows = accounts.flatMap((account) => (acks.get(account) as readonly number[]).map((seq) => ({ account, seq })))
  await db.transaction(async (tx) => {
    await tx.query(`
      insert into queue as q (account, ranges)
      select a.account, range_agg(int8range(u.seq, u.seq, '[]')) from unnest($1::text[], $2::bigint[]) u (account, seq)
        join account a on a.account = u.account and a.deleted is null
        group by a.account order by a.account
      on conflict (account) do update set ranges = q.ranges + excluded.ranges`, [rows.map((r) => r.account), rows.map((r) => r.seq)])
    await tx.query(`
      update queue q set watermark = w.mark, ranges = q.ranges * int8multirange(int8range(w.mark, null, '()'))
      from (
        select q.account, coalesce((
            select l.seq from log l where l.account = q.account and l.seq > q.watermark and l.flags & 2 = 2 and not q.ranges @> l.seq
            order by l.seq limit 1) - 1, a.seq) as mark
        from queue q join account a on a.account = q.account where q.account = any($1)) w
      where q.account = w.account and (w.mark > q.watermark or lower(q.ranges) <= q.watermark)`, [accounts])
  })
}
