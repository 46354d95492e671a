// Which queued entries clients have acknowledged (durability.md D12): collected, and written within a second in one go. Until
// they are written they count here. What is lost of it in a crash comes again, with the same stanza-id, to who logs in anew.
import type { LogStore } from './ports.js'

export interface Acknowledgements {
  add(account: string, seq: number): void
  /** Acknowledged, and not written yet. */
  has(account: string, seq: number): boolean
  /** Queued entries are being read: what was acknowledged when they were asked for is known until they are here. */
  during<T>(reading: Promise<T>): Promise<T>
  /** Write what there is now. */
  flush(): Promise<void>
}

const WITHIN = 500
/** ms between tries while the store does not answer. */
const AGAIN = 1000
/** Entries in one statement. */
const MOST = 5000

/** @param done told of the entries of an account that are written; of none where that failed, and it is not known which are */
export const makeAcknowledgements = (store: LogStore, done: (account: string, seqs: Iterable<number>) => void, report: (error: unknown) => void): Acknowledgements => {
  let next = new Map<string, Set<number>>()
  /** Being written. */
  let now: Map<string, Set<number>> | null = null
  let flushing: Promise<void> | null = null
  let timer: NodeJS.Timeout | null = null
  const readings = new Set<Promise<unknown>>()
  /** Written while somebody was reading. */
  const past = new Set<Map<string, Set<number>>>()

  const write = async (): Promise<void> => {
    now = next
    next = new Map()
    let isWritten = false
    try {
      let some = new Map<string, readonly number[]>()
      let count = 0
      for (const [account, seqs] of now) {
        some.set(account, [...seqs])
        count += seqs.size
        if (count < MOST) continue
        await store.acknowledge(some)
        some = new Map()
        count = 0
      }
      await store.acknowledge(some)
      isWritten = true
    } catch (error) {
      // bounded by what was given and not written: that is what the windows of the sessions bound
      for (const [account, seqs] of now) for (const seq of seqs) add(account, seq, AGAIN)
      throw error
    } finally {
      for (const [account, seqs] of now) done(account, isWritten ? seqs : [])
      // who began to read before this was written takes it for waiting (D12: no entry twice to one session)
      const written = now
      now = null
      if (readings.size > 0) {
        past.add(written)
        void Promise.allSettled(readings).then(() => past.delete(written))
      }
    }
  }

  const flush = async (): Promise<void> => {
    while (flushing !== null) await flushing.catch(() => {})
    if (next.size === 0) return
    flushing = write().finally(() => {
      flushing = null
    })
    await flushing
  }

  const add = (account: string, seq: number, within = WITHIN): void => {
    const seqs = next.get(account)
    if (seqs === undefined) next.set(account, new Set([seq]))
    else seqs.add(seq)
    timer ??= setTimeout(() => {
      timer = null
      flush().catch(report)
    }, within).unref()
  }

  return {
    add: (account, seq) => add(account, seq),
    has: (account, seq) => {
      if (next.get(account)?.has(seq) === true || now?.get(account)?.has(seq) === true) return true
      for (const written of past) if (written.get(account)?.has(seq) === true) return true
      return false
    },
    during: (reading) => {
      readings.add(reading)
      const over = (): void => void readings.delete(reading)
      reading.then(over, over)
      return reading
    },
    flush,
  }
}
