// A session's row in the presence table: written at bind, at a change of availability, and removed at close; in batches,
// and in order for each session. Every change tells the other nodes the account's new generation.
import { makeBatcher } from './batcher.js'
import { makeInTurn } from './in-turn.js'
import type { Bus, Owner, PresenceStore, Raised, Saved, SessionRow } from './ports.js'
import type { Broadcast, Session } from './sessions.js'

export interface PresenceRows {
  /** The row of a session that is being bound. Resolves to the number of the last entry of its account's log; null: the account is gone. */
  bind(session: Session): Promise<number | null>
  /** Write the session's row anew. null: it is another node's now, or the account is gone. @param priority, presence null: bound, but not available */
  save(session: Session, priority: number | null, presence: Broadcast | null): Promise<number | null>
  /** Write its last presence when there is time; of several the last counts. Nothing that routing depends on. Resolves when it is written. */
  update(session: Session): Promise<void>
  /** Delete the session's row, if it still is this session's. Tried again until it works; `idle` waits for it. @param after not before this is written */
  remove(session: Session, after: Promise<void> | null): void
  /** Resolves when nothing is waiting to be written, or after `ms`. */
  idle(ms: number): Promise<void>
}

interface Change {
  readonly row: SessionRow
  readonly as: 'there' | 'closing' | 'gone'
}

const NOTHING: Saved = { raised: new Map(), lost: new Set(), unclean: new Set() }
const ROWS = ['rows']
const BATCH = 500
const WAITING = 100_000
/** ms between tries of a removal while the database is away. */
const RETRY = 1000

/**
 * ms that a row stays behind its session. What was sent of its end may be lost in a crash; who starts again finds the row, and
 * says so once more (durability.md D16).
 */
const LINGER = 2000

/** @param unclean told of accounts that have had a session, here or elsewhere, which did not end in order */
export const makePresenceRows = (
  store: PresenceStore, bus: Bus, node: Owner, raised: (account: string, generation: number) => void, unclean: (account: string) => void, linger = LINGER,
): PresenceRows => {
  let waiting = 0
  let retry: NodeJS.Timeout | null = null
  const failed: SessionRow[] = []

  const announce = (all: ReadonlyMap<string, Raised>): void => {
    for (const [account, { generation }] of all) {
      raised(account, generation)
      bus.invalidate(account, generation)
    }
  }

  // Statements one after the other: two would lock rows of the same sessions in two orders, and an older presence could stay
  const inTurn = makeInTurn()
  // One queue for both, so that a session's removal never overtakes its writing. Within a batch: the last state counts
  const write = makeBatcher<Change, number | null>((changes) => inTurn(ROWS, async () => {
    const last = new Map<string, Change>()
    for (const change of changes) last.set(change.row.sessionId, change)
    const rows = [...last.values()]
    const of = (as: Change['as']): SessionRow[] => rows.filter((c) => c.as === as).map((c) => c.row)
    const [gone, closing, saved] = [of('gone'), of('closing'), of('there')]
    if (closing.length > 0) announce(await store.close(closing))
    if (gone.length > 0) announce(await store.remove(gone))
    const { raised: written, lost, unclean: suspect } = saved.length > 0 ? await store.save(saved) : NOTHING
    announce(written)
    for (const account of suspect) unclean(account)
    return changes.map(({ row }) => (lost.has(row.sessionId) ? null : written.get(row.account)?.seq ?? null))
  }), BATCH, WAITING)

  const rowOf = (s: Session, priority = s.wanted, presence = s.presence): SessionRow => ({
    account: s.account,
    resource: s.jid.resource,
    sessionId: s.id,
    incarnation: s.incarnation,
    node: node.id,
    epoch: node.epoch,
    priority,
    presence: presence === null ? null : presence.head + presence.tail,
  })

  const change = async (row: SessionRow, as: Change['as']): Promise<number | null> => {
    waiting++
    try {
      return await write({ row, as })
    } finally {
      waiting--
    }
  }

  const removeRow = (row: SessionRow): void => {
    change(row, 'gone').catch(() => {
      // bounded by the sessions that were open; rows of an epoch that is over are removed at the next start anyway
      failed.push(row)
      retry ??= setTimeout(() => {
        retry = null
        for (const again of failed.splice(0)) removeRow(again)
      }, RETRY).unref()
    })
  }

  /** Sessions whose last presence is not written yet; bounded by the sessions there are. */
  const changed = new Set<Session>()
  const waitingFor = new Map<Session, (() => void)[]>()
  const told = (session: Session): void => {
    for (const resolve of waitingFor.get(session) ?? []) resolve()
    waitingFor.delete(session)
  }
  let updating = false
  const updateAll = async (): Promise<void> => {
    while (changed.size > 0) {
      const some: Session[] = []
      try {
        await inTurn(ROWS, async () => {
          some.push(...[...changed].slice(0, BATCH))
          for (const session of some) changed.delete(session)
          const rows = some.filter((s) => s.presence !== null).map((s) => rowOf(s))
          if (rows.length > 0) await store.update(rows)
          for (const session of some) if (!changed.has(session)) told(session)
        })
      } catch {
        for (const session of some) {
          if (session.open) changed.add(session)
          else told(session)
        }
        await new Promise((resolve) => setTimeout(resolve, RETRY).unref())
      }
    }
    updating = false
  }

  const update = (session: Session): Promise<void> => {
    changed.add(session)
    const written = new Promise<void>((resolve) => {
      const there = waitingFor.get(session)
      if (there === undefined) waitingFor.set(session, [resolve])
      else there.push(resolve)
    })
    if (!updating) {
      updating = true
      setImmediate(() => void updateAll())
    }
    return written
  }

  /** Rows of sessions that are over; one timer for all that ended in the same while. */
  let lingering: SessionRow[] = []
  const letGo = (): void => {
    const all = lingering
    lingering = []
    for (const row of all) removeRow(row)
  }
  const leave = (row: SessionRow): void => {
    if (linger === 0) removeRow(row)
    else if (lingering.push(row) === 1) setTimeout(letGo, linger).unref()
  }

  return {
    update,
    bind: (session) => change({ ...rowOf(session, null, null), fresh: true }, 'there'),
    save: async (session, priority, presence) => {
      // what it says is newer, and must not be overwritten
      const behind = changed.delete(session)
      try {
        const seq = await change(rowOf(session, priority, presence), 'there')
        if (behind && !changed.has(session)) told(session)
        return seq
      } catch (error) {
        if (behind) void update(session)
        throw error
      }
    },
    remove: (session, after) => {
      const row = rowOf(session)
      // other nodes must not take it for a session that is there
      if (bus.connected && linger > 0) change(row, 'closing').catch(() => {}) // then it is seen until it goes
      if (after === null) leave(row)
      else {
        waiting++
        void after.then(() => {
          waiting--
          leave(row)
        })
      }
    },
    idle: async (ms) => {
      for (const until = Date.now() + ms; ;) {
        letGo()
        if ((waiting === 0 && failed.length === 0 && !updating) || Date.now() >= until) return
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    },
  }
}
