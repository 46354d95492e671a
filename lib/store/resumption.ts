// Streams that can be resumed (XEP-0198): a row each, moved forward by folds (durability.md D8), and what a crash has left of
// them: rows, and the journal to be replayed over them (D9).
import { toOctets } from '../base/octets.js'
import { readBlob, readReferences, readRequests, replay, writeReferences, writeRequests } from '../core/journal.js'
import type { RequestRow, StreamState } from '../core/journal.js'
import type { Db, LeftSession, Owner, ResumptionStore, StreamRow } from '../core/ports.js'

const requestsText = (requests: StreamState['requests']): string => JSON.stringify(writeRequests(requests))
const requestsOf = (text: string): StreamState['requests'] => readRequests(JSON.parse(text) as RequestRow[])

/** Account, session id, incarnation and the state of streams, as columns. */
export const streamColumns = (rows: readonly StreamRow[]): unknown[][] => [
  rows.map((r) => r.account), rows.map((r) => r.sessionId), rows.map((r) => r.incarnation), rows.map((r) => r.h), rows.map((r) => r.outbound),
  rows.map((r) => r.position), rows.map((r) => writeReferences(r.unacked)), rows.map((r) => requestsText(r.requests)),
  rows.map((r) => r.details), rows.map((r) => r.folded), rows.map((r) => r.detached),
]

/** A session that somebody has left, as `LEFT` selects it. */
export interface LeftRow {
  account: string
  sessionId: string
  resource: string
  incarnation: number
  priority: number | null
  presence: string | null
  last: number
  generation: number
  lasts: number | null
  h: number
  outbound: number
  position: number
  unacked: string
  requests: string
  details: string
  folded: number
  detached: number | null
}

export const LEFT = `
  select p.account, p.session_id as "sessionId", p.resource, coalesce(r.incarnation, p.incarnation) as incarnation, p.priority, p.presence, a.seq as last, a.generation,
    r.lasts, r.h, r.outbound, r.position, r.unacked, r.requests, r.details, r.folded, r.detached
  from presence p join account a on a.account = p.account left join resumption r on r.account = p.account and r.session_id = p.session_id and r.ended is null`

/** null: it cannot be resumed. */
export const streamOf = (row: LeftRow): StreamRow | null => {
  const { account, sessionId, resource, incarnation, lasts, h, outbound, position, details, folded, detached } = row
  return lasts === null ? null : {
    account, sessionId, resource, incarnation, lasts, h, outbound, position, details, folded, detached,
    unacked: readReferences(row.unacked), requests: requestsOf(row.requests),
  }
}

export const leftOf = (rows: readonly LeftRow[], streams: ReadonlyMap<string, StreamRow>, node: Owner): readonly LeftSession[] => rows.map((row) => ({
  last: row.last, generation: row.generation,
  row: {
    account: row.account, resource: row.resource, sessionId: row.sessionId, incarnation: row.incarnation, node: node.id, epoch: node.epoch,
    priority: row.priority, presence: row.presence === null ? null : toOctets(row.presence),
  },
  stream: streams.get(`${row.account} ${row.sessionId}`) ?? null,
}))

/** Streams in one statement. */
const SOME = 500

export const resumptionStore = (db: Db, node: Owner): ResumptionStore => {
  const fold = async (rows: readonly StreamRow[]): Promise<ReadonlySet<string>> => {
    const moved = new Set<string>()
    for (let i = 0; i < rows.length; i += SOME) {
      const found = await db.query<{ id: string }>(`
        update resumption r set h = greatest(r.h, f.h), outbound = f.outbound, position = f.position, unacked = f.unacked, requests = f.requests,
          details = f.details, folded = f.folded, detached = f.detached
        from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[], $8::text[], $9::text[], $10::bigint[], $11::bigint[])
          f (account, session_id, incarnation, h, outbound, position, unacked, requests, details, folded, detached)
        where r.account = f.account and r.session_id = f.session_id and r.incarnation = f.incarnation and r.node = $12 and r.epoch = $13
          and r.folded <= f.folded and r.ended is null
        returning r.session_id as id`, [...streamColumns(rows.slice(i, i + SOME)), node.id, node.epoch])
      for (const { id } of found) moved.add(id)
    }
    return moved
  }

  return {
    fold,
    save: async (r) => {
      // the session's row has the same incarnation: what it is written with is compared (D10)
      await db.query(`
        with taken as (update presence set incarnation = $4 where account = $1 and session_id = $2)
        insert into resumption (account, session_id, resource, incarnation, node, epoch, lasts, h, outbound, position, unacked, requests, details, folded, detached)
        select account, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15 from account where account = $1 and deleted is null
        on conflict (account, session_id) do update set incarnation = excluded.incarnation, node = excluded.node, epoch = excluded.epoch, h = excluded.h,
          outbound = excluded.outbound, position = excluded.position, unacked = excluded.unacked, requests = excluded.requests, details = excluded.details,
          folded = excluded.folded, detached = excluded.detached`, [
        r.account, r.sessionId, r.resource, r.incarnation, node.id, node.epoch, r.lasts, r.h, r.outbound, r.position,
        writeReferences(r.unacked), requestsText(r.requests), r.details, r.folded, r.detached,
      ])
    },
    resume: async (r, was) => (await db.query(`
        with moved as (
          update resumption r set incarnation = $3, h = greatest(r.h, $4), outbound = $5, position = $6, unacked = $7, requests = $8, details = $9, folded = $10, detached = $11
          where account = $1 and session_id = $2 and incarnation in ($12, $3) and node = $13 and epoch = $14 and folded <= $10 and ended is null
            and exists (select from presence p where p.account = $1 and p.session_id = $2 and p.node = $13 and p.epoch = $14)
          returning account, session_id),
        taken as (update presence p set incarnation = $3 from moved m where p.account = m.account and p.session_id = m.session_id)
        select 1 from moved`, [
      r.account, r.sessionId, r.incarnation, r.h, r.outbound, r.position, writeReferences(r.unacked), requestsText(r.requests), r.details, r.folded, r.detached,
      was, node.id, node.epoch,
    ])).length > 0,
    trim: async (n) => {
      await db.query('delete from journal where node = $1 and epoch = $2 and n <= $3', [node.id, node.epoch, n])
    },
    end: async (streams, at) => {
      await db.query(`
        delete from resumption r using unnest($1::text[], $2::text[]) e (account, session_id)
        where r.account = e.account and r.session_id = e.session_id and r.node = $3 and r.epoch = $4`, [
        streams.filter((s) => s.h === null).map((s) => s.account), streams.filter((s) => s.h === null).map((s) => s.sessionId), node.id, node.epoch,
      ])
      const kept = streams.filter((s) => s.h !== null)
      await db.query(`
        update resumption r set ended = $4, h = greatest(r.h, e.h), unacked = '', requests = '[]'
        from unnest($1::text[], $2::text[], $3::bigint[]) e (account, session_id, h)
        where r.account = e.account and r.session_id = e.session_id and r.node = $5 and r.epoch = $6`, [
        kept.map((s) => s.account), kept.map((s) => s.sessionId), kept.map((s) => s.h), Math.round(at), node.id, node.epoch,
      ])
    },
    note: async (sessions, at) => {
      await db.query(`
        insert into resumption (account, session_id, resource, incarnation, node, epoch, lasts, ended)
        select a.account, s.session_id, s.resource, 0, $4, $5, 0, $6 from unnest($1::text[], $2::text[], $3::text[]) s (account, session_id, resource)
          join account a on a.account = s.account and a.deleted is null
        on conflict (account, session_id) do update set ended = excluded.ended`, [
        sessions.map((s) => s.account), sessions.map((s) => s.sessionId), sessions.map((s) => s.resource), node.id, node.epoch, Math.round(at),
      ])
    },
    handled: async (account, sessionId) => {
      // of one that nobody has ended yet the journal knows more
      const [row] = await db.query<{ h: number }>('select h from resumption where account = $1 and session_id = $2 and lasts > 0 and ended is not null', [account, sessionId])
      return row?.h ?? null
    },
    unclean: async () => (await db.query<{ account: string }>('select distinct account from resumption where ended is not null limit 50000')).map((row) => row.account),
    forget: async (before) => {
      await db.query('delete from resumption where ended < $1', [Math.round(before)])
    },
    restore: async () => {
      // sessions of earlier lives: the node has taken their rows over (lib/store/node.ts)
      const rows = await db.query<LeftRow>(`${LEFT} where p.node = $1 and p.epoch = $2 order by p.account`, [node.id, node.epoch])
      const states = new Map<string, StreamRow>()
      for (const row of rows) {
        const stream = streamOf(row)
        if (stream !== null) states.set(`${row.account} ${row.sessionId}`, stream)
      }
      await replayAll(states)
      return leftOf(rows, states, node)
    },
  }

  /** The journal over the rows; then written, and the journal is gone. All of it, so that a crash in between does it again. */
  async function replayAll(states: Map<string, StreamRow>): Promise<void> {
    for (let after = 0; ;) {
      // an epoch is one life; no two lives' commits are mixed, for a row is of the life that took it last
      const blobs = await db.query<{ epoch: number; n: number; blob: string }>(
        'select epoch, n, blob from journal where not (node = $1 and epoch = $2) order by node, epoch, n limit $3 offset $4', [node.id, node.epoch, SOME, after])
      for (const { n, blob } of blobs) {
        for (const part of readBlob(blob)) {
          const key = `${part.account} ${part.sessionId}`
          const state = states.get(key)
          if (state !== undefined && state.incarnation === part.incarnation) states.set(key, { ...state, ...replay(state, n, part) })
        }
      }
      if (blobs.length < SOME) break
      after += blobs.length
    }
    // this life counts from 1
    for (const [key, state] of states) states.set(key, { ...state, folded: 0 })
    const all = [...states.values()]
    for (let i = 0; i < all.length; i += SOME) {
      const some = all.slice(i, i + SOME)
      await db.transaction(async (tx) => {
        await tx.query('update resumption set folded = -1 where node = $1 and epoch = $2 and session_id = any($3)', [node.id, node.epoch, some.map((s) => s.sessionId)])
        await resumptionStore(tx, node).fold(some)
      })
    }
    await db.query('delete from journal where not (node = $1 and epoch = $2)', [node.id, node.epoch])
  }
}
