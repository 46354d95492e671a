// The founding question: look up the route of every stanza and pay for it, or cache, and live with what is wrong? The same
// traffic (senders and receivers drawn by Zipf, seeded) goes through several ways of routing, over the same presence table in
// a real database: once with everybody staying where he is, once with users moving from node to node.
//   npm run bench:routing -- [--accounts 100000] [--nodes 3] [--entries 10000] [--ttl 5] [--stanzas 300000] [--rate 100000]
//                            [--moves 5] [--zipf 1] [--seed routing] [--database embedded|postgres] [--svg routing.svg]
// Time is counted in turns of 1 ms, with as many stanzas in each as the rate says (a second); what a turn asks the database is
// answered before the next, as a database would that takes a millisecond. --moves: of 1,000 stanzas; who moves is drawn like
// receivers, so that those that everybody writes to move most. Nothing of a stanza but its way is real: no octets, no commit;
// for logged messages the generation that their commit would return is taken from what the table was last told.
// Ends with 1 where our cache misses more than 1.05 times what a simulator of its policy does on the same trace, asks 50
// questions or more of 1,000 stanzas, or 1 account or more where it is as large as the active set and commits confirm its
// entries; where random addresses cost real routes a point of their hits; or where anything of ours was lost.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { freePorts } from '../../lib/chaos/node.js'
import { makePostgres } from '../../lib/chaos/postgres.js'
import { random } from '../../lib/chaos/random.js'
import { openDatabase } from '../../lib/store/db.js'
import { plot } from './plot.js'
import { established, ours, plain, simulate } from './routing/schemes.js'
import type { Scheme, SchemeOptions, Tally } from './routing/schemes.js'
import { makeWorld, makeZipf, shuffled } from './routing/world.js'
import type { World } from './routing/world.js'

const { values: flags } = parseArgs({
  options: {
    accounts: { type: 'string', default: '100000' }, nodes: { type: 'string', default: '3' }, entries: { type: 'string', default: '10000' },
    ttl: { type: 'string', default: '5' }, stanzas: { type: 'string', default: '300000' }, rate: { type: 'string', default: '100000' },
    moves: { type: 'string', default: '5' }, zipf: { type: 'string', default: '1' }, seed: { type: 'string', default: 'routing' },
    database: { type: 'string', default: 'embedded' }, svg: { type: 'string', default: 'routing.svg' },
  },
})
const [ACCOUNTS, NODES, ENTRIES, STANZAS, RATE, MOVES, ZIPF] = (['accounts', 'nodes', 'entries', 'stanzas', 'rate', 'moves', 'zipf'] as const).map((name) => {
  const value = Number(flags[name])
  if (!Number.isFinite(value) || value < 0 || (name !== 'moves' && value === 0)) throw new Error(`--${name} must be a number above 0, not '${flags[name]}'`)
  return value
}) as [number, number, number, number, number, number, number]
const TTL = Number(flags.ttl) * 1000
/** Of 1,000 stanzas, those to random addresses where that is tried. */
const SPRAY = 200

const say = (line: string): void => void process.stdout.write(`${line}\n`)

interface Traffic {
  readonly senders: Uint32Array
  readonly receivers: Uint32Array
}

const traffic = (): Traffic => {
  const chance = random(flags.seed)
  const zipf = makeZipf(ACCOUNTS, ZIPF)
  const [speaking, hearing] = [shuffled(ACCOUNTS, chance.fork('senders')), shuffled(ACCOUNTS, chance.fork('receivers'))]
  return {
    senders: Uint32Array.from({ length: STANZAS }, () => speaking[zipf(chance)] as number),
    receivers: Uint32Array.from({ length: STANZAS }, () => hearing[zipf(chance)] as number),
  }
}

interface RunOptions {
  readonly moves: number
  readonly spray?: number
  /** Told of each stanza, at its time. */
  readonly watch?: (node: number, receiver: number, time: number) => void
}

const run = async (world: World, scheme: Scheme, { senders, receivers }: Traffic, { moves, spray = 0, watch }: RunOptions): Promise<void> => {
  const chance = random(`${flags.seed}/moves`)
  const perTurn = Math.max(1, Math.round(RATE / 1000))
  let owed = 0
  let sprayed = 0
  for (let from = 0; from < STANZAS; from += perTurn) {
    const under: Promise<void>[] = []
    for (let i = from; i < Math.min(STANZAS, from + perTurn); i++) {
      const [sender, receiver] = [senders[i] as number, receivers[i] as number]
      watch?.(world.home(sender), receiver, world.clock.time)
      const going = scheme.send(sender, receiver)
      if (going !== null) under.push(going)
      if (spray > 0 && chance.below(1000) < spray) {
        const going = scheme.spray(sender, `nobody-${sprayed++}-${chance.below(2 ** 31)}`)
        if (going !== null) under.push(going)
      }
    }
    for (owed += moves * perTurn / 1000; owed >= 1; owed--) {
      const mover = receivers[chance.below(STANZAS)] as number
      under.push(world.move(mover, (world.home(mover) + 1 + chance.below(NODES - 1)) % NODES))
    }
    await Promise.all(under)
    world.clock.time++
  }
}

const difference = (after: Tally, before: Tally): Tally => Object.fromEntries(Object.entries(after).map(([key, value]) => [key, key === 'state' ? value : value - before[key as keyof Tally]])) as unknown as Tally

/** What a scheme does with the traffic; everything that it keeps is new. */
const measure = async (world: World, make: () => Scheme, all: Traffic, options: RunOptions, warm = false): Promise<Tally> => {
  world.count.arrived = world.count.refused = 0
  // entries of the run before are a minute old
  world.clock.time += 60_000
  const scheme = make()
  if (warm) await run(world, scheme, all, { moves: 0 })
  const before = { ...scheme.tally }
  await run(world, scheme, all, options)
  return difference(scheme.tally, before)
}

const main = async (): Promise<number> => {
  const folder = mkdtempSync(join(tmpdir(), 'jidway-routing-'))
  chmodSync(folder, 0o755) // Postgres runs as somebody else
  const postgres = flags.database === 'postgres' ? await makePostgres(folder, (await freePorts(1, random(folder)))[0] as number, process.env) : null
  await postgres?.start()
  const db = await openDatabase({ url: postgres?.url ?? null, data: join(folder, 'data'), connections: 8 })
  try {
    return await compare(await makeWorld(db, ACCOUNTS, NODES), traffic())
  } finally {
    await db.close()
    await postgres?.stop('fast')
    rmSync(folder, { recursive: true, force: true })
  }
}

const compare = async (world: World, all: Traffic): Promise<number> => {
  say(`${ACCOUNTS} accounts on ${NODES} nodes, ${STANZAS} stanzas, Zipf ${ZIPF}, ${RATE} a second; cache of ${ENTRIES} entries a node, TTL ${flags.ttl} s; ${flags.database} database\n`)
  const wrong: string[] = []
  const expect = (holds: boolean, what: string): void => void (holds || wrong.push(what))
  const options: SchemeOptions = { entries: ENTRIES, ttl: TTL }
  const schemes: readonly (readonly [() => Scheme, boolean])[] = [
    [() => ours(world, options, true), true],
    [() => ours(world, options, false), true],
    [() => plain(world, options), false],
    [() => plain(world, { ...options, entries: 0 }), false],
    [() => established(world), false],
  ]
  const results: { name: string; still: Tally; moving: Tally }[] = []
  for (const [make, isOurs] of schemes) {
    const still = await measure(world, make, all, { moves: 0 })
    const moving = await measure(world, make, all, { moves: MOVES })
    const { name } = make()
    results.push({ name, still, moving })
    if (!isOurs) continue
    expect(still.lost + moving.lost + still.kept === 0, `${name}: stanzas were lost`)
    for (const { queries } of [still, moving]) expect(queries / STANZAS < 0.05, `${name}: ${perThousand(queries)} questions of 1,000 stanzas, not fewer than 50`)
  }
  for (const [title, which] of [['everybody stays', 'still'], [`${MOVES} users of 1,000 stanzas move`, 'moving']] as const) {
    say(`${title}; of 1,000 stanzas:`)
    say(`  ${'hits'.padStart(7)} ${'accounts'.padStart(9)} ${'questions'.padStart(9)} ${'extra hops'.padStart(10)} ${'set-ups'.padStart(7)} ${'kept'.padStart(6)} ${'LOST'.padStart(6)} ${'entries'.padStart(8)}`)
    for (const result of results) {
      const { hits, lookups, queries, hops, trips, kept, lost, state } = result[which]
      say(`  ${perThousand(hits).padStart(7)} ${perThousand(lookups).padStart(9)} ${perThousand(queries).padStart(9)} ${perThousand(hops).padStart(10)} ${perThousand(trips).padStart(7)} ${perThousand(kept).padStart(6)} ${perThousand(lost).padStart(6)} ${String(state).padStart(8)}  ${result.name}`)
    }
    say('')
  }

  // against the policy itself
  const policy = simulate(options)
  let missed = 0
  const watched = await measure(world, () => ours(world, options, false), all, { moves: 0, watch: (node, receiver, time) => void (policy.look(node, receiver, time) || missed++) })
  say(`of 1,000 a simulator of the policy (LRU, TTL) misses ${perThousand(missed)}, ours ${perThousand(watched.lookups)}: ${(watched.lookups / missed).toFixed(3)} times as many`)
  expect(watched.lookups <= 1.05 * missed, `${watched.lookups} look-ups, a simulator of the policy misses ${missed}`)
  const [lru, fifo] = [results[1]?.still.hits ?? 0, results[2]?.still.hits ?? 0]
  say(`hits: LRU ${(lru / STANZAS).toFixed(3)}, FIFO ${(fifo / STANZAS).toFixed(3)}: LRU is ${lru > fifo ? 'better' : 'not better'} on this traffic`)
  const large = await measure(world, () => ours(world, { ...options, entries: ACCOUNTS }, true), all, { moves: 0 }, true)
  say(`a cache as large as the active set, after one pass to warm up, logged messages: ${perThousand(large.lookups)} look-ups of 1,000`)
  expect(large.lookups / STANZAS < 0.001, `${perThousand(large.lookups)} look-ups of 1,000 in a cache as large as the active set`)
  const calm = results[1]?.still as Tally
  const sprayed = await measure(world, () => ours(world, options, false), all, { moves: 0, spray: SPRAY })
  const fell = (calm.hits - sprayed.hits) / STANZAS * 100
  say(`with ${SPRAY} stanzas to random addresses beside each 1,000, hits of real routes fall by ${fell.toFixed(2)} percentage points`)
  expect(fell < 1, `random addresses cost ${fell.toFixed(2)} points of the hits`)

  const bars = (pick: (tally: Tally) => number): { label: string; values: number[] }[] => results.map(({ name, still, moving }) => ({ label: name, values: [pick(still), pick(moving)].map((n) => n / STANZAS * 1000) }))
  const legend = ['everybody stays', `${MOVES} users of 1,000 stanzas move`]
  writeFileSync(flags.svg, plot([
    { title: 'Accounts looked up in the database, of 1,000 stanzas (logarithmic)', legend, bars: bars((tally) => tally.lookups) },
    { title: 'Stanzas lost, of 1,000 (logarithmic)', legend, bars: bars((tally) => tally.lost) },
  ]))
  say(`\nplotted into ${flags.svg}`)
  for (const what of wrong) say(`NOT SO: ${what}`)
  return wrong.length === 0 ? 0 : 1
}

const perThousand = (n: number): string => {
  const value = n / STANZAS * 1000
  return value === 0 ? '0' : value < 10 ? value.toFixed(2) : value.toFixed(0)
}

process.exitCode = await main()
