// What the statements of lib/store/presence.ts, resumption.ts and takeover.ts mean to the simulated database.
import type { Doing, Meaning } from './database.js'
import { journalKey, sessionsOf, streamKey } from './tables.js'
import type { PresenceTableRow, ResumptionTableRow, Tables } from './tables.js'

type Column<T> = readonly T[]
/** `= any(…)`: each once. */
const any = (values: unknown): string[] => [...new Set(values as Column<string>)]
const accountLock = (account: string): string => `account ${account}`
const streamLock = (account: string, sessionId: string): string => `stream ${account} ${sessionId}`
const presenceLock = (account: string, sessionId: string): string => `presence ${account} ${sessionId}`
const reading = (read: (tables: Tables, values: readonly unknown[]) => unknown[]): Meaning => (tables, values) => ({ locks: [], run: () => read(tables, values) })

/** lib/store/presence.ts, RAISED: the accounts of the batch are locked in order, and their generations raised once. */
const raising = (tables: Tables, accounts: Column<string>, change: (write: (set: () => void) => void) => (account: string) => Record<string, unknown>): Doing => ({
  locks: accounts.toSorted().map(accountLock),
  run: (write) => {
    const more = change(write)
    return accounts.toSorted().flatMap((account) => {
      const row = tables.account.get(account)
      if (row === undefined) return []
      const generation = row.generation + 1
      write(() => {
        row.generation = generation
      })
      return [{ account, generation, seq: row.seq, ...more(account) }]
    })
  },
})

const save: Meaning = (tables, values) => {
  const [accounts, whose, resources, ids, incarnations, nodes, epochs, priorities, presences, fresh] = values as [
    Column<string>, Column<string>, Column<string>, Column<string>, Column<number>, Column<string>, Column<number>, Column<number | null>, Column<string | null>, Column<boolean>]
  return raising(tables, accounts, (write) => {
    const kept: string[] = []
    const unclean = new Set([...tables.resumption.values()].filter((r) => r.ended !== null).map((r) => r.account))
    whose.forEach((account, i) => {
      if (!tables.account.has(account)) return
      const [resource, id, incarnation] = [resources[i] as string, ids[i] as string, incarnations[i] as number]
      const row = tables.presence.get(account)?.get(resource)
      const [priority, presence] = [priorities[i] as number | null, presences[i] as string | null]
      if (fresh[i] === true) {
        kept.push(id)
        if ((row !== undefined && row.session_id !== id) || [...tables.resumption.values()].some((r) => r.account === account && r.resource === resource)) unclean.add(account)
        write(() => {
          const sessions = tables.presence.get(account) ?? new Map<string, PresenceTableRow>()
          tables.presence.set(account, sessions.set(resource, {
            account, resource, session_id: id, incarnation, node: nodes[i] as string, epoch: epochs[i] as number, priority, presence, state: 'live',
          }))
        })
      } else if (row?.session_id === id && row.incarnation === incarnation) {
        kept.push(id)
        write(() => Object.assign(row, { priority, presence }))
      }
    })
    return (account) => ({ kept: kept.length === 0 ? null : kept, unclean: fresh.some((isFresh, i) => isFresh && whose[i] === account) && unclean.has(account) })
  })
}

const update: Meaning = (tables, values) => {
  const [accounts, resources, ids, incarnations, presences] = values as [Column<string>, Column<string>, Column<string>, Column<number>, Column<string>]
  return {
    locks: accounts.map((account, i) => presenceLock(account, ids[i] as string)),
    run: (write) => {
      accounts.forEach((account, i) => {
        const row = tables.presence.get(account)?.get(resources[i] as string)
        if (row !== undefined && row.session_id === ids[i] && row.incarnation === incarnations[i] && row.priority !== null) write(() => Object.assign(row, { presence: presences[i] }))
      })
      return []
    },
  }
}

/** Compare, and delete or mark. */
const ending = (end: (sessions: Map<string, PresenceTableRow>, row: PresenceTableRow) => void): Meaning => (tables, values, { broken }) => {
  const [accounts, whose, resources, ids, nodes, epochs] = values as [Column<string>, Column<string>, Column<string>, Column<string>, Column<string>, Column<number>]
  return raising(tables, accounts, (write) => {
    whose.forEach((account, i) => {
      const sessions = tables.presence.get(account)
      const row = sessions?.get(resources[i] as string)
      if (sessions === undefined || row === undefined) return
      const isThis = row.session_id === ids[i] && row.node === nodes[i] && row.epoch === epochs[i]
      if (isThis || broken.has('delete by key alone')) write(() => end(sessions, row))
    })
    return () => ({})
  })
}

const isGone = (tables: Tables, { node, epoch }: { node: string; epoch: number }): boolean => {
  const row = tables.node.get(node)
  return row?.epoch !== epoch || row.signedOff
}

const lookup = reading((tables, [accounts, node, epoch]) => any(accounts).flatMap((account): unknown[] => {
  const row = tables.account.get(account)
  if (row === undefined) return []
  const there = sessionsOf(tables, account).filter((p) => !(p.node === node && p.epoch === epoch) && p.state !== 'closing' && !isGone(tables, p))
  if (there.length === 0) return [{ account, generation: row.generation, resource: null }]
  return there.map((p) => ({ account, generation: row.generation, resource: p.resource, sessionId: p.session_id, node: p.node, epoch: p.epoch, priority: p.priority }))
}))

const owners = reading((tables, [accounts]) => any(accounts).flatMap((account): unknown[] => {
  const row = tables.account.get(account)
  if (row === undefined) return []
  const there = sessionsOf(tables, account)
  if (there.length === 0) return [{ account, generation: row.generation, sessionId: null }]
  return there.map((p) => ({ account, generation: row.generation, sessionId: p.session_id, resource: p.resource, node: p.node, epoch: p.epoch }))
}))

const said = reading((tables, [accounts, node, epoch]) => any(accounts).toSorted().flatMap((account) => sessionsOf(tables, account)
  .filter((p) => p.presence !== null && p.state !== 'closing' && !(p.node === node && p.epoch === epoch))
  .sort((a, b) => (a.resource < b.resource ? -1 : 1)).map((p) => ({ account, resource: p.resource, presence: p.presence }))))

/** lib/store/resumption.ts, LEFT. */
const leftOf = (tables: Tables, p: PresenceTableRow): Record<string, unknown> => {
  const found = tables.resumption.get(streamKey(p.account, p.session_id))
  const r = found?.ended === null ? found : undefined
  return {
    account: p.account, sessionId: p.session_id, resource: p.resource, incarnation: r?.incarnation ?? p.incarnation, priority: p.priority, presence: p.presence,
    last: tables.account.get(p.account)?.seq, generation: tables.account.get(p.account)?.generation, lasts: r?.lasts ?? null, h: r?.h, outbound: r?.outbound, position: r?.position, unacked: r?.unacked, requests: r?.requests,
    details: r?.details, folded: r?.folded, detached: r?.detached,
  }
}

const streamsOf = (values: readonly unknown[]): ResumptionTableRow[] => {
  const columns = values as readonly (readonly unknown[])[]
  const names = ['account', 'session_id', 'incarnation', 'h', 'outbound', 'position', 'unacked', 'requests', 'details', 'folded', 'detached']
  return (columns[0] as readonly unknown[]).map((_, i) => Object.fromEntries(names.map((name, k) => [name, columns[k]?.[i]])) as unknown as ResumptionTableRow)
}

const fold: Meaning = (tables, values, { broken }) => {
  const rows = streamsOf(values)
  const [node, epoch] = values.slice(11)
  return {
    locks: rows.map((r) => streamLock(r.account, r.session_id)),
    run: (write) => rows.flatMap((f) => {
      const r = tables.resumption.get(streamKey(f.account, f.session_id))
      if (r === undefined || r.ended !== null) return []
      const isOurs = r.incarnation === f.incarnation && r.node === node && r.epoch === epoch && r.folded <= f.folded
      if (!isOurs && !broken.has('no incarnation check')) return []
      const { incarnation, h } = r
      write(() => Object.assign(r, f, { incarnation, h: Math.max(h, f.h) }))
      return [{ id: f.session_id }]
    }),
  }
}

/** The rows of sessions that change their owner. */
const own: Meaning = (tables, values) => {
  const rows = streamsOf(values)
  const [node, epoch] = values.slice(11) as [string, number]
  return {
    locks: rows.map((r) => streamLock(r.account, r.session_id)),
    run: (write) => {
      for (const t of rows) {
        const r = tables.resumption.get(streamKey(t.account, t.session_id))
        if (r !== undefined) write(() => Object.assign(r, t, { node, epoch }))
      }
      return []
    },
  }
}

const STREAM = ['account', 'session_id', 'resource', 'incarnation', 'node', 'epoch', 'lasts', 'h', 'outbound', 'position', 'unacked', 'requests', 'details', 'folded', 'detached']
const KEPT = new Set(['account', 'session_id', 'resource', 'lasts'])

const saveStream: Meaning = (tables, values) => {
  const row = Object.fromEntries(STREAM.map((name, i) => [name, values[i]])) as unknown as ResumptionTableRow
  const { account, session_id: id } = row
  return {
    locks: [presenceLock(account, id), streamLock(account, id)],
    run: (write) => {
      for (const p of sessionsOf(tables, account)) if (p.session_id === id) write(() => Object.assign(p, { incarnation: row.incarnation }))
      if (!tables.account.has(account)) return []
      const there = tables.resumption.get(streamKey(account, id))
      write(() => {
        if (there === undefined) tables.resumption.set(streamKey(account, id), { ...row, ended: null })
        else Object.assign(there, Object.fromEntries(Object.entries(row).filter(([name]) => !KEPT.has(name))))
      })
      return []
    },
  }
}

/** A stream goes on where it is: compare-and-set. */
const resume: Meaning = (tables, values) => {
  const [account, id, incarnation, h, outbound, position, unacked, requests, details, folded, detached, was, node, epoch] = values as [
    string, string, number, number, number, number, string, string, string, number, number | null, number, string, number]
  return {
    locks: [presenceLock(account, id), streamLock(account, id)],
    run: (write) => {
      const r = tables.resumption.get(streamKey(account, id))
      const p = sessionsOf(tables, account).find((one) => one.session_id === id && one.node === node && one.epoch === epoch)
      if (r === undefined || p === undefined || r.ended !== null || r.node !== node || r.epoch !== epoch || r.folded > folded || (r.incarnation !== was && r.incarnation !== incarnation)) return []
      write(() => {
        Object.assign(r, { incarnation, h: Math.max(r.h, h), outbound, position, unacked, requests, details, folded, detached })
        p.incarnation = incarnation
      })
      return [{}]
    },
  }
}

/** Of rows of streams, by account and session id. */
const each = (change: (tables: Tables, row: ResumptionTableRow | undefined, i: number, values: readonly unknown[]) => void): Meaning => (tables, values) => {
  const [accounts, ids] = values as [Column<string>, Column<string>]
  return {
    locks: accounts.map((account, i) => streamLock(account, ids[i] as string)),
    run: (write) => {
      accounts.forEach((account, i) => write(() => change(tables, tables.resumption.get(streamKey(account, ids[i] as string)), i, values)))
      return []
    },
  }
}

export const streamStatements: readonly (readonly [part: string, meaning: Meaning])[] = [
  ['bound as (', save],
  ['update presence p set presence = g.presence', update],
  ['gone as (\n    delete from presence p using', ending((sessions, row) => void sessions.delete(row.resource))],
  ['closed as (', ending((_, row) => Object.assign(row, { state: 'closing' }))],
  ['a.generation, p.resource', lookup],
  ['a.generation, p.session_id as "sessionId", p.resource, p.node, p.epoch from account', owners],
  ['select account, resource, presence from presence where account = any($1)', said],
  ['set h = greatest(r.h, f.h)', fold],
  ['with taken as (update presence set incarnation = $4', saveStream],
  ['incarnation in ($12, $3)', resume],
  ['=select 1 from resumption where account = any($1) and session_id = any($2) order by account, session_id for update', (tables, [accounts, ids]) => ({
    locks: [...tables.resumption.values()].filter((r) => (accounts as Column<string>).includes(r.account) && (ids as Column<string>).includes(r.session_id))
      .map((r) => streamLock(r.account, r.session_id)).sort(),
    run: () => [],
  })],
  ['=select 1 from resumption where node = $1 and epoch = $2 and account = any($3) order by account, session_id for update', (tables, [node, epoch, accounts]) => ({
    locks: [...tables.resumption.values()].filter((r) => r.node === node && r.epoch === epoch && (accounts as Column<string>).includes(r.account))
      .map((r) => streamLock(r.account, r.session_id)).sort(),
    run: () => [],
  })],
  ['delete from journal where node = $1 and epoch = $2 and n <= $3', (tables, [node, epoch, n]) => ({
    locks: [],
    run: (write) => {
      const journal = tables.journal.get(journalKey(node as string, epoch as number))
      write(() => {
        for (const k of journal?.keys() ?? []) if (k <= (n as number)) journal?.delete(k)
      })
      return []
    },
  })],
  ['delete from resumption r using', each((tables, row, _, [, , node, epoch]) => {
    if (row !== undefined && row.node === node && row.epoch === epoch) tables.resumption.delete(streamKey(row.account, row.session_id))
  })],
  ['set ended = $4, h =', each((_, row, i, values) => {
    if (row !== undefined && row.node === values[4] && row.epoch === values[5]) Object.assign(row, { ended: values[3], h: Math.max(row.h, (values[2] as Column<number>)[i] as number), unacked: '', requests: '[]' })
  })],
  ['0, $4, $5, 0, $6 from unnest', each((tables, row, i, values) => {
    const [accounts, ids, resources, node, epoch, at] = values as [Column<string>, Column<string>, Column<string>, string, number, number]
    if (row !== undefined) row.ended = at
    else if (tables.account.has(accounts[i] as string)) {
      tables.resumption.set(streamKey(accounts[i] as string, ids[i] as string), {
        account: accounts[i] as string, session_id: ids[i] as string, resource: resources[i] as string, incarnation: 0, node, epoch, lasts: 0,
        h: 0, outbound: 0, position: 0, unacked: '', requests: '[]', details: '{}', folded: 0, detached: null, ended: at,
      })
    }
  })],
  ['select h from resumption', reading((tables, [account, id]) => {
    const row = tables.resumption.get(streamKey(account as string, id as string))
    return row === undefined || row.lasts === 0 || row.ended === null ? [] : [{ h: row.h }]
  })],
  ['select distinct account from resumption', reading((tables) => [...new Set([...tables.resumption.values()].filter((r) => r.ended !== null).map((r) => r.account))].map((account) => ({ account })))],
  ['delete from resumption where ended < $1', (tables, [before]) => ({
    locks: [],
    run: (write) => {
      write(() => {
        for (const [key, row] of tables.resumption) if (row.ended !== null && row.ended < (before as number)) tables.resumption.delete(key)
      })
      return []
    },
  })],
  // lib/store/takeover.ts
  ['select 1 from account where account = any($1) order by account for update', (_, [accounts]) => ({ locks: any(accounts).toSorted().map(accountLock), run: () => [{}] })],
  ['p.account = any($1) and p.session_id = any($2) and r.session_id is not null', reading((tables, [accounts, ids]) => any(accounts).toSorted().flatMap((account) => sessionsOf(tables, account)
    .filter((p) => (ids as Column<string>).includes(p.session_id) && tables.resumption.get(streamKey(p.account, p.session_id))?.ended === null)
    .map((p) => ({ ...leftOf(tables, p), owner: p.node, since: p.epoch }))))],
  ['p.node = $1 and p.epoch = $2 and p.account = any($3)', reading((tables, [node, epoch, accounts]) => (accounts as Column<string>).toSorted()
    .flatMap((account) => sessionsOf(tables, account).filter((p) => p.node === node && p.epoch === epoch).map((p) => leftOf(tables, p))))],
  ['order by account limit $3) order by account for update', (tables, [node, epoch, limit]) => {
    // the sub-select sees what there was when the statement began
    const rows = [...tables.presence.values()].flatMap((sessions) => [...sessions.values()].filter((p) => p.node === node && p.epoch === epoch))
    const accounts = any(rows.map((p) => p.account).sort().slice(0, limit as number))
    return { locks: accounts.map(accountLock), run: () => accounts.map((account) => ({ account })) }
  }],
  ['select n, blob from journal', reading((tables, [node, epoch, after, limit]) => [...tables.journal.get(journalKey(node as string, epoch as number)) ?? []]
    .filter(([n]) => n > (after as number)).sort(([a], [b]) => a - b).slice(0, limit as number).map(([n, blob]) => ({ n, blob })))],
  ['update presence p set node = $4', (tables, values) => {
    const [accounts, ids, incarnations, node, epoch] = values as [Column<string>, Column<string>, Column<number>, string, number]
    return {
      locks: accounts.map((account, i) => presenceLock(account, ids[i] as string)),
      run: (write) => {
        accounts.forEach((account, i) => {
          for (const p of sessionsOf(tables, account)) if (p.session_id === ids[i]) write(() => Object.assign(p, { node, epoch, incarnation: incarnations[i] }))
        })
        return []
      },
    }
  }],
  ['update resumption r set incarnation = t.incarnation', own],
  ['update account set generation = generation + 1 where account = any($1)', (tables, [accounts]) => ({
    locks: (accounts as Column<string>).toSorted().map(accountLock),
    run: (write) => {
      for (const account of accounts as Column<string>) {
        const row = tables.account.get(account)
        if (row !== undefined) write(() => void row.generation++)
      }
      return []
    },
  })],
  ['=delete from journal where node = $1 and epoch = $2', (tables, [node, epoch]) => ({
    locks: [],
    run: (write) => {
      write(() => void tables.journal.delete(journalKey(node as string, epoch as number)))
      return []
    },
  })],
]
