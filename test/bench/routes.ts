// What the routes cost a message that they are not concerned with: the hot path in-process, without sockets (octets → framer →
// router → octets for the receiver), with all routes against those of the skeleton and against none. Interleaved pairs:
//   node dist/test/bench/routes.js [pairs]
// Prints µs a message, and the ratios: median, least and most over the pairs.
import { Framer } from '../../lib/wire/framer.js'
import type { Frame, Stanza } from '../../lib/base/stanza.js'
import type { Route } from '../../lib/core/route.js'
import { ROUTES } from '../../routes/index.js'
import { memoryStore, testCore } from '../helpers/core.js'

const SKELETON = ['session', 'disco', 'ping', 'version', 'time', 'roster', 'private', 'stanza-id', 'delay', 'hints', 'offline']
const HEADER = "<stream:stream to='localhost' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
const LIMITS = { bytes: 262_144, depth: 64, attributes: 64, children: 1024 }
/** Few, and many pairs: on a machine shared with others neighbours in time are alike, minutes are not. */
const MESSAGES = 40_000
const PAIRS = 200
const WARM = 10

/** A core with these routes and a chat among pairs of users; each call sends so many messages, in chunks of one as at window 1. Returns µs a message. */
const chat = async (routes: readonly Route[]): Promise<() => number> => {
  const names = Array.from({ length: PAIRS * 2 }, (_, i) => `user${i}@localhost`)
  const core = testCore({ store: memoryStore(names), routes })
  let taken = 0
  const framers = await Promise.all(names.map(async (name) => {
    const session = await core.login(`${name}/xl`)
    session.outlet.write = () => {
      taken++
      return true
    }
    session.priority = session.wanted = 0
    session.presence = { head: '<presence', tail: '/>', declared: false }
    core.sessions.changed(session.account)
    const framer = new Framer({ header: () => {}, end: () => {}, element: (frame: Frame) => {
      const ending = core.router.fromClient(session, frame as Stanza)
      if (ending instanceof Promise) throw new Error('a message between two sessions here makes no promise')
      return true
    } }, LIMITS)
    framer.write(Buffer.from(HEADER))
    return framer
  }))
  const chunks = names.map((_, i) => Buffer.from(`<message to='user${i ^ 1}@localhost' type='chat' id='m${i}'><body>${'x'.repeat(100)}</body></message>`))
  return () => {
    taken = 0
    const start = process.cpuUsage()
    for (let i = 0; i < MESSAGES; i++) (framers[i % names.length] as Framer).write(chunks[i % names.length] as Buffer)
    const { user, system } = process.cpuUsage(start)
    if (taken !== MESSAGES) throw new Error(`${taken} of ${MESSAGES} arrived`)
    return (user + system) / MESSAGES
  }
}

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] as number
const pairs = Number(process.argv[2] ?? 61)
const kinds = { all: ROUTES, skeleton: ROUTES.filter((r) => SKELETON.includes(r.name)), none: [] as Route[] }
if (kinds.skeleton.length !== SKELETON.length) throw new Error('a route of the skeleton is missing')
const runs = { all: await chat(kinds.all), skeleton: await chat(kinds.skeleton), none: await chat(kinds.none) }
const times: Record<keyof typeof kinds, number[]> = { all: [], skeleton: [], none: [] }
for (let i = -WARM; i < pairs; i++) {
  for (const kind of ['skeleton', 'all', 'none'] as const) {
    const us = runs[kind]()
    if (i >= 0) times[kind].push(us)
  }
}
for (const kind of ['none', 'skeleton', 'all'] as const) console.log(`${kind.padEnd(8)} ${kinds[kind].length} routes  ${median(times[kind]).toFixed(3)} µs a message`)
for (const base of ['skeleton', 'none'] as const) {
  const ratios = times.all.map((us, i) => us / (times[base][i] as number))
  console.log(`all over ${base}: ${median(ratios).toFixed(3)} (${Math.min(...ratios).toFixed(3)}–${Math.max(...ratios).toFixed(3)}), ${pairs} pairs`)
}
