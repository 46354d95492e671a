// What other nodes must hear, and did not: tried again until they have, the last of each kind, while NATS or the database is away
// (durability.md D16). Bounded: past the bound the oldest is left out, and found when its node looks at its contacts anew.
import type { Clock } from './ports.js'

export interface Insisting {
  /**
   * Try; where that resolves to false, again and again.
   * @param key what replaces one another: of these only the last is tried again
   */
  insist(key: string, attempt: () => Promise<boolean>): void
  /** What was to be told is not so any more. */
  forget(key: string): void
  /** Nothing is tried again. */
  readonly isIdle: boolean
}

const MOST = 20_000
/** ms between tries, and how long it is tried. */
const AGAIN = 1000
const FOR = 600_000

interface Waiting {
  readonly attempt: () => Promise<boolean>
  readonly since: number
}

export const makeInsisting = (clock: Clock, most = MOST): Insisting => {
  /** In the order in which they came. */
  const waiting = new Map<string, Waiting>()
  /** The latest of those that are being tried. */
  const trying = new Map<string, Waiting>()
  let timer: NodeJS.Timeout | null = null

  const tryOne = async (key: string, one: Waiting): Promise<void> => {
    trying.set(key, one)
    const done = await one.attempt().catch(() => false)
    // a newer one has come
    if (trying.get(key) !== one) return
    trying.delete(key)
    if (done || clock.monotonic() - one.since > FOR) return
    waiting.set(key, one)
    if (waiting.size > most) waiting.delete(waiting.keys().next().value as string)
    timer ??= setTimeout(again, AGAIN).unref()
  }
  const again = (): void => {
    timer = null
    const all = [...waiting]
    waiting.clear()
    for (const [key, one] of all) void tryOne(key, one)
  }
  const forget = (key: string): void => {
    waiting.delete(key)
    trying.delete(key)
  }
  return {
    forget,
    get isIdle() {
      return waiting.size === 0 && trying.size === 0
    },
    insist: (key, attempt) => {
      forget(key)
      void tryOne(key, { attempt, since: clock.monotonic() })
    },
  }
}
