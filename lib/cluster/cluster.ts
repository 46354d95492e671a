// A node among others: its lease and its bus, opened in the order that makes both safe, and what follows when a node is found
// to be over (routing.md, steps 5 to 10). What to do with stanzas and sessions is the core's.
import type { Logger } from 'pino'
import { UsageError } from '../base/errors.js'
import type { Bus, Clock, LeftSession, Owner, TakeoverStore } from '../core/ports.js'
import { openDatabase } from '../store/db.js'
import type { Database } from '../store/db.js'
import { leaseStore } from '../store/lease.js'
import { joinNodes, orphans, signOff } from '../store/node.js'
import { takeoverStore } from '../store/takeover.js'
import { openBus } from './bus.js'
import type { Handlers, NatsBus } from './bus.js'
import { makeLease } from './lease.js'
import type { Lease } from './lease.js'

export interface ClusterOptions {
  readonly natsUrl: string
  readonly databaseUrl: string
  readonly db: Database
  readonly id: string
  readonly clock: Clock
  readonly log: Logger
  /** ms */
  readonly lease: number
  readonly grace: number
  /** First part of every subject, so that two clusters can share a NATS. */
  readonly prefix?: string
  readonly handlers: Omit<Handlers, 'report' | 'left'>
  /** Sessions of a node that is over, or that were taken from one and have got lost on their way. */
  adopted(sessions: readonly LeftSession[]): Promise<void>
  /** This node has it. */
  isHere(account: string, sessionId: string): boolean
  /** This node must not send any more; it may again. */
  silent(): void
  resumed(): void
  /** It was declared over: its sessions are others'. */
  lost(): void
}

export interface Cluster {
  readonly node: Owner
  /** Silent while this node must not act (routing.md, step 9): nothing goes out, nothing is taken. */
  readonly bus: Bus & Pick<NatsBus, 'counters' | 'largest' | 'up'>
  readonly lease: Lease
  readonly takeover: TakeoverStore
  /** Take what earlier lives of this node, and nodes that are over, have left. Once the core can have it; from then on it goes by itself. */
  begin(): Promise<void>
  /** No more judging of others, and no more stanzas among nodes; then the node signs off, and the others are told. */
  close(): Promise<void>
}

/** Accounts of one node taken over in one transaction. */
const SOME = 200
/** Throws UsageError where there is no lease or no bus to be had; then the node has signed off again. */
export const openCluster = async (options: ClusterOptions): Promise<Cluster> => {
  const { db, log, id } = options
  const node = await joinNodes(db, id)
  try {
    return await open(options, node)
  } catch (error) {
    // nobody has to wait until it counts as over
    await signOff(db, node).catch((err: unknown) => log.warn({ err }, 'the database was not told that this node does not start'))
    throw error
  }
}

const open = async (options: ClusterOptions, node: Owner): Promise<Cluster> => {
  const { db, clock, log, handlers } = options
  const takeover = takeoverStore(db, node)
  // so that a renewal waits behind nothing, and not for a server that has vanished
  const own = await openDatabase({ url: options.databaseUrl, data: '', connections: 1, answerWithin: options.lease })
  let begun = false
  let closed = false

  const adopt = async (from: Owner): Promise<void> => {
    let count = 0
    while (!closed) {
      const some = await takeover.adopt(from, SOME)
      if (some.length === 0) break
      count += some.length
      await options.adopted(some)
    }
    if (count > 0) log.info({ node: from.id, epoch: from.epoch, sessions: count }, 'sessions of a node that is over were taken')
  }
  /**
   * Sessions that are this node's by their rows, and nowhere: the answer to a take was lost with its connection, or what came
   * next failed. Nobody else would look for them. Taken once they were found so twice, for one may just be on its way.
   */
  let strays = new Map<string, number>()
  const gather = async (): Promise<void> => {
    const found = (await takeover.mine()).filter((s) => !options.isHere(s.account, s.sessionId))
    const nowhere = found.filter((s) => strays.get(s.sessionId) === s.incarnation)
    strays = new Map(found.map((s) => [s.sessionId, s.incarnation]))
    for (let i = 0; i < nowhere.length && !closed; i += SOME) {
      const some = await takeover.again(nowhere.slice(i, i + SOME).filter((s) => !options.isHere(s.account, s.sessionId)))
      log.warn({ sessions: some.length }, 'sessions that had got lost on their way to this node were taken up')
      await options.adopted(some)
    }
  }
  let sweeping = false
  const sweep = async (): Promise<void> => {
    if (sweeping || closed) return
    sweeping = true
    try {
      for (const from of await orphans(db)) await adopt(from)
      await gather()
    } finally {
      sweeping = false
    }
  }

  const lease = makeLease({
    store: leaseStore(own, node, options.lease / 3), clock, node, times: { lease: options.lease, grace: options.grace },
    events: {
      silent: () => {
        log.error('this node could not renew its lease, and falls silent')
        options.silent()
      },
      resumed: () => {
        log.warn('the lease is renewed: this node goes on')
        options.resumed()
      },
      lost: () => {
        log.error('this node was declared over: its sessions are others\'')
        options.lost()
      },
      reaped: async (id, epoch, signedOff) => {
        if (signedOff) log.info({ node: id, epoch }, 'a node has left')
        else log.warn({ node: id, epoch }, 'a node is over')
        if (begun) await adopt({ id, epoch })
      },
      failed: (err) => log.warn({ err }, 'the lease'),
    },
  })
  await lease.tick()
  if (!lease.mayAct()) {
    await own.close()
    throw new UsageError('the lease of this node could not be renewed: does the database answer?')
  }
  const bus = await openBus({
    url: options.natsUrl, node, now: () => lease.databaseNow(), ...(options.prefix === undefined ? {} : { prefix: options.prefix }),
    handlers: {
      ...handlers, left: () => void lease.tick(), take: (items) => (lease.mayAct() ? handlers.take(items) : items.map(() => 'refused' as const)),
      report: (err) => log.error({ err }, 'the bus'),
    },
  }).catch(async (error: unknown) => {
    lease.close()
    await own.close()
    throw error
  })
  const ticker = setInterval(() => void lease.tick(), lease.interval)
  let sweeper: NodeJS.Timeout | null = null

  return {
    node, lease, takeover,
    bus: {
      connected: true, counters: bus.counters,
      get up() {
        return bus.up
      },
      get largest() {
        return bus.largest
      },
      send: (to, account, xml, declared) => (lease.mayAct() ? bus.send(to, account, xml, declared) : Promise.resolve('busy')),
      hand: (to, account, xml, declared, settle) => {
        if (lease.mayAct()) bus.hand(to, account, xml, declared, settle)
        else settle('busy')
      },
      invalidate: (account, generation) => {
        if (lease.mayAct()) bus.invalidate(account, generation)
      },
    },
    begin: async () => {
      begun = true
      await sweep()
      // sessions that nobody has taken: whoever reaped their node has died over it
      sweeper = setInterval(() => void sweep().catch((err: unknown) => log.warn({ err }, 'sessions that nobody has could not be taken')), options.lease)
    },
    close: async () => {
      closed = true
      clearInterval(ticker)
      if (sweeper !== null) clearInterval(sweeper)
      lease.close()
      try {
        await bus.close(() => signOff(db, node))
      } finally {
        await own.close()
      }
    },
  }
}
