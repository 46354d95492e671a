// Which messages an account wants archived (XEP-0441). Read by every group commit (log.ts), one row an account.
import type { Acting, Db } from '../core/ports.js'

export type Fallback = 'always' | 'never' | 'roster'

export interface ArchivePreference {
  /** For whom neither list names. */
  readonly fallback: Fallback
  /** Bare JIDs, normalised. */
  readonly always: readonly string[]
  readonly never: readonly string[]
}

/** null: the account has no preference of its own. */
export const getPreference = async (db: Db, account: string): Promise<ArchivePreference | null> =>
  (await db.query<ArchivePreference>('select fallback, always, never from archive_preference where account = $1', [account]))[0] ?? null

/** False: the account is gone, and who takes its name must not inherit. */
export const setPreference = (db: Db, account: string, { fallback, always, never }: ArchivePreference, by: Acting | null = null): Promise<boolean> => db.transaction(async (tx) => {
  const [owner] = await tx.query('select 1 from account where account = $1 and deleted is null for update', [account])
  if (owner === undefined) return false
  await tx.query(`
    insert into archive_preference (account, fallback, always, never) values ($1, $2, $3, $4)
    on conflict (account) do update set fallback = excluded.fallback, always = excluded.always, never = excluded.never`, [account, fallback, always, never])
  return true
}, by)
