// A whole server for a test: on free ports of loopback, on a fresh database, with TLS from a development CA.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { defaultSettings } from '../../lib/base/config.js'
import type { Settings } from '../../lib/base/config.js'
import type { Route } from '../../lib/core/route.js'
import { startServer } from '../../lib/server.js'
import type { Server } from '../../lib/server.js'
import { addAccounts } from '../../lib/store/accounts.js'
import type { Database } from '../../lib/store/db.js'
import { deriveCredentials } from '../../lib/wire/scram-keys.js'
import type { Credential } from '../../lib/wire/scram-keys.js'
import { developmentCertificate } from '../../lib/wire/tls-context.js'
import { ROUTES } from '../../routes/index.js'
import { rawClient } from './client.js'
import type { RawClient } from './client.js'
import { testDatabase } from './database.js'
import type { Teardown } from './database.js'

export interface TestServer extends Server {
  readonly settings: Settings
  /** Path of the CA's certificate, PEM. */
  readonly ca: string
  /** All that was logged. */
  readonly logged: { level: number; msg: string; [key: string]: unknown }[]
  readonly c2s: number
  readonly http: number
  /** A logged-in client over plain TCP; password = user. */
  login(user: string, resource?: string): Promise<RawClient>
  client(): Promise<RawClient>
}

/** Passwords are the names. Keys are derived once for a process: tests are many, and each costs milliseconds. */
const keys = new Map<string, Promise<Credential[]>>()
const credentialsFor = (user: string): Promise<Credential[]> => {
  const known = keys.get(user) ?? deriveCredentials(user, 4096)
  keys.set(user, known)
  return known
}

export const addUsers = async (db: Database, users: readonly string[], domain = 'localhost'): Promise<void> => {
  await addAccounts(db, await Promise.all(users.map(async (user) => ({ account: `${user}@${domain}`, credentials: await credentialsFor(user) }))))
}

export const USERS = ['romeo', 'juliet', 'mercutio'] as const

/** The accounts as on their first day, so that tests can share a server: what they had is gone, and their sessions are over. */
export const startOver = async (server: Pick<TestServer, 'db' | 'sessions' | 'removeAccount'>, users: readonly string[] = USERS): Promise<void> => {
  for (const user of users) await server.removeAccount(`${user}@localhost`)
  while (server.sessions.size > 0) await new Promise((resolve) => setTimeout(resolve, 5))
  await addUsers(server.db, users)
}

export const testServer = async (
  t: Teardown, overrides: Partial<Settings> = {}, { routes = ROUTES, users = USERS, db: given }: { routes?: readonly Route[]; users?: readonly string[]; db?: Database } = {},
): Promise<TestServer> => {
  const folder = mkdtempSync(join(tmpdir(), 'jidway-test-tls-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const settings = defaultSettings({
    insecureLoopback: true, c2sPort: 0, c2sTlsPort: 0, httpPort: 0, httpsPort: 0, host: '127.0.0.1', pbkdf2Iterations: 4096, stopTimeout: 2, ...overrides,
  })
  const tls = await developmentCertificate(folder, settings.domain)
  const db = given ?? await testDatabase(t)
  const logged: TestServer['logged'] = []
  const log = pino({ level: 'debug' }, { write: (line: string) => void logged.push(JSON.parse(line) as TestServer['logged'][number]) })
  const server = await startServer({ settings, routes, log, db, tls, node: 'test' })
  let stopped: Promise<void> | null = null
  const stop = (): Promise<void> => (stopped ??= server.stop())
  t.teardown(stop)
  await addUsers(db, users, settings.domain[0] as string)
  const clients: RawClient[] = []
  t.teardown(() => {
    for (const client of clients) client.destroy()
  })
  const client = async (): Promise<RawClient> => {
    const raw = await rawClient(server.ports.c2s as number)
    clients.push(raw)
    return raw
  }
  return {
    ...server, stop, settings, logged, client,
    ca: tls.ca as string,
    c2s: server.ports.c2s as number,
    http: server.ports.http as number,
    login: async (user, resource) => (await client()).login(user, user, resource),
  }
}
