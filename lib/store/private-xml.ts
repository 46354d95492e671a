// Private XML storage (XEP-0049): one element for each name that a client chooses.
import type { Acting, Db } from '../core/ports.js'

export const getPrivate = async (db: Db, account: string, ns: string, name: string): Promise<string | null> => {
  const [row] = await db.query<{ xml: string }>('select xml from private_xml where account = $1 and ns = $2 and name = $3', [account, ns, name])
  return row?.xml ?? null
}

/** 'full': more than `most` bytes for this account. 'no-account': it was deleted meanwhile, and who takes its name must not inherit. */
export const setPrivate = (
  db: Db, account: string, ns: string, name: string, xml: string, most: number, by: Acting | null = null,
): Promise<'stored' | 'full' | 'no-account'> => db.transaction(async (tx) => {
  const [owner] = await tx.query('select 1 from account where account = $1 and deleted is null for update', [account])
  if (owner === undefined) return 'no-account'
  const [others] = await tx.query<{ bytes: number }>(`
    select coalesce(sum(octet_length(xml)), 0)::float8 as bytes from private_xml where account = $1 and not (ns = $2 and name = $3)`, [account, ns, name])
  if ((others?.bytes ?? 0) + Buffer.byteLength(xml) > most) return 'full'
  await tx.query(`
    insert into private_xml (account, ns, name, xml) values ($1, $2, $3, $4)
    on conflict (account, ns, name) do update set xml = excluded.xml`, [account, ns, name, xml])
  return 'stored'
}, by)
