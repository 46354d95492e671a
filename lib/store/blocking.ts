// Block lists (XEP-0191): one row an address.
import type { BlockStore, Db } from '../core/ports.js'

const listOf = async (db: Db, account: string): Promise<readonly string[]> =>
  (await db.query<{ jid: string }>('select jid from blocked where account = $1 order by jid', [account])).map((row) => row.jid)

/** False: the account is gone, and who takes its name must not inherit. */
const lock = async (db: Db, account: string): Promise<boolean> =>
  (await db.query('select 1 from account where account = $1 and deleted is null for update', [account])).length > 0

export const blockStore = (db: Db): BlockStore => ({
  load: async (accounts) => {
    const rows = await db.query<{ account: string; jids: string[] }>(`
      select account, array_agg(jid order by jid) as jids from blocked where account = any($1) group by account`, [accounts])
    return new Map(rows.map(({ account, jids }) => [account, jids]))
  },
  add: (account, jids, most, by) => db.transaction(async (tx) => {
    if (!await lock(tx, account)) return []
    const before = await listOf(tx, account)
    const after = [...new Set([...before, ...jids])].sort()
    if (after.length > most) return null
    await tx.query('insert into blocked (account, jid) select $1, j from unnest($2::text[]) j on conflict do nothing', [account, jids])
    return after
  }, by),
  remove: (account, jids, by) => db.transaction(async (tx) => {
    if (!await lock(tx, account)) return []
    await tx.query('delete from blocked where account = $1 and ($2::text[] is null or jid = any($2))', [account, jids])
    return listOf(tx, account)
  }, by),
})
