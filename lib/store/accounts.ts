// Accounts and the keys that prove their passwords.
import type { AccountStore, Acting, Db } from '../core/ports.js'
import type { Credential } from '../wire/scram-keys.js'

export interface NewAccount {
  /** Bare JID, normalised. */
  readonly account: string
  readonly credentials: readonly Credential[]
}

interface CredentialRow {
  mechanism: Credential['mechanism']
  iterations: number
  salt: string
  storedKey: string
  serverKey: string
}

/**
 * Create accounts in one transaction; one answer for each: false where it is there already (and is left as it is). A
 * deleted account's row is taken up again where it was: seq and generation go on.
 */
export const addAccounts = (db: Db, accounts: readonly NewAccount[]): Promise<readonly boolean[]> => db.transaction(async (tx) => {
  const made = await tx.query<{ account: string }>(`
    insert into account (account) select distinct a from unnest($1::text[]) a order by a
    on conflict (account) do update set deleted = null, created = now() where account.deleted is not null
    returning account`, [accounts.map((a) => a.account)])
  const fresh = new Set(made.map((row) => row.account))
  // of an account named twice the first counts
  const first = accounts.map(({ account }) => fresh.delete(account))
  await writeCredentials(tx, accounts.filter((_, i) => first[i]))
  return first
})

const writeCredentials = async (db: Db, accounts: readonly NewAccount[]): Promise<void> => {
  const rows = accounts.flatMap(({ account, credentials }) => credentials.map((c) => ({ account, ...c })))
  await db.query(`
    insert into credential (account, mechanism, iterations, salt, stored_key, server_key)
    select * from unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::text[], $6::text[])
    on conflict (account, mechanism) do update set iterations = excluded.iterations, salt = excluded.salt,
      stored_key = excluded.stored_key, server_key = excluded.server_key`, [
    rows.map((r) => r.account), rows.map((r) => r.mechanism), rows.map((r) => r.iterations),
    rows.map((r) => r.salt.toString('base64')), rows.map((r) => r.storedKey.toString('base64')), rows.map((r) => r.serverKey.toString('base64')),
  ])
}

/** False: no such account. */
export const setCredentials = (db: Db, account: string, credentials: readonly Credential[], by: Acting | null = null): Promise<boolean> => db.transaction(async (tx) => {
  const [row] = await tx.query('select 1 from account where account = $1 and deleted is null for update', [account])
  if (row === undefined) return false
  await writeCredentials(tx, [{ account, credentials }])
  return true
}, by)

/** All that an account has goes, but for its row: a tombstone. False: no such account. */
export const deleteAccount = (db: Db, account: string): Promise<boolean> => db.transaction(async (tx) => {
  const [row] = await tx.query(`
    update account set deleted = now(), generation = generation + 1, roster_ver = roster_ver + 1, roster_floor = roster_ver + 1
      where account = $1 and deleted is null returning account`, [account])
  if (row === undefined) return false
  await tx.query('delete from credential where account = $1', [account])
  await tx.query('delete from presence where account = $1', [account])
  for (const table of ['log', 'queue', 'archive_preference', 'archive_search', 'archive_word', 'retention', 'resumption']) await tx.query(`delete from ${table} where account = $1`, [account])
  await tx.query('delete from roster where account = $1', [account])
  // what others have granted it in advance, or have yet to answer, is not for who takes its name (RFC 6121 §3.4)
  await tx.query('update roster set approved = false, request = null where jid = $1 and (approved or request is not null)', [account])
  await tx.query('delete from private_xml where account = $1', [account])
  await tx.query('delete from vcard where account = $1', [account])
  await tx.query('delete from blocked where account = $1', [account])
  await tx.query('delete from departure where account = $1', [account])
  return true
})

/** Bare JIDs in order, after this one ('' at first). */
export const listAccounts = async (db: Db, after: string, limit: number): Promise<string[]> => {
  const rows = await db.query<{ account: string }>(
    'select account from account where deleted is null and account > $1 order by account limit $2', [after, limit])
  return rows.map((row) => row.account)
}

/** Of each account, in order; null: no such account. */
export const credentialsOfAll = async (db: Db, accounts: readonly string[]): Promise<readonly (readonly Credential[] | null)[]> => {
  const rows = await db.query<CredentialRow & { account: string }>(`
    select account, mechanism, iterations, salt, stored_key as "storedKey", server_key as "serverKey"
    from credential join account using (account) where account = any($1) and deleted is null`, [accounts])
  const bytes = (text: string): Buffer => Buffer.from(text, 'base64')
  const found = new Map<string, Credential[]>()
  for (const { account, mechanism, iterations, salt, storedKey, serverKey } of rows) {
    const credential = { mechanism, iterations, salt: bytes(salt), storedKey: bytes(storedKey), serverKey: bytes(serverKey) }
    const one = found.get(account)
    if (one === undefined) found.set(account, [credential])
    else one.push(credential)
  }
  return accounts.map((account) => found.get(account) ?? null)
}
/** null: no such account. */
export const credentialsOf = async (db: Db, account: string): Promise<readonly Credential[] | null> => (await credentialsOfAll(db, [account]))[0] ?? null

/** Iterations of most keys, by a sample of them; undefined: there are none. */
export const commonIterations = async (db: Db): Promise<number | undefined> => {
  const [row] = await db.query<{ iterations: number }>(`
    select iterations from (select iterations from credential limit 10000) sample group by iterations order by count(*) desc, iterations limit 1`)
  return row?.iterations
}

export const accountStore = (db: Db): AccountStore => ({
  existing: async (accounts) => {
    const rows = await db.query<{ account: string }>('select account from account where account = any($1) and deleted is null', [accounts])
    return new Set(rows.map((row) => row.account))
  },
})
