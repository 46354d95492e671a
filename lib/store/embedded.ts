// The embedded Postgres (PGlite): a worker thread owns it, for its queries would stop the event loop for the length of a
// whole batch. One connection; transactions have it to themselves, everything else goes in the order asked.
// The folder has one owner: who opens it holds the lock on the data folder (lib/cli/control.ts).
import { existsSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { AwayError, UsageError } from '../base/errors.js'
import type { Db } from '../core/ports.js'
import type { Database } from './database.js'
import type { Answer, Ask } from './embedded-protocol.js'
import { runTransaction } from './transaction.js'

/** Questions not answered yet; beyond that a new one fails at once. */
const MOST_WAITING = 100_000

/** From dist/ in both cases: node runs no TypeScript. */
const workerFile = (): URL => {
  const beside = new URL('./embedded-worker.js', import.meta.url)
  return existsSync(beside) ? beside : new URL('../../dist/lib/store/embedded-worker.js', import.meta.url)
}

export const openEmbedded = async (data: string, mostWaiting = MOST_WAITING): Promise<Database> => {
  const worker = new Worker(workerFile(), { workerData: { folder: `${data}/pg` }, execArgv: [] })
  const pending = new Map<number, { resolve: (rows: unknown[]) => void; reject: (error: Error) => void }>()
  let ids = 0
  let txs = 0
  let dead: Error | null = null

  const fail = (error: Error): void => {
    dead ??= error
    for (const { reject } of pending.values()) reject(dead)
    pending.clear()
  }
  worker.on('message', ({ id, rows, error }: Answer) => {
    const waiting = pending.get(id)
    pending.delete(id)
    if (error === undefined) waiting?.resolve(rows ?? [])
    else waiting?.reject(Object.assign(new Error(error.message), { code: error.code }))
  })
  worker.on('error', (error) => fail(new AwayError(error)))
  worker.on('exit', () => fail(new AwayError('the embedded database has ended')))
  const ask = (tx: number, what: Ask['what'], text = '', values: readonly unknown[] = []): Promise<unknown[]> => new Promise((resolve, reject) => {
    if (dead !== null) return reject(dead)
    // what ends is let in: a transaction whose commit and rollback are both turned away would hold everything for ever
    if (pending.size >= mostWaiting && (tx === 0 || what === 'begin') && what !== 'close') return reject(new AwayError('the embedded database is overloaded'))
    const id = ++ids
    pending.set(id, { resolve, reject })
    worker.postMessage({ id, tx, what, text, values } satisfies Ask)
  })
  const on = (tx: number): Db['query'] => async <R>(text: string, values?: readonly unknown[]) => await ask(tx, 'query', text, values) as R[]

  try {
    await ask(0, 'query', 'select 1')
  } catch (error) {
    await worker.terminate()
    throw new UsageError(`the embedded database in ${data}/pg cannot be opened: ${(error as Error).message}`, { cause: error })
  }
  return {
    kind: 'embedded',
    query: on(0),
    transaction: async (run) => {
      const tx = ++txs
      await ask(tx, 'begin')
      return runTransaction(on(tx), run, {
        commit: () => ask(tx, 'commit'),
        rollback: () => ask(tx, 'rollback').catch(() => []), // a commit that failed has rolled back already
      })
    },
    close: async () => {
      if (dead === null) await ask(0, 'close').catch(() => [])
      await worker.terminate()
    },
  }
}
