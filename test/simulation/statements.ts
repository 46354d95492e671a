// What the statements of lib/store mean to the simulated database: of the log, the queue, nodes and leases. Each is known by a
// part of its text; one that is not known is an error. What they do is held to what Postgres does by contract.ts.
import { streamStatements } from './statements-streams.js'
import type { Database, Doing, Meaning } from './database.js'
import { journalKey } from './tables.js'
import type { EntryRow, Tables } from './tables.js'

type Column<T> = readonly T[]
/** `= any(…)`: each once. */
const any = (values: unknown): string[] => [...new Set(values as Column<string>)]
/** It reads, at one moment. */
export const reading = (read: (tables: Tables, values: readonly unknown[], database: Database) => unknown[]): Meaning =>
  (tables, values, database) => ({ locks: [], run: () => read(tables, values, database) })

export const accountLock = (account: string): string => `account ${account}`
const nodeLock = (id: string): string => `node ${id}`

const waits = (tables: Tables, { account, seq, flags }: EntryRow): boolean => (flags & 2) !== 0 && tables.queue.get(account)?.has(seq) !== true
const entryOf = (tables: Tables, entry: EntryRow): unknown => {
  const { account: _, ...rest } = entry
  return { ...rest, waiting: waits(tables, entry) }
}
const entriesOf = (tables: Tables, account: string): readonly EntryRow[] => tables.log.get(account) ?? []

/** lib/store/log.ts, COMMIT. Behind the locks: fences, the node's counter, then entries and journal, all or nothing. */
const commit: Meaning = (tables, values, database) => {
  const { broken } = database
  const [n, node, epoch, blob, accounts, receivers, senders, received, sent, xmls, mark, at, , fenced, expected] = values as [
    number, string, number, string, Column<string>, Column<string>, Column<string>, Column<number>, Column<number>, Column<string>, number, number, string, Column<string>, Column<number>]
  const sorted = [...accounts].sort()
  // a broken rule: what a sub-select of the locking statement sees is what there was when the statement began
  const snapshot = new Map(sorted.map((account) => [account, tables.account.get(account)?.generation]))
  const withEntries = new Set([...receivers, ...senders.filter((_, i) => (sent[i] as number) > 0)])
  return {
    locks: [...sorted.map(accountLock), nodeLock(node)],
    run: (write) => {
      const locked = sorted.flatMap((account) => {
        const row = tables.account.get(account)
        return row === undefined ? [] : [{ account, seq: row.seq, generation: row.generation }]
      })
      const generationOf = (account: string): number | undefined => (broken.has('incarnation read in the locking statement') ? snapshot.get(account) : tables.account.get(account)?.generation)
      const isUnfenced = (account: string): boolean => broken.has('no incarnation check') || (broken.has('only accounts with entries locked') && !withEntries.has(account))
      const stale = fenced.filter((account, i) => !isUnfenced(account) && generationOf(account) !== expected[i])
      const own = tables.node.get(node)
      const moved = stale.length === 0 && own?.epoch === epoch && own.n === n - 1
      if (moved) {
        const bySeq = new Map(locked.map((row) => [row.account, row.seq]))
        const entries: EntryRow[] = []
        const put = (account: string, peer: string, flags: number, xml: string): void => {
          const seq = bySeq.get(account)
          if (seq === undefined || (flags & 11) === 0) return
          bySeq.set(account, seq + 1)
          entries.push({ account, seq: seq + 1, mark, at, peer, flags: flags & 7, xml })
        }
        receivers.forEach((receiver, i) => {
          if (!bySeq.has(receiver)) return
          put(receiver, senders[i] as string, received[i] as number, xmls[i] as string)
          if ((sent[i] as number) > 0) put(senders[i] as string, receiver, sent[i] as number, xmls[i] as string)
        })
        write(() => {
          own.n = n
          if (blob !== '') {
            const key = journalKey(node, epoch)
            const journal = tables.journal.get(key) ?? new Map<number, string>()
            tables.journal.set(key, journal.set(n, blob))
          }
          for (const entry of entries) {
            const log = tables.log.get(entry.account)
            if (log === undefined) tables.log.set(entry.account, [entry])
            else log.push(entry)
            database.written(entry)
          }
          for (const [account, seq] of bySeq) {
            const row = tables.account.get(account)
            if (row !== undefined) row.seq = seq
          }
        })
      }
      const nothing = { left: null, unarchived: null, stale: null }
      return [
        ...locked.map((row) => ({ ...row, ...nothing })),
        // as an outer select with `from decided`, which is empty where nothing was written
        { account: null, seq: moved ? n : null, generation: 0, left: null, unarchived: moved ? unarchivedOf(locked, receivers, senders, received, sent) : null, stale: stale.length === 0 ? null : stale },
      ]
    },
  }
}

/** Places in the batch of entries that are written and not archived. */
const unarchivedOf = (locked: readonly { account: string }[], receivers: Column<string>, senders: Column<string>, received: Column<number>, sent: Column<number>): string | null => {
  const there = new Set(locked.map((row) => row.account))
  const places = receivers.flatMap((receiver, i) => (!there.has(receiver) ? [] : [
    ...(((received[i] as number) & 11) !== 0 && ((received[i] as number) & 1) === 0 ? [2 * i] : []),
    ...(((sent[i] as number) & 11) !== 0 && ((sent[i] as number) & 1) === 0 && there.has(senders[i] as string) ? [2 * i + 1] : []),
  ]))
  return places.length === 0 ? null : places.join(',')
}

const decide: Meaning = (tables, values) => {
  const [n, id, epoch] = values as [number, string, number]
  return {
    locks: [nodeLock(id)],
    run: (write) => {
      const row = tables.node.get(id)
      if (row?.epoch !== epoch || row.n !== n - 1) return []
      write(() => {
        row.n = n
      })
      return [{ n }]
    },
  }
}

const acknowledge: Meaning = (tables, values) => {
  const [accounts, seqs] = values as [Column<string>, Column<number>]
  return {
    locks: [...new Set(accounts)].sort().map((account) => `queue ${account}`),
    run: (write) => {
      write(() => accounts.forEach((account, i) => {
        if (!tables.account.has(account)) return
        const queue = tables.queue.get(account) ?? new Set<number>()
        tables.queue.set(account, queue.add(Number(seqs[i])))
      }))
      return []
    },
  }
}

const waiting = reading((tables, [accounts]) => any(accounts).flatMap((account): unknown[] => {
  if (!tables.account.has(account)) return []
  const peers = new Map<string, { messages: number; bytes: number }>()
  for (const entry of entriesOf(tables, account)) {
    if (!waits(tables, entry)) continue
    const one = peers.get(entry.peer) ?? { messages: 0, bytes: 0 }
    peers.set(entry.peer, { messages: one.messages + 1, bytes: one.bytes + entry.xml.length })
  }
  return peers.size === 0 ? [{ account, peer: null, messages: null, bytes: null }] : [...peers].map(([peer, one]) => ({ account, peer, ...one }))
}))

/** A change of this node's row, where it is as `fits` says. */
const node = (id: string, tables: Tables, change: (row: { epoch: number; renewal: number; n: number; signedOff: boolean; reapedBy: string | null }) => { answer: unknown; set: () => void } | null): Doing => ({
  locks: [nodeLock(id)],
  run: (write) => {
    const row = tables.node.get(id)
    const made = row === undefined ? null : change(row)
    if (made === null) return []
    write(made.set)
    return [made.answer]
  },
})

const STATEMENTS: readonly (readonly [part: string, meaning: Meaning])[] = [
  ['with locked as materialized', commit],
  ['=update node set n = $1 where id = $2 and epoch = $3 and n = $1 - 1 returning n', decide],
  ['from account a join log l on l.account', reading((tables, [accounts, mark]) => [...accounts as Column<string>].sort().flatMap((account) =>
    entriesOf(tables, account).filter((e) => e.mark === mark).map((e) => ({ ...e, generation: tables.account.get(account)?.generation }))))],
  ['select 1 from journal where', reading((tables, [id, epoch, n]) => (tables.journal.get(journalKey(id as string, epoch as number))?.has(n as number) === true ? [{}] : []))],
  ['left join lateral', waiting],
  ['select watermark from queue', reading((tables, [account, after, upTo, limit]) => entriesOf(tables, account as string)
    .filter((e) => e.seq > (after as number) && e.seq <= (upTo as number) && waits(tables, e)).slice(0, limit as number).map((e) => entryOf(tables, e)))],
  ['l.account = $1 and l.seq > $2 order by', reading((tables, [account, after, limit]) => entriesOf(tables, account as string)
    .filter((e) => e.seq > (after as number)).slice(0, limit as number).map((e) => entryOf(tables, e)))],
  ['l.account = $1 and l.seq = any($2)', reading((tables, [account, seqs]) => entriesOf(tables, account as string)
    .filter((e) => (seqs as Column<number>).includes(e.seq)).map((e) => entryOf(tables, e)))],
  ['l.account = $1 and l.peer = $2', reading((tables, [account, peer, limit]) => entriesOf(tables, account as string)
    .filter((e) => e.peer === peer).slice(-(limit as number)).toReversed().map((e) => entryOf(tables, e)))],
  ['select account, generation, seq from account', reading((tables, [accounts]) => any(accounts).flatMap((account) => {
    const row = tables.account.get(account)
    return row === undefined ? [] : [{ account, seq: row.seq, generation: row.generation }]
  }))],
  ['insert into queue as q', acknowledge],
  // watermark and ranges are one set here
  ['update queue q set watermark', () => ({ locks: [], run: () => [] })],
  ['set renewal = renewal + 1', (tables, [id, epoch], database) => node(id as string, tables, (row) => (row.epoch !== epoch || row.signedOff || row.reapedBy !== null ? null : {
    answer: { at: database.time },
    set: () => {
      row.renewal++
    },
  }))],
  ['renewal as counter', reading((tables, [own]) => [...tables.node].filter(([id, row]) => id !== own && row.reapedBy === null).sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([id, { epoch, renewal, signedOff }]) => ({ id, epoch, counter: renewal, signedOff })))],
  ['reaped_by = $4', (tables, [id, epoch, renewal, reaper]) => node(id as string, tables, (row) => (row.epoch !== epoch || row.renewal !== renewal || (row.reapedBy ?? reaper) !== reaper ? null : {
    answer: {},
    set: () => {
      row.signedOff = true
      row.reapedBy = reaper as string
    },
  }))],
  ['select distinct p.node as id', reading((tables) => {
    const found = new Map<string, { id: string; epoch: number }>()
    for (const sessions of tables.presence.values()) {
      for (const { node: id, epoch } of sessions.values()) {
        const row = tables.node.get(id)
        if (row?.epoch !== epoch || row.signedOff || row.reapedBy !== null) found.set(journalKey(id, epoch), { id, epoch })
      }
    }
    return [...found.values()]
  })],
  ['pg_advisory_xact_lock', () => ({ locks: ['nodes'], run: () => [] })],
  ['not signed_off and alone', reading(() => [])], // none is alone
  ['values ($1, 1, false)', (tables, [id]) => ({
    locks: [nodeLock(id as string)],
    run: (write) => {
      const epoch = (tables.node.get(id as string)?.epoch ?? 0) + 1
      write(() => void tables.node.set(id as string, { epoch, renewal: 0, n: 0, signedOff: false, reapedBy: null }))
      return [{ epoch }]
    },
  })],
  ...streamStatements,
]

const known = new Map<string, Meaning>()

export const meaningOf = (text: string): Meaning => {
  const there = known.get(text)
  if (there !== undefined) return there
  const found = STATEMENTS.filter(([part]) => (part.startsWith('=') ? text === part.slice(1) : text.includes(part)))
  if (found.length !== 1) throw new Error(`the simulation knows ${found.length} meanings of this statement: ${text}`)
  const [[, meaning]] = found as [readonly [string, Meaning]]
  known.set(text, meaning)
  return meaning
}
