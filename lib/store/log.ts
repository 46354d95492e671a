// The message log (durability.md D1–D3): one entry for each account that a message concerns, written by group commits.
// A group commit is one statement: one way there and back, one flush, and nothing of it is ever seen half done.
import { MovedError } from '../base/errors.js'
import { toOctets, toText } from '../base/octets.js'
import { ARCHIVED } from '../core/ports.js'
import type { Batch, Db, Last, LogEntry, Logged, LoggedEntry, Logging, LogStore, Waiting } from '../core/ports.js'
import { acknowledge, WAITS } from './queue.js'

/** Which messages are archived where an account has no preference of its own (XEP-0441). */
export type ArchiveDefault = 'always' | 'roster'

/**
 * `moved` is the compare-and-set that makes the batch happen once (D3), and only where all fences hold, which are read behind
 * the locks (D2): without it, nothing is written. Accounts are locked in order. A message to nobody leaves no entry, its sender's neither. What is left out by preference
 * comes back as `left` (2 × place in the batch, + 1 for the sender's entry), what is only not archived as `unarchived`.
 */
const COMMIT = `
  with locked as materialized (
    select account, seq, generation from account where account = any($5::text[]) and deleted is null order by account for update),
  stale as materialized (
    select account from unnest($14::text[], $15::bigint[]) f (account, expected) left join locked l using (account) where l.generation is distinct from f.expected),
  moved as (update node set n = $1 where id = $2 and epoch = $3 and n = $1 - 1 and not exists (select from stale) returning n),
  noted as (insert into journal (node, epoch, n, blob) select $2, $3, $1, $4 from moved where $4 <> ''),
  m as materialized (
    select receiver, sender, received, sent, xml, i from unnest($6::text[], $7::text[], $8::int[], $9::int[], $10::text[])
      with ordinality m (receiver, sender, received, sent, xml, i) where exists (select from moved)),
  e as (
    select r.account, r.seq as base, m.sender as peer, m.received as flags, m.i * 2 - 2 as k, m.i
      from m join locked r on r.account = m.receiver
    union all
    select s.account, s.seq, m.receiver, m.sent, m.i * 2 - 1, m.i
      from m join locked r on r.account = m.receiver join locked s on s.account = m.sender where m.sent > 0),
  decided as materialized (
    select e.account, base, peer, k, i, case when flags & 1 = 0 or case
        when p.account is null and $13 = 'always' then true
        when peer = any(p.always) then true
        when peer = any(p.never) then false
        when coalesce(p.fallback, $13) = 'roster' then exists (select from roster r where r.account = e.account and r.jid = peer and r.listed)
        else p.fallback = 'always' end
      then flags else flags - 1 end as flags
    from e left join archive_preference p on p.account = e.account),
  numbered as materialized (
    select account, base + row_number() over (partition by account order by k) as seq, peer, flags, k, i from decided where flags & 11 > 0),
  written as (
    insert into log (account, seq, mark, at, peer, flags, xml)
    select n.account, n.seq, $11, $12, n.peer, n.flags & 7, m.xml from numbered n join m using (i)),
  raised as (
    update account a set seq = c.seq from (select account, max(seq) as seq from numbered group by account) c where a.account = c.account)
  select account, seq, generation, null as left, null as unarchived, null as stale from locked
  union all
  select null, (select n from moved), 0,
    (select string_agg(k::text, ',') from decided where flags & 11 = 0),
    (select string_agg(k::text, ',') from numbered where flags & 1 = 0), (select array_agg(account) from stale)`

interface Locked {
  account: string | null
  seq: number | null
  generation: number
  left: string | null
  unarchived: string | null
  stale: string[] | null
}

const numbers = (list: string | null): ReadonlySet<number> => new Set(list === null ? [] : list.split(',').map(Number))

const accountsOf = (messages: readonly Logging[], fences: ReadonlyMap<string, number> = NONE): string[] => {
  const accounts = new Set<string>(fences.keys())
  for (const { receiver, sender, sent } of messages) {
    accounts.add(receiver)
    if (sent > 0) accounts.add(sender)
  }
  return [...accounts]
}

const NONE: ReadonlyMap<string, number> = new Map()

/** The numbers follow from those that the accounts had, as the statement gave them. */
const outcomes = (messages: readonly Logging[], mark: number, rows: readonly Locked[]): readonly Logged[] => {
  const accounts = new Map<string, { seq: number; readonly generation: number }>()
  for (const row of rows) if (row.account !== null) accounts.set(row.account, { seq: row.seq as number, generation: row.generation })
  const ends = rows.find((r) => r.account === null) as Locked
  const left = numbers(ends.left)
  const unarchived = numbers(ends.unarchived)
  const entry = (account: string, flags: number, k: number): LoggedEntry | null => {
    const row = accounts.get(account)
    if (row === undefined || flags === 0 || left.has(k)) return null
    return { seq: ++row.seq, mark, flags: (unarchived.has(k) ? flags & ~ARCHIVED : flags) & 7, generation: row.generation }
  }
  return messages.map(({ receiver, sender, received, sent }, i) => {
    if (!accounts.has(receiver)) return null
    const first = entry(receiver, received, 2 * i)
    return { received: first, sent: entry(sender, sent, 2 * i + 1) }
  })
}

interface EntryRow {
  seq: number
  mark: number
  at: number
  peer: string
  flags: number
  xml: string
  waiting: boolean
}

const entryOf = ({ xml, ...row }: EntryRow): LogEntry => ({ ...row, xml: toOctets(xml) })

/** What a batch has written, from the entries with its mark; in each account they stand in the order of the batch. null: nothing. */
const recovered = async (db: Db, { messages, mark }: Batch): Promise<readonly Logged[] | null> => {
  const rows = await db.query<{ account: string; seq: number; flags: number; peer: string; xml: string; generation: number }>(`
    select a.account, l.seq, l.flags, l.peer, l.xml, a.generation from account a join log l on l.account = a.account
    where a.account = any($1) and l.mark = $2 and l.seq > a.seq - $3 order by a.account, l.seq`, [accountsOf(messages), mark, RECENT])
  if (rows.length === 0) return null
  const left = new Map<string, typeof rows>()
  for (const row of rows) left.set(row.account, [...left.get(row.account) ?? [], row])
  const next = (account: string, peer: string, xml: string): LoggedEntry | null => {
    const [first, ...rest] = left.get(account) ?? []
    if (first === undefined || first.peer !== peer || first.xml !== xml) return null
    left.set(account, rest)
    return { seq: first.seq, mark, flags: first.flags, generation: first.generation }
  }
  return messages.map(({ receiver, sender, sent, xml }) => {
    const text = toText(xml)
    const entries = { received: next(receiver, sender, text), sent: sent === 0 ? null : next(sender, receiver, text) }
    return entries.received === null && entries.sent === null ? null : entries
  })
}

/** Entries of an account among which those of an undecided batch are looked for. */
const RECENT = 100_000

const SELECT = `
  select l.seq, l.mark, l.at, l.peer, l.flags, l.xml,
    ${WAITS} as waiting
  from log l left join queue q on q.account = l.account`

/** Octets of one page: a mailbox may be of long messages, and no page is held by more than a few sessions. */
const PAGE_OCTETS = 1024 ** 2

/** As much of it as fits into one page, but the first entry always. */
const paged = (rows: string): string => `
  select seq, mark, at, peer, flags, xml, waiting from (
    select r.*, sum(octet_length(xml)) over (order by seq) - octet_length(xml) as before from (${rows}) r) r
  where before < ${PAGE_OCTETS} order by seq`

const PULL = paged(`${SELECT}
    where l.account = $1 and l.seq > greatest($2, (select watermark from queue where account = $1)) and l.seq <= $3
      and l.flags & 2 = 2 and not coalesce(q.ranges @> l.seq, false)
    order by l.seq limit $4`)
const READ = paged(`${SELECT} where l.account = $1 and l.seq > $2 order by l.seq limit $3`)

export const logStore = (db: Db, node: { readonly id: string; readonly epoch: number }, archive: ArchiveDefault): LogStore => ({
  commit: async ({ n, messages, blob, mark, at, fences = NONE }) => {
    const rows = await db.query<Locked>(COMMIT, [
      n, node.id, node.epoch, blob, accountsOf(messages, fences),
      messages.map((m) => m.receiver), messages.map((m) => m.sender), messages.map((m) => m.received), messages.map((m) => m.sent), messages.map((m) => toText(m.xml)),
      mark, Math.round(at), archive, [...fences.keys()], [...fences.values()],
    ])
    const ends = rows.find((r) => r.account === null)
    if (ends?.stale !== null && ends?.stale !== undefined) throw new MovedError(ends.stale)
    // nobody else counts for this node: another process has taken its name
    if (ends?.seq !== n) throw new Error(`group commit ${n}: the counter of node '${node.id}' in epoch ${node.epoch} was moved by somebody else`)
    return outcomes(messages, mark, rows)
  },
  decide: async (batch) => {
    const won = await db.query('update node set n = $1 where id = $2 and epoch = $3 and n = $1 - 1 returning n', [batch.n, node.id, node.epoch])
    if (won.length > 0) return null
    // lost: it happened, or this question was asked before, won, and its answer was lost. Now that the counter has moved it
    // cannot happen any more, so that what it has written tells
    const found = await recovered(db, batch)
    if (found !== null) return found
    const noted = await db.query('select 1 from journal where node = $1 and epoch = $2 and n = $3', [node.id, node.epoch, batch.n])
    return noted.length > 0 ? batch.messages.map(() => null) : null
  },
  waiting: async (accounts) => {
    const rows = await db.query<{ account: string; peer: string | null; messages: number; bytes: number }>(`
      select a.account, w.peer, w.messages, w.bytes from account a left join queue q on q.account = a.account
      left join lateral (
        select peer, count(*)::int as messages, sum(octet_length(xml))::float8 as bytes from log l
        where l.account = a.account and l.seq > coalesce(q.watermark, 0) and l.flags & 2 = 2 and not coalesce(q.ranges @> l.seq, false)
        group by peer) w on true
      where a.account = any($1) and a.deleted is null`, [accounts])
    const found = new Map<string, { messages: number; bytes: number; senders: Map<string, number> }>()
    for (const { account, peer, messages, bytes } of rows) {
      const one = found.get(account) ?? { messages: 0, bytes: 0, senders: new Map() }
      if (peer !== null) {
        one.messages += messages
        one.bytes += bytes
        one.senders.set(peer, messages)
      }
      found.set(account, one)
    }
    return found satisfies ReadonlyMap<string, Waiting>
  },
  pull: async (account, after, upTo, limit) => (await db.query<EntryRow>(PULL, [account, after, upTo, limit])).map(entryOf),
  read: async (account, after, limit) => (await db.query<EntryRow>(READ, [account, after, limit])).map(entryOf),
  entries: async (account, seqs) => (await db.query<EntryRow>(`${SELECT}
    where l.account = $1 and l.seq = any($2) order by l.seq`, [account, seqs])).map(entryOf),
  recent: async (account, peer, limit) => (await db.query<EntryRow>(`${SELECT}
    where l.account = $1 and l.peer = $2 order by l.seq desc limit $3`, [account, peer, limit])).map(entryOf),
  lasts: async (accounts) => new Map((await db.query<Last & { account: string }>('select account, generation, seq from account where account = any($1)', [accounts])).map(({ account, ...last }) => [account, last])),
  acknowledge: (acks) => acknowledge(db, acks),
})
