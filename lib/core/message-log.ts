// The message log's writer: group commits (durability.md D2, D3, D7). One batch is under way at a time; what comes meanwhile
// goes with the next, so that batches grow with the load and a message that comes alone goes at once.
//
// A message counts only once its batch is committed. While the database is away batches wait and are tried again; nobody is
// told anything wrong, and reading from clients slows down because what they may have uncommitted is bounded (D20).
import { randomBytes } from 'node:crypto'
import { AwayError, MovedError, StanzaError } from '../base/errors.js'
import type { Journaled } from './given.js'
import type { Counters } from './counters.js'
import type { Batch, Clock, Logged, Logging, LogStore, Waiting } from './ports.js'

/** A message on its way. Its maker is told of the outcome once, in the order of `append`. */
export interface Appended {
  readonly message: Logging
  /** Nobody is there to take it: the bounds of what may wait hold for it (D19). */
  readonly bounded: boolean
  /** The stream that it came on; null: the server's own, or a stream that nobody manages. */
  readonly stream: Journaled | null
  /** Its number on that stream. */
  readonly number: number
}

/** Why not; null: there is no such account. */
export type Refusal = StanzaError | null
/** Committed; or why not. 'moved': its session is another node's, and its client sends it there. */
export type Outcome = Logged | StanzaError | 'moved'

/** Whose sessions may be other nodes' by now (D2). */
export interface Fence<Item> {
  /** Of the senders, and of streams that the journal says something of: account and generation. */
  of(items: readonly Item[], streams: readonly Journaled[]): ReadonlyMap<string, number>
  /** The generations of these are others: find out which of their sessions have moved. */
  check(items: readonly Item[], accounts: readonly string[]): Promise<void>
  hasMoved(item: Item): boolean
}

export interface MessageLog<Item extends Appended> {
  /** Put a message in. Throws StanzaError where too many wait. */
  append(item: Item): void
  /** The next commit has to ask this stream. */
  touch(stream: Journaled): void
  /** Forget what is known of what waits for the account. */
  changed(account: string): void
  /** Number of the last batch that was committed. */
  readonly n: number
  /** A batch is put together, and not decided. */
  readonly busy: boolean
  readonly waiting: number
  /** Resolves when all that is in the queue now is committed. */
  reached(): Promise<void>
  /** Do this at a moment when no batch is under way. */
  between(work: () => void): void
  /** Resolves when nothing waits any more, or after `ms`. */
  idle(ms: number): Promise<void>
  stop(): void
}

export interface LogBounds {
  /** What may wait for one account: messages, octets, and messages by one sender. */
  readonly messages: number
  readonly bytes: number
  readonly perSender: number
}

/** One batch: so many messages, or so many octets. */
const BATCH = 500
const BATCH_OCTETS = 4 * 1024 ** 2
/** Messages that wait for a commit. */
const MOST = 100_000
/** ms between tries while the database is away. */
const RETRY = 500
/** Accounts of which it is remembered what waits for them. */
const FILLS = 10_000

/** SQLSTATE classes that say that a value was bad, and not the statement or the server: 22 data, 23 constraint, 54 limits. */
const isBad = (error: unknown): boolean => {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' && /^(?:22|23|54)/.test(code)
}

interface Fill {
  messages: number
  bytes: number
  readonly senders: Map<string, number>
}

/**
 * @param settled writes what was acknowledged so far
 * @param refusing told of a message that is going to be refused, before a journal says that it is done
 * @param done told of each message's outcome
 * @param fence null: there are no other nodes
 */
export const makeMessageLog = <Item extends Appended>(
  store: LogStore, clock: Clock, bounds: LogBounds, settled: () => Promise<void>, refusing: (item: Item, outcome: Refusal) => void,
  done: (item: Item, outcome: Outcome) => void, report: (error: unknown) => void, counters: Counters['log'],
  fence: Fence<Item> | null = null,
): MessageLog<Item> => {
  let queue: Item[] = []
  const touched = new Set<Journaled>()
  const fills = new Map<string, Fill>()
  let intervals: (() => void)[] = []
  let n = 0
  let busy = false
  let deciding = false
  let stopped = false
  /** Messages put in, and done; who waits until so many are done. */
  let put = 0
  let over = 0
  const reaching: { readonly count: number; readonly resolve: () => void }[] = []

  const isFull = ({ receiver, sender, xml }: Logging, fill = fills.get(receiver)): boolean => fill !== undefined &&
    (fill.messages >= bounds.messages || fill.bytes + xml.length > bounds.bytes || (fill.senders.get(sender) ?? 0) >= bounds.perSender)

  const fillUp = ({ receiver, sender, xml }: Logging, fill = fills.get(receiver)): void => {
    if (fill === undefined) return
    fill.messages++
    fill.bytes += xml.length
    fill.senders.set(sender, (fill.senders.get(sender) ?? 0) + 1)
  }

  /** Accounts for which this would be too much, as far as is known. */
  const overfull = (items: readonly Item[]): ReadonlySet<string> => {
    const found = new Set<string>()
    const tried = new Map<string, Fill>()
    for (const { bounded, message } of items) {
      let fill = tried.get(message.receiver)
      if (fill === undefined) {
        const known = fills.get(message.receiver)
        if (known === undefined) continue
        tried.set(message.receiver, fill = { ...known, senders: new Map(known.senders) })
      }
      if (bounded && isFull(message, fill)) found.add(message.receiver)
      fillUp(message, fill)
    }
    return found
  }

  /** Learn what waits for accounts that nobody is there for. @return those that there are not */
  const learn = async (items: readonly Item[]): Promise<ReadonlySet<string>> => {
    const unknown = new Set<string>()
    for (const { bounded, message } of items) if (bounded && !fills.has(message.receiver)) unknown.add(message.receiver)
    if (unknown.size === 0) return unknown
    const found: ReadonlyMap<string, Waiting> = await insistently(() => store.waiting([...unknown]))
    for (const account of unknown) {
      const waits = found.get(account)
      if (waits === undefined) continue
      unknown.delete(account)
      if (fills.size >= FILLS) fills.delete(fills.keys().next().value as string)
      fills.set(account, { ...waits, senders: new Map(waits.senders) })
    }
    return unknown
  }

  /** The database is asked until it answers. */
  const insistently = async <T>(ask: () => Promise<T>): Promise<T> => {
    for (;;) {
      try {
        return await ask()
      } catch (error) {
        if (!(error instanceof AwayError) || stopped) throw error
        report(error)
        await new Promise((resolve) => setTimeout(resolve, RETRY))
      }
    }
  }

  /** Until it is known to have happened (D3). Throws what says that this batch cannot be written. */
  const settle = async (items: readonly Item[], blob: string, streams: readonly Journaled[]): Promise<readonly Outcome[]> => {
    for (;;) {
      const begun = clock.monotonic()
      const ours = fence === null ? items : items.filter((item) => !fence.hasMoved(item))
      const batch: Batch = {
        n: n + 1, messages: ours.map((item) => item.message), blob, mark: randomBytes(4).readInt32LE(), at: clock.now(), ...(fence === null ? {} : { fences: fence.of(ours, streams) }),
      }
      /** Of all that were asked for. */
      const all = (outcomes: readonly Logged[]): readonly Outcome[] => {
        if (ours.length === items.length) return outcomes
        const found = new Map(ours.map((item, i) => [item, outcomes[i] as Logged]))
        return items.map((item) => (found.has(item) ? found.get(item) as Logged : 'moved'))
      }
      try {
        const outcomes = await store.commit(batch)
        n = batch.n
        counters.commits++
        counters.ms += clock.monotonic() - begun
        for (let i = 0; i < outcomes.length; i++) {
          const made = outcomes[i]
          if (made !== null && made !== undefined) counters.entries += made.sent === null ? 1 : 2
        }
        return all(outcomes)
      } catch (error) {
        if (error instanceof MovedError && fence !== null) {
          await insistently(() => fence.check(ours, error.accounts))
          continue
        }
        if (!(error instanceof AwayError)) throw error
        report(error)
      }
      // neither a row that is there nor one that is absent proves anything: the same compare-and-set, tried again, does
      await new Promise((resolve) => setTimeout(resolve, stopped ? 0 : RETRY))
      const decided = await insistently(() => store.decide(batch))
      n = batch.n
      if (decided !== null) return all(decided)
    }
  }

  /** One bad row must not be everybody's: the batch is halved until it stands alone. */
  const write = async (items: readonly Item[], blob: string, streams: readonly Journaled[]): Promise<readonly Outcome[]> => {
    try {
      return await settle(items, blob, streams)
    } catch (error) {
      if (!isBad(error) || items.length === 0) throw error
      if (items.length === 1) {
        report(error)
        if (blob !== '') await settle([], blob, streams)
        return [new StanzaError('internal-server-error', 'the message cannot be stored')]
      }
      const half = items.length >> 1
      return [...await write(items.slice(0, half), '', []), ...await write(items.slice(half), blob, streams)]
    }
  }

  const take = (): Item[] => {
    let octets = 0
    let i = 0
    while (i < queue.length && i < BATCH && octets < BATCH_OCTETS) octets += (queue[i++] as Item).message.xml.length
    const items = i === queue.length ? queue : queue.slice(0, i)
    queue = i === queue.length ? [] : queue.slice(i)
    return items
  }

  const one = async (): Promise<void> => {
    const items = take()
    let absent = await learn(items)
    const full = overfull(items)
    if (full.size > 0) {
      // before anybody is refused: what was acknowledged, and not written, does not wait any more; nor does what has expired
      await settled().catch(report)
      for (const account of full) fills.delete(account)
      absent = await learn(items)
    }
    const refused = new Map<Item, Refusal>()
    const written: Item[] = []
    for (const item of items) {
      item.stream?.joins(item.number)
      if (item.stream !== null) touched.add(item.stream)
      const isAbsent = absent.has(item.message.receiver)
      if (isAbsent || (item.bounded && isFull(item.message))) {
        const refusal = isAbsent ? null : new StanzaError('resource-constraint', 'the receiver\'s mailbox is full')
        refused.set(item, refusal)
        refusing(item, refusal)
      } else {
        written.push(item)
        fillUp(item.message)
      }
    }
    const journaled: Journaled[] = []
    let outcomes: readonly Outcome[]
    try {
      let blob = ''
      for (const stream of touched) {
        const part = stream.compose()
        if (part === null) continue
        journaled.push(stream)
        blob += blob === '' ? part : `\n${part}`
      }
      touched.clear()
      deciding = true
      outcomes = written.length === 0 && blob === '' ? [] : await write(written, blob, journaled)
    } catch (error) {
      deciding = false
      for (const stream of journaled) {
        stream.voided()
        touched.add(stream)
      }
      const refusal = error instanceof AwayError ? new StanzaError('resource-constraint', 'the message cannot be stored now', { type: 'wait' })
        : new StanzaError('internal-server-error', 'the message cannot be stored')
      for (const item of items) done(item, refusal)
      passed(items.length)
      throw error
    }
    deciding = false
    let i = 0
    for (const item of items) {
      const refusal = refused.get(item)
      done(item, refusal === undefined ? outcomes[i++] as Outcome : refusal)
    }
    for (const stream of journaled) stream.committed()
    passed(items.length)
  }

  const passed = (count: number): void => {
    over += count
    while (reaching.length > 0 && (reaching[0] as { count: number }).count <= over) reaching.shift()?.resolve()
  }

  const run = async (): Promise<void> => {
    while ((queue.length > 0 || touched.size > 0) && !(stopped && queue.length === 0)) {
      try {
        await one()
      } catch (error) {
        report(error)
        if (stopped) break
        await new Promise((resolve) => setTimeout(resolve, RETRY))
      }
      const now = intervals
      intervals = []
      for (const work of now) work()
    }
    busy = false
  }

  const start = (): void => {
    if (busy) return
    busy = true
    // after the sockets of this turn were read, so that their messages go together
    setImmediate(() => void run())
  }

  return {
    append: (item) => {
      if (queue.length >= MOST) throw new StanzaError('resource-constraint', 'the server is overloaded; try again later')
      queue.push(item)
      put++
      start()
    },
    touch: (stream) => {
      touched.add(stream)
      start()
    },
    changed: (account) => void fills.delete(account),
    reached: () => (over >= put ? Promise.resolve() : new Promise((resolve) => reaching.push({ count: put, resolve }))),
    between: (work) => {
      if (deciding) intervals.push(work)
      else work()
    },
    get n() {
      return n
    },
    get busy() {
      return deciding
    },
    get waiting() {
      return queue.length
    },
    idle: async (ms) => {
      const until = Date.now() + ms
      while (busy && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 5))
    },
    stop: () => {
      stopped = true
    },
  }
}
