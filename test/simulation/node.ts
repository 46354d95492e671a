// A node of the simulation: the production core, lease and stores, put together as lib/server.ts and lib/cluster/cluster.ts do,
// over the simulated database, bus and time.
import type { Settings } from '../../lib/base/config.js'
import { AwayError } from '../../lib/base/errors.js'
import type { jidParser } from '../../lib/base/jid.js'
import { makeLease } from '../../lib/cluster/lease.js'
import type { Lease, LeaseTimes } from '../../lib/cluster/lease.js'
import { makeCore } from '../../lib/core/core.js'
import type { Core, Stores } from '../../lib/core/core.js'
import type { Bus, Clock, Db, Owner } from '../../lib/core/ports.js'
import type { Host } from '../../lib/net/host.js'
import { leaseStore } from '../../lib/store/lease.js'
import { logStore } from '../../lib/store/log.js'
import { joinNodes, orphans } from '../../lib/store/node.js'
import { presenceStore } from '../../lib/store/presence.js'
import { resumptionStore } from '../../lib/store/resumption.js'
import { takeoverStore } from '../../lib/store/takeover.js'
import { carbons } from '../../routes/carbons.js'
import { ping } from '../../routes/ping.js'
import { makeBus } from './bus.js'
import type { Network, SimulatedBus } from './bus.js'
import { Connection } from './connection.js'
import type { ConnectionHost, Down } from './connection.js'
import { EPOCH } from './scheduler.js'
import type { Process, Timing } from './scheduler.js'

const SWEEP = 2000
/** ms after which a start that failed is tried again. */
const AGAIN = 300

export interface NodeParts {
  readonly id: string
  readonly process: Process
  readonly times: LeaseTimes
  /** ms */
  readonly tick: number
  readonly timing: Timing
  readonly network: Network
  readonly db: Db
  readonly settings: Settings
  readonly jid: ReturnType<typeof jidParser>
  /** Rosters and the like, which nothing here is about. */
  readonly others: Pick<Stores, 'rosters' | 'members' | 'blocks' | 'departures'>
  /** Its clocks: ms by which the wall clock is ahead, and for which the machine was suspended. */
  readonly clocks: { ahead: number; stood: number }
  say(text: string): void
  bug(error: unknown): void
  /** It was declared over: it ends, and is started again. */
  lost(): void
  /** Told before another node is reaped. */
  reaped(id: string, epoch: number): void
  /** Something is about to go out. */
  acts(node: Owner): void
  heard(account: string, generation: number): void
}

export interface SimNode {
  readonly id: string
  readonly process: Process
  /** null: it is starting. */
  readonly running: (ConnectionHost & { readonly node: Owner; readonly lease: Lease; readonly bus: SimulatedBus }) | null
  readonly lease: Lease | null
  accept(down: (down: Down) => void): Connection | null
}

const DOMAINS: ReadonlySet<string> = new Set(['localhost'])

/** To be called by its process. */
export const startNode = (parts: NodeParts): SimNode => {
  const { id, process, times, timing, network, db, settings, say } = parts
  const clock: Clock = {
    now: () => EPOCH + parts.clocks.ahead + timing.now * process.rate,
    monotonic: () => timing.now * process.rate - parts.clocks.stood,
  }
  const started: { running: SimNode['running']; lease: Lease | null } = { running: null, lease: null }

  const start = async (): Promise<void> => {
    const node = await joinNodes(db, id)
    const takeover = takeoverStore(db, node)
    const connections = new Set<Connection>()
    const dropAll = (): void => {
      for (const connection of connections) connection.drop()
    }
    let core: Core | null = null
    const adopt = async (from: Owner): Promise<void> => {
      for (;;) {
        const some = await takeover.adopt(from, 200)
        if (some.length === 0) return
        say(`${id} adopts ${some.map((s) => `${s.row.account}/${s.row.resource}`).join(' ')} of ${from.id}/${from.epoch}`)
        await core?.resumption.adopt(some)
      }
    }
    let sweeping = false
    const sweep = async (): Promise<void> => {
      if (sweeping) return
      sweeping = true
      try {
        for (const from of await orphans(db)) await adopt(from)
      } finally {
        sweeping = false
      }
    }
    const lease = started.lease = makeLease({
      store: leaseStore(db, node, times.lease / 3), clock, node, times,
      events: {
        silent: () => {
          say(`${id} falls silent`)
          dropAll()
        },
        resumed: () => say(`${id} goes on`),
        lost: () => {
          say(`${id}/${node.epoch} was declared over`)
          dropAll()
          parts.lost()
        },
        reaped: async (other, epoch) => {
          say(`${id} reaps ${other}/${epoch}`)
          parts.reaped(other, epoch)
          await adopt({ id: other, epoch })
        },
        failed: (error) => {
          if (!(error instanceof AwayError)) parts.bug(error)
        },
      },
    })
    await lease.tick()
    if (!lease.mayAct()) throw new AwayError('the lease could not be renewed')
    const simulated = makeBus({
      network, timing, process, node, clock, now: () => lease.databaseNow(), report: parts.bug,
      take: (items) => (lease.mayAct() ? core === null ? items.map(() => 'busy' as const) : core.handOver.take(items) : items.map(() => 'refused' as const)),
      invalidated: (account, generation) => {
        parts.heard(account, generation)
        core?.invalidated(account, generation)
      },
      gap: () => core?.missed(),
    })
    const bus: Bus = {
      connected: true,
      get up() {
        return simulated.up && lease.mayAct()
      },
      send: (to, account, xml, declared) => {
        if (!lease.mayAct()) return Promise.resolve('busy')
        parts.acts(node)
        return simulated.send(to, account, xml, declared)
      },
      hand: (to, account, xml, declared, settle) => {
        if (!lease.mayAct()) return settle('busy')
        parts.acts(node)
        simulated.hand(to, account, xml, declared, settle)
      },
      invalidate: (account, generation) => {
        if (lease.mayAct()) simulated.invalidate(account, generation)
      },
    }
    setInterval(() => void lease.tick(), lease.interval)
    core = makeCore({
      settings, routes: [ping, carbons], domains: DOMAINS, jid: parts.jid, node, db, bus, clock, bug: parts.bug,
      stores: {
        ...parts.others, presence: presenceStore(db), log: logStore(db, node, 'always'), resumption: resumptionStore(db, node), takeover,
      },
      accounts: { isPassword: () => true, create: () => Promise.resolve(false), setPassword: () => Promise.resolve(false), remove: () => Promise.resolve(false) },
    })
    const look = (): Promise<void> => sweep().catch((error: unknown) => {
      if (!(error instanceof AwayError)) parts.bug(error)
    })
    await look()
    setInterval(() => void look(), SWEEP)
    const { tick } = core
    setInterval(() => tick(), parts.tick)
    const host = { ...core, settings } as unknown as Host
    started.running = { core, host, connections, maySend: () => lease.mayAct(), bug: parts.bug, node, lease, bus: simulated }
    say(`${id}/${node.epoch} serves`)
  }
  const insist = async (): Promise<void> => {
    for (;;) {
      try {
        await start()
        return
      } catch (error) {
        if (!(error instanceof AwayError)) throw error
        await new Promise((resolve) => setTimeout(resolve, AGAIN))
      }
    }
  }
  insist().catch(parts.bug)
  return {
    id, process,
    get running() {
      return started.running
    },
    get lease() {
      return started.lease
    },
    accept: (down) => (started.running === null ? null : new Connection(started.running, down)),
  }
}
