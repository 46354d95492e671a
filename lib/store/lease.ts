// The lease of a node in the `node` table (routing.md, step 8): its renewals, what it sees of the others, and how one of them
// is declared over. The rules, and all clocks, are in lib/cluster/lease.ts. Sessions are not touched here.
import { AwayError } from '../base/errors.js'
import type { Db, LeaseStore, Owner, WatchedNode } from '../core/ports.js'

/**
 * `db` has a connection for this alone, so that a renewal does not wait behind anything.
 * @param timeout ms for an answer; then it is an AwayError. A connection whose other end is gone can say nothing for long
 */
export const leaseStore = (db: Db, node: Owner, timeout: number): LeaseStore => {
  const reaper = `${node.id} ${node.epoch}`
  const ask = <R>(text: string, values: readonly unknown[]): Promise<R[]> => within(db.query<R>(text, values), timeout)
  return {
    // one that signed off, or was signed off by a node that is alone (lib/store/node.ts), is over as well
    renew: async () => (await ask<{ at: number }>(`
      update node set renewal = renewal + 1, renewed = now()
      where id = $1 and epoch = $2 and not signed_off and reaped_by is null
      returning (extract(epoch from clock_timestamp()) * 1000)::float8 as at`, [node.id, node.epoch]))[0]?.at ?? null,
    watch: () => ask<WatchedNode>(`
      select id, epoch, renewal as counter, signed_off as "signedOff" from node where id <> $1 and reaped_by is null order by id`, [node.id]),
    // `signed_off` too: nobody routes to its sessions any more (lib/store/presence.ts). The name of the reaper, for one that
    // lost the connection under this has to learn by asking again whether the clean-up is its own
    reap: async (id, epoch, counter) => (await ask(`
      update node set signed_off = true, reaped_by = $4
      where id = $1 and epoch = $2 and renewal = $3 and (reaped_by is null or reaped_by = $4) returning 1`, [id, epoch, counter, reaper])).length > 0,
  }
}

const within = async <T>(answer: Promise<T>, ms: number): Promise<T> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new AwayError(`the database did not answer within ${ms} ms`)), ms)
    timer.unref()
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}
