// Simulated time. What is to happen stands in one agenda, ordered by when; between two events all promises settle. An event
// belongs to a process (a node) or to nobody (the network, the database, a client): what a frozen process should do waits for
// its thaw, what a dead one should do never happens. Production code needs no change for this: within the simulating process
// the timers of the global object are those of this agenda, and they belong to whoever's code runs.
import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import type { Random } from '../../lib/chaos/random.js'

/** One life of a node, as far as time is concerned. */
export interface Process {
  readonly name: string
  /** How fast its clocks run. */
  readonly rate: number
  frozen: boolean
  dead: boolean
  /** What came while it stood still. */
  readonly missed: Happening[]
}

interface Happening {
  readonly at: number
  readonly order: number
  readonly process: Process | null
  readonly run: () => void
  off: boolean
}

export const makeProcess = (name: string, rate: number): Process => ({ name, rate, frozen: false, dead: false, missed: [] })

/** What the store, the bus and the clients need of time. */
export interface Timing {
  readonly now: number
  /** Whose code runs; null: nobody's. */
  readonly current: Process | null
  after(ms: number, process: Process | null, run: () => void): void
  /** Of two at the same time the first said comes first: what must keep its order is not to be told by a difference, which is rounded. */
  at(time: number, process: Process | null, run: () => void): void
}

export class Scheduler implements Timing {
  now = 0
  /** Events that have happened. */
  count = 0
  current: Process | null = null
  private order = 0
  private readonly heap: Happening[] = []

  after(ms: number, process: Process | null, run: () => void): Happening {
    return this.at(this.now + Math.max(0, ms), process, run)
  }

  at(time: number, process: Process | null, run: () => void): Happening {
    const happening = { at: time, order: this.order++, process, run, off: false }
    this.push(happening)
    return happening
  }

  /** A timer of whoever's code runs. */
  timer(ms: number, run: () => void): Happening {
    return this.after(ms / (this.current?.rate ?? 1), this.current, run)
  }

  freeze(process: Process): void {
    process.frozen = true
  }

  thaw(process: Process): void {
    process.frozen = false
    for (const { process: whose, run } of process.missed.splice(0)) this.after(0, whose, run)
  }

  /** Until so many ms have passed, or it is enough. */
  async run(ms: number, isEnough: () => boolean = () => false): Promise<void> {
    const until = this.now + ms
    for (;;) {
      const next = this.heap[0]
      if (next === undefined || next.at > until) break
      this.pop()
      if (next.off || next.process?.dead === true) continue
      this.now = next.at
      if (next.process?.frozen === true) {
        next.process.missed.push(next)
        continue
      }
      this.count++
      this.current = next.process
      next.run()
      await settled()
      this.current = null
      if (isEnough()) return
    }
    this.now = until
  }

  private push(happening: Happening): void {
    const { heap } = this
    let i = heap.length
    heap.push(happening)
    while (i > 0) {
      const up = (i - 1) >> 1
      if (before(heap[up] as Happening, happening)) break
      heap[i] = heap[up] as Happening
      i = up
    }
    heap[i] = happening
  }

  private pop(): void {
    const { heap } = this
    const last = heap.pop() as Happening
    if (heap.length === 0) return
    let i = 0
    for (;;) {
      let down = 2 * i + 1
      if (down >= heap.length) break
      if (down + 1 < heap.length && before(heap[down + 1] as Happening, heap[down] as Happening)) down++
      if (before(last, heap[down] as Happening)) break
      heap[i] = heap[down] as Happening
      i = down
    }
    heap[i] = last
  }
}

const before = (a: Happening, b: Happening): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)

/** Resolves when no promise can go on: of the tasks that a microtask (and only that asks here) puts off, the first comes when all microtasks are done. */
const settled = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve))

/** As setTimeout returns it, as far as anybody asks. */
interface Handle {
  readonly happening: Happening | null
  again: (() => void) | null
  unref(): Handle
  ref(): Handle
}

const handle = (happening: Happening): Handle => {
  const made: Handle = { happening, again: null, unref: () => made, ref: () => made }
  return made
}

let scheduler = new Scheduler()
let chance: Random | null = null

/** Whose time the timers of this process are from now on, and whose chance. */
export const live = (in_: Scheduler, by: Random): void => {
  scheduler = in_
  chance = by
}

/** From here on this process has no other time, and no other chance. */
export const install = (): void => {
  const clear = (timer: Handle | undefined | null): void => {
    if (timer === undefined || timer === null) return
    if (timer.happening !== null) timer.happening.off = true
    timer.again = null
  }
  const later = (run: (...args: unknown[]) => void, ms = 0, ...args: unknown[]): Handle => handle(scheduler.timer(Math.max(1, ms), () => run(...args)))
  const every = (run: (...args: unknown[]) => void, ms = 1, ...args: unknown[]): Handle => {
    const made: Handle = { happening: null, again: () => {}, unref: () => made, ref: () => made }
    const next = (): void => void scheduler.timer(Math.max(1, ms), () => {
      if (made.again === null) return
      next()
      run(...args)
    })
    next()
    return made
  }
  Object.assign(globalThis, {
    setTimeout: later, clearTimeout: clear, setInterval: every, clearInterval: clear, clearImmediate: clear,
    setImmediate: (run: (...args: unknown[]) => void, ...args: unknown[]): Handle => handle(scheduler.timer(0, () => run(...args))),
  })
  Date.now = () => EPOCH + scheduler.now
  Math.random = () => chance?.next() ?? 0.5
  Object.assign(crypto, { randomBytes: (size: number): Buffer => Buffer.from(Array.from({ length: size }, () => chance?.below(256) ?? 0)) })
  syncBuiltinESMExports()
}

/** ms since 1970 at which simulated time begins. */
export const EPOCH = 1_700_000_000_000
