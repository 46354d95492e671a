// Rosters (RFC 6121 §2): one row a contact, with the version at which it last changed. A subscription stands in two rosters,
// so both rows are written in one transaction, under the locks of both accounts. A removed contact's row stays for a while,
// unlisted, so that a client that knows an older version hears of the removal (§2.6).
import { toOctets, toText } from '../base/octets.js'
import type { Contact, ContactChange, Db, RosterRow, RosterRows, RosterSize, RosterStore } from '../core/ports.js'

/** Removed contacts remembered of one account. */
const MOST_REMOVED = 1000

interface AccountRow {
  account: string
  ver: number
}

type Row = Omit<Contact, 'request'> & { account: string; request: string | null }

const COLUMNS = 'account, jid, name, groups, subscription, ask, approved, request, listed, ver'

const contactOf = ({ jid, name, groups, subscription, ask, approved, request, listed, ver }: Row): Contact =>
  ({ jid, name, groups, subscription, ask, approved, request: request === null ? null : toOctets(request), listed, ver })

/** Rows come as one JSON value: a thousand of them are read in a fraction of the time that a thousand rows take. */
const list = async (db: Db, account: string, since: number | null): Promise<RosterRows | null> => {
  const [row] = await db.query<{ ver: number; floor: number; contacts: Contact[] | null }>(`
    select roster_ver as ver, roster_floor as floor, (
      select json_agg(json_build_object('jid', jid, 'name', name, 'groups', groups, 'subscription', subscription, 'ask', ask,
        'approved', approved, 'request', null, 'listed', listed, 'ver', ver) order by jid)
      from roster r where r.account = a.account and case when $2::bigint between roster_floor and roster_ver then ver > $2 else listed end
    ) as contacts from account a where account = $1 and deleted is null`, [account, since])
  return row === undefined ? null : { ver: row.ver, floor: row.floor, contacts: row.contacts ?? [] }
}

const sizesOf = async (db: Db, accounts: readonly string[]): Promise<ReadonlyMap<string, RosterSize>> => {
  const rows = await db.query<{ account: string; listed: number; requests: number }>(`
    select account, count(*) filter (where listed)::int as listed, count(*) filter (where not listed and request is not null)::int as requests
    from roster where account = any($1) group by account`, [accounts])
  return new Map(rows.map((row) => [row.account, row]))
}
const EMPTY: RosterSize = { listed: 0, requests: 0 }

/** Whether clients see a difference. */
const seen = (before: Contact | null, after: ContactChange): boolean => {
  if (before === null || before.listed !== after.listed) return after.listed || before?.listed === true
  return after.listed && (before.name !== after.name || before.subscription !== after.subscription || before.ask !== after.ask ||
    before.approved !== after.approved || before.groups.length !== after.groups.length || before.groups.some((g, i) => g !== after.groups[i]))
}

const write = async (db: Db, account: string, before: Contact | null, after: ContactChange, ver: number): Promise<RosterRow> => {
  const changed = seen(before, after) ? ver + 1 : null
  // 0: a request from somebody who was never listed is no change of what clients see (§3.1.3); a removal before it stays one
  const contact = { ...after, ver: changed ?? before?.ver ?? 0 }
  await db.query(`
    with raised as (update account set roster_ver = $11 where account = $1 and roster_ver <> $11)
    insert into roster (${COLUMNS}) values ($1, $2, $3, $4::text[], $5, $6, $7, $8, $9, $10)
    on conflict (account, jid) do update set name = excluded.name, groups = excluded.groups, subscription = excluded.subscription,
      ask = excluded.ask, approved = excluded.approved, request = excluded.request, listed = excluded.listed, ver = greatest(roster.ver, excluded.ver)`, [
    account, after.jid, after.name, after.groups, after.subscription, after.ask, after.approved,
    after.request === null ? null : toText(after.request), after.listed, contact.ver, changed ?? ver,
  ])
  if (after.listed || after.request !== null) return { contact, changed }
  await forget(db, account)
  return { contact: null, changed }
}

const forget = async (db: Db, account: string): Promise<void> => {
  await db.query(`
    with old as (
      delete from roster where account = $1 and not listed and request is null and ver <= (
        select ver from roster where account = $1 and not listed and request is null order by ver desc offset $2 limit 1)
      returning ver)
    update account set roster_floor = greatest(roster_floor, (select max(ver) from old)) where account = $1 and exists (select 1 from old)`,
  [account, MOST_REMOVED])
}

export const rosterStore = (db: Db): RosterStore => ({
  list: (account, since) => list(db, account, since),
  change: (user, contact, decide, by) => db.transaction(async (tx) => {
    const accounts = await tx.query<AccountRow>(`
      select account, roster_ver as ver from account where account = any($1) and deleted is null order by account for update`, [[user, contact]])
    const versions = new Map(accounts.map(({ account, ver }) => [account, ver]))
    const rows = await tx.query<Row>(`
      select ${COLUMNS} from roster where (account = $1 and jid = $2) or (account = $2 and jid = $1)`, [user, contact])
    const find = (account: string): Contact | null => {
      const row = rows.find((r) => r.account === account)
      // one without a request is a removed contact
      return row === undefined || (!row.listed && row.request === null) ? null : contactOf(row)
    }
    const own = find(user)
    const theirs = versions.has(contact) ? find(contact) : undefined
    // the sizes bound what is new, and cost a count
    const sizes = own?.listed === true && theirs !== null ? new Map<string, RosterSize>() : await sizesOf(tx, [user, contact])
    const after = decide(own, theirs, { own: sizes.get(user) ?? EMPTY, theirs: sizes.get(contact) ?? EMPTY })
    const save = async (account: string, before: Contact | null, change: ContactChange | undefined): Promise<RosterRow> => {
      const ver = versions.get(account)
      return change === undefined || ver === undefined ? { contact: before, changed: null } : write(tx, account, before, change, ver)
    }
    return { own: await save(user, own, after.own), theirs: await save(contact, theirs ?? null, after.theirs) }
  }, by),
})
