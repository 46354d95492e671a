// What a transaction means, whichever engine runs it.
import type { Db } from '../core/ports.js'

/** How an engine ends it. Both on the transaction's own connection, after all of its statements. */
export interface Ends {
  commit(): Promise<unknown>
  rollback(): Promise<unknown>
}

/**
 * Run the work of a transaction that has begun, and end it. `statement` runs on its connection. A transaction inside is
 * part of it. Throws what `run` threw, and the error of a statement even where `run` hid it: Postgres answers COMMIT
 * with a silent ROLLBACK then, and nobody may take that for kept.
 */
export const runTransaction = async <T>(
  statement: Db['query'], run: (tx: Db) => Promise<T>, { commit, rollback }: Ends,
): Promise<T> => {
  let over = false
  const failures: unknown[] = []
  const tx: Db = {
    query: async <R>(text: string, values?: readonly unknown[]) => {
      // late, its connection may be in the middle of somebody else's transaction
      if (over) throw new Error('the transaction is over')
      try {
        return await statement<R>(text, values)
      } catch (error) {
        failures.push(error)
        throw error
      }
    },
    transaction: (inner) => inner(tx),
  }
  try {
    const result = await run(tx)
    over = true
    if (failures.length > 0) throw failures[0]
    await commit()
    return result
  } catch (error) {
    over = true
    await rollback()
    throw error
  }
}
