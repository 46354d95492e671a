// The presence table: one row a session, written in batches (routing.md, step 2). Accounts' rows are locked in sorted order,
// as by everything that locks several.
import { toOctets, toText } from '../base/octets.js'
import type { Db, Location, Owner, Owners, PresenceStore, Raised, Route, Said, Saved, SessionRow } from '../core/ports.js'

/**
 * The accounts of the batch ($1), locked in order and their generations raised once; what the statement does to the rows
 * asks `locked` or `raised`, so that it comes after: for all of it once, for a join of two lists whose lengths no planner knows is
 * made of loops, a million for a thousand rows. One statement, for a log-in pays for each round trip and each flush.
 */
const RAISED = `
  with locked as (select account from account where account = any($1) order by account for update),
  raised as (update account a set generation = generation + 1 from locked l where a.account = l.account and a.deleted is null
    returning a.account, a.generation, a.seq),`

const raisedOf = (rows: readonly (Raised & { account: string })[]): ReadonlyMap<string, Raised> => new Map(rows.map((row) => [row.account, row]))
const accountsOf = (rows: readonly SessionRow[]): string[] => [...new Set(rows.map((r) => r.account))]

const save = async (db: Db, rows: readonly SessionRow[]): Promise<Saved> => {
  // of two sessions of one full JID in a batch the later one stays
  const last = [...new Map(rows.map((r) => [`${r.account}/${r.resource}`, r])).values()]
  // (a row that was inserted has no xmax, one that was there has this transaction's.) The update looks at the row as it is once it can be had, and not at what the statement saw when it began (D10)
  const found = await db.query<Raised & { account: string; unclean: boolean; kept: string[] | null }>(`${RAISED}
    r as materialized (
      select r.* from (select jsonb_object_agg(account, 0) as accounts from raised) there, unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::bigint[], $8::int[], $9::text[], $10::boolean[])
        as r (account, resource, session_id, incarnation, node, epoch, priority, presence, fresh) where there.accounts ? r.account),
    bound as (
      insert into presence (account, resource, session_id, incarnation, node, epoch, priority, presence)
      select account, resource, session_id, incarnation, node, epoch, priority, presence from r where fresh
      on conflict (account, resource) do update set session_id = excluded.session_id, incarnation = excluded.incarnation,
        node = excluded.node, epoch = excluded.epoch, priority = excluded.priority, presence = excluded.presence, state = 'live'
      returning session_id, account, xmax <> 0 as replaced),
    suspect as (
      select account from bound where replaced
      -- or its stream is that of a node which has not noticed yet, while its row has gone with that of a bind in between
      union select r.account from r join resumption e on e.account = r.account and (e.ended is not null or e.resource = r.resource) where r.fresh),
    changed as (
      update presence p set priority = r.priority, presence = r.presence from r
      where not r.fresh and p.account = r.account and p.resource = r.resource and p.session_id = r.session_id and p.incarnation = r.incarnation
      returning p.session_id)
    select account, generation, seq, case row_number() over () when 1 then (select array_agg(session_id) from (select session_id from bound union all select session_id from changed) s) end as kept,
      account in (select account from suspect) as unclean
    from raised`, [
    accountsOf(last), last.map((r) => r.account), last.map((r) => r.resource), last.map((r) => r.sessionId), last.map((r) => r.incarnation),
    last.map((r) => r.node), last.map((r) => r.epoch), last.map((r) => r.priority), last.map((r) => (r.presence === null ? null : toText(r.presence))),
    last.map((r) => r.fresh === true),
  ])
  // (in one row: in each of them it would be as many times as many)
  const kept = new Set(found.find((f) => f.kept !== null)?.kept)
  return { raised: raisedOf(found), unclean: new Set(found.flatMap((row) => (row.unclean ? [row.account] : []))), lost: new Set(last.flatMap((r) => (kept.has(r.sessionId) ? [] : [r.sessionId]))) }
}

const update = async (db: Db, rows: readonly SessionRow[]): Promise<void> => {
  await db.query(`
    update presence p set presence = g.presence
    from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[]) as g (account, resource, session_id, incarnation, presence)
    where p.account = g.account and p.resource = g.resource and p.session_id = g.session_id and p.incarnation = g.incarnation and p.priority is not null`, [
    rows.map((r) => r.account), rows.map((r) => r.resource), rows.map((r) => r.sessionId), rows.map((r) => r.incarnation),
    rows.map((r) => (r.presence === null ? null : toText(r.presence))),
  ])
}

const remove = async (db: Db, rows: readonly SessionRow[]): Promise<ReadonlyMap<string, Raised>> => raisedOf(await db.query<Raised & { account: string }>(`${RAISED}
  gone as (
    delete from presence p using unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[]) as g (account, resource, session_id, node, epoch)
    where (select count(*) from locked) > 0 and p.account = g.account and p.resource = g.resource and p.session_id = g.session_id and p.node = g.node and p.epoch = g.epoch)
  select account, generation, seq from raised`, [
  accountsOf(rows), rows.map((r) => r.account), rows.map((r) => r.resource), rows.map((r) => r.sessionId), rows.map((r) => r.node), rows.map((r) => r.epoch),
]))

const close = async (db: Db, rows: readonly SessionRow[]): Promise<ReadonlyMap<string, Raised>> => raisedOf(await db.query<Raised & { account: string }>(`${RAISED}
  closed as (
    update presence p set state = 'closing' from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[]) as g (account, resource, session_id, node, epoch)
    where (select count(*) from locked) > 0 and p.account = g.account and p.resource = g.resource and p.session_id = g.session_id and p.node = g.node and p.epoch = g.epoch)
  select account, generation, seq from raised`, [
  accountsOf(rows), rows.map((r) => r.account), rows.map((r) => r.resource), rows.map((r) => r.sessionId), rows.map((r) => r.node), rows.map((r) => r.epoch),
]))

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
      on p.account = a.account and not (p.node = $2 and p.epoch = $3) and p.state <> 'closing'
    where a.account = any($1) and a.deleted is null`, [accounts, except.node, except.epoch])
  const found = new Map<string, { generation: number; elsewhere: Location[] }>()
  for (const { account, generation, resource, sessionId, node, epoch, priority } of rows) {
    const route = found.get(account) ?? { generation, elsewhere: [] }
    if (resource !== null) route.elsewhere.push({ resource, sessionId, node, epoch, priority })
    found.set(account, route)
  }
  return found
}

const owners = async (db: Db, accounts: readonly string[]): Promise<ReadonlyMap<string, Owners>> => {
  const rows = await db.query<{ account: string; generation: number; sessionId: string | null; resource: string; node: string; epoch: number }>(`
    select a.account, a.generation, p.session_id as "sessionId", p.resource, p.node, p.epoch from account a left join presence p on p.account = a.account
    where a.account = any($1) and a.deleted is null`, [accounts])
  const found = new Map<string, { generation: number; sessions: Map<string, Owner & { resource: string }> }>()
  for (const { account, generation, sessionId, resource, node, epoch } of rows) {
    const one = found.get(account) ?? { generation, sessions: new Map<string, Owner & { resource: string }>() }
    if (sessionId !== null) one.sessions.set(sessionId, { id: node, epoch, resource })
    found.set(account, one)
  }
  return found
}

export const presenceStore = (db: Db): PresenceStore => ({
  save: (rows) => save(db, rows),
  update: (rows) => update(db, rows),
  close: (rows) => close(db, rows),
  remove: (rows) => remove(db, rows),
  owners: (accounts) => owners(db, accounts),
  said: async (accounts, { id, epoch }) => (await db.query<Said>(`
    select account, resource, presence from presence where account = any($1) and presence is not null and state <> 'closing' and not (node = $2 and epoch = $3) order by account, resource`, [
    accounts, id, epoch,
  ])).map((row) => ({ ...row, presence: toOctets(row.presence) })),
  lookup: (accounts, except) => lookup(db, accounts, except),
})

/** The last presence of an account's sessions, as octets (for tests, and for probes later). */
export const presencesOf = async (db: Db, account: string): Promise<{ resource: string; priority: number | null; presence: string | null }[]> => {
  const rows = await db.query<{ resource: string; priority: number | null; presence: string | null }>(
    'select resource, priority, presence from presence where account = $1 order by resource', [account])
  return rows.map((row) => ({ ...row, presence: row.presence === null ? null : toOctets(row.presence) }))
}
