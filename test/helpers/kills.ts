// A play for real clients: romeo and juliet, each a program of its own with the resumption of its own library, talk through a
// jidway that is a process of its own, and is killed without a warning three times; or through two of one cluster, behind one port,
// of which that one is killed which has them.
//
// What a client program hears on standard input, a JSON object a line: { say: [body …], pace: ms between two }, { leave: true }.
// What it tells on standard output, likewise:
//   { bound: jid }, { resumed: h of the server's <resumed/> }      by events of the library
//   { said: body }        written, and from now on the library's own affair; { doubtful: body }: the library refused it
//   { acked: n }          so many of its messages were acknowledged
//   { got: body }, { presence: type, from }, { left: true }
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePorts, ownNode } from '../../lib/chaos/node.js'
import type { Node } from '../../lib/chaos/node.js'
import { makeProxy } from '../../lib/chaos/proxy.js'
import { random } from '../../lib/chaos/random.js'
import { openDatabase } from '../../lib/store/db.js'
import { applySchema } from '../../lib/store/schema.js'
import { rawClient } from './client.js'
import { SERVER_URL, testFolder, testUrl } from './database.js'
import type { Teardown } from './database.js'
import { natsServer } from './nats.js'
import { ROOT } from './root.js'
import { addUsers } from './server.js'

export interface Process {
  readonly node: Node
  readonly c2s: number
  readonly http: number
  /** Path of its CA's certificate, once it has been started. */
  readonly ca: string
  log(): string
}

const folderOf = (t: Teardown): string => {
  const folder = mkdtempSync(join(tmpdir(), 'jidway-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A database with romeo and juliet. */
const prepare = async (url: string | null, data: string): Promise<void> => {
  const db = await openDatabase({ url, data, connections: 1 })
  await applySchema(db)
  await addUsers(db, ['romeo', 'juliet'])
  await db.close()
}

/** jidway as a user starts it, on a database of its own as the environment says, with romeo and juliet, who are contacts. */
const jidway = async (t: Teardown): Promise<Process> => {
  const folder = folderOf(t)
  const url = SERVER_URL === undefined ? null : await testUrl(t)
  const data = url === null ? await testFolder(t) : join(folder, 'data')
  await prepare(url, data)
  const server = await oneOf(t, folder, data, url ?? '', '')
  await server.node.start()
  await befriend(server.c2s)
  return server
}

/** Two nodes, behind one port as behind a balancer: `start` after `kill` is the other one, which has been there all the time. */
export const twoNodes = async (t: Teardown): Promise<Process> => {
  const folder = folderOf(t)
  const [url, { url: nats }] = [await testUrl(t), await natsServer(t)]
  const [data, other] = [join(folder, 'data'), join(folder, 'data-2')]
  await prepare(url, data)
  let here = await oneOf(t, folder, data, url, nats)
  await here.node.start()
  // one certificate for both, as one name has
  mkdirSync(other)
  cpSync(join(data, 'tls'), join(other, 'tls'), { recursive: true })
  let there = await oneOf(t, folder, other, url, nats)
  await there.node.start()
  await befriend(here.c2s)
  const [port = 0] = await freePorts(1, random(`${folder} balancer`))
  const balancer = await makeProxy(port, () => here.c2s)
  t.teardown(() => balancer.close())
  return {
    c2s: port, http: 0, ca: here.ca, log: () => here.log() + there.log(),
    node: {
      get where() { return here.node.where },
      get pid() { return here.node.pid },
      canKill: true, canFreeze: true,
      kill: () => here.node.kill(),
      start: async () => {
        const dead = here.node
        ;[here, there] = [there, here]
        await dead.start()
      },
      freeze: (asked) => here.node.freeze(asked), thaw: () => here.node.thaw(),
      stop: async () => {}, abandon: () => {}, onDeath: () => {},
    },
  }
}

const oneOf = async (t: Teardown, folder: string, data: string, url: string, nats: string): Promise<Process> => {
  const [c2s = 0, http = 0] = await freePorts(2, random(data))
  const log = `${data}.log`
  const node = ownNode({
    command: [process.execPath, join(ROOT, 'dist/routes/main.js'), 'start'], folder, log, port: http, // which is opened last
    env: {
      ...process.env, JIDWAY_DATA: data, DATABASE_URL: url, NATS_URL: nats, JIDWAY_DOMAIN: 'localhost', JIDWAY_HOST: '127.0.0.1', JIDWAY_C2S_PORT: String(c2s), JIDWAY_C2S_TLS_PORT: '',
      JIDWAY_HTTP_PORT: String(http), JIDWAY_HTTPS_PORT: '', JIDWAY_INSECURE_LOOPBACK: 'on', JIDWAY_LOG_LEVEL: 'debug', JIDWAY_LOG_FORMAT: 'json',
    },
  })
  t.teardown(() => node.stop())
  return { node, c2s, http, ca: join(data, 'tls/ca.crt'), log: () => (existsSync(log) ? readFileSync(log, 'utf8') : '') }
}

const befriend = async (port: number): Promise<void> => {
  const romeo = await (await rawClient(port)).login('romeo', 'romeo')
  const juliet = await (await rawClient(port)).login('juliet', 'juliet')
  await romeo.presence()
  await juliet.presence()
  for (const [one, other, name] of [[romeo, juliet, 'juliet'], [juliet, romeo, 'romeo']] as const) {
    one.send(`<presence type='subscribe' to='${name}@localhost'/>`)
    const { attrs } = await other.next((e) => e.attrs['type'] === 'subscribe')
    other.send(`<presence type='subscribed' to='${String(attrs['from'])}'/>`)
    await one.next((e) => e.attrs['type'] === 'subscribed')
  }
  await romeo.close()
  await juliet.close()
}

/** What became of one of the two. */
export interface Part {
  /** Addresses: how often it bound a resource. */
  readonly bound: string[]
  /** The server's counts: how often it resumed. */
  readonly resumed: number[]
  readonly said: string[]
  readonly got: string[]
  readonly doubtful: string[]
  /** What it was told of the other, before that one left. */
  readonly presences: string[]
  acked: number
  /** Said and not acknowledged when the server was killed, each time. */
  readonly unacknowledged: number[]
}

interface Player {
  readonly part: Part
  readonly child: ChildProcess
  tell(order: object): void
  until(what: string, holds: (part: Part) => boolean): Promise<void>
}

/** ms for anything that is to happen; a client's own patience between two attempts is in it. */
const PATIENCE = 45_000

const player = (t: Teardown, { command, env = {} }: Program): Player => {
  const [program = '', ...args] = command
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] })
  t.teardown(() => void child.kill('SIGKILL'))
  const part: Part = { bound: [], resumed: [], said: [], got: [], doubtful: [], presences: [], acked: 0, unacknowledged: [] }
  let errors = ''
  let half = ''
  let over: string | null = null
  const hear = (line: string): void => {
    const event = JSON.parse(line) as Record<string, string | number>
    for (const kind of ['bound', 'said', 'got', 'doubtful'] as const) if (event[kind] !== undefined) part[kind].push(String(event[kind]))
    if (event['resumed'] !== undefined) part.resumed.push(Number(event['resumed']))
    if (event['acked'] !== undefined) part.acked += Number(event['acked'])
    if (event['presence'] !== undefined) part.presences.push(`${event['presence']} ${event['from']}`)
    if (event['left'] !== undefined) over = 'it left'
  }
  child.stdout.on('data', (data: Buffer) => {
    const lines = (half + data.toString()).split('\n')
    half = lines.pop() as string
    for (const line of lines) if (line !== '') hear(line)
  })
  child.stderr.on('data', (data: Buffer) => {
    errors = (errors + data.toString()).slice(-5000)
  })
  child.stdin.on('error', () => {})
  child.on('error', (error) => {
    over = error.message
  })
  child.on('exit', (code, signal) => {
    over = `it ended with ${signal ?? code}`
  })
  return {
    part, child,
    tell: (order) => void child.stdin.write(`${JSON.stringify(order)}\n`),
    until: async (what, holds) => {
      for (const end = Date.now() + PATIENCE; !holds(part); await sleep(20)) {
        if (over !== null || Date.now() > end) throw new Error(`${what}: ${over ?? 'it did not come to that'}\n${JSON.stringify(part)}\n${errors.slice(-1000)}`)
      }
    },
  }
}

export interface Program {
  readonly command: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

export interface Story {
  readonly romeo: Part
  readonly juliet: Part
  /** Messages that had reached juliet's client and that the killed server could not know to have, each time. */
  readonly unheard: number[]
  readonly server: Process
}

const MANY = 20

/** @param program the client of a user, whose password is the name @param how 'stop': in order instead, as SIGTERM asks for */
export const threeKills = async (
  t: Teardown, program: (user: string, server: Process) => Program, make = jidway, how: 'kill' | 'stop' = 'kill',
): Promise<Story> => {
  const server = await make(t)
  const { node } = server
  const [romeo, juliet] = [player(t, program('romeo', server)), player(t, program('juliet', server))]
  const unheard: number[] = []
  let spoken = 0
  const lines = (who: string, many: number): string[] => Array.from({ length: many }, () => `${who} ${++spoken}`)
  const said = { romeo: 0, juliet: 0 }
  const say = (who: 'romeo' | 'juliet', many: number, pace = 0): void => {
    said[who] += many
    ;(who === 'romeo' ? romeo : juliet).tell({ say: lines(who, many), pace })
  }
  const isSaid = (): Promise<unknown> => Promise.all([
    romeo.until('romeo has spoken', (p) => p.said.length + p.doubtful.length === said.romeo),
    juliet.until('juliet has spoken', (p) => p.said.length + p.doubtful.length === said.juliet),
  ])
  const arrived = (part: Part, from: Part): boolean => from.said.every((body) => part.got.includes(body))
  const isHeard = async (): Promise<void> => {
    await isSaid()
    await Promise.all([
      juliet.until('juliet has all', (p) => arrived(p, romeo.part)),
      romeo.until('romeo has all', (p) => arrived(p, juliet.part)),
    ])
  }
  const kill = async (): Promise<void> => {
    for (const { part } of [romeo, juliet]) part.unacknowledged.push(part.said.length - part.acked)
    await node[how]()
    const times = romeo.part.resumed.length + 1
    await node.start()
    for (const one of [romeo, juliet]) await one.until('resumes', (p) => p.resumed.length >= times || p.bound.length > 1)
  }

  await Promise.all([romeo, juliet].map((one) => one.until('logs in', (p) => p.bound.length > 0)))
  await Promise.all([romeo, juliet].map((one) => one.until('sees the other', (p) => p.presences.some((s) => s.startsWith('available')))))
  for (const round of [1, 2]) {
    say('romeo', MANY)
    say('juliet', MANY)
    await isHeard()
    await juliet.until('juliet\'s messages are committed', (p) => p.acked >= said.juliet)
    // juliet's client does not read: what the server sends, it cannot acknowledge
    juliet.child.kill('SIGSTOP')
    const before = juliet.part.got.length
    say('romeo', MANY)
    await romeo.until('romeo\'s messages are committed', (p) => p.acked >= said.romeo)
    await sleep(500)
    // the server does not read: what both send now, acknowledgements among it, dies with it
    await node.freeze()
    juliet.child.kill('SIGCONT')
    if (round === 1) await juliet.until('juliet reads what the server had sent', (p) => p.got.length === before + MANY)
    unheard.push(juliet.part.got.length - before)
    say('juliet', MANY)
    say('romeo', MANY)
    await isSaid()
    await kill()
    await isHeard()
  }
  // amid a lively talk
  say('romeo', 10 * MANY, 4)
  say('juliet', 10 * MANY, 4)
  await sleep(400)
  await kill()
  await isHeard()

  const mute = romeo.part.presences.length
  juliet.tell({ leave: true })
  await romeo.until('romeo sees her leave', (p) => p.presences.slice(mute).some((s) => s.startsWith('unavailable')))
  romeo.part.presences.splice(mute)
  romeo.tell({ leave: true })
  return { romeo: romeo.part, juliet: juliet.part, unheard, server }
}

/** What there is to say of it. @param claim takes a claim, and what speaks against it */
export const judge = ({ romeo, juliet, unheard }: Story, claim: (holds: boolean, what: string, evidence: string) => void): void => {
  const same = (found: unknown, wanted: unknown, what: string): void => {
    const [is, should] = [JSON.stringify(found), JSON.stringify(wanted)]
    claim(is === should, what, `it is ${is}, and should be ${should}`)
  }
  same(unheard[0], MANY, 'juliet\'s client had messages that the killed server could not know it had')
  for (const [name, { bound, resumed, unacknowledged }] of Object.entries({ romeo, juliet })) {
    same(bound.length, 1, `${name} bound once`)
    same(resumed.length, 3, `${name} resumed each time`)
    same(unacknowledged.slice(0, 2), [MANY, MANY], `${name} had spoken, and the killed server had not acknowledged it`)
  }
  const heard = (part: Part, from: Part): string[] => part.got.filter((body) => !from.doubtful.includes(body))
  same(heard(juliet, romeo), romeo.said, 'juliet got what romeo said: all of it, once, in order')
  same(heard(romeo, juliet), juliet.said, 'romeo got what juliet said: all of it, once, in order')
  // (those who had befriended them may still be on their way)
  const left = (part: Part, other: Part): string[] => part.presences.filter((seen) => other.bound.some((jid) => seen === `unavailable ${jid}`))
  same([...left(romeo, juliet), ...left(juliet, romeo)], [], 'neither saw the other leave')
}
