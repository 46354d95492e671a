// One simulated interleaving: a few nodes, a few accounts, some things that their clients do, and some that go wrong, all drawn
// from one seed. Then everything is well again, and the world has to come to rest.
import { random } from '../../lib/chaos/random.js'
import type { Random } from '../../lib/chaos/random.js'
import { defaultSettings } from '../../lib/base/config.js'
import type { Settings } from '../../lib/base/config.js'
import { jidParser } from '../../lib/base/jid.js'
import type { LeaseTimes } from '../../lib/cluster/lease.js'
import { memoryStore } from '../helpers/core.js'
import { Network } from './bus.js'
import type { BusMood } from './bus.js'
import { Client } from './client.js'
import type { ClientMood } from './client.js'
import { Database } from './database.js'
import type { Fate } from './database.js'
import { Judge } from './judge.js'
import { startNode } from './node.js'
import type { SimNode } from './node.js'
import { sceneOf } from './scenes.js'
import type { Scene } from './scenes.js'
import { live, makeProcess, Scheduler } from './scheduler.js'
import { sizeOf, some } from './sizes.js'
import type { Size } from './sizes.js'
import { meaningOf } from './statements.js'
import { schedule } from './troubles.js'
import type { Trouble } from './troubles.js'

export interface Interleaving {
  readonly events: number
  readonly violations: readonly string[]
}

/** ms in which it has to come to rest. */
const REST = 20_000
const RESOURCES = ['romeo/a', 'juliet/a', 'juliet/b', 'nurse/a', 'romeo/b']

/** ms between two ticks of a node's core. */
const TICK = 1000

const parser = jidParser()

/** What the nodes of one world have in common, and what goes wrong in it. */
export class World {
  readonly scheduler = new Scheduler()
  readonly chance: Random
  readonly bus: BusMood
  readonly network: Network
  readonly database: Database
  readonly judge: Judge
  readonly clients: Client[] = []
  readonly nodes = new Map<string, SimNode>()
  readonly size: Size
  readonly scene: Scene | null
  readonly clocks = new Map<string, { ahead: number; stood: number }>()
  /** What becomes of statements: by node, and of all. */
  readonly failing = new Map<string, number>()
  readonly calm: boolean
  readonly steps: boolean
  /** Troubles may be long. */
  readonly long: boolean
  /** When the database last failed anybody. */
  failedAt = -Infinity
  private readonly client: ClientMood
  /** ms, of each way to the database; and how probable it is that one takes no time at all. */
  private readonly latency: number
  private readonly near: number
  private readonly settings: Settings
  private readonly times: LeaseTimes
  private readonly log: ((text: string) => void) | null
  private readonly heard = new Map<string, number>()
  private readonly others
  over = false

  constructor(seed: number, broken: ReadonlySet<string>, log: ((text: string) => void) | null) {
    const chance = this.chance = random(`simulation ${seed}`)
    this.log = log
    const size = this.size = sizeOf(seed)
    const scene = this.scene = size.long < 1 ? sceneOf(chance) : null
    this.calm = scene?.calm ?? chance.chance(0.25)
    this.steps = chance.chance(0.5)
    this.long = chance.chance(size.long)
    this.times = chance.pick(size.leases)
    this.bus = { latency: chance.pick([0.3, 2, 10]), slow: chance.pick([0, 0, 0.1, 0.3]), slowest: this.calm ? 150 : 600, loss: 0, reorders: false }
    this.client = { latency: chance.pick([0.5, 5, 30]), answers: chance.pick([1, 1, 0.5, 0.2]), eager: chance.pick([0, 0.3, 0.8]), lazy: size.lazy }
    this.latency = scene?.latency ?? chance.pick([0.2, 1, 5])
    this.near = scene !== null && scene.latency !== null ? 0 : chance.pick(size.near)
    this.network = new Network(this.scheduler, chance, this.bus)
    this.database = new Database(this.scheduler, meaningOf, broken)
    this.settings = defaultSettings({
      routeCacheEntries: scene?.routes ?? chance.pick(size.routes), routeNegativeEntries: 8, routeTtl: scene?.ttl ?? chance.pick(size.ttls), traceEntries: 0, capsEntries: 8, offlinePage: chance.pick([2, 100]),
      archive: chance.pick(['always', 'off']), foldEvery: scene?.foldEvery ?? (this.calm ? 4 : 1), resumeWindow: 600, silentAfter: 60,
    })
    this.judge = new Judge({
      tables: () => this.database.tables, now: () => this.scheduler.now, say: (text) => this.say(text), calm: this.calm, ttl: this.settings.routeTtl * 1150 + 100,
      resources: (account) => this.clients.filter((c) => c.account === account).length,
      lostAt: () => (this.network.cut.size > 0 ? this.scheduler.now : this.network.lostAt), failedAt: () => this.failedAt,
      heard: (node, account) => this.heard.get(`${node} ${account}`) ?? -1,
    })
    this.database.written = (entry) => this.judge.committed(entry)
    const names = RESOURCES.slice(0, scene?.clients ?? chance.pick(size.clients)).map((name) => name.replace('/', '@localhost/'))
    const accounts = [...new Set(names.map((name) => name.split('/')[0] as string))]
    for (const account of accounts) this.database.tables.account.set(account, { seq: 0, generation: 0 })
    this.others = memoryStore(accounts).others
    for (const full of names) {
      this.clients.push(new Client(full, {
        timing: this.scheduler, chance, mood: this.client, judge: this.judge, nodes: () => [...this.nodes.values()], say: (text) => this.say(text),
      }))
    }
  }

  say(text: string): void {
    this.log?.(`${this.scheduler.now.toFixed(1).padStart(9)}  ${text}`)
  }

  start(id: string): void {
    if (this.nodes.get(id)?.process.dead === false) return
    const clocks = this.clocks.get(id) ?? { ahead: this.chance.between(-500, 500), stood: 0 }
    this.clocks.set(id, clocks)
    const process = makeProcess(id, 1 + this.chance.between(-0.01, 0.01))
    const bug = (error: unknown): void => this.judge.violated(`a bug on ${id}: ${(error as Error).stack ?? String(error)}`)
    this.scheduler.after(0, process, () => {
      this.nodes.set(id, startNode({
        id, process, times: this.times, tick: this.scene?.tick ?? TICK, timing: this.scheduler, network: this.network, db: this.database.connect(process, () => this.fate(id)), settings: this.settings, jid: parser,
        others: this.others, clocks, bug, say: (text) => this.say(text),
        lost: () => this.scheduler.after(this.chance.between(10, 100), null, () => {
          if (process.dead) return
          this.kill(id)
          this.start(id)
        }),
        reaped: () => {},
        acts: (node) => {
          const row = this.database.tables.node.get(node.id)
          if (row?.epoch !== node.epoch || row.signedOff || row.reapedBy !== null) this.judge.violated(`${node.id}/${node.epoch} acts although it was declared over`)
        },
        heard: (account, generation) => void this.heard.set(`${id} ${account}`, Math.max(generation, this.heard.get(`${id} ${account}`) ?? 0)),
      }))
    })
  }

  /** kill -9: nothing that it has begun goes on; its clients' connections are reset. */
  kill(id: string): void {
    const node = this.nodes.get(id)
    if (node === undefined || node.process.dead) return
    this.say(`${id} is killed`)
    node.process.dead = true
    this.network.lostAt = this.scheduler.now
    for (const [name, { process }] of this.network.endpoints) if (process === node.process) this.network.endpoints.delete(name)
    this.database.hangUp(node.process)
    for (const client of this.clients) {
      if (!client.isOn(node)) continue
      this.scheduler.after(this.chance.exponential(10), null, () => {
        if (client.isOn(node)) client.lose()
      })
    }
  }

  private fate(id: string): Fate {
    const { chance } = this
    const way = (): number => (this.near > 0 && chance.chance(this.near) ? 0 : chance.exponential(this.latency))
    const [there, back] = [way(), way()]
    const probability = Math.max(this.failing.get(id) ?? 0, this.failing.get('') ?? 0)
    if (probability === 0 || !chance.chance(probability)) return { there, back, fails: 'never' }
    this.failedAt = this.scheduler.now
    return { there, back, fails: chance.pick(this.nodes.get(id)?.running ? ['away', 'away', 'mute', 'late'] : ['away', 'mute']) }
  }

  /** All is well from now on. */
  heal(): void {
    this.say('all is well from now on')
    this.over = true
    this.failing.clear()
    Object.assign(this.bus, { loss: 0, slow: 0 })
    this.client.answers = 1
    for (const client of this.clients) client.settle()
  }

  /** Who has something to do yet. */
  restless(): string[] {
    return this.clients.filter((client) => !client.idle).map((client) => client.full)
  }
}

const act = (world: World): void => {
  const { chance, clients } = world
  const client = chance.pick(clients)
  const other = chance.pick(clients)
  switch (chance.below(14)) {
    case 0: case 1: case 2: case 3: case 4:
      client.message(chance.chance(0.6) ? other.account : other.full)
      break
    case 5: // several at once
      for (let i = chance.below(4); i >= 0; i--) {
        if (chance.chance(0.7)) client.message(chance.chance(0.6) ? other.account : other.full)
        else client.state(other)
      }
      break
    case 6: case 7:
      client.state(other)
      break
    case 8: case 9:
      client.ping(other)
      break
    case 10: case 11: // it moves
      client.drop()
      world.scheduler.after(chance.pick([0, 5, 300]), null, () => client.connect())
      break
    case 12: // it comes back, and changes its mind
      client.drop()
      client.connect()
      world.scheduler.after(chance.exponential(10), null, () => {
        client.drop()
        client.connect()
      })
      break
    default:
      client.rebind()
  }
}

/** @param log told what happens; null: nobody wants to know */
export const interleave = async (seed: number, broken: ReadonlySet<string>, log: ((text: string) => void) | null, statements = false): Promise<Interleaving> => {
  const world = new World(seed, broken, log)
  if (statements) world.database.traced = (text) => world.say(`  ${text}`)
  const { scheduler, chance, clients, judge, size, scene } = world
  live(scheduler, chance)
  const nodes = ['n1', 'n2', 'n3'].slice(0, scene === null ? chance.pick(size.nodes) : 2)
  for (const id of nodes) world.start(id)
  await scheduler.run(100, () => world.nodes.size === nodes.length && [...world.nodes.values()].every((node) => node.running !== null))
  clients.forEach((client, i) => {
    const on = scene?.at[i]
    if (on === null) return
    client.connect(on === undefined ? null : nodes.find((id) => id !== on))
    if (chance.chance(0.3)) client.carbons()
  })
  await scheduler.run(400, () => clients.every((client, i) => scene?.at[i] === null || client.idle))
  await scheduler.run(scene === null ? play(world) : scene.play(world))
  world.heal()
  const began = scheduler.now
  let rested = false
  while (!rested && scheduler.now - began < REST) {
    await scheduler.run(size.step)
    rested = judge.atRest && clients.every((client) => client.idle)
    if (judge.violations.length > 0) break
  }
  if (rested) await scheduler.run(size.watched)
  if (judge.violations.length === 0) judge.end(rested, world.restless())
  return { events: scheduler.count, violations: judge.violations }
}

/** Whatever clients do and whatever goes wrong. Returns the ms from now when it is over. */
const play = (world: World): number => {
  const { scheduler, chance, clients, size } = world
  const span = chance.pick(size.spans)
  for (let i = some(chance, size.acts); i > 0; i--) scheduler.after(chance.between(0, span), null, () => act(world))
  if (chance.chance(0.25)) {
    // somebody asks somebody again and again: what is read often must not live longer
    const [who, whom] = [chance.pick(clients), chance.pick(clients)]
    for (let at = 0; at < span; at += chance.between(100, 400)) scheduler.after(at, null, () => who.ping(whom))
  }
  const troubles: Trouble[] = world.calm ? [] : Array.from({ length: some(chance, size.troubles) }, () => schedule(world, span))
  return Math.max(span, ...troubles.map(({ until }) => until)) + 1
}
