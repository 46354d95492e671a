// How long messages are kept (durability.md D19). One account after the other is swept, slowly, a few hundred entries at a
// time and the oldest first: what waited too long goes back to who sent it; what the archive may keep no longer is deleted,
// and so is what is neither archived nor waiting. Never anything that waits, and nothing that a session has yet to be given.
import { AwayError } from '../base/errors.js'
import type { Settings } from '../base/config.js'
import type { Clock, LogEntry } from './ports.js'

export interface Swept {
  /** Entries that were looked at. */
  readonly looked: number
  /** The last of them that is done with. */
  readonly upTo: number
}

export interface RetentionStore {
  /** In order, behind this one ('' at first). */
  accounts(after: string, limit: number): Promise<readonly string[]>
  /** This sweep is ours, unless somebody had it after `since`. Up to where nothing is left that is neither archived nor waiting; null: not ours. */
  claim(account: string, now: number, since: number): Promise<number | null>
  /** First and last entry (0, 0: none), and what sessions say that are not here, or not connected. */
  bounds(account: string): Promise<{
    readonly first: number
    readonly last: number
    /** The lowest position of a stream that can be resumed; null: there is none. */
    readonly position: number | null
    /** A stream that can be resumed has not acknowledged all it was given, or another node has a session. */
    readonly busy: boolean
  }>
  /** The lowest number from which on all entries are at or after a time. */
  seqAt(account: string, at: number): Promise<number>
  /** Entries that wait, up to this number and before this time. */
  expired(account: string, upTo: number, before: number, limit: number): Promise<readonly LogEntry[]>
  acknowledge(account: string, seqs: readonly number[]): Promise<void>
  /** Delete entries from behind `after` up to `upTo`; those that wait stay, but not in the archive, which must have no gaps. */
  remove(account: string, after: number, upTo: number, limit: number): Promise<Swept>
  /** Delete those that are neither archived nor waiting, up to the first that waits. */
  tidy(account: string, after: number, upTo: number, limit: number): Promise<Swept>
  noteTidied(account: string, upTo: number): Promise<void>
  /** Words of entries before this one, some at a time. False: there are none. */
  dropWords(account: string, first: number): Promise<boolean>
}

export interface RetentionParts {
  readonly store: RetentionStore
  readonly settings: Pick<Settings, 'archiveMaxAge' | 'archiveMaxMessages' | 'offlineMaxAge' | 'resumeWindow'>
  readonly clock: Clock
  /** The lowest position of the account's sessions on this node; Infinity where it has none. */
  readonly keep: (account: string) => number
  /** Tell its sender that this entry was not delivered. It is asked again where it fails. */
  readonly bounce: (account: string, entry: LogEntry) => Promise<void>
  readonly report: (error: unknown, account: string) => void
  /** Waits; false: it is to end. */
  readonly pause: (ms: number) => Promise<boolean>
}

/** Entries in one statement. */
export const BATCH = 500
/** ms between statements that delete, and between accounts: all accounts have their turn in a pass, and a pass begins no sooner than that after the last. */
const BETWEEN_BATCHES = 100
const BETWEEN_ACCOUNTS = 200
const PASS = 6 * 3600_000
const PAGE = 100
/** Nobody is so far behind that is connected. */
const GRACE = 24 * 3600_000
/** ms beyond the window of resumption in which a client may send again what it sent before (D14). */
const RESENT = 3600_000
/** The clocks of two nodes differ. */
const SKEW = 5000

/** Sweep one account. */
export const sweepAccount = async ({ store, settings, clock, keep, bounce, pause }: RetentionParts, account: string): Promise<void> => {
  const now = clock.now()
  const tidied = await store.claim(account, now, now - PASS / 2)
  if (tidied === null) return
  // before what sessions say, so that one that comes meanwhile is seen; and it begins with the account's last entry
  const kept = keep(account)
  const { first, last, position, busy } = await store.bounds(account)
  if (last === 0) return
  const readByAll = Math.min(kept, position ?? last, last)
  const upTo = busy ? Math.min(readByAll, await store.seqAt(account, now - GRACE) - 1) : readByAll

  if (settings.offlineMaxAge > 0) {
    const before = now - settings.offlineMaxAge * 1000
    const end = await store.seqAt(account, before + SKEW)
    for (let after: readonly LogEntry[] = await store.expired(account, end, before, BATCH); after.length > 0;) {
      for (const entry of after) await bounce(account, entry)
      await store.acknowledge(account, after.map((entry) => entry.seq))
      if (!await pause(BETWEEN_BATCHES)) return
      after = await store.expired(account, end, before, BATCH)
    }
  }

  let old = 0
  if (settings.archiveMaxAge > 0) old = await store.seqAt(account, now - settings.archiveMaxAge * 1000 - SKEW) - 1
  // by its number, which counts the account's messages: to count those that are left would be to read them
  if (settings.archiveMaxMessages > 0) old = Math.max(old, last - settings.archiveMaxMessages)
  const removed = await inBatches((after) => store.remove(account, after, Math.min(old, upTo), BATCH), first - 1, pause)
  if (removed >= first) while (await store.dropWords(account, removed + 1)) if (!await pause(BETWEEN_BATCHES)) return

  // D14: among them it is looked for what is sent again after a stream broke
  const settled = Math.min(upTo, await store.seqAt(account, now - settings.resumeWindow * 1000 - RESENT - SKEW) - 1)
  const done = await inBatches((after) => store.tidy(account, after, settled, BATCH), Math.max(tidied, removed), pause)
  if (done > tidied) await store.noteTidied(account, done)
}

/** @returns the last entry that is done with */
const inBatches = async (batch: (after: number) => Promise<Swept>, from: number, pause: RetentionParts['pause']): Promise<number> => {
  let after = from
  for (;;) {
    const { looked, upTo } = await batch(after)
    const stuck = upTo <= after
    after = Math.max(after, upTo)
    if (looked < BATCH || stuck || !await pause(BETWEEN_BATCHES)) return after
  }
}

export interface Retention {
  /** Ends after the statement that is under way. */
  stop(): Promise<void>
}

export const startRetention = (parts: Omit<RetentionParts, 'pause'>): Retention => {
  let over = false
  let wake: () => void = () => {}
  const pause = async (ms: number): Promise<boolean> => {
    if (over) return false
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      timer.unref()
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    return !over
  }
  const pass = async (): Promise<void> => {
    for (let after = ''; ;) {
      const accounts = await parts.store.accounts(after, PAGE)
      for (const account of accounts) {
        if (!await pause(BETWEEN_ACCOUNTS)) return
        try {
          await sweepAccount({ ...parts, pause }, account)
        } catch (error) {
          // the database is away: it has its turn in the next pass
          if (!(error instanceof AwayError)) parts.report(error, account)
        }
      }
      const last = accounts.at(-1)
      if (last === undefined) return
      after = last
    }
  }
  const run = async (): Promise<void> => {
    do {
      const begun = parts.clock.monotonic()
      await pass().catch((error: unknown) => {
        if (!(error instanceof AwayError)) parts.report(error, '')
      })
      if (!await pause(Math.max(60_000, PASS - (parts.clock.monotonic() - begun)))) return
    } while (!over)
  }
  const running = run()
  return {
    stop: async () => {
      over = true
      wake()
      await running
    },
  }
}
