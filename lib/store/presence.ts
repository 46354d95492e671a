// The presence table: one row a session, written in batches (routing.md, step 2). Accounts' rows are locked in sorted order,
// as by everything that locks several.
import { toOctets, toText } from '../base/octets.js'
import type { Db, Location, PresenceStore, Route, SessionRow } from '../core/ports.js'

/** Raise the generation of each account once, and lock it. Accounts that are gone are absent from the answer. */
const raise = async (db: Db, accounts: readonly string[]): Promise<ReadonlyMap<string, number>> => {
  const sorted = [...new Set(accounts)].sort()
  await db.query('select 1 from account where account = any($1) order by account for update', [sorted])
  const rows = await db.query<{ account: string; generation: number }>(
    'update account set generation = generation + 1 where account = any($1) and deleted is null returning account, generation', [sorted])
  return new Map(rows.map((row) => [row.account, row.generation]))
}

const save = (db: Db, rows: readonly SessionRow[]): Promise<ReadonlyMap<string, number>> => db.transaction(async (tx) => {
  const generations = await raise(tx, rows.map((r) => r.account))
  // of two sessions of one full JID in a batch the later one stays
  const last = [...new Map(rows.map((r) => [`${r.account}/${r.resource}`, r])).values()].filter((r) => generations.has(r.account))
  await tx.query(`
    insert into presence (account, resource, session_id, incarnation, node, epoch, priority, presence)
    select * from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::bigint[], $7::int[], $8::text[])
    on conflict (account, resource) do update set session_id = excluded.session_id, incarnation = excluded.incarnation,
      node = excluded.node, epoch = excluded.epoch, priority = excluded.priority, presence = excluded.presence, state = 'live'`, [
    last.map((r) => r.account), last.map((r) => r.resource), last.map((r) => r.sessionId), last.map((r) => r.incarnation),
    last.map((r) => r.node), last.map((r) => r.epoch), last.map((r) => r.priority), last.map((r) => (r.presence === null ? null : toText(r.presence))),
  ])
  return generations
})

const update = async (db: Db, rows: readonly SessionRow[]): Promise<void> => {
  await db.query(`
    update presence p set presence = g.presence
    from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[]) as g (account, resource, session_id, incarnation, presence)
    where p.account = g.account and p.resource = g.resource and p.session_id = g.session_id and p.incarnation = g.incarnation and p.priority is not null`, [
    rows.map((r) => r.account), rows.map((r) => r.resource), rows.map((r) => r.sessionId), rows.map((r) => r.incarnation),
    rows.map((r) => (r.presence === null ? null : toText(r.presence))),
  ])
}

const remove = (db: Db, rows: readonly SessionRow[]): Promise<ReadonlyMap<string, number>> => db.transaction(async (tx) => {
  const generations = await raise(tx, rows.map((r) => r.account))
  await tx.query(`
    delete from presence p using unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[]) as g (account, resource, session_id, node, epoch)
    where p.account = g.account and p.resource = g.resource and p.session_id = g.session_id and p.node = g.node and p.epoch = g.epoch`, [
    rows.map((r) => r.account), rows.map((r) => r.resource), rows.map((r) => r.sessionId), rows.map((r) => r.node), rows.map((r) => r.epoch),
  ])
  return generations
})

interface LookupRow {
  account: string
  generation: number
  resource: string | null
  sessionId: string
  node: string
  epoch: number
  priority: number | null
}

const lookup = async (db: Db, accounts: readonly string[], except: { node: string; epoch: number }): Promise<ReadonlyMap<string, Route>> => {
  const rows = await db.query<LookupRow>(`
    select a.account, a.generation, p.resource, p.session_id as "sessionId", p.node, p.epoch, p.priority
    from account a left join (presence p join node n on n.id = p.node and n.epoch = p.epoch and not n.signed_off)
      on p.account = a.account and not (p.node = $2 and p.epoch = $3)
    where a.account = any($1) and a.deleted is null`, [accounts, except.node, except.epoch])
  const found = new Map<string, { generation: number; elsewhere: Location[] }>()
  for (const { account, generation, resource, sessionId, node, epoch, priority } of rows) {
    const route = found.get(account) ?? { generation, elsewhere: [] }
    if (resource !== null) route.elsewhere.push({ resource, sessionId, node, epoch, priority })
    found.set(account, route)
  }
  return found
}

export const presenceStore = (db: Db): PresenceStore => ({
  save: (rows) => save(db, rows),
  update: (rows) => update(db, rows),
  remove: (rows) => remove(db, rows),
  lookup: (accounts, except) => lookup(db, accounts, except),
})

/** The last presence of an account's sessions, as octets (for tests, and for probes later). */
export const presencesOf = async (db: Db, account: string): Promise<{ resource: string; priority: number | null; presence: string | null }[]> => {
  const rows = await db.query<{ resource: string; priority: number | null; presence: string | null }>(
    'select resource, priority, presence from presence where account = $1 order by resource', [account])
  return rows.map((row) => ({ ...row, presence: row.presence === null ? null : toOctets(row.presence) }))
}
