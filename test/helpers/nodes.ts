// Nodes of one cluster in this process: whole servers, each with its own connections to one Postgres and one NATS.
import { pino } from 'pino'
import { defaultSettings } from '../../lib/base/config.js'
import type { Settings } from '../../lib/base/config.js'
import type { Clock } from '../../lib/core/ports.js'
import { startServer } from '../../lib/server.js'
import type { Server } from '../../lib/server.js'
import { openDatabase } from '../../lib/store/db.js'
import { ROUTES } from '../../routes/index.js'
import { rawClient } from './client.js'
import type { RawClient } from './client.js'
import { SERVER_URL, testUrl } from './database.js'
import type { Teardown } from './database.js'
import { NEEDS_NATS, natsServer } from './nats.js'
import { addUsers, USERS } from './server.js'

/** Options of a test that needs them. */
export const NEEDS_NODES = { skip: SERVER_URL === undefined ? 'needs a Postgres server: the embedded one belongs to one process' : NEEDS_NATS.skip }

export interface ClusterNode extends Server {
  readonly id: string
  /** Warnings and errors. */
  readonly complaints: string[]
  login(user: string, resource?: string): Promise<RawClient>
  client(): Promise<RawClient>
}

export interface TestCluster {
  readonly nodes: readonly [ClusterNode, ClusterNode, ClusterNode]
  readonly databaseUrl: string
  readonly natsUrl: string
  start(id: string, more?: Partial<Settings>, clock?: Clock): Promise<ClusterNode>
}

let clusters = 0

export const testNodes = async (t: Teardown, overrides: Partial<Settings> = {}): Promise<TestCluster> => {
  const { url: natsUrl } = await natsServer(t)
  const databaseUrl = await testUrl(t)
  const prefix = `nodes${++clusters}`
  const start = async (id: string, more: Partial<Settings> = {}, clock?: Clock): Promise<ClusterNode> => {
    const settings = defaultSettings({
      insecureLoopback: true, c2sPort: 0, c2sTlsPort: null, httpPort: null, httpsPort: null, host: '127.0.0.1', pbkdf2Iterations: 4096, stopTimeout: 2,
      natsUrl, databaseUrl, lease: 2, grace: 8, ...overrides, ...more,
    })
    const complaints: string[] = []
    const log = pino({ level: 'warn' }, { write: (line: string) => void complaints.push(line) })
    const db = await openDatabase({ url: databaseUrl, data: '', connections: 4 })
    const server = await startServer({ settings, routes: ROUTES, log, db, tls: null, node: id, natsPrefix: prefix, ...(clock === undefined ? {} : { clock }) })
    let stopped: Promise<void> | null = null
    const stop = (): Promise<void> => (stopped ??= server.stop())
    t.teardown(stop)
    const client = async (): Promise<RawClient> => {
      const raw = await rawClient(server.ports.c2s as number)
      t.teardown(() => raw.destroy())
      return raw
    }
    const login = async (user: string, resource?: string): Promise<RawClient> => {
      const raw = await (await client()).login(user, user, resource)
      raw.proves = true
      return raw
    }
    return { ...server, stop, id, complaints, client, login }
  }
  const a = await start('a')
  await addUsers(a.db, USERS)
  return { nodes: [a, await start('b'), await start('c')], databaseUrl, natsUrl, start }
}
