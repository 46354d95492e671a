// Telling the other nodes whose sessions have changed, and hearing it from them (routing.md, step 6). What changes within one
// turn of the event loop goes as one message, and each publisher (node and epoch) numbers its messages from 1. NATS loses
// what is published while a connection is down or a reader too slow, so who hears them watches the numbers: a hole means that
// something was missed, and then every route has to be looked up again.
import { changeOctets, decodeInvalidation, encodeInvalidation, headOctets } from './envelope.js'
import type { BusCounters } from './counters.js'

/** Accounts that may wait for the end of a turn. Beyond them the others are told that they have missed something. */
const MOST_WAITING = 100_000
/** Publishers whose last number is remembered, least recently heard ones forgotten first: coming again, they count as a hole. */
const MOST_PUBLISHERS = 1000

export interface InvalidationParts {
  readonly node: string
  readonly epoch: number
  readonly counters: BusCounters
  /** Octets of one message. */
  most(): number
  /** False where it is certain that nobody gets it. */
  publish(data: Uint8Array): boolean
  invalidated(account: string, generation: number): void
  /** Something was missed. */
  gap(): void
  /** Told of a message that makes no sense. */
  unreadable(data: Uint8Array): void
}

export interface Invalidations {
  tell(account: string, generation: number): void
  hear(data: Uint8Array): void
  /** The connection is there again: the others learn from the number whether they have missed something. */
  mark(): void
}

export const makeInvalidations = ({ node, epoch, counters, most, publish, invalidated, gap, unreadable }: InvalidationParts): Invalidations => {
  /** The highest generation by account. */
  let waiting = new Map<string, number>()
  let scheduled = false
  let number = 0
  const holes = makeHoles(MOST_PUBLISHERS)

  /** What cannot be published has its number all the same: that is what makes the hole. */
  const say = (changes: readonly (readonly [string, number])[]): void => {
    number++
    if (publish(encodeInvalidation({ node, epoch, number, changes }))) counters.told += changes.length
  }

  const flush = (): void => {
    scheduled = false
    const room = most() - headOctets(node)
    let piece: [string, number][] = []
    let size = 0
    for (const change of waiting) {
      const octets = changeOctets(change[0])
      if (octets > room) { // no JID is so long; it is a hole at least
        number++
        continue
      }
      if (size + octets > room) {
        if (piece.length > 0) say(piece)
        piece = []
        size = 0
      }
      piece.push(change)
      size += octets
    }
    waiting = new Map()
    if (piece.length > 0) say(piece)
  }

  return {
    tell: (account, generation) => {
      waiting.set(account, Math.max(waiting.get(account) ?? 0, generation))
      if (waiting.size > MOST_WAITING) {
        waiting.clear()
        number++
        say([])
      } else if (!scheduled) {
        scheduled = true
        setImmediate(flush)
      }
    },
    hear: (data) => {
      const heard = decodeInvalidation(data)
      if (heard === null) { // it may have been about anybody
        unreadable(data)
        counters.gaps++
        gap()
        return
      }
      if (heard.node === node && heard.epoch === epoch) return
      if (holes.before(`${heard.epoch} ${heard.node}`, heard.number)) {
        counters.gaps++
        gap()
      }
      counters.heard += heard.changes.length
      for (const [account, generation] of heard.changes) invalidated(account, generation)
    },
    mark: () => say([]),
  }
}

export interface Holes {
  /** Whether something is missing before this number. One whose first is not 1 has said something before. */
  before(publisher: string, number: number): boolean
}

/** @param most publishers remembered */
export const makeHoles = (most: number): Holes => {
  /** Last numbers, in the order in which the publishers were last heard. */
  const last = new Map<string, number>()
  return {
    before: (publisher, number) => {
      const expected = (last.get(publisher) ?? 0) + 1
      last.delete(publisher)
      last.set(publisher, number)
      if (last.size > most) last.delete(last.keys().next().value as string)
      return number !== expected
    },
  }
}
