// Which queued entries clients have acknowledged (durability.md D12): collected, and written within a second in one go. Until
// they are written they count here. What is lost of it in a crash comes again, with the same stanza-id, to who logs in anew.
import type { LogStore } from './ports.js'

export interface Acknowledgements {
  add(account: string, seq: number): void
  /** Acknowledged, and not written yet. */
  has(account: string, seq: number): boolean
  /** Write what there is now. */
  flush(): Promise<void>
}

const WITHIN = 500
/** ms between tries while the store does not answer. */
const AGAIN = 1000
/** Entries in one statement. */
const MOST = 5000

export const makeAcknowledgements = (store: LogStore, changed: (account: string) => void, report: (error: unknown) => void): Acknowledgements => {
  let next = new Map<string, Set<number>>()
  /** Being written. */
  let now: Map<string, Set<number>> | null = null
  let flushing: Promise<void> | null = null
  let timer: NodeJS.Timeout | null = null

  const write = async (): Promise<void> => {
    now = next
    next = new Map()
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
    } catch (error) {
      // bounded by what was given and not written: that is what the windows of the sessions bound
      for (const [account, seqs] of now) for (const seq of seqs) add(account, seq, AGAIN)
      throw error
    } finally {
      for (const account of now.keys()) changed(account)
      now = null
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
    has: (account, seq) => next.get(account)?.has(seq) === true || now?.get(account)?.has(seq) === true,
    flush,
  }
}
