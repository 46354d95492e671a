// What goes wrong in a simulated world, and ends before it has to come to rest.
import type { Random } from '../../lib/chaos/random.js'
import type { BusMood, Network } from './bus.js'
import type { Database } from './database.js'
import type { SimNode } from './node.js'
import type { Scheduler } from './scheduler.js'

/** What it needs of a world. */
export interface Troubled {
  readonly scheduler: Scheduler
  readonly chance: Random
  readonly database: Database
  readonly network: Network
  readonly bus: BusMood
  readonly nodes: ReadonlyMap<string, SimNode>
  readonly clocks: ReadonlyMap<string, { ahead: number; stood: number }>
  /** Probability that a statement fails: by node, '' of all. */
  readonly failing: Map<string, number>
  failedAt: number
  /** Wall clocks may be set; otherwise machines may sleep. */
  readonly steps: boolean
  /** Troubles may be long. */
  readonly long: boolean
  say(text: string): void
  start(id: string): void
  kill(id: string): void
}

export interface Trouble {
  /** ms from now, when it is over. */
  readonly until: number
}

/** One trouble, somewhere in the next `span` ms. */
export const schedule = (world: Troubled, span: number): Trouble => {
  const { chance, scheduler, database, network } = world
  const id = chance.pick([...world.nodes.keys()])
  const at = chance.between(0, span)
  const during = (ms: number, begin: () => void, end: () => void): Trouble => {
    scheduler.after(at, null, begin)
    scheduler.after(at + ms, null, end)
    return { until: at + ms }
  }
  /** ms, the short ones first. */
  const lasting = (list: readonly number[]): number => chance.pick(world.long ? list : list.slice(0, 2))
  switch (chance.below(9)) {
    case 0: case 1:
      return during(lasting([50, 500, 2500]), () => world.kill(id), () => world.start(id))
    case 2: case 3: // or its machine sleeps, and its monotonic clock with it
      return freeze(world, id, at, lasting([40, 300, 1500, 5000]), !world.steps && chance.chance(0.5))
    case 4: {
      const who = chance.chance(0.5) ? id : ''
      return during(lasting([50, 400, 1500]), () => {
        world.say(`the database fails ${who === '' ? 'everybody' : who}`)
        world.failing.set(who, chance.pick([0.2, 0.6, 1]))
      }, () => void world.failing.delete(who))
    }
    case 5:
      return during(0, () => {
        world.say('the database crashes')
        world.failedAt = scheduler.now
        database.crash()
      }, () => {})
    case 6: {
      const noticed = chance.chance(0.7)
      return during(lasting([100, 800, 2000]), () => {
        world.say(`${id} is cut off from the bus`)
        network.cut.add(id)
        const node = world.nodes.get(id)
        if (noticed && node !== undefined) scheduler.after(chance.between(1, 90), node.process, () => node.running?.bus.breaks())
      }, () => {
        network.cut.delete(id)
        const node = world.nodes.get(id)
        if (node !== undefined) scheduler.after(1, node.process, () => node.running?.bus.mends())
      })
    }
    case 7:
      return during(lasting([100, 1000, 3000]), () => {
        world.say('the bus loses')
        world.bus.loss = chance.pick([0.1, 0.5])
      }, () => {
        world.bus.loss = 0
      })
    default: {
      // one of its two clocks may be wrong, and not both (lib/cluster/lease.ts)
      if (!world.steps) return schedule(world, span)
      const step = chance.between(-5000, 5000)
      return during(0, () => {
        world.say(`the wall clock of ${id} steps by ${Math.round(step)} ms`)
        const clocks = world.clocks.get(id)
        if (clocks !== undefined) clocks.ahead += step
      }, () => {})
    }
  }
}

const freeze = (world: Troubled, id: string, at: number, ms: number, sleeps: boolean): Trouble => {
  const { scheduler } = world
  scheduler.after(at, null, () => {
    const node = world.nodes.get(id)
    if (node === undefined || node.process.dead || node.process.frozen) return
    world.say(`${id} ${sleeps ? 'sleeps' : 'stands still'}`)
    scheduler.freeze(node.process)
    world.network.lostAt = scheduler.now
    scheduler.after(ms, null, () => {
      if (node.process.dead) return
      world.say(`${id} goes on after ${ms} ms`)
      const clocks = world.clocks.get(id)
      if (sleeps && clocks !== undefined) clocks.stood += ms * node.process.rate
      world.network.lostAt = scheduler.now
      scheduler.thaw(node.process)
    })
  })
  return { until: at + ms }
}
