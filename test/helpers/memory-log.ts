// The message log and the streams' rows in memory, for tests of what the core makes of them: they do what lib/store/log.ts and
// lib/store/resumption.ts do, which tests of their own hold against Postgres.
import { MovedError } from '../../lib/base/errors.js'
import { ARCHIVED, QUEUED } from '../../lib/core/ports.js'
import { readBlob, replay } from '../../lib/core/journal.js'
import type { Batch, LeftSession, LogEntry, Logged, LoggedEntry, Logging, LogStore, ResumptionStore, SessionRow, StreamRow } from '../../lib/core/ports.js'

export interface MemoryLog extends LogStore {
  readonly entries_: Map<string, LogEntry[]>
  readonly acknowledged: Map<string, Set<number>>
  readonly blobs: Map<number, string>
  readonly batches: Batch[]
  n: number
  /** Fences are not looked at: the sessions are in another store than this one. */
  unfenced: boolean
  /** Called before each question; it may throw. */
  before: (what: string) => void | Promise<void>
}

/** @param generation of an account */
export const memoryLog = (accounts: { has(account: string): boolean }, generation: (account: string) => number = () => 0): MemoryLog => {
  const entries_ = new Map<string, LogEntry[]>()
  const acknowledged = new Map<string, Set<number>>()
  const of = (account: string): LogEntry[] => {
    const there = entries_.get(account)
    if (there !== undefined) return there
    const made: LogEntry[] = []
    entries_.set(account, made)
    return made
  }
  const waits = (account: string, e: LogEntry): boolean => (e.flags & QUEUED) !== 0 && acknowledged.get(account)?.has(e.seq) !== true
  const made = new Map<number, readonly Logged[]>()
  const write = (account: string, peer: string, flags: number, { xml }: Logging, { mark, at }: Batch): LoggedEntry | null => {
    if ((flags & (ARCHIVED | QUEUED | 8)) === 0) return null
    const entry = { seq: of(account).length + 1, mark, at, peer, flags: flags & 7, xml, waiting: false }
    of(account).push(entry)
    return { seq: entry.seq, mark, flags: entry.flags, generation: generation(account) }
  }
  const store: MemoryLog = {
    entries_, acknowledged, n: 0, unfenced: false, blobs: new Map(), batches: [], before: () => {},
    commit: async (batch) => {
      await store.before('commit')
      if (store.n !== batch.n - 1) throw new Error('moved by somebody else')
      const stale = [...batch.fences ?? []].flatMap(([account, expected]) => (store.unfenced || generation(account) === expected ? [] : [account]))
      if (stale.length > 0) throw new MovedError(stale)
      store.n = batch.n
      store.batches.push(batch)
      if (batch.blob !== '') store.blobs.set(batch.n, batch.blob)
      const outcomes = batch.messages.map((message): Logged => {
        if (!accounts.has(message.receiver)) return null
        const received = write(message.receiver, message.sender, message.received, message, batch) as LoggedEntry
        return { received, sent: message.sent > 0 && accounts.has(message.sender) ? write(message.sender, message.receiver, message.sent, message, batch) : null }
      })
      made.set(batch.n, outcomes)
      await store.before('committed')
      return outcomes
    },
    decide: async (batch) => {
      await store.before('decide')
      if (store.n === batch.n - 1) {
        store.n = batch.n
        return null
      }
      return made.get(batch.n) as readonly Logged[]
    },
    waiting: async (asked) => {
      await store.before('waiting')
      return new Map(asked.filter((account) => accounts.has(account)).map((account) => {
        const all = of(account).filter((e) => waits(account, e))
        const senders = new Map<string, number>()
        for (const { peer } of all) senders.set(peer, (senders.get(peer) ?? 0) + 1)
        return [account, { messages: all.length, bytes: all.reduce((sum, e) => sum + e.xml.length, 0), senders }]
      }))
    },
    pull: async (account, after, upTo, limit) => {
      await store.before('pull')
      return of(account).filter((e) => e.seq > after && e.seq <= upTo && waits(account, e)).slice(0, limit).map((e) => ({ ...e, waiting: true }))
    },
    read: async (account, after, limit) => {
      await store.before('read')
      return of(account).filter((e) => e.seq > after).slice(0, limit).map((e) => ({ ...e, waiting: waits(account, e) }))
    },
    entries: async (account, seqs) => {
      await store.before('entries')
      return of(account).filter((e) => seqs.includes(e.seq))
    },
    recent: async (account, peer, limit) => {
      await store.before('recent')
      return of(account).filter((e) => e.peer === peer).slice(-limit).toReversed()
    },
    lasts: async (accounts) => new Map(accounts.map((account) => [account, { seq: of(account).length, generation: generation(account) }])),
    acknowledge: async (acks) => {
      await store.before('acknowledge')
      for (const [account, seqs] of acks) acknowledged.set(account, new Set([...acknowledged.get(account) ?? [], ...seqs]))
    },
  }
  return store
}

export interface MemoryStreams extends ResumptionStore {
  readonly rows: Map<string, StreamRow>
  readonly over: Map<string, number>
  /** Accounts of sessions that ended uncleanly. */
  readonly noted: Set<string>
}

/**
 * @param log whose journal is replayed over the rows at `restore`
 * @param sessions the presence table, by full JID: a session without a row there is none
 */
export const memoryStreams = (log: MemoryLog, node: { id: string; epoch: number }, sessions: Map<string, SessionRow>): MemoryStreams => {
  const rows = new Map<string, StreamRow>()
  const over = new Map<string, number>()
  const noted = new Set<string>()
  const key = (r: { account: string; sessionId: string }): string => `${r.account} ${r.sessionId}`
  return {
    rows, over, noted,
    save: async (row) => {
      await log.before('save')
      rows.set(key(row), row)
      for (const [full, session] of sessions) if (key(session) === key(row)) sessions.set(full, { ...session, incarnation: row.incarnation })
    },
    resume: async (row, was) => {
      await log.before('save')
      const there = rows.get(key(row))
      if (there === undefined || (there.incarnation !== was && there.incarnation !== row.incarnation) || there.folded > row.folded) return false
      rows.set(key(row), row)
      for (const [full, session] of sessions) if (key(session) === key(row)) sessions.set(full, { ...session, incarnation: row.incarnation })
      return true
    },
    fold: async (changed) => {
      await log.before('fold')
      const moved = new Set<string>()
      for (const row of changed) {
        const there = rows.get(key(row))
        if (there === undefined || there.incarnation !== row.incarnation || there.folded > row.folded) continue
        rows.set(key(row), { ...row, h: Math.max(row.h, there.h) })
        moved.add(row.sessionId)
      }
      return moved
    },
    trim: async (n) => {
      await log.before('trim')
      for (const k of log.blobs.keys()) if (k <= n) log.blobs.delete(k)
    },
    end: async (streams) => {
      await log.before('end')
      for (const s of streams) {
        if (s.h !== null) {
          over.set(key(s), s.h)
          noted.add(s.account)
        }
        rows.delete(key(s))
      }
    },
    note: async (ended) => {
      await log.before('note')
      for (const { account } of ended) noted.add(account)
    },
    handled: async (account, sessionId) => over.get(`${account} ${sessionId}`) ?? null,
    unclean: async () => [...noted],
    forget: async () => {},
    restore: async () => {
      for (const [n, blob] of log.blobs) {
        for (const part of readBlob(blob)) {
          const row = rows.get(key(part))
          if (row !== undefined && row.incarnation === part.incarnation) rows.set(key(row), { ...row, ...replay(row, n, part) })
        }
      }
      // the next life counts from 1
      log.blobs.clear()
      log.n = 0
      for (const [k, row] of rows) rows.set(k, { ...row, folded: 0 })
      return [...sessions.values()].map((row): LeftSession => ({
        last: log.entries_.get(row.account)?.length ?? 0, generation: 1, row: { ...row, node: node.id, epoch: node.epoch }, stream: rows.get(key(row)) ?? null,
      }))
    },
  }
}
