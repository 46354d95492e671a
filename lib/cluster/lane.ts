// The way to one other node: what is for it within one turn of the event loop goes as one request, and while as many requests
// as may be are under way, what comes waits and goes together with the next. How much may be under way is bounded (credit).
// Beyond half of it only messages are taken, beyond all of it nothing: what is shed is answered 'busy' at once. That harms
// nobody: presence will be told again, a logged message is in the log (routing.md, step 5: the hand-over is a hint).
// Stanzas leave in the order in which they came.
import type { HandOver } from '../core/ports.js'
import { aloneOctets, MOST_STANZAS } from './envelope.js'
import type { Handed } from './envelope.js'
import { countOutcome } from './counters.js'
import type { BusCounters } from './counters.js'

export interface Limits {
  /** ms that a request may take, and ms that a stanza may wait before it; so a hand-over takes no longer than twice this. */
  readonly timeout: number
  /** Requests to one node at a time. */
  readonly requests: number
  /** Stanzas and octets of one request. A single stanza may be longer, up to the bus's largest payload. */
  readonly batchStanzas: number
  readonly batchOctets: number
  /** Stanzas and octets under way to one node: waiting, or sent and not answered. Presence and IQs get half. */
  readonly stanzas: number
  readonly octets: number
}

export const LIMITS: Limits = {
  timeout: 2000, requests: 4, batchStanzas: 500, batchOctets: 256 * 1024, stanzas: 5000, octets: 8 * 1024 ** 2,
}

/** Every limit is a number that works, and a request can count its stanzas; otherwise a TypeError says which is not. */
export const checkLimits = (limits: Limits): void => {
  for (const [name, value] of Object.entries(limits)) {
    if (!Number.isSafeInteger(value) || value < 1) throw new TypeError(`the limit ${name} of the bus must be a whole number above 0, not ${value}`)
  }
  if (limits.batchStanzas > MOST_STANZAS) throw new TypeError(`the limit batchStanzas of the bus is at most ${MOST_STANZAS}`)
}

export interface LaneParts {
  readonly limits: Limits
  readonly counters: BusCounters
  /** ms, never steps. */
  monotonic(): number
  /** Octets of the largest payload that the bus takes now. */
  payload(): number
  /** Send these and wait: an outcome each, or one for all. */
  ask(items: readonly Handed[]): Promise<readonly HandOver[] | HandOver>
  /** Told of a stanza that does not fit. */
  report(error: Error): void
  /** Nothing is under way any more. */
  idle(): void
}

export interface Lane {
  /** @param settle must not throw */
  send(item: Handed, settle: (outcome: HandOver) => void): void
  /** What has not been sent will not be. */
  abandon(): void
}

interface Waiting extends Handed {
  readonly octets: number
  readonly since: number
  readonly settle: (outcome: HandOver) => void
}

/** Octets of the longest request with a single stanza: any of these fits into an idle lane, of whatever kind it is. */
export const longest = (payload: number, limits: Limits): number => Math.min(payload, limits.octets >> 1)

export const makeLane = ({ limits, counters, monotonic, payload, ask, report, idle }: LaneParts): Lane => {
  let waiting: Waiting[] = []
  /** Under way. */
  let stanzas = 0
  let octets = 0
  let requests = 0
  let scheduled = false
  /** When the first of this turn came. */
  let turn = 0

  const flush = (): void => {
    scheduled = false
    const now = monotonic()
    const young = waiting.findIndex((w) => now - w.since < limits.timeout)
    shed(young < 0 ? waiting.length : young)
    while (requests < limits.requests && waiting.length > 0) void request(cut())
  }

  /** The first so many that wait are too old, or there is no bus for them. */
  const shed = (count: number): void => {
    for (const w of waiting.splice(0, count)) {
      counters.shed++
      settle(w, 'busy')
    }
  }

  const cut = (): Waiting[] => {
    const most = Math.min(limits.batchOctets, payload())
    let count = 0
    for (let size = 0; count < waiting.length && count < limits.batchStanzas; count++) {
      size += (waiting[count] as Waiting).octets
      if (size > most && count > 0) break
    }
    return waiting.splice(0, count)
  }

  const request = async (batch: readonly Waiting[]): Promise<void> => {
    requests++
    counters.batches++
    counters.sent += batch.length
    const outcome = await ask(batch)
    requests--
    batch.forEach((w, i) => settle(w, Array.isArray(outcome) ? (outcome as readonly HandOver[])[i] ?? 'unknown' : outcome as HandOver))
    flush()
  }

  const settle = (w: Waiting, outcome: HandOver): void => {
    stanzas--
    octets -= w.octets
    countOutcome(counters, outcome)
    w.settle(outcome)
    if (stanzas === 0) idle()
  }

  /** Why this stanza is not taken; null: it is. */
  const reason = (item: Handed, size: number): 'busy' | 'too large' | null => {
    const most = longest(payload(), limits)
    if (size > most) {
      report(new Error(`a stanza of ${item.xml.length} octets for ${item.account} does not fit the bus, which takes ${most} octets with its address; raise max_payload of NATS`))
      return 'too large'
    }
    const share = item.kind === 'message' ? 1 : 2
    if ((stanzas + 1) * share <= limits.stanzas && (octets + size) * share <= limits.octets) return null
    counters.shed++
    return 'busy'
  }

  return {
    send: (item, tell) => {
      const size = aloneOctets(item)
      const refused = reason(item, size)
      if (refused !== null) {
        countOutcome(counters, refused)
        if (stanzas === 0) idle()
        tell(refused)
        return
      }
      stanzas++
      octets += size
      if (!scheduled) {
        scheduled = true
        turn = monotonic()
        setImmediate(flush)
      }
      const { account, sessionId, xml, kind, declared } = item
      waiting.push({ account, sessionId, xml, kind, declared, octets: size, since: turn, settle: tell })
    },
    abandon: () => shed(waiting.length),
  }
}
