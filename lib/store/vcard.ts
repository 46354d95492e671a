// vCards (XEP-0054), and the hash of the picture in them (XEP-0153), which lib/store/members.ts reads.
import type { Acting, Db } from '../core/ports.js'

export const getVcard = async (db: Db, account: string): Promise<string | null> => {
  const [row] = await db.query<{ xml: string }>('select xml from vcard where account = $1', [account])
  return row?.xml ?? null
}

/** False: no such account; it was deleted meanwhile, and who takes its name must not inherit. */
export const setVcard = (db: Db, account: string, xml: string, photo: string, by: Acting | null = null): Promise<boolean> => db.transaction(async (tx) => {
  const [owner] = await tx.query('select 1 from account where account = $1 and deleted is null for update', [account])
  if (owner === undefined) return false
  await tx.query(`
    insert into vcard (account, xml, photo) values ($1, $2, $3)
    on conflict (account) do update set xml = excluded.xml, photo = excluded.photo`, [account, xml, photo])
  return true
}, by)
