// A node's lease, and its watch over the others (routing.md, steps 8 and 9). Every node raises a counter in the database
// every L/3. Others watch the counter by their own clocks and declare a node over when it has stood still for L + G; the node
// itself falls silent before that. So what is needed of clocks is only that they run about as fast as each other:
//
//   a renewal is sent at s, done at d ≥ s, and first seen elsewhere at o ≥ d. Its node acts before s + silentAfter only,
//   the others reap after o + L + G only, and only while the counter is the same. silentAfter < L + G: it is silent by then.
//
// One that is alone in being cut off or frozen is reaped; when all were, nobody is, for each begins its observation anew.
import type { Clock, LeaseStore, Owner, WatchedNode } from '../core/ports.js'
import { makeDatabaseClock } from './database-clock.js'

export interface LeaseTimes {
  /** ms. L: renewals are sent every third of it, and a node whose last one is older has lapsed: it must not judge others. */
  readonly lease: number
  /** ms. G: above what a failover of the database takes. */
  readonly grace: number
  /** ms after sending its last successful renewal in which a node may act; between L and L + G. By default L + G - 5 s. */
  readonly silentAfter?: number
}

export interface LeaseEvents {
  /** This node must not send any more: `mayAct()` is false. Its sessions stay, for it may go on. */
  silent(): void
  /** After silence: nobody has reaped it, it goes on. */
  resumed(): void
  /** This epoch is over: its sessions are others' (durability.md D9, D10). The caller starts afresh with a new epoch and a new lease. */
  lost(): void
  /**
   * This node has reaped another, and no other has: its sessions are to be detached or ended (step 2). The next one is reaped
   * after it settles. It may be cut short by the end of this node, so what it leaves must be found by others too.
   * @param signedOff it has left in order
   */
  reaped(id: string, epoch: number, signedOff: boolean): Promise<void> | void
  /** A renewal or a look at the others failed; it is tried again. Also what an event threw; this one must not. */
  failed(error: unknown): void
}

export interface LeaseParts {
  readonly store: LeaseStore
  readonly clock: Clock
  readonly node: Owner
  readonly times: LeaseTimes
  readonly events: LeaseEvents
}

export interface Lease {
  /** ms: the caller calls `tick` this often (L/3). */
  readonly interval: number
  /** Renew, then look at the others. Never rejects, and resolves when that is done; a later one does not wait for an earlier one. */
  tick(): Promise<void>
  /** Asked before anything is sent (step 9). Both clocks are read each time. False before the first renewal. */
  mayAct(): boolean
  /** ms since its last successful renewal was sent. */
  age(): number
  /** ms since 1970 by the database's clock, as estimated from renewals: for deadlines on the bus. */
  databaseNow(): number
  /** Never act again, nor renew, nor reap; says no `lost`. To be called before signing off, for then others may reap at once. */
  close(): void
}

/** ms by which a node falls silent before others may reap it, by default: 7 % of 70 s, far above how clocks differ in speed. */
const MARGIN = 5000
/** Renewals under way. More wait in vain, for they would wait behind these. */
const MOST = 8

/** What has been seen of another node. */
interface Seen {
  readonly epoch: number
  readonly counter: number
  /** ms, by this node's monotonic clock. */
  readonly since: number
}

/** Throws TypeError where the times cannot work. */
export const makeLease = ({ store, clock, node, times, events }: LeaseParts): Lease => {
  const { lease, grace } = times
  const silentAfter = times.silentAfter ?? lease + grace - MARGIN
  checkTimes(lease, grace, silentAfter)
  const database = makeDatabaseClock(clock)

  let state: 'starting' | 'acting' | 'silent' | 'over' = 'starting'
  /** When the last successful renewal was sent, by both clocks, and which it was. */
  let sentWall = 0
  let sentMonotonic = 0
  let newest = 0
  let attempts = 0
  let underWay = 0
  let reaping = false
  const seen = new Map<string, Seen>()
  /** Reaped, or not: the answer was lost. By id. */
  const unsure = new Map<string, WatchedNode>()

  /** ms since the last successful renewal was sent, by the clock that is further on: the monotonic one stands still in a suspended machine, the other can be set back. */
  const age = (): number => Math.max(clock.now() - sentWall, clock.monotonic() - sentMonotonic)

  const mayAct = (): boolean => {
    if (state !== 'acting') return false
    if (age() < silentAfter) return true
    state = 'silent' // only a renewal ends it, not a clock that is set back
    tell(() => events.silent())
    return false
  }

  /** Whether its own renewals go on. Where they lapsed, it cannot know what the others' counters did meanwhile, or whether the database was there for anybody: its observation begins anew. */
  const holds = (): boolean => {
    if (mayAct() && age() <= lease) return true
    seen.clear()
    return false
  }

  const tick = async (): Promise<void> => {
    if (state === 'over') return
    holds()
    if (await renew()) await look()
  }

  /** Whether it went well. */
  const renew = async (): Promise<boolean> => {
    if (underWay >= MOST) return false
    underWay++
    const number = ++attempts
    const wall = clock.now()
    const monotonic = clock.monotonic()
    try {
      const at = await store.renew()
      return renewed(at, number, wall, monotonic)
    } catch (error) {
      events.failed(error)
      return false
    } finally {
      underWay--
    }
  }

  const renewed = (at: number | null, number: number, wall: number, monotonic: number): boolean => {
    if (state === 'over') return false
    if (at === null) {
      state = 'over'
      tell(() => events.lost())
      return false
    }
    database.learn(at, wall, monotonic)
    if (number < newest) return true // it comes late: a younger one has been answered
    newest = number
    sentWall = wall
    sentMonotonic = monotonic
    if (state === 'starting') state = 'acting'
    else if (state === 'silent' && age() < silentAfter) {
      state = 'acting'
      tell(() => events.resumed())
    }
    return true
  }

  const look = async (): Promise<void> => {
    if (reaping) return
    reaping = true
    try {
      const asked = clock.monotonic()
      const others = await store.watch()
      const due = new Map([...unsure, ...observe(others, asked).map((other) => [other.id, other] as const)])
      for (const other of due.values()) {
        if (!holds()) break // it may have stood still since it renewed, in any of these awaits
        await reap(other)
      }
    } catch (error) {
      events.failed(error)
    } finally {
      reaping = false
    }
  }

  /** Those that are over. Seen from when the first answer came, to when the last question was asked: what lies between is certain. */
  const observe = (others: readonly WatchedNode[], asked: number): WatchedNode[] => {
    const arrived = clock.monotonic()
    const ids = new Set(others.map((other) => other.id))
    for (const id of seen.keys()) if (!ids.has(id)) seen.delete(id)
    return others.filter(({ id, epoch, counter, signedOff }) => {
      if (id === node.id) return false // never oneself
      let before = seen.get(id)
      if (before?.epoch !== epoch || before.counter !== counter) {
        before = { epoch, counter, since: arrived }
        seen.set(id, before)
      }
      return signedOff || asked - before.since >= lease + grace
    })
  }

  const reap = async (other: WatchedNode): Promise<void> => {
    const { id, epoch, counter, signedOff } = other
    // asked again until there is an answer: were it done and the answer lost, nobody would care for its sessions. Its counter
    // is compared each time, so that it cannot be wrong later
    unsure.set(id, other)
    const done = await store.reap(id, epoch, counter)
    unsure.delete(id)
    seen.delete(id)
    if (done) await events.reaped(id, epoch, signedOff)
  }

  const tell = (event: () => void): void => {
    try {
      event()
    } catch (error) {
      events.failed(error)
    }
  }

  return {
    interval: lease / 3, tick, mayAct, age, databaseNow: database.now,
    close: () => {
      state = 'over'
    },
  }
}

const checkTimes = (lease: number, grace: number, silentAfter: number): void => {
  for (const [name, value] of Object.entries({ lease, grace, silentAfter })) {
    if (!Number.isFinite(value) || value <= 0) throw new TypeError(`${name} of the lease must be a number of ms above 0, not ${value}`)
  }
  if (silentAfter >= lease + grace) {
    throw new TypeError(`a node must fall silent before others may reap it: silentAfter is ${silentAfter} ms, lease + grace ${lease + grace} ms`)
  }
  if (silentAfter <= lease) throw new TypeError(`a node must not fall silent while its lease holds: silentAfter is ${silentAfter} ms, lease ${lease} ms; a longer grace helps`)
}
