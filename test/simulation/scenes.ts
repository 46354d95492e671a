// What comes about by chance too seldom, and is played on purpose in a share of the small worlds: the seed still draws when
// everything happens. Each scene ends before the world has to come to rest.
import type { Random } from '../../lib/chaos/random.js'
import type { BusMood, Network } from './bus.js'
import type { Client } from './client.js'
import type { SimNode } from './node.js'
import type { Scheduler } from './scheduler.js'

/** What it needs of a world. */
export interface Staged {
  readonly scheduler: Scheduler
  readonly chance: Random
  readonly clients: readonly Client[]
  readonly network: Network
  readonly bus: BusMood
  readonly nodes: ReadonlyMap<string, SimNode>
  readonly failing: Map<string, number>
  say(text: string): void
}

export interface Scene {
  readonly name: string
  readonly clients: number
  /** s: its routes', instead of what was drawn; and accounts whose routes are remembered. */
  readonly ttl: number
  readonly routes: number
  /** ms between two ticks of a node's core. */
  readonly tick: number
  /** s between two folds. */
  readonly foldEvery: number
  /** Nothing but moves and delays happens. */
  readonly calm: boolean
  /** ms that a way to the database takes; null: as drawn. */
  readonly latency: number | null
  /** Where everybody is at first; null: not there. */
  readonly at: readonly (string | null)[]
  /** Returns the ms from now when it is over. */
  play(world: Staged): number
}

const NORMAL = { tick: 1000, foldEvery: 1, routes: 8, latency: null, calm: false }

/** From then on and until then, about so many ms apart. Returns when it is over. */
const again = ({ scheduler, chance }: Staged, from: number, apart: number, until: number, act: (i: number) => void): number => {
  let at = from
  for (let i = 0; at < until; i++) {
    scheduler.after(at, null, () => act(i))
    at += chance.exponential(apart)
  }
  return at
}

/** Somebody asks for who is not there, again and again. He comes, and nobody hears of it: not longer than a route may be old. */
const latecomer: Scene = {
  ...NORMAL, name: 'a latecomer', clients: 2, ttl: 1, at: ['n1', null],
  play: (world) => {
    const { scheduler, chance, bus } = world
    const [who, whom] = world.clients as [Client, Client]
    const comes = chance.between(50, 300)
    scheduler.after(comes, null, () => {
      world.say('the bus loses everything')
      bus.loss = 1
      whom.connect('n1')
    })
    scheduler.after(comes + 400, null, () => {
      bus.loss = 0
    })
    const end = comes + 400 + 1500
    for (let at = 0; at < end; at += chance.between(100, 350)) scheduler.after(at, null, () => who.ping(whom))
    return end
  },
}

/** Somebody asks for who is there while his node's look-ups fail, and afterwards: who is there is not answered for as if he were not. */
const failing: Scene = {
  ...NORMAL, name: 'look-ups fail', clients: 2, ttl: 0.05, routes: 1, at: ['n1', 'n2'],
  play: (world) => {
    const { scheduler, chance } = world
    const [who, whom] = world.clients as [Client, Client]
    scheduler.after(chance.between(0, 50), null, () => {
      world.say('the database fails n1')
      world.failing.set('n1', chance.pick([0.5, 1]))
    })
    scheduler.after(chance.between(60, 150), null, () => void world.failing.delete('n1'))
    return again(world, 0, 15, 180, () => who.ping(whom))
  },
}

/** Nothing fails, and news are slow: a message to who has gone elsewhere comes soon, for its commit says that the route is old. */
const slowNews: Scene = {
  ...NORMAL, name: 'slow news', clients: 2, ttl: 30, calm: true, foldEvery: 4, at: ['n1', 'n1'],
  play: (world) => {
    const { scheduler, chance, bus } = world
    const [who, whom] = world.clients as [Client, Client]
    bus.slow = 1
    who.message(whom.account)
    scheduler.after(chance.between(20, 80), null, () => {
      whom.drop('left')
      whom.connect('n1')
    })
    return again(world, 50, 30, 450, () => who.message(chance.chance(0.5) ? whom.account : whom.full))
  },
}

/** He goes elsewhere while his account is being looked up, which takes long: what was read before is not kept. */
const crossing: Scene = {
  ...NORMAL, name: 'a look-up crosses a move', clients: 3, ttl: 0.02, latency: 10, at: ['n1', 'n1', null],
  play: (world) => {
    const [who, whom, other] = world.clients as [Client, Client, Client]
    whom.drop('left')
    whom.connect('n1')
    // (what is there is not looked up: another resource of the account)
    return again(world, 50, 12, 400, (i) => who.ping(i % 3 === 0 ? other : whom))
  },
}

/** Nodes that cannot ask each other, and a client that goes back and forth between them with its hands full (D2, D8, D9). */
const race: Scene = {
  ...NORMAL, name: 'a race for a stream', clients: 2, ttl: 1, tick: 15, foldEvery: 0.01, at: ['n1', 'n2'],
  play: (world) => {
    const { scheduler, chance } = world
    const [who, whom] = world.clients as [Client, Client]
    const end = chance.pick([60, 120, 240])
    cutOff(world)
    again(world, 0, 8, end, () => who.message(whom.account))
    again(world, 0, 8, end, () => whom.message(who.account))
    again(world, chance.exponential(20), 40, end, () => {
      const from = who.node
      who.drop('left')
      who.connect(from)
    })
    scheduler.after(end, null, () => mend(world))
    return end + 1
  },
}

/** A client binds its resource anew elsewhere, and its old node hears of it late: what that clears away is its own, and the new stream can be resumed. */
const rebound: Scene = {
  ...NORMAL, name: 'a late clean-up', clients: 2, ttl: 1, at: ['n1', 'n2'],
  play: (world) => {
    const { scheduler, chance } = world
    const [who, whom] = world.clients as [Client, Client]
    cutOff(world)
    scheduler.after(chance.exponential(5), null, () => {
      who.drop('left')
      who.rebind('n1')
    })
    const mends = chance.between(20, 100)
    scheduler.after(mends, null, () => mend(world))
    again(world, 0, 30, mends, () => whom.message(who.account))
    const returns = mends + chance.between(20, 120)
    scheduler.after(returns, null, () => {
      who.drop()
      who.connect()
    })
    return returns + 1
  },
}

/** All nodes, and they notice. */
const cutOff = (world: Staged): void => {
  world.say('the nodes are cut off from the bus')
  for (const node of world.nodes.values()) {
    world.network.cut.add(node.id)
    world.scheduler.after(0, node.process, () => node.running?.bus.breaks())
  }
}
const mend = (world: Staged): void => {
  for (const node of world.nodes.values()) {
    world.network.cut.delete(node.id)
    world.scheduler.after(0, node.process, () => node.running?.bus.mends())
  }
}

/** Those that show what they are for less often, more often. */
const SCENES: readonly Scene[] = [latecomer, failing, slowNews, rebound, crossing, crossing, race, race, race]

/** In one small world of so many there is one. */
const ONE_IN = 8

export const sceneOf = (chance: Random): Scene | null => (chance.below(ONE_IN) === 0 ? chance.pick(SCENES) : null)
