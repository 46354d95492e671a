// Where the servers live while they are compared: a Postgres with a database for each, folders, ports, and accounts that are the
// same for all.
import { join } from 'node:path'
import pg from 'pg'
import { UsageError } from '../../../lib/base/errors.js'
import { freePorts } from '../../../lib/chaos/node.js'
import { findPrograms, makePostgres } from '../../../lib/chaos/postgres.js'
import type { Postgres } from '../../../lib/chaos/postgres.js'
import { random } from '../../../lib/chaos/random.js'
import { whereOf } from '../../../lib/cli/replay.js'
import { accountOf } from '../../../lib/replay/accounts.js'
import type { Account } from '../../../lib/replay/accounts.js'
import { flatOut } from '../../../lib/replay/pace.js'
import { replay } from '../../../lib/replay/replay.js'
import { developmentCertificate } from '../../../lib/wire/tls-context.js'
import type { Case, Sizes } from './cases.js'
import type { Running } from './process.js'
import { DOMAIN, makeFolder } from './server.js'
import type { Environment, Server, Variant } from './server.js'
import { loggingIn, subscribing } from './traces.js'

export interface Lodger {
  readonly server: Server
  readonly folder: string
  readonly port: number
  /** While it runs. */
  readonly pid: number
  readonly accounts: readonly Account[]
  /** One whose presence the others see. */
  readonly circle: readonly Account[]
  /** How a password is kept, as a log-in shows it. */
  readonly kept: string
  start(variant: Variant): Promise<void>
  stop(): Promise<void>
}

export interface House {
  readonly lodgers: readonly Lodger[]
  /** For people. */
  readonly database: string
  /** Of the postmaster; null: there is none beside the server. */
  readonly databasePid: number | null
  close(): Promise<void>
}

/** Seconds that who asks to see another's presence waits for it. */
const PATIENCE = 60

/**
 * Throws where something does not come up; then all that was started has ended.
 * @param cut throws some time after `signal`: what is not over by then is given up
 */
export const makeHouse = async (
  scratch: string, servers: readonly Server[], cases: readonly Case[], sizes: Sizes, env: Environment, signal: AbortSignal, cut: Promise<never>, told: (words: string) => void,
): Promise<House> => {
  const [databasePort = 0, ...ports] = await freePorts(1 + 2 * servers.length, random(scratch))
  const postgres = hasPostgres(env) ? await makePostgres(scratch, databasePort, env) : null
  const abandon = (): void => postgres?.abandon()
  process.once('exit', abandon)
  const lodgers: Lodger[] = []
  const house: House = {
    lodgers, databasePid: postgres?.pid ?? null,
    database: postgres === null ? 'Postgres is not installed, so jidway is on its embedded database, whose CPU is its own' : `${await versionOf(postgres)}, as it comes: fsync and synchronous_commit are on`,
    close: async () => {
      await Promise.all(lodgers.map((lodger) => lodger.stop()))
      await postgres?.stop('fast')
      process.off('exit', abandon)
    },
  }
  try {
    if (postgres === null && servers.some(({ name }) => name !== 'jidway')) throw new UsageError('the peers keep their accounts in Postgres, whose programs (initdb, postgres) were not found: apt-get install postgresql, or --servers jidway')
    const certificate = await developmentCertificate(join(scratch, 'tls'), [DOMAIN])
    const [count, circle] = [false, true].map((contacts) => Math.max(0, ...cases.filter((one) => one.contacts === contacts).map(({ copies, team }) => copies * team))) as [number, number]
    for (const [i, server] of servers.entries()) {
      const begun = performance.now()
      if (postgres !== null) await query(postgres.url, `create database ${server.name} encoding 'UTF8' template template0`)
      const place = {
        ...makeFolder(join(scratch, server.name), server, certificate), env, signal, port: ports[2 * i] as number, sparePort: ports[2 * i + 1] as number, databasePort,
        databaseUrl: postgres === null ? '' : postgres.url.replace(/\/[^/]*$/, `/${server.name}`),
      }
      const named = (name: string, n: number): { jid: string; local: string; password: string }[] => Array.from({ length: n }, (_, k) => ({ jid: `${name}${k}@${DOMAIN}`, local: `${name}${k}`, password: `secret${k}` }))
      const [many, close] = [named('bench', Math.max(1, count)), named('circle', circle)]
      await server.prepare(place, [...many, ...close])
      let running: Running | null = null
      const lodger = {
        server, folder: place.folder, port: place.port,
        get pid() { return running?.pid ?? 0 },
        accounts: many.map(({ jid, password }, k) => accountOf(k, jid, password)), circle: close.map(({ jid, password }, k) => accountOf(k, jid, password)),
        kept: '',
        start: async (variant: Variant) => {
          running = await server.start(place, variant)
        },
        stop: async () => {
          const before = running
          running = null
          await before?.stop()
        },
      }
      lodgers.push(lodger)
      await lodger.start('routed')
      lodger.kept = await Promise.race([settle(lodger, sizes, signal), cut])
      await lodger.stop()
      told(`${server.name} is set up, with ${many.length + close.length} accounts, in ${((performance.now() - begun) / 1000).toFixed(0)} s`)
      if (signal.aborted) throw new Error('interrupted')
    }
    return house
  } catch (error) {
    await house.close()
    throw error
  }
}

/** Its first log-in, and the subscriptions. @returns how a password is kept */
const settle = async (lodger: Lodger, { contacts }: Sizes, signal: AbortSignal): Promise<string> => {
  const common = { where: whereOf({ host: '127.0.0.1', port: lodger.port }, {}), domain: DOMAIN, pace: flatOut, seconds: null, warmUp: null, joins: 200, patience: PATIENCE, serverPids: [], signal, progress: () => {} }
  const [first] = lodger.accounts
  await replay({ ...common, scripts: [loggingIn()], accounts: lodger.accounts.slice(0, 1), run: 'first' })
  if (lodger.circle.length > 0) {
    const { measures: { counts } } = await replay({ ...common, scripts: [subscribing(contacts)], accounts: lodger.circle, run: 'circle' })
    if (counts.gaveUpMust + counts.lost + counts.broken > 0 && !signal.aborted) throw new Error(`${lodger.server.name} did not subscribe ${contacts} contacts to a presence; its log is in ${lodger.folder}`)
  }
  const keys = first?.secret.keys
  return keys === undefined ? 'it does not say (SASL PLAIN)' : `SCRAM-${keys.digest === 'sha256' ? 'SHA-256' : 'SHA-1'}, ${keys.iterations} iterations`
}

const hasPostgres = (env: Environment): boolean => {
  try {
    return findPrograms(env) !== ''
  } catch {
    return false
  }
}

const query = async (url: string, text: string): Promise<Record<string, unknown>[]> => {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(text)).rows
  } finally {
    await client.end()
  }
}

const versionOf = async ({ url }: Postgres): Promise<string> => `Postgres ${String((await query(url, 'show server_version'))[0]?.['server_version'])}`
