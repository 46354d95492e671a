// The simulated bus: it loses, delays and reorders, and cuts nodes off. What stands on either side of it is production code:
// lanes (lib/cluster/lane.ts) and numbered invalidations (lib/cluster/invalidations.ts), put together as lib/cluster/bus.ts does.
import type { Random } from '../../lib/chaos/random.js'
import { makeBusCounters } from '../../lib/cluster/counters.js'
import type { Handed } from '../../lib/cluster/envelope.js'
import { makeInvalidations } from '../../lib/cluster/invalidations.js'
import { LIMITS, makeLane } from '../../lib/cluster/lane.js'
import type { Lane } from '../../lib/cluster/lane.js'
import type { Answer, Bus, Clock, HandOver, Owner } from '../../lib/core/ports.js'
import type { Process, Timing } from './scheduler.js'

/** How the bus is; ms and probabilities. */
export interface BusMood {
  latency: number
  /** Some take much longer. */
  slow: number
  /** By so much at most. */
  readonly slowest: number
  /** Lost, and nobody is told. */
  loss: number
  /** Of one sender to one receiver what was sent later may come first. NATS does not do that. */
  readonly reorders: boolean
}

interface Endpoint {
  readonly id: string
  readonly process: Process
  take(items: readonly Handed[], deadline: number): readonly HandOver[]
  hear(data: Uint8Array): void
}

/** What lies between the nodes. */
export class Network {
  readonly endpoints = new Map<string, Endpoint>()
  /** Cut off: nothing comes or goes. */
  readonly cut = new Set<string>()
  /** When something was lost, or came late, last. */
  lostAt = -Infinity
  private readonly timing: Timing
  private readonly chance: Random
  private readonly mood: BusMood
  private readonly last = new Map<string, number>()

  constructor(timing: Timing, chance: Random, mood: BusMood) {
    this.timing = timing
    this.chance = chance
    this.mood = mood
  }

  /** @param arrive called by nobody's code when it has come */
  carry(from: string, to: string, arrive: () => void): void {
    const { chance, mood, timing } = this
    if (this.cut.has(from) || this.cut.has(to) || (mood.loss > 0 && chance.chance(mood.loss))) {
      this.lostAt = timing.now
      return
    }
    const way = `${from} ${to}`
    let at = timing.now + chance.exponential(mood.latency)
    if (mood.slow > 0 && chance.chance(mood.slow)) at += chance.between(0, mood.slowest)
    if (!mood.reorders) at = Math.max(at, (this.last.get(way) ?? 0) + 0.001)
    this.last.set(way, at)
    timing.after(at - timing.now, null, () => {
      if (this.cut.has(to)) this.lostAt = timing.now
      else arrive()
    })
  }
}

export interface BusParts {
  readonly network: Network
  readonly timing: Timing
  readonly process: Process
  readonly node: Owner
  readonly clock: Clock
  /** By the database's clock: of deadlines. */
  now(): number
  take(items: readonly Handed[]): readonly Answer[]
  invalidated(account: string, generation: number): void
  gap(): void
  report(error: unknown): void
}

export interface SimulatedBus extends Bus {
  /** The connection is found to be gone; it is there again. */
  breaks(): void
  mends(): void
}

/** ms; shorter than LIMITS, so that a run is. */
const TIMEOUT = 500

export const makeBus = ({ network, timing, process, node, clock, now, take, invalidated, gap, report }: BusParts): SimulatedBus => {
  const counters = makeBusCounters()
  const limits = { ...LIMITS, timeout: TIMEOUT }
  const lanes = new Map<string, Lane>()
  let isUp = true

  const ask = (name: string, items: readonly Handed[]): Promise<readonly HandOver[] | HandOver> => new Promise((resolve) => {
    const deadline = now() + TIMEOUT
    const [to] = name.split(' ') as [string]
    timing.after(TIMEOUT / process.rate, process, () => {
      network.lostAt = timing.now
      resolve('unknown')
    })
    network.carry(node.id, to, () => {
      const there = network.endpoints.get(name)
      if (there === undefined) {
        network.carry(to, node.id, () => timing.after(0, process, () => resolve('gone')))
        return
      }
      timing.after(0, there.process, () => {
        const answers = there.take(items, deadline)
        network.carry(to, node.id, () => timing.after(0, process, () => resolve(answers)))
      })
    })
  })

  const laneTo = (name: string): Lane => {
    const lane = lanes.get(name) ?? makeLane({
      limits, counters, monotonic: () => clock.monotonic(), payload: () => 1024 ** 2, ask: (items) => ask(name, items), report,
      idle: () => void lanes.delete(name),
    })
    lanes.set(name, lane)
    return lane
  }

  const invalidations = makeInvalidations({
    node: node.id, epoch: node.epoch, counters, most: () => 1024 ** 2, invalidated, gap,
    publish: (data) => {
      if (isUp) {
        for (const { id, process: theirs, hear } of network.endpoints.values()) {
          if (id !== node.id) network.carry(node.id, id, () => timing.after(0, theirs, () => hear(data)))
        }
      }
      return isUp
    },
    unreadable: () => report(new Error('an invalidation cannot be read')),
  })
  network.endpoints.set(`${node.id} ${node.epoch}`, {
    id: node.id, process,
    take: (items, deadline) => {
      if (now() < deadline) return take(items)
      network.lostAt = timing.now
      return items.map(() => 'refused')
    },
    hear: (data) => invalidations.hear(data),
  })

  const hand: Bus['hand'] = ({ node: id, epoch, sessionId }, account, xml, declared, settle) => {
    if (isUp) laneTo(`${id} ${epoch}`).send({ account, sessionId, xml, kind: xml.startsWith('<iq') ? 'iq' : xml.startsWith('<presence') ? 'presence' : 'message', declared }, settle)
    else settle('busy')
  }
  return {
    connected: true,
    get up() {
      return isUp
    },
    hand, send: (to, account, xml, declared = false) => new Promise((resolve) => hand(to, account, xml, declared, resolve)),
    invalidate: (account, generation) => invalidations.tell(account, generation),
    breaks: () => {
      isUp = false
      for (const lane of lanes.values()) lane.abandon()
    },
    mends: () => {
      isUp = true
      gap()
      invalidations.mark()
    },
  }
}
