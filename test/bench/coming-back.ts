// After a kill everybody comes back at once: N clients with resumable sessions, presence said, everything acknowledged; the
// server is killed (-9) and started again, and each client connects at a moment of its own, drawn from the 5 s after the
// server listens again (not from the kill: while nobody listens a refused attempt costs the server nothing, and how early a
// client tries would measure its back-off). The 30 s in which all must be back count from the kill, the time without a server
// included. Then each asks for one answer more, so that what counts as back is a session that works. Each proves its
// password by SCRAM-SHA-256 with the keys that it kept from its first log-in.
//   node dist/test/bench/coming-back.js [--clients 5000] [--database embedded|postgres] [--tls] [--nodes 1]
// Prints how many resumed, bound anew, or saw an error; when they were back; seconds of CPU from when the server listens
// until all are back; the connections to Postgres. --tls does it in clear, then over TLS from the first byte, on a fresh
// server, and prints what the handshakes cost: the difference. All are full ones: what a ticket of the killed server is
// sealed with died with it. --nodes, on Postgres and NATS: all are on one node, which is not started again; they come back to
// the others, from the kill on. Ends with 1 where anybody saw an error, not all were back in time, or there were more connections
// to the database than its setting says. Linux only: CPU is read from /proc. The clients share its cores with the server.
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createSecureContext } from 'node:tls'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { NS } from '../../lib/base/namespaces.js'
import { makeCast } from '../../lib/chaos/cast.js'
import { makeClient } from '../../lib/chaos/client.js'
import { makeLedger } from '../../lib/chaos/ledger.js'
import type { Ledger } from '../../lib/chaos/ledger.js'
import { freePorts, ownNode } from '../../lib/chaos/node.js'
import { makeNats } from '../../lib/chaos/nats.js'
import type { Nats } from '../../lib/chaos/nats.js'
import type { Node } from '../../lib/chaos/node.js'
import { makePostgres } from '../../lib/chaos/postgres.js'
import type { Postgres } from '../../lib/chaos/postgres.js'
import { random } from '../../lib/chaos/random.js'
import type { Client } from '../../lib/chaos/self.js'
import { csv, invented, output } from '../../lib/cli/chaos.js'
import { ROOT } from '../helpers/root.js'
import { tooFewFiles } from './files.js'

const { values: flags } = parseArgs({
  options: { clients: { type: 'string', default: '5000' }, database: { type: 'string', default: 'embedded' }, tls: { type: 'boolean', default: false }, nodes: { type: 'string', default: '1' } },
})
const [CLIENTS, NODES] = [Number(flags.clients), Number(flags.nodes)]
/** ms in which all begin to connect, and in which all must be back. */
const SPREAD = 5000
const LIMIT = 30_000
/** ms after which who is not back is given up, and who does not answer. */
const GIVEN_UP = 120_000
const ANSWERING = 10_000
/** Clients logging in at once, at first. */
const AT_ONCE = 200
const LOOK = 20
const POLL = 200
const DB_CONNECTIONS = 8
/** Connections to the database, of all nodes together: with several, each has one more for its lease. */
const MOST_CONNECTIONS = NODES === 1 ? DB_CONNECTIONS : NODES * (DB_CONNECTIONS + 1)
/** USER_HZ: what /proc counts in, on every Linux that Node runs on. */
const TICKS = 100

interface Cpu {
  readonly server: number
  readonly database: number
  readonly clients: number
}

interface Outcome {
  readonly cpu: Cpu
  readonly good: boolean
}

const say = (line: string): void => void process.stdout.write(`${line}\n`)
const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

/** What happens to the clients while `on`, by client: the ledger of chaos, overheard. */
const overhear = (ledger: Ledger): { ledger: Ledger; on: boolean; errors: Map<number, string>; anew: Set<number>; resumed: Set<number> } => {
  const heard = { ledger, on: false, errors: new Map<number, string>(), anew: new Set<number>(), resumed: new Set<number>() }
  heard.ledger = {
    ...ledger,
    step: (client, at, what) => {
      ledger.step(client, at, what)
      if (!heard.on) return
      if (what.startsWith('resumed')) heard.resumed.add(client)
      else if (what.startsWith('bound')) heard.anew.add(client)
      else if (!heard.errors.has(client)) heard.errors.set(client, what)
    },
    incident: (kind, client, at, text) => {
      ledger.incident(kind, client, at, text)
      if (heard.on && !heard.errors.has(client)) heard.errors.set(client, `${kind}: ${text}`)
    },
  }
  return heard
}

/** Of a process: its parent, and the ticks of CPU that it and its children that have ended have used. */
const statOf = (pid: number | string): { parent: number; ticks: number } => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const words = text.slice(text.lastIndexOf(')') + 2).split(' ').map(Number)
    return { parent: words[1] as number, ticks: words.slice(11, 15).reduce((sum, n) => sum + n, 0) }
  } catch {
    return { parent: 0, ticks: 0 } // it has just ended; its parent counts it
  }
}

/** Seconds of CPU of a process and its children: Postgres is one process a connection. */
const cpuOf = (pid: number | undefined): number => {
  if (pid === undefined) return 0
  const children = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(statOf).filter(({ parent }) => parent === pid)
  return [statOf(pid), ...children].reduce((sum, { ticks }) => sum + ticks, 0) / TICKS
}

const cpuNow = (nodes: readonly Node[], postgres: Postgres | null): Cpu => {
  const { user, system } = process.cpuUsage()
  return { server: nodes.reduce((sum, { pid }) => sum + cpuOf(pid), 0), database: cpuOf(postgres?.pid), clients: (user + system) / 1e6 }
}

interface Watch {
  /** NaN: it could not be looked at. */
  readonly most: number
  stop(): Promise<void>
}

/** The most connections to the database that there were at a time, ours not counted; asks over one of its own. @param old also those that there are already */
const watchConnections = async (url: string, old: boolean): Promise<Watch> => {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {}) // its query tells
  await client.connect()
  const { rows: [now] } = await client.query<{ at: string }>(`select ${old ? "'-infinity'" : 'now()::text'} as at`)
  let most = 0
  let over = false
  const watch = async (): Promise<void> => {
    for (; !over; await sleep(POLL)) {
      // those of the killed server may linger
      const { rows: [found] } = await client.query<{ n: number }>(`
        select count(*)::int as n from pg_stat_activity
        where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid() and backend_start > $1::timestamptz`, [now?.at])
      most = Math.max(most, found?.n ?? 0)
    }
  }
  const watching = watch().catch(() => {
    most = NaN
  })
  return {
    get most() { return most },
    stop: async () => {
      over = true
      await watching
      await client.end()
    },
  }
}

/** A few hundred at a time, until each has everything answered and acknowledged. */
const logIn = async (clients: readonly Client[], ledger: Ledger): Promise<void> => {
  let joined = 0
  for (const until = Date.now() + GIVEN_UP + clients.length * 50; ; await sleep(LOOK)) {
    const open = clients.slice(0, joined).filter((client) => !client.settled)
    for (const client of open) client.tick()
    if (open.length === 0 && joined === clients.length) return
    for (let free = AT_ONCE - open.length; free > 0 && joined < clients.length; free--) clients[joined++]?.join()
    if (Date.now() > until) throw new Error(`${open.length} clients could not log in: ${ledger.steps.at(-1)?.what ?? 'no answer'}`)
  }
}

/** ms from now until each is back; those that are not are missing. */
const comeBack = async (clients: readonly Client[]): Promise<number[]> => {
  const begun = performance.now()
  const delays = random(`delays ${CLIENTS}`)
  for (const client of clients) setTimeout(() => client.join(), delays.between(0, SPREAD))
  const back = new Map<Client, number>()
  while (back.size < clients.length && performance.now() - begun < GIVEN_UP) {
    await sleep(LOOK)
    for (const client of clients) {
      // one that was back and lost its connection is not back
      if (client.self.phase !== 'up') back.delete(client)
      else if (!back.has(client)) back.set(client, performance.now() - begun)
    }
  }
  return [...back.values()].toSorted((a, b) => a - b)
}

/** One question each; how many got no answer. */
const questions = async (clients: readonly Client[]): Promise<number> => {
  for (const { self } of clients) if (self.phase === 'up') self.ask('ping', '', 'get', `<ping xmlns='${NS.ping}'/>`)
  for (const until = Date.now() + ANSWERING; Date.now() < until && !clients.every((client) => client.settled); await sleep(LOOK)) for (const client of clients) client.tick()
  return clients.filter((client) => !client.settled).length
}

const run = async (tls: boolean): Promise<Outcome> => {
  const scratch = mkdtempSync(join(tmpdir(), 'jidway-coming-back-'))
  chmodSync(scratch, 0o755) // Postgres runs as somebody else
  let postgres: Postgres | null = null
  let nats: Nats | null = null
  let nodes: readonly Node[] = []
  let connections: Watch | null = null
  let clients: Client[] = []
  let good = false
  const abandon = (): void => {
    for (const node of nodes) node.abandon()
    nats?.abandon()
    postgres?.abandon()
  }
  process.on('exit', abandon)
  try {
    const [databasePort = 0, natsPort = 0, ...ports] = await freePorts(2 + NODES, random(scratch))
    if (flags.database === 'postgres') postgres = await makePostgres(scratch, databasePort, process.env)
    if (NODES > 1) nats = await makeNats(scratch, natsPort, process.env)
    const credentials = invented(CLIENTS, 'localhost')
    const env = {
      ...process.env, JIDWAY_DATA: join(scratch, 'data'), DATABASE_URL: postgres?.url ?? '', NATS_URL: nats?.url ?? '', JIDWAY_DOMAIN: 'localhost', JIDWAY_HOST: '127.0.0.1',
      JIDWAY_HTTP_PORT: '', JIDWAY_HTTPS_PORT: '',
      JIDWAY_INSECURE_LOOPBACK: 'on', JIDWAY_LOG_FORMAT: 'json', JIDWAY_PBKDF2_ITERATIONS: '4096', JIDWAY_DB_CONNECTIONS: String(DB_CONNECTIONS),
      // all of them come from one address, and none is logged in yet
      JIDWAY_MAX_CONNECTIONS: String(CLIENTS * 2 + 100), JIDWAY_MAX_UNAUTHENTICATED: String(CLIENTS * 2 + 100), JIDWAY_MAX_UNAUTHENTICATED_PER_ADDRESS: String(CLIENTS * 2 + 100),
    }
    const program = [process.execPath, ...process.execArgv, join(ROOT, 'dist/routes/main.js')]
    const folder = join(scratch, 'server')
    mkdirSync(folder)
    writeFileSync(join(scratch, 'accounts.csv'), csv(credentials), { mode: 0o600 })
    await output([...program, 'user', 'import', join(scratch, 'accounts.csv')], env, folder)
    nodes = ports.map((port, i) => ownNode({
      command: [...program, 'start'], folder, log: join(scratch, `server-${i + 1}.log`), port,
      env: { ...env, JIDWAY_C2S_PORT: tls ? '' : String(port), JIDWAY_C2S_TLS_PORT: tls ? String(port) : '', ...(i === 0 ? {} : { JIDWAY_DATA: join(scratch, `data-${i + 1}`) }) },
    }))
    const [node, ...others] = nodes as [Node, ...Node[]]
    for (const one of nodes) await one.start()

    const cast = makeCast(CLIENTS, credentials, random(`cast ${CLIENTS}`))
    const start = performance.now()
    const heard = overhear(makeLedger(cast.clients.map(({ account, full, priority }) => ({ account, full, priority, resumes: true })), cast.accounts.map(({ jid }) => jid)))
    let where = [node]
    const trust = tls ? { tls: createSecureContext({ ca: readFileSync(join(scratch, 'data/tls/ca.crt')) }) } : {}
    const world = { run: 'back', cast, ledger: heard.ledger, now: () => performance.now() - start + 1 }
    // they wait as long as they must: how long, is the question
    clients = cast.clients.map((profile, i) => makeClient({ ...profile, keeping: 'resume', ackEvery: 1, askEvery: 1, patience: GIVEN_UP }, {
      ...world,
      get where() {
        return { ...(where[i % where.length] as Node).where, scram: true, ...trust }
      },
    }, random(profile.full)))
    await logIn(clients, heard.ledger)

    if (postgres !== null) connections = await watchConnections(postgres.url, NODES > 1)
    const killed = performance.now()
    await node.kill()
    while (clients.some(({ self }) => self.phase === 'up')) await sleep(LOOK)
    for (const client of clients) client.quit() // until the server listens; the session is kept
    if (others.length === 0) await node.start()
    else where = others
    const down = performance.now() - killed
    heard.on = true
    const before = cpuNow(where, postgres)
    const back = await comeBack(clients)
    const after = cpuNow(where, postgres)
    const silent = await questions(clients)
    heard.on = false
    const most = connections?.most ?? 0

    const { errors, resumed, anew } = heard
    const part = (share: number): string => seconds(back[Math.ceil(back.length * share) - 1] ?? NaN)
    const cpu = { server: after.server - before.server, database: after.database - before.database, clients: after.clients - before.clients }
    const last = down + (back.at(-1) ?? 0)
    good = back.length === CLIENTS && last <= LIMIT && errors.size === 0 && silent === 0 && most <= MOST_CONNECTIONS
    say(`${CLIENTS} clients on ${postgres === null ? 'the embedded database' : 'Postgres'}, ${tls ? 'TLS' : 'plaintext'}${NODES > 1 ? `, on one of ${NODES} nodes` : ''}: ${resumed.size} resumed, ${anew.size} logged in anew, ` +
      `${errors.size} saw an error, ${CLIENTS - back.length} not back, ${silent} without an answer after that`)
    say(`    ${NODES > 1 ? 'they knew' : 'the server listened'} ${seconds(down)} after the kill; from there 50 % were back after ${part(0.5)}, 99 % after ${part(0.99)}, the last after ${part(1)} (${seconds(last)} after the kill)`)
    say(`    CPU meanwhile: server ${cpu.server.toFixed(1)} s${postgres === null ? ' (its database included)' : `, database ${cpu.database.toFixed(1)} s`}, the clients ${cpu.clients.toFixed(1)} s`)
    if (connections !== null) say(`    database connections: ${most} at most, of ${MOST_CONNECTIONS} allowed`)
    const kinds = new Map<string, number>()
    for (const text of errors.values()) kinds.set(text, (kinds.get(text) ?? 0) + 1)
    for (const [text, n] of [...kinds].toSorted(([, a], [, b]) => b - a).slice(0, 10)) say(`    error, ${n} clients: ${text}`)
    return { cpu, good }
  } finally {
    for (const client of clients) client.quit()
    await connections?.stop()
    for (const node of nodes) await node.stop()
    await nats?.kill()
    await postgres?.stop('fast')
    process.off('exit', abandon)
    if (good) rmSync(scratch, { recursive: true, force: true })
    else process.stderr.write(`data and logs are kept in ${scratch}\n`)
  }
}

/** Why it cannot be run here; null: it can. */
const problem = (): string | null => {
  if (!Number.isInteger(CLIENTS) || CLIENTS < 1 || CLIENTS > 20_000) return `--clients is '${flags.clients}'; it must be a number from 1 to 20000`
  if (flags.database !== 'embedded' && flags.database !== 'postgres') return `--database is '${flags.database}'; it must be embedded or postgres`
  if (!Number.isInteger(NODES) || NODES < 1 || NODES > 10) return `--nodes is '${flags.nodes}'; it must be a number from 1 to 10`
  if (NODES > 1 && flags.database !== 'postgres') return 'several nodes share one Postgres: --nodes goes with --database postgres'
  if (!existsSync('/proc/self/limits')) return 'CPU times are read from /proc, which is not here: this needs Linux'
  return tooFewFiles(CLIENTS, 'fewer --clients')
}

const main = async (): Promise<number> => {
  const why = problem()
  if (why !== null) {
    process.stderr.write(`${why}\n`)
    return 2
  }
  const plain = await run(false)
  if (!flags.tls) return plain.good ? 0 : 1
  const secure = await run(true)
  const cost = secure.cpu.server - plain.cpu.server
  say(`handshakes: ${cost.toFixed(1)} s of the server's ${secure.cpu.server.toFixed(1)} s of CPU over TLS, ${(100 * cost / secure.cpu.server).toFixed(0)} % (${(1000 * cost / CLIENTS).toFixed(1)} ms each)`)
  return plain.good && secure.good ? 0 : 1
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
process.exitCode = await main()
