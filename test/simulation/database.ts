// The simulated database that all nodes share: tables in memory, and what of Postgres matters between statements. A statement
// travels, takes the locks of its rows (it waits where a transaction holds them), is done at one moment, and its answer
// travels back; either way may fail. A transaction holds its locks to its end, and nobody sees what it wrote before (READ
// COMMITTED, and commits that are flushed before they are seen, as lib/store asks for them). What the statements of lib/store
// mean is in statements.ts: the production code of the stores runs on this.
import { AwayError } from '../../lib/base/errors.js'
import type { Db } from '../../lib/core/ports.js'
import { runTransaction } from '../../lib/store/transaction.js'
import type { Process, Timing } from './scheduler.js'
import { makeTables } from './tables.js'
import type { EntryRow, Tables } from './tables.js'

/** What becomes of one statement. 'away': it is not done. 'mute': it is, and the answer is lost. 'late': it is done after who asked has given up. */
export interface Fate {
  readonly there: number
  readonly back: number
  readonly fails: 'never' | 'away' | 'mute' | 'late'
}

/** A statement as it is when it reaches the database. */
export interface Doing {
  /** Rows that it locks, in order. */
  readonly locks: readonly string[]
  /** Done when it has them. What it writes, it hands to `write`. */
  run(write: (change: () => void) => void): unknown[]
}

/** What a statement means, given its values. */
export type Meaning = (tables: Tables, values: readonly unknown[], database: Database) => Doing

interface Transaction {
  over: boolean
  readonly writes: (() => void)[]
  readonly locks: string[]
  readonly process: Process
  /** Counts its statements, for the time-out between them. */
  statements: number
}

interface Waiting {
  readonly locks: readonly string[]
  readonly holder: Transaction | null
  readonly grant: () => void
  readonly fail: () => void
  over: boolean
}

/** ms, as lib/store/db.ts sets them. */
const IDLE_IN_TRANSACTION = 1000
const LOCK_TIMEOUT = 5000

export class Database {
  tables: Tables = makeTables()
  /** Told of each change that is written, for who reads a trace. */
  traced: ((text: string) => void) | null = null
  /** Told of each entry of the log. */
  written: (entry: EntryRow) => void = () => {}
  /** Rules that are broken on purpose (faults.ts). */
  readonly broken: ReadonlySet<string>
  private readonly timing: Timing
  private readonly meanings: (text: string) => Meaning
  private readonly held = new Map<string, Transaction>()
  private waiting: Waiting[] = []
  private readonly open = new Set<Transaction>()
  /** Raised by each crash: what was under way then fails. */
  private era = 0
  private flushed: Tables | null = null

  constructor(timing: Timing, meanings: (text: string) => Meaning, broken: ReadonlySet<string>) {
    this.timing = timing
    this.meanings = meanings
    this.broken = broken
  }

  /** ms since 1970 by its own clock. */
  get time(): number {
    return DATABASE_EPOCH + this.timing.now
  }

  /** A node's way to it. */
  connect(process: Process, fate: () => Fate): Db {
    const statement = (transaction: Transaction | null) => <R>(text: string, values: readonly unknown[] = []): Promise<R[]> =>
      this.ask<R>(process, fate(), transaction, text, values)
    return {
      query: statement(null),
      transaction: async (run) => {
        const transaction: Transaction = { over: false, writes: [], locks: [], process, statements: 0 }
        this.open.add(transaction)
        return runTransaction(statement(transaction), run, {
          commit: () => this.end(process, fate(), transaction),
          rollback: async () => {
            this.timing.after(fate().there, null, () => this.release(transaction))
          },
        })
      },
    }
  }

  /** The node is dead, and its connections with it: what it has begun is undone. What has been sent is done all the same. */
  hangUp(process: Process): void {
    for (const transaction of this.open) if (transaction.process === process) this.release(transaction)
  }

  /** A crash of the database. What has been seen is durable: nothing is lost but what was under way. */
  crash(): void {
    this.era++
    for (const transaction of this.open) this.release(transaction)
    for (const waiting of this.waiting.splice(0)) waiting.fail()
    if (this.flushed !== null) this.tables = structuredClone(this.flushed)
  }

  /** Where commits are not flushed before they are seen (a broken rule), they are now. */
  flush(): void {
    this.flushed = structuredClone(this.tables)
  }

  private ask<R>(process: Process, { there, back, fails: how }: Fate, transaction: Transaction | null, text: string, values: readonly unknown[]): Promise<R[]> {
    return new Promise((resolve, reject) => {
      const { era } = this
      // what is lost inside of a transaction ends it
      const fails = how === 'late' && transaction !== null ? 'away' : how
      const fail = (ms: number): void => this.timing.after(ms, process, () => reject(new AwayError('simulated')))
      if (fails === 'away') {
        fail(there + back)
        return
      }
      if (fails === 'late') fail(there + back)
      if (transaction !== null) transaction.statements++
      this.travel(fails === 'late' ? there + back + LATE : there, null, () => {
        if (era !== this.era || transaction?.over === true) {
          if (fails !== 'late') fail(back)
          return
        }
        const doing = this.meanings(text)(this.tables, values, this)
        this.lock(doing.locks, transaction, () => {
          let rows: unknown[] = []
          let error: unknown = null
          const changes: (() => void)[] = transaction?.writes ?? []
          try {
            rows = doing.run((change) => void changes.push(change))
          } catch (thrown) {
            error = thrown
          }
          if (transaction === null) {
            if (error === null) for (const change of changes) change()
            if (this.traced !== null && changes.length > 0) this.traced(`${process.name} ${fails === 'never' ? '' : `(${fails}) `}${text.trim().replaceAll(/\s+/g, ' ').slice(0, 60)} ${JSON.stringify(values)}`)
          } else this.watch(transaction, back)
          if (fails === 'late') return
          if (fails === 'mute') {
            fail(back)
            return
          }
          this.travel(back, process, () => {
            // a connection that broke under the answer
            if (era !== this.era) reject(new AwayError('simulated crash'))
            else if (error === null) resolve(rows as R[])
            else reject(error as Error)
          })
        }, () => fail(back))
      })
    })
  }

  private end(process: Process, { there, back, fails }: Fate, transaction: Transaction): Promise<void> {
    return new Promise((resolve, reject) => {
      const { era } = this
      transaction.statements++
      // D3: it may still arrive after the connection was lost
      if (fails === 'late') this.timing.after(there + back, process, () => reject(new AwayError('simulated')))
      this.travel(fails === 'late' ? there + back + LATE : there, null, () => {
        const done = fails !== 'away' && !transaction.over && era === this.era
        if (done) for (const change of transaction.writes) change()
        this.traced?.(`${process.name} ${done ? 'commits' : 'does not commit'} ${transaction.locks.join(', ')}`)
        this.release(transaction)
        if (fails !== 'late') this.travel(back, process, () => (done && fails === 'never' && era === this.era ? resolve() : reject(new AwayError('simulated'))))
      })
    })
  }

  /** What takes no time is done at once, where that is not in the midst of what another process does: its timers would be theirs. */
  private travel(ms: number, process: Process | null, arrive: () => void): void {
    if (ms > 0 || (process !== null && process !== this.timing.current)) this.timing.after(ms, process, arrive)
    else arrive()
  }

  /** Nobody waits for a frozen node (durability.md D4). */
  private watch(transaction: Transaction, back: number): void {
    const { statements } = transaction
    this.timing.after(back + IDLE_IN_TRANSACTION, null, () => {
      if (transaction.statements === statements) this.release(transaction)
    })
  }

  private lock(locks: readonly string[], holder: Transaction | null, grant: () => void, fail: () => void): void {
    if (this.take(locks, holder)) {
      grant()
      return
    }
    const waiting: Waiting = { locks, holder, grant, fail, over: false }
    this.waiting.push(waiting)
    this.timing.after(LOCK_TIMEOUT, null, () => {
      if (waiting.over || !this.waiting.includes(waiting)) return
      this.waiting = this.waiting.filter((w) => w !== waiting)
      fail()
    })
  }

  /** All or none: what waits for a part of its rows holds none of the others, unlike in Postgres. */
  private take(locks: readonly string[], holder: Transaction | null): boolean {
    for (const lock of locks) {
      const by = this.held.get(lock)
      if (by !== undefined && by !== holder) return false
    }
    if (holder !== null) {
      for (const lock of locks) {
        this.held.set(lock, holder)
        holder.locks.push(lock)
      }
    }
    return true
  }

  private release(transaction: Transaction): void {
    if (transaction.over) return
    transaction.over = true
    this.open.delete(transaction)
    for (const lock of transaction.locks) if (this.held.get(lock) === transaction) this.held.delete(lock)
    // in the order in which they came
    const before = this.waiting
    this.waiting = []
    for (const waiting of before) {
      if (waiting.holder?.over === true) waiting.fail()
      else if (this.take(waiting.locks, waiting.holder)) {
        waiting.over = true
        waiting.grant()
      } else this.waiting.push(waiting)
    }
  }
}

/** Its clock is another one than the nodes'. */
const DATABASE_EPOCH = 1_700_000_777_000
/** ms by which a statement is done after who asked has given up: longer than the first question after it takes. */
const LATE = 300
