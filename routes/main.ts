#!/usr/bin/env node
// The starter: the only file that touches the process's environment. It hands the commands what they need, and loads the
// database and the server only when one is asked for, so that `config` and `--help` answer at once.
import { availableParallelism } from 'node:os'
import type { Settings } from '../lib/base/config.js'
import { JidError, parseJid } from '../lib/base/jid.js'
import { VERSION } from '../lib/base/version.js'
import { run } from '../lib/cli/commands.js'
import type { Accounts, CertificateFiles, Credentials, Deps, Running } from '../lib/cli/deps.js'
import { environmentForAllCores, startAgain } from '../lib/cli/threads.js'
import type { Database } from '../lib/store/db.js'
import type { Credential } from '../lib/wire/scram-keys.js'

/** EX_TEMPFAIL of sysexits.h */
const TEMPORARY = 75

const account = (text: string): string | null => {
  try {
    const { bare, local, resource } = parseJid(text)
    return local === '' || resource !== '' ? null : bare
  } catch (error) {
    if (error instanceof JidError) return null
    throw error
  }
}

const openDatabase = async ({ databaseUrl, data, dbConnections }: Settings): Promise<Database> => {
  const { openDatabase: open } = await import('../lib/store/db.js')
  return open({ url: databaseUrl, data, connections: dbConnections })
}

const accountsOf = async (db: Database): Promise<Accounts> => {
  const store = await import('../lib/store/accounts.js')
  const typed = (credentials: Credentials): readonly Credential[] => credentials as readonly Credential[]
  return {
    add: list => store.addAccounts(db, list.map(({ jid, credentials }) => ({ account: jid, credentials: typed(credentials) }))),
    setPassword: (jid, credentials) => store.setCredentials(db, jid, typed(credentials)),
    remove: jid => store.deleteAccount(db, jid),
    list: (after, limit) => store.listAccounts(db, after, limit),
  }
}

const certificateFiles = async ({ tlsCert, tlsKey, data }: Settings): Promise<CertificateFiles> => {
  if (tlsCert !== null && tlsKey !== null) return { cert: tlsCert, key: tlsKey, ca: null }
  const { developmentFiles } = await import('../lib/wire/tls-context.js')
  return developmentFiles(`${data}/tls`)
}

const startServer = async (settings: Settings, allMetrics?: () => Promise<string>): Promise<Running> => {
  const [server, { ROUTES }, { developmentCertificate }, { makeLog }, { nodeId }, { databaseFacts }] = await Promise.all([
    import('../lib/server.js'), import('./index.js'), import('../lib/wire/tls-context.js'), import('../lib/cli/log.js'),
    import('../lib/cli/node-id.js'), import('../lib/store/facts.js'),
  ])
  const files = await certificateFiles(settings)
  const tls = files.ca === null ? files : await developmentCertificate(`${settings.data}/tls`, settings.domain)
  const log = makeLog(settings, process.stderr.isTTY)
  const node = await nodeId(settings)
  const db = await openDatabase(settings) // the server closes it, also where its start fails
  const started = await server.startServer({
      settings, routes: ROUTES, log, db, tls, node, ...(allMetrics === undefined ? {} : { allMetrics }),
      lost: () => {
        // what started it starts it again, as another life
        process.stderr.write('this node was declared over by others, and its sessions are theirs; it ends, and may be started again\n')
        process.exit(TEMPORARY)
      },
    })
  return {
    ports: started.ports,
    tls,
    // contacts hear of it, and sessions end
    accounts: { ...await accountsOf(started.db), remove: jid => started.removeAccount(jid) },
    facts: () => databaseFacts(started.db),
    cluster: () => started.cluster(),
    trace: query => started.trace(query),
    reload: () => started.reload(),
    close: () => started.stop(),
  }
}

const deps: Deps = {
  version: VERSION,
  account,
  derive: async (password, iterations) => (await import('../lib/wire/scram-keys.js')).deriveCredentials(password, iterations),
  openDatabase: async settings => {
    const db = await openDatabase(settings)
    try {
      await (await import('../lib/store/schema.js')).applySchema(db)
    } catch (error) {
      await db.close()
      throw error
    }
    return { accounts: await accountsOf(db), close: () => db.close() }
  },
  inspectDatabase: settings => inspect(settings),
  inspectNats: async url => (await import('../lib/cluster/bus.js')).largestOver(url),
  trace: (settings, query) => traceOffline(settings, query),
  startServer,
  certificateFiles,
}

/** Under the lock that the embedded database needs, and without making anything; null: there is no database yet. */
const reading = async <T>(settings: Settings, act: (db: Database) => Promise<T>): Promise<T | null> => {
  const [{ existsSync }, { approach }] = await Promise.all([import('node:fs'), import('../lib/cli/access.js')])
  if (settings.databaseUrl === null && !existsSync(`${settings.data}/pg`)) return null
  const lock = await approach(settings)
  if (lock === 'server') throw new Error('a server has just been started; ask again')
  try {
    const db = await openDatabase(settings)
    try {
      return await act(db)
    } finally {
      await db.close()
    }
  } finally {
    await lock?.close()
  }
}

const inspect = async (settings: Settings): ReturnType<Deps['inspectDatabase']> => reading(settings, (await import('../lib/store/facts.js')).databaseFacts)

const traceOffline: Deps['trace'] = async (settings, query) => {
  const [{ traceMessages }, { traceStore }, { SCHEMA_VERSION, schemaVersion }] = await Promise.all([
    import('../lib/core/trace.js'), import('../lib/store/trace.js'), import('../lib/store/schema.js'),
  ])
  return reading(settings, async (db) => {
    const found = await schemaVersion(db)
    if (found === SCHEMA_VERSION) return traceMessages(null, traceStore(db), query)
    throw new Error(`the database has schema version ${found}, this jidway knows ${SCHEMA_VERSION}: ${found < SCHEMA_VERSION ? 'it is brought up to date at the next start' : 'run the newer jidway that made it'}`)
  })
}

// who reads may have heard enough (`doctor | head`); a server goes on without
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

const args = process.argv.slice(2)
const again = environmentForAllCores(args, process.env, availableParallelism())
process.exitCode = again === null ? await run(args, deps, process) : await startAgain(again)
