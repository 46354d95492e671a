// The fence of what a session does to its account (durability.md D10): roster, block list, vCard and the like. This node may have
// stood still while the client resumed on another, and still have what it had sent before: that must not undo what it did since.
import { AwayError, MovedError } from '../base/errors.js'
import type { Db, Owner } from '../core/ports.js'

/** A database for a node among others. @param moved told of the account of a session that is another node's */
export const fenced = <D extends Db>(db: D, node: Owner, moved: (account: string) => void): D => ({
  ...db,
  transaction: (run, by = null) => (by === null ? db.transaction(run) : db.transaction(async (tx) => {
    const result = await run(tx)
    // behind the account's lock, and in a statement of its own: what a takeover has done before is seen, and a later one waits
    const [row] = await tx.query('select 1 from presence where account = $1 and session_id = $2 and incarnation = $3 and node = $4 and epoch = $5', [
      by.account, by.id, by.incarnation, node.id, node.epoch,
    ])
    if (row !== undefined) return result
    moved(by.account)
    throw new AwayError(new MovedError([by.account]))
  })),
})
