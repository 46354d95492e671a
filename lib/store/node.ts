// Nodes: an id, and an epoch for each life of it. Leases come with the second node (routing.md, steps 8 and 10).
import { UsageError } from '../base/errors.js'
import type { Db, Owner } from '../core/ports.js'

export interface NodeRow {
  readonly id: string
  /** Seconds since it last said that it lives. */
  readonly age: number
  /** It runs without NATS_URL. */
  readonly alone: boolean
}

/** ms between renewals, and seconds after which a node that did not renew counts as over (routing.md, step 8: L/3, L + G). */
export const RENEW = 3300
const OVER = 70

/** Any number that other programs do not use, and not the one in schema.ts. */
const LOCK = 0x6a_69_64_6e // 'jidn'

/** Nodes that have not signed off. */
export const nodes = (db: Db): Promise<NodeRow[]> => db.query<NodeRow>(
  'select id, extract(epoch from clock_timestamp() - renewed)::float8 as age, alone from node where not signed_off and reaped_by is null order by id')

/**
 * A new epoch for this node in a cluster. The caller holds the lock on the data folder that the id comes from, so the
 * predecessor is gone; its sessions are taken over as those of any node that is over (lib/store/takeover.ts).
 * Throws UsageError while a node lives that believes it is alone.
 */
export const joinNodes = async (db: Db, id: string): Promise<Owner> => db.transaction(async (tx) => {
  await tx.query('select pg_advisory_xact_lock($1)', [LOCK])
  const alone = await tx.query<NodeRow>(`
    select id, extract(epoch from clock_timestamp() - renewed)::float8 as age from node where not signed_off and alone and id <> $1 and renewed > clock_timestamp() - make_interval(secs => $2)`, [id, OVER])
  if (alone[0] !== undefined) {
    throw new UsageError(`node '${alone[0].id}' uses this database without NATS_URL (it last said so ${Math.round(alone[0].age)} s ago), and knows of no other. ` +
      `Stop it and start it with NATS_URL, or if it was killed wait until it counts as over (${OVER} s)`)
  }
  const [row] = await tx.query<{ epoch: number }>(`
    insert into node (id, epoch, alone) values ($1, 1, false)
    on conflict (id) do update set epoch = node.epoch + 1, renewal = 0, n = 0, started = now(), renewed = now(), signed_off = false, reaped_by = null, alone = false
    returning epoch`, [id])
  return { id, epoch: (row as { epoch: number }).epoch }
})

/** Lives of nodes that are over, and have left sessions. */
export const orphans = (db: Db): Promise<Owner[]> => db.query<Owner>(`
  select distinct p.node as id, p.epoch from presence p left join node n on n.id = p.node and n.epoch = p.epoch and not n.signed_off and n.reaped_by is null
  where n.id is null`)

/**
 * A new epoch for this node. The caller holds the lock on the data folder that the id comes from, so the predecessor is gone.
 * Throws UsageError while another node lives: without NATS each would believe that it is alone, and mail would be lost.
 * Nobody else lives, then, so whatever sessions the tables hold are this node's to resume or to end (lib/core/resumption.ts).
 */
export const registerNode = async (db: Db, id: string): Promise<Owner> => db.transaction(async (tx) => {
  // of two that start at once neither would see the other's row
  await tx.query('select pg_advisory_xact_lock($1)', [LOCK])
  const [row] = await tx.query<{ epoch: number }>(`
    insert into node (id, epoch) values ($1, 1)
    on conflict (id) do update set epoch = node.epoch + 1, renewal = 0, n = 0, started = now(), renewed = now(), signed_off = false, reaped_by = null, alone = true
    returning epoch`, [id])
  const other = (await nodes(tx)).find((node) => node.id !== id && node.age < OVER)
  if (other !== undefined) {
    throw new UsageError(`node '${other.id}' uses this database too (it last said so ${Math.round(other.age)} s ago), and without NATS_URL only one may. ` +
      `Stop it, or if it was killed start it again with its own data folder, or wait until it counts as over (${OVER} s)`)
  }
  const { epoch } = row as { epoch: number }
  await tx.query('update node set signed_off = true where id <> $1', [id])
  await tx.query('update resumption set node = $1, epoch = $2 where ended is null', [id, epoch])
  await tx.query(`
    with taken as (update presence set node = $1, epoch = $2 returning account)
    update account set generation = generation + 1 where account in (select account from taken)`, [id, epoch])
  return { id, epoch }
})

/** Say that this node still lives. */
export const renew = async (db: Db, { id, epoch }: Owner): Promise<void> => {
  await db.query('update node set renewal = renewal + 1, renewed = now() where id = $1 and epoch = $2', [id, epoch])
}

/** This node ends in order: its rows are gone, but for those of sessions that can be resumed; nobody has to wait for it. */
export const signOff = (db: Db, { id, epoch }: Owner): Promise<void> => db.transaction(async (tx) => {
  // accounts before sessions, and in order, as everything that locks them does
  await tx.query(`
    select 1 from account where account in (select account from presence where node = $1 and epoch = $2) order by account for update`, [id, epoch])
  await tx.query(`
    with gone as (
      delete from presence p where node = $1 and epoch = $2
        and not exists (select from resumption r where r.account = p.account and r.session_id = p.session_id and r.ended is null) returning account)
    update account set generation = generation + 1 where account in (select account from gone)`, [id, epoch])
  await tx.query('update node set signed_off = true where id = $1 and epoch = $2', [id, epoch])
})
