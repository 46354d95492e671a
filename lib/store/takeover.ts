// Sessions that change their owner (durability.md D9): those of a node that is over, by the accounts, and single ones whose
// client has come to this node, whether the old owner lives or not. In one transaction, behind the lock of the account's row:
// what the owner's journal says since the stream's row was written is replayed, and row, node, epoch and incarnation are
// written anew. What the old owner still writes of a session is of an incarnation that is over.
import { LRUCache } from 'lru-cache'
import { readBlob, replay } from '../core/journal.js'
import type { JournalPart } from '../core/journal.js'
import { makeBatcher } from '../core/batcher.js'
import type { Db, LeftSession, Mine, Owner, StreamRow, Taken, TakeoverStore } from '../core/ports.js'
import { leftOf, LEFT, streamColumns, streamOf } from './resumption.js'
import type { LeftRow } from './resumption.js'

interface Tail {
  /** Commits up to this one are in it. */
  n: number
  /** By account and session id, in order. */
  readonly parts: Map<string, { readonly n: number; readonly part: JournalPart }[]>
}

/** Journals of other epochs that are kept, and for how long: a killed node's sessions are taken by the thousand, one by one. */
const TAILS = 16
const KEPT = 30_000
/** Commits read at once. */
const SOME = 500
/** Sessions taken in one transaction. */
const MOST = 100

const keyOf = (account: string, sessionId: string): string => `${account} ${sessionId}`

export const takeoverStore = (db: Db, node: Owner): TakeoverStore => {
  const tails = new LRUCache<string, Tail>({ max: TAILS, ttl: KEPT })

  /** Of an epoch that is over nothing is added; of one that lives, what has come since is read. */
  const tailOf = async (tx: Db, { id, epoch }: Owner): Promise<Tail> => {
    const key = `${id} ${epoch}`
    const tail = tails.get(key) ?? { n: 0, parts: new Map() }
    if (tail.n === 0) tails.set(key, tail)
    for (;;) {
      const blobs = await tx.query<{ n: number; blob: string }>('select n, blob from journal where node = $1 and epoch = $2 and n > $3 order by n limit $4', [id, epoch, tail.n, SOME])
      for (const { n, blob } of blobs) {
        for (const part of readBlob(blob)) {
          const session = keyOf(part.account, part.sessionId)
          const parts = tail.parts.get(session)
          if (parts === undefined) tail.parts.set(session, [{ n, part }])
          else parts.push({ n, part })
        }
        tail.n = n
      }
      if (blobs.length < SOME) return tail
    }
  }

  const own = async (tx: Db, from: Owner, rows: readonly LeftRow[]): Promise<readonly LeftSession[]> => {
    const tail = await tailOf(tx, from)
    const streams = new Map<string, StreamRow>()
    const taken = rows.map((row) => ({ ...row, incarnation: row.incarnation + 1, generation: row.generation + 1 }))
    for (const row of rows) {
      let stream = streamOf(row)
      if (stream === null) continue
      for (const { n, part } of tail.parts.get(keyOf(row.account, row.sessionId)) ?? []) {
        if (part.incarnation === row.incarnation) stream = { ...stream, ...replay(stream, n, part) }
      }
      // this life counts from its own commits
      streams.set(keyOf(row.account, row.sessionId), { ...stream, incarnation: row.incarnation + 1, folded: 0 })
    }
    await tx.query(`
      update presence p set node = $4, epoch = $5, incarnation = t.incarnation
      from unnest($1::text[], $2::text[], $3::bigint[]) t (account, session_id, incarnation) where p.account = t.account and p.session_id = t.session_id`, [
      taken.map((t) => t.account), taken.map((t) => t.sessionId), taken.map((t) => t.incarnation), node.id, node.epoch,
    ])
    if (streams.size > 0) {
      await tx.query(`
        update resumption r set incarnation = t.incarnation, h = t.h, outbound = t.outbound, position = t.position, unacked = t.unacked, requests = t.requests,
          details = t.details, folded = t.folded, detached = t.detached, node = $12, epoch = $13
        from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[], $8::text[], $9::text[], $10::bigint[], $11::bigint[])
          t (account, session_id, incarnation, h, outbound, position, unacked, requests, details, folded, detached)
        where r.account = t.account and r.session_id = t.session_id`, [...streamColumns([...streams.values()]), node.id, node.epoch])
    }
    await tx.query('update account set generation = generation + 1 where account = any($1)', [[...new Set(taken.map((t) => t.account))]])
    return leftOf(taken, streams, node)
  }

  /** null: somebody else was faster, and there may be more. */
  const some = (from: Owner, limit: number): Promise<readonly LeftSession[] | null> => db.transaction(async (tx) => {
    const accounts = (await tx.query<{ account: string }>(`
        select account from account where account in (select account from presence where node = $1 and epoch = $2 order by account limit $3) order by account for update`, [
      from.id, from.epoch, limit,
    ])).map((row) => row.account)
    if (accounts.length === 0) {
      // only now does nobody need it any more
      await tx.query('delete from journal where node = $1 and epoch = $2', [from.id, from.epoch])
      tails.delete(`${from.id} ${from.epoch}`)
      return []
    }
    // (as with a single one, below)
    await tx.query('select 1 from resumption where node = $1 and epoch = $2 and account = any($3) order by account, session_id for update', [from.id, from.epoch, accounts])
    const rows = await tx.query<LeftRow>(`${LEFT} where p.node = $1 and p.epoch = $2 and p.account = any($3) order by p.account`, [from.id, from.epoch, accounts])
    return rows.length === 0 ? null : own(tx, from, rows)
  })

  /** After a kill they come by the thousand: many in one transaction. */
  const take = makeBatcher<{ readonly account: string; readonly sessionId: string }, Taken | null>((wanted) => db.transaction(async (tx) => {
    const keys = [wanted.map((w) => w.account), wanted.map((w) => w.sessionId)]
    await tx.query('select 1 from account where account = any($1) order by account for update', [keys[0]])
    // a fold of the old owner waits here and finds the row another's, or it is seen below: the journal that it trims is in the row then (D8)
    await tx.query('select 1 from resumption where account = any($1) and session_id = any($2) order by account, session_id for update', keys)
    // a statement of its own: it sees what was done before the locks were had
    const rows = await tx.query<LeftRow & { owner: string; since: number }>(`${LEFT.replace('select ', 'select p.node as owner, p.epoch as since, ')}
      where p.account = any($1) and p.session_id = any($2) and r.session_id is not null order by p.account, p.session_id`, keys)
    const owners = new Map<string, { readonly from: Owner; readonly rows: LeftRow[] }>()
    for (const row of rows) {
      const key = `${row.owner} ${row.since}`
      const one = owners.get(key) ?? { from: { id: row.owner, epoch: row.since }, rows: [] }
      owners.set(key, one)
      // its client is here
      one.rows.push({ ...row, detached: null })
    }
    const taken = new Map<string, Taken>()
    for (const { from, rows: theirs } of owners.values()) {
      for (const left of await own(tx, from, theirs)) taken.set(keyOf(left.row.account, left.row.sessionId), { from, left })
    }
    return wanted.map((w) => taken.get(keyOf(w.account, w.sessionId)) ?? null)
  }), MOST, 100_000)

  return {
    adopt: async (from, limit) => {
      for (;;) {
        const found = await some(from, limit)
        if (found !== null) return found
      }
    },
    take: (account, sessionId) => take({ account, sessionId }),
    mine: () => db.query<Mine>(`select account, session_id as "sessionId", incarnation from presence where node = $1 and epoch = $2 and state <> 'closing'`, [node.id, node.epoch]),
    again: async (strays) => db.transaction(async (tx) => {
      await tx.query('select 1 from account where account = any($1) order by account for update', [strays.map((s) => s.account)])
      const rows = await tx.query<LeftRow>(`${LEFT} join unnest($3::text[], $4::text[], $5::bigint[]) s (account, session_id, incarnation)
          on s.account = p.account and s.session_id = p.session_id and s.incarnation = p.incarnation
        where p.node = $1 and p.epoch = $2 order by p.account`, [
        node.id, node.epoch, strays.map((s) => s.account), strays.map((s) => s.sessionId), strays.map((s) => s.incarnation),
      ])
      return rows.length === 0 ? [] : own(tx, node, rows)
    }),
  }
}
