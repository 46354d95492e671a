// The pieces of the hot path one by one, in-process and without sockets: how long each takes, and whether that has become more.
//   npm run bench -- [--rounds 15] [--only WORD] [--json] [--against COMMIT [--pairs 5]]
// Prints ns of CPU an operation: the median over the rounds, which go through all pieces in turn, so that all see the same minutes of
// the machine; and of pieces that are one another's measure the ratio, paired by round. --against: the same pieces on the code of
// another commit too, built in a scratch folder: processes in turn, five of each; ends with 1 where a piece takes more than a tenth
// more, and did so in all pairs but one.
import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { parse } from 'ltx'
import { jidParser, parseJid } from '../../lib/base/jid.js'
import type { Jid } from '../../lib/base/jid.js'
import { stamp } from '../../lib/base/stanza.js'
import type { Frame, Stanza } from '../../lib/base/stanza.js'
import { decodeRequest, encodeRequest } from '../../lib/cluster/envelope.js'
import { makeCounters } from '../../lib/core/counters.js'
import type { Route } from '../../lib/core/route.js'
import { makeRouteCache } from '../../lib/core/route-cache.js'
import { makeSessions } from '../../lib/core/sessions.js'
import { Framer } from '../../lib/wire/framer.js'
import { ROUTES } from '../../routes/index.js'
import { fakeClock, frame, memoryStore, NODE, scriptedBus, testCore } from '../helpers/core.js'
import type { CoreOptions } from '../helpers/core.js'
import { ROOT } from '../helpers/root.js'
import { clients, sentElements } from '../helpers/traces.js'

const { values: flags } = parseArgs({
  options: { rounds: { type: 'string', default: '15' }, only: { type: 'string', default: '' }, json: { type: 'boolean', default: false }, against: { type: 'string' }, pairs: { type: 'string', default: '5' } },
})
const numberOf = (name: 'rounds' | 'pairs'): number => {
  const value = Number(flags[name])
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${name} must be a whole number above 0, not '${flags[name]}'`)
  return value
}
const ROUNDS = numberOf('rounds')
/** ms of one piece in one round, about. */
const SLICE = 40
/** With --against: processes of each. */
const PROCESSES = numberOf('pairs')
const WORSE = 1.1

/** A piece: does so many operations. */
type Piece = (n: number) => void
interface Made { readonly name: string; readonly piece: Piece }

const HEADER = "<stream:stream to='localhost' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
const LIMITS = { bytes: 262_144, depth: 64, attributes: 64, children: 1024 }
/** About as much as a socket gives at once. */
const CHUNK = 65_536

// what recorded clients sent
const recorded = clients().flatMap(sentElements).filter((xml) => /^<(message|presence|iq)[\s/>]/.test(xml))
const octets = Buffer.from(recorded.join(''))
const framing = (): Piece => {
  const chunks: Buffer[] = []
  for (let at = 0; at < octets.length; at += CHUNK) chunks.push(octets.subarray(at, at + CHUNK))
  let found = 0
  const framer = new Framer({ header: () => {}, element: (f) => { if (f.kind !== '') found++; return true }, end: () => {} }, LIMITS)
  framer.write(Buffer.from(HEADER))
  return (n) => {
    const before = found
    for (let done = 0; done < n; done += recorded.length) for (const chunk of chunks) framer.write(chunk)
    if (found - before !== Math.ceil(n / recorded.length) * recorded.length) throw new Error(`${found - before} stanzas of ${n}`)
  }
}
/** The tree's builder needs text, and gets each stanza by itself, its end already found. */
const treeing = (): Piece => {
  const packets = recorded.map((xml) => Buffer.from(xml))
  return (n) => {
    for (let i = 0; i < n; i++) if (parse((packets[i % packets.length] as Buffer).toString()) === null) throw new Error('no tree')
  }
}

const ADDRESSES = Array.from({ length: 2000 }, (_, i) => `user${i}@localhost/phone`)
const knownJid = (): Piece => {
  const jid = jidParser()
  return (n) => {
    for (let i = 0; i < n; i++) if (jid(ADDRESSES[i % ADDRESSES.length] as string) === null) throw new Error('no address')
  }
}
const newJid = (): Piece => (n) => {
  for (let i = 0; i < n; i++) parseJid(ADDRESSES[i % ADDRESSES.length] as string)
}

const cacheHit = async (): Promise<Piece> => {
  const store = memoryStore(ADDRESSES.map((a) => parseJid(a).bare))
  const jids = ADDRESSES.map((a) => parseJid(parseJid(a).bare))
  for (const { bare } of jids) store.elsewhere.set(bare, [{ resource: 'phone', priority: 0, sessionId: bare, node: 'there', epoch: 1 }])
  const cache = makeRouteCache(makeSessions(), store.presence, fakeClock(), makeCounters(), {
    entries: 10_000, ttl: 3_600_000, negativeEntries: 100, negativeTtl: 1000, node: NODE.id, epoch: NODE.epoch, clustered: true,
  })
  for (const jid of jids) await cache.resolve(jid)
  return (n) => {
    for (let i = 0; i < n; i++) if (cache.resolve(jids[i % jids.length] as Jid) instanceof Promise) throw new Error('a miss')
  }
}

const MESSAGE = `<message to='juliet@localhost' type='chat' id='m1'><body>${'x'.repeat(100)}</body></message>`
/** The sender's address spliced in, and as many as one socket gets in a busy turn put into one buffer. */
const splicing = (): Piece => {
  const stanza = frame(MESSAGE)
  const out = Buffer.allocUnsafe(CHUNK)
  return (n) => {
    for (let done = 0; done < n; done += 50) {
      let text = ''
      for (let i = 0; i < 50; i++) text += stamp(stanza, " from='romeo@localhost/orchard'")
      out.write(text, 'latin1')
    }
  }
}
const enveloping = (): Piece => {
  const stanza = frame(MESSAGE)
  return (n) => {
    for (let done = 0; done < n; done += 50) {
      const items = Array.from({ length: 50 }, () => ({ account: 'juliet@localhost', sessionId: '0123456789abcdef0123456789abcdef', xml: stamp(stanza, " from='romeo@localhost/orchard'"), kind: 'message' as const, declared: false }))
      if (decodeRequest(encodeRequest({ deadline: 1, items }))?.items.length !== 50) throw new Error('not read')
    }
  }
}

/** Octets → framer → router → octets for the receiver, in chunks of one stanza as at window 1; of a chat among pairs of users. */
const chat = async (options: Omit<CoreOptions, 'store'>, elsewhere: boolean): Promise<Piece> => {
  const names = Array.from({ length: 400 }, (_, i) => `user${i}@localhost`)
  const store = memoryStore(names)
  const core = testCore({ store, ...options })
  let taken = 0
  const here = elsewhere ? names.filter((_, i) => i % 2 === 0) : names
  if (elsewhere) {
    const bus = options.bus as ReturnType<typeof scriptedBus>
    for (const [i, name] of names.entries()) if (i % 2 === 1) store.elsewhere.set(name, [{ resource: 'xl', priority: 0, sessionId: name, node: 'there', epoch: 1 }])
    // as another node answers: many at once, and later
    let waiting: (() => void)[] = []
    bus.hand = (_to, _account, _xml, _declared, settle) => {
      taken++
      waiting.push(() => settle('accepted'))
      if (waiting.length < 1000) return
      const all = waiting
      waiting = []
      for (const one of all) one()
    }
    for (const name of names) await core.cache.resolve(parseJid(name))
  }
  const framers = await Promise.all(here.map(async (name) => {
    const session = await core.login(`${name}/xl`)
    session.outlet.write = () => {
      taken++
      return true
    }
    session.priority = session.wanted = 0
    session.presence = { head: '<presence', tail: '/>', declared: false }
    core.sessions.changed(session.account)
    const framer = new Framer({ header: () => {}, end: () => {}, element: (f: Frame) => {
      const ending = core.router.fromClient(session, f as Stanza)
      if (ending instanceof Promise) {
        if (!elsewhere) throw new Error('a message between two sessions here makes no promise')
        ending.catch(() => {})
      }
      return true
    } }, LIMITS)
    framer.write(Buffer.from(HEADER))
    return framer
  }))
  const chunks = here.map((name) => Buffer.from(`<message to='user${Number(name.slice(4, name.indexOf('@'))) ^ 1}@localhost' type='chat' id='m1'><body>${'x'.repeat(100)}</body></message>`))
  // block lists of receivers elsewhere are read once
  for (let i = 0; i < here.length; i++) (framers[i] as Framer).write(chunks[i] as Buffer)
  await new Promise((resolve) => setTimeout(resolve, 100))
  return (n) => {
    const before = taken
    for (let i = 0; i < n; i++) (framers[i % here.length] as Framer).write(chunks[i % here.length] as Buffer)
    if (taken - before !== n) throw new Error(`${taken - before} of ${n} arrived`)
  }
}
const NO_ROUTES: readonly Route[] = []
const ROUTED = { settings: { durability: { '*': 'routed' as const }, archive: 'off' as const, routeCacheEntries: 1000 } }

const PIECES: Readonly<Record<string, () => Piece | Promise<Piece>>> = {
  'framer, recorded stanzas': framing,
  'ltx trees of the same': treeing,
  'address, known': knownJid,
  'address, new': newJid,
  'route cache, hit': cacheHit,
  'splice and write': splicing,
  'among nodes: write and read': enveloping,
  'message, no routes': () => chat({ ...ROUTED, routes: NO_ROUTES }, false),
  'message, all routes': () => chat({ ...ROUTED, routes: ROUTES }, false),
  'message to another node': () => chat({ ...ROUTED, bus: scriptedBus() }, true),
}
/** Each over the other. */
const PAIRS: readonly (readonly [string, string])[] = [['ltx trees of the same', 'framer, recorded stanzas'], ['message, all routes', 'message, no routes'], ['message to another node', 'message, all routes']]

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] as number
const spread = (values: readonly number[]): string => `${median(values).toFixed(2)} (${Math.min(...values).toFixed(2)}–${Math.max(...values).toFixed(2)})`
const say = (line: string): void => void process.stdout.write(`${line}\n`)

/** ns of CPU an operation. */
const timed = (piece: Piece, n: number): number => {
  const start = process.cpuUsage()
  piece(n)
  const { user, system } = process.cpuUsage(start)
  return (user + system) * 1000 / n
}

const measure = async (): Promise<Map<string, number[]>> => {
  const made: Made[] = []
  for (const [name, make] of Object.entries(PIECES)) if (name.includes(flags.only)) made.push({ name, piece: await make() })
  if (made.length === 0) throw new Error(`no piece has '${flags.only}' in its name; there are: ${Object.keys(PIECES).join('; ')}`)
  const sizes = new Map<string, number>()
  for (const { name, piece } of made) {
    piece(20_000) // warm
    sizes.set(name, Math.max(2000, Math.round(SLICE * 1e6 / Math.max(1, timed(piece, 20_000)))))
  }
  const times = new Map<string, number[]>(made.map(({ name }) => [name, []]))
  for (let round = -2; round < ROUNDS; round++) {
    for (const { name, piece } of made) {
      const ns = timed(piece, sizes.get(name) as number)
      if (round >= 0) times.get(name)?.push(ns)
    }
    // what waits for other turns has its turn
    await new Promise((resolve) => setImmediate(resolve))
  }
  return times
}

const show = (times: ReadonlyMap<string, readonly number[]>): void => {
  for (const [name, all] of times) say(`${name.padEnd(28)} ${median(all).toFixed(0).padStart(7)} ns  (${Math.min(...all).toFixed(0)}–${Math.max(...all).toFixed(0)})`)
  for (const [one, other] of PAIRS) {
    const [a, b] = [times.get(one), times.get(other)]
    if (a !== undefined && b !== undefined) say(`${one} / ${other}: ${spread(a.map((ns, i) => ns / (b[i] as number)))}`)
  }
}

const run = (folder: string): Map<string, number> => {
  const text = execFileSync(process.execPath, ['dist/test/bench/micro.js', '--json', '--rounds', flags.rounds, '--only', flags.only], { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
  return new Map(Object.entries(JSON.parse(text) as Record<string, number>))
}

/** @returns whether no piece has become slower */
const compare = (commit: string): boolean => {
  const git = (...args: string[]): string => execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).trim()
  const name = git('rev-parse', '--short', '--verify', `${commit}^{commit}`)
  const scratch = mkdtempSync(join(tmpdir(), 'jidway-bench-'))
  const there = join(scratch, 'there')
  git('worktree', 'add', '--quiet', '--detach', there, name)
  try {
    symlinkSync(join(ROOT, 'node_modules'), join(there, 'node_modules'))
    // the same measure on both sides
    copyFileSync(join(ROOT, 'test/bench/micro.ts'), join(there, 'test/bench/micro.ts'))
    try {
      execFileSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', '.'], { cwd: there, encoding: 'utf8' })
    } catch (error) {
      say(`${name} cannot be measured with today's pieces, for its code has another shape:\n${String((error as { stdout?: string }).stdout ?? error)}`)
      return false
    }
    if (!existsSync(join(there, 'dist/test/bench/micro.js'))) throw new Error(`${name} was built, and has no dist/test/bench/micro.js`)
    const pairs: [Map<string, number>, Map<string, number>][] = []
    for (let i = 0; i < PROCESSES; i++) {
      // who is first has the warmer machine: in turn
      if (i % 2 === 0) pairs.push([run(ROOT), run(there)])
      else {
        const before = run(there)
        pairs.push([run(ROOT), before])
      }
      process.stderr.write(`pair ${i + 1} of ${PROCESSES}\n`)
    }
    let slower = 0
    say(`${''.padEnd(28)} ${'here'.padStart(8)} ${name.padStart(10)}  ratio (least–most of ${PROCESSES})`)
    for (const piece of pairs[0]?.[0].keys() ?? []) {
      const [here, before] = [pairs.map(([a]) => a.get(piece) as number), pairs.map(([, b]) => b.get(piece) as number)]
      const ratios = here.map((ns, i) => ns / (before[i] as number))
      const isSlower = median(ratios) > WORSE && ratios.filter((r) => r > WORSE).length >= Math.max(1, PROCESSES - 1)
      if (isSlower) slower++
      say(`${piece.padEnd(28)} ${median(here).toFixed(0).padStart(5)} ns ${median(before).toFixed(0).padStart(7)} ns  ${spread(ratios)}${isSlower ? '  SLOWER' : ''}`)
    }
    say(slower === 0 ? `nothing is slower than at ${name}` : `${slower} slower than at ${name}`)
    return slower === 0
  } finally {
    git('worktree', 'remove', '--force', there)
    rmSync(scratch, { recursive: true, force: true })
  }
}

if (flags.against !== undefined) process.exitCode = compare(flags.against) ? 0 : 1
else {
  const times = await measure()
  if (flags.json) say(JSON.stringify(Object.fromEntries([...times].map(([name, all]) => [name, median(all)]))))
  else show(times)
}
