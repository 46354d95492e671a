// `chaos`: the proof of what is promised, run against a server of its own in a scratch folder, or against somebody else's.
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Settings } from '../base/config.js'
import { UsageError } from '../base/errors.js'
import { accountsFor } from '../chaos/cast.js'
import type { Credentials } from '../chaos/cast.js'
import { chaos } from '../chaos/chaos.js'
import type { Status } from '../chaos/chaos.js'
import { FAULTS } from '../chaos/faults.js'
import type { FaultKind } from '../chaos/faults.js'
import { foreignNode, freePorts, ownNode } from '../chaos/node.js'
import type { Node } from '../chaos/node.js'
import { makeNats } from '../chaos/nats.js'
import type { Nats } from '../chaos/nats.js'
import { nodesAsOne } from '../chaos/nodes.js'
import { makeProxy } from '../chaos/proxy.js'
import { makePostgres } from '../chaos/postgres.js'
import type { Postgres } from '../chaos/postgres.js'
import { random } from '../chaos/random.js'
import type { Random } from '../chaos/random.js'
import { readAccounts } from './csv.js'
import type { Surroundings } from './deps.js'
import { progressOn } from './progress.js'
import { isLoopback, targetOf, wholeNumber } from './target.js'
import type { Target } from './target.js'

/** As they stand on the command line. */
export interface ChaosFlags {
  readonly clients?: string
  readonly seconds?: string
  readonly messages?: string
  readonly kills?: string
  readonly freezes?: string
  readonly restarts?: string
  readonly partitions?: string
  readonly nodes?: string
  readonly faults?: string
  readonly seed?: string
  readonly database?: string
  readonly target?: string
  readonly kill?: string
  readonly start?: string
  readonly accounts?: string
  readonly register?: string
  readonly keep?: boolean
}

export interface ChaosCall {
  readonly flags: ChaosFlags
  readonly settings: Settings
  /** Settings from the command line, by the names that they have in the environment. */
  readonly given: Readonly<Record<string, string>>
  readonly config: string | null
  readonly around: Surroundings
  readonly json: boolean
}

/** Messages a second where nothing else follows from the flags. */
const RATE = 500
const SECONDS = 60
const CLIENTS = 200

/** True: every promise was kept. */
export const runChaos = async (call: ChaosCall): Promise<boolean> => {
  const { flags, settings, around, json } = call
  const wanted = readFlags(flags)
  const scratch = mkdtempSync(join(tmpdir(), 'jidway-chaos-'))
  chmodSync(scratch, 0o755) // Postgres runs as somebody else
  let postgres: Postgres | null = null
  let nats: Nats | null = null
  let node: Node | null = null
  let held = false
  let worthKeeping = true
  const stop = new AbortController()
  const interrupt = (): void => {
    if (!stop.signal.aborted) {
      around.stderr.write('\nstopping; once more to stop at once\n')
      return stop.abort()
    }
    process.exit(130)
  }
  const abandon = (): void => {
    node?.abandon()
    postgres?.abandon()
    nats?.abandon()
  }
  const signals = ['SIGINT', 'SIGTERM'] as const
  for (const signal of signals) process.on(signal, interrupt)
  process.on('exit', abandon)
  const progress = progressOn(around.stderr)
  try {
    const source = random(wanted.seed)
    const [databasePort = 0, natsPort = 0, ...ports] = await freePorts(2 + 3 * wanted.nodes, source.fork('ports'))
    if (wanted.target === null && wanted.database === 'postgres') postgres = await makePostgres(scratch, databasePort, around.env)
    if (wanted.nodes > 1) nats = await makeNats(scratch, natsPort, around.env)
    const prepared = wanted.target === null ? await prepareOwn(call, wanted, scratch, { databasePort, natsPort, ports }, source.fork('nodes'))
      : await prepareForeign(flags, wanted.target, settings.domain[0] as string, wanted.clients, scratch, around.env)
    node = prepared.node
    await node.start()
    const { canKill, canFreeze } = node
    const has = (kind: FaultKind): boolean => wanted.faults.has(kind)
    const result = await chaos({
      ...wanted, postgres, nats, node, credentials: prepared.credentials, archive: wanted.target !== null || settings.archive !== 'off',
      counts: {
        kill: canKill && has('kill') ? wanted.kills : 0,
        freeze: canFreeze && has('freeze') ? wanted.freezes : 0,
        database: canKill && wanted.target === null && has('database') ? wanted.restarts : 0,
        nats: nats !== null && has('nats') ? wanted.restarts : 0,
        partition: nats !== null && has('partition') ? wanted.partitions : 0,
      },
      over: nats === null ? Infinity : (LEASE + GRACE) * 1000,
      server: wanted.target === null ? `jidway on ${wanted.database === 'postgres' ? 'Postgres' : 'the embedded database'}${wanted.nodes > 1 ? `, ${wanted.nodes} nodes on NATS` : ''}` : `the server at ${wanted.target.host}:${wanted.target.port}`,
      progress: (status) => progress.tell(status.stage, status.done, status.of, words(status)), signal: stop.signal,
    })
    progress.stop()
    held = result.held
    around.stdout.write(json ? `${JSON.stringify({ ...result.json, folder: held && flags.keep !== true ? null : scratch })}\n` : `${result.text}\n`)
    if (json && !held) around.stderr.write(`${result.text}\n`)
    return held
  } catch (error) {
    worthKeeping = !(error instanceof UsageError)
    throw error
  } finally {
    progress.stop()
    for (const signal of signals) process.off(signal, interrupt)
    await node?.stop()
    await nats?.kill()
    await postgres?.stop('fast')
    process.off('exit', abandon)
    if (!worthKeeping || (held && flags.keep !== true)) rmSync(scratch, { recursive: true, force: true })
    else around.stderr.write(`data and logs are kept in ${scratch}\n`)
  }
}

interface Wanted {
  readonly clients: number
  readonly seconds: number
  readonly messages: number
  readonly kills: number
  readonly freezes: number
  readonly restarts: number
  readonly partitions: number
  readonly nodes: number
  readonly faults: ReadonlySet<FaultKind>
  readonly seed: string
  readonly database: 'embedded' | 'postgres'
  readonly target: Target | null
}

export const readFlags = (flags: ChaosFlags): Wanted => {
  const messages = flags.messages === undefined ? null : whole('messages', flags.messages, 1, 20_000_000)
  const seconds = flags.seconds === undefined ? Math.max(10, messages === null ? SECONDS : messages / RATE) : whole('seconds', flags.seconds, 1, 604_800)
  const { database = 'embedded' } = flags
  if (database !== 'embedded' && database !== 'postgres') throw new UsageError(`--database is '${database}'; it must be embedded or postgres`)
  if ((flags.kill === undefined) !== (flags.start === undefined)) throw new UsageError('--kill and --start go together')
  if (flags.target === undefined) {
    for (const name of ['kill', 'start', 'accounts', 'register'] as const) {
      if (flags[name] !== undefined) throw new UsageError(`--${name} is for another server, with --target`)
    }
  } else if (flags.accounts === undefined && flags.register === undefined) throw new UsageError('--target needs --accounts FILE or --register COMMAND')
  const nodes = flags.nodes === undefined ? 1 : whole('nodes', flags.nodes, 1, 20)
  if (nodes > 1 && (database !== 'postgres' || flags.target !== undefined)) throw new UsageError('several nodes share one Postgres: --nodes goes with --database postgres')
  return {
    nodes,
    clients: flags.clients === undefined ? CLIENTS : whole('clients', flags.clients, 4, 10_000),
    seconds, messages: messages ?? Math.ceil(seconds * RATE),
    kills: count('kills', flags.kills, seconds / 6), freezes: count('freezes', flags.freezes, seconds / 10), restarts: count('restarts', flags.restarts, seconds / 20), partitions: count('partitions', flags.partitions, seconds / 20),
    faults: faultsOf(flags.faults), seed: flags.seed ?? randomBytes(4).toString('hex'), database,
    target: flags.target === undefined ? null : victimOf(flags.target),
  }
}

const count = (name: string, text: string | undefined, byDefault: number): number => (text === undefined ? Math.max(1, Math.round(byDefault)) : whole(name, text, 0, 100_000))

const whole = (name: string, text: string, least: number, most: number): number => wholeNumber(`--${name}`, text, least, most)

const faultsOf = (text: string | undefined): ReadonlySet<FaultKind> => {
  const all = Object.keys(FAULTS) as FaultKind[]
  if (text === undefined) return new Set(all)
  if (text === 'none') return new Set()
  return new Set(text.split(',').map((name) => {
    const found = all.find((kind) => kind === name.trim())
    if (found === undefined) throw new UsageError(`--faults names '${name.trim()}'; there are ${all.join(', ')}, and none`)
    return found
  }))
}

/** Passwords go in clear, and what is done to it is not nice. */
const victimOf = (text: string): Target => {
  const target = targetOf('--target', text)
  if (!isLoopback(target.host)) throw new UsageError(`--target is '${text}'; only servers on this machine are disturbed`)
  return target
}

/** s, of nodes that are disturbed: the grace is above what a restart of the database takes. */
const LEASE = 2
const GRACE = 8

interface Ports {
  readonly databasePort: number
  readonly natsPort: number
  /** Three a node. */
  readonly ports: readonly number[]
}

interface Prepared {
  readonly node: Node
  readonly credentials: readonly Credentials[]
}

/** This same program, on a data folder of its own. */
const prepareOwn = async ({ settings, given, config, around }: ChaosCall, wanted: Wanted, scratch: string, { databasePort, natsPort, ports }: Ports, random: Random): Promise<Prepared> => {
  const several = wanted.nodes > 1
  const databaseUrl = (port: number): string => (wanted.database === 'postgres' ? `postgres://postgres@127.0.0.1:${port}/postgres` : '')
  const natsUrl = (port: number): string => (several ? `nats://127.0.0.1:${port}` : '')
  const credentials = invented(wanted.clients, settings.domain[0] as string)
  const file = join(scratch, 'accounts.csv')
  writeFileSync(file, csv(credentials), { mode: 0o600 })
  const work = join(scratch, 'server')
  mkdirSync(work)
  const env = {
    ...around.env, ...given,
    JIDWAY_DATA: join(scratch, 'data'), DATABASE_URL: databaseUrl(databasePort), NATS_URL: natsUrl(natsPort), JIDWAY_HOST: '127.0.0.1',
    JIDWAY_C2S_TLS_PORT: '', JIDWAY_HTTP_PORT: '', JIDWAY_HTTPS_PORT: '', JIDWAY_INSECURE_LOOPBACK: 'on', JIDWAY_LOG_FORMAT: 'json', JIDWAY_PBKDF2_ITERATIONS: '4096',
    ...(several ? { JIDWAY_LEASE: String(LEASE), JIDWAY_GRACE: String(GRACE) } : {}),
  }
  const program = [process.execPath, ...process.execArgv, process.argv[1] as string]
  const more = config === null ? [] : ['--config', resolve(config)]
  await output([...program, 'user', 'import', file, ...more], env, work)
  const nodes = await Promise.all(Array.from({ length: wanted.nodes }, async (_, i): Promise<Node> => {
    const [port = 0, toDatabase = 0, toNats = 0] = ports.slice(3 * i)
    const needs = several ? { postgres: await makeProxy(toDatabase, databasePort), nats: await makeProxy(toNats, natsPort) } : null
    return ownNode({
      command: [...program, 'start', ...more], folder: work, log: join(scratch, i === 0 ? 'server.log' : `server-${i + 1}.log`), port, needs,
      env: {
        ...env, JIDWAY_C2S_PORT: String(port), ...(i === 0 ? {} : { JIDWAY_DATA: join(scratch, `data-${i + 1}`) }),
        ...(several ? { DATABASE_URL: databaseUrl(toDatabase), NATS_URL: natsUrl(toNats) } : {}),
      },
    })
  }))
  return { credentials, node: nodes.length === 1 ? nodes[0] as Node : nodesAsOne(nodes, random) }
}

const prepareForeign = async (
  { accounts, register, kill, start }: ChaosFlags, target: Target, domain: string, clients: number, scratch: string, env: Surroundings['env'],
): Promise<Prepared> => {
  const needed = accountsFor(clients)
  const credentials = accounts === undefined ? invented(clients, domain) : readAccounts(accounts)
  if (credentials.length < needed) throw new UsageError(`${accounts} has ${credentials.length} accounts; ${clients} clients need ${needed}`)
  const node = foreignNode(target, kill ?? null, start ?? null)
  if (register !== undefined) {
    await node.start()
    await output(['/bin/sh', '-c', register], env, scratch, csv(credentials.slice(0, needed)))
  }
  return { node, credentials }
}

export const invented = (clients: number, domain: string): Credentials[] =>
  Array.from({ length: accountsFor(clients) }, (_, i) => ({ jid: `chaos${i}@${domain}`, password: randomBytes(9).toString('hex') }))

export const csv = (credentials: readonly Credentials[]): string => credentials.map(({ jid, password }) => `${jid},${password}\n`).join('')

/** Run a program to its end; what it said is told where it fails. */
export const output = ([program = '', ...args]: readonly string[], env: Readonly<Record<string, string | undefined>>, cwd: string, input = ''): Promise<void> => new Promise((done, failed) => {
  const child = spawn(program, args, { env: { ...env }, cwd, stdio: 'pipe' })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => (said = (said + part.toString()).slice(-4000)))
  child.on('error', failed)
  child.on('close', (code) => (code === 0 ? done() : failed(new Error(`${[program, ...args].join(' ')} ended with ${code ?? 'a signal'}: ${said}`))))
  child.stdin.on('error', () => {})
  child.stdin.end(input)
})

const words = ({ online, acked, delivered, waiting, faults, incidents }: Status): string =>
  `${online} online, ${acked} acknowledged, ${delivered} delivered, ${waiting} on their way${faults === '' ? '' : `; ${faults}`}${incidents === 0 ? '' : `; ${incidents} INCIDENTS`}`
