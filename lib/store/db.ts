// One interface over a Postgres server and the embedded Postgres: the same SQL, the same types in the rows.
import pg from 'pg'
import { AwayError, UsageError } from '../base/errors.js'
import type { Db } from '../core/ports.js'
import type { Database } from './database.js'
import { openEmbedded } from './embedded.js'
import { runTransaction } from './transaction.js'

export type { Database } from './database.js'

export interface DatabaseOptions {
  /** postgres://…; null: embedded, in `data`. */
  readonly url: string | null
  readonly data: string
  /** Connections to a Postgres server; the embedded one has one. */
  readonly connections: number
  /** ms that a server has to answer a statement. */
  readonly answerWithin?: number
}

/**
 * ms, of every connection: a node that stands still, or whose network is gone, must not hold its rows, and with them everybody
 * (durability.md D4). Measured: a process stopped inside a group commit held the cluster without end.
 */
export const TIMEOUTS = {
  idle_in_transaction_session_timeout: 1000, lock_timeout: 5000, statement_timeout: 30_000,
  // over TCP, and where the server's system has it; `doctor` says so where not
  tcp_user_timeout: 10_000,
} as const

/** By a statement, and not as parameters of the start: poolers refuse those, or take them and do nothing. */
export const limit = async (client: Pick<pg.ClientBase, 'query'>): Promise<void> => {
  const names = Object.keys(TIMEOUTS)
  await client.query(`select ${names.map((_, i) => `set_config($${2 * i + 1}, $${2 * i + 2}, false)`).join(', ')}`, Object.entries(TIMEOUTS).flatMap(([name, ms]) => [name, String(ms)]))
}

/** Throws UsageError where the server, or what stands before it, does not keep to them. */
const checkLimits = async (pool: pg.Pool): Promise<void> => {
  const { rows } = await pool.query<{ name: keyof typeof TIMEOUTS; setting: string }>('select name, setting from pg_settings where name = any($1)', [Object.keys(TIMEOUTS)])
  for (const { name, setting } of rows) {
    if (Number(setting) === TIMEOUTS[name] || name === 'tcp_user_timeout') continue
    throw new UsageError(`the database does not keep to ${name}: it was set to ${TIMEOUTS[name]} ms and is ${setting} ms. ` +
      'If a pooler stands before it, let it pool sessions and not transactions, or point DATABASE_URL at Postgres itself')
  }
}

const CONNECT_TIMEOUT = 10_000
/**
 * ms: a server whose machine has vanished says nothing at all, and our system would wait for it a quarter of an hour. One that is
 * there has ended the statement itself by then. The connection goes, another is made.
 */
const ANSWER_WITHIN = TIMEOUTS.statement_timeout + 5000
/** A result of one node, one batch: none is larger. */
export const INT8 = 20

export const openDatabase = (options: DatabaseOptions): Promise<Database> =>
  options.url === null ? openEmbedded(options.data) : openPostgres(options.url, options.connections, options.answerWithin ?? ANSWER_WITHIN)

// the pool waits for what it returns, whatever its type says
const onConnect = (client: pg.ClientBase): void => {
  // one that breaks while a transaction stands still emits this to nobody, which would end the process
  client.on('error', () => {})
  return limit(client) as unknown as void
}

const openPostgres = async (url: string, connections: number, answerWithin: number): Promise<Database> => {
  const types = { getTypeParser: (oid: number, format?: 'text' | 'binary') => (oid === INT8 ? Number : pg.types.getTypeParser(oid, format as 'text')) }
  const pool = new pg.Pool({
    connectionString: url, max: connections, types: types as pg.CustomTypesConfig, keepAlive: true,
    connectionTimeoutMillis: CONNECT_TIMEOUT, query_timeout: answerWithin, application_name: 'jidway',
    onConnect,
  })
  // a connection that breaks while idle is replaced by the pool; queries on it get their own errors
  pool.on('error', () => {})
  const named = namer()
  const on = (client: pg.Pool | pg.PoolClient): Db['query'] => async <R>(text: string, values: readonly unknown[] = []): Promise<R[]> => {
    try {
      const { rows } = await client.query({ name: named(text), text, values: values as unknown[] })
      return rows as R[]
    } catch (error) {
      return asAway(error)
    }
  }
  const database: Database = {
    kind: 'postgres',
    query: on(pool),
    transaction: async (run) => {
      const client = await pool.connect().catch((error: unknown) => {
        throw new AwayError(error)
      })
      let broken: Error | undefined
      try {
        await client.query('begin').catch(asAway)
        return await runTransaction(on(client), run, {
          commit: () => client.query('commit').catch(asAway),
          rollback: () => client.query('rollback').catch((error: Error) => {
            broken = error
          }),
        })
      } finally {
        client.release(broken)
      }
    },
    close: () => pool.end(),
  }
  try {
    await checkLimits(pool)
  } catch (error) {
    await pool.end()
    if (error instanceof UsageError) throw error
    throw new UsageError(`the database does not answer (${(error as Error).message}); check DATABASE_URL, and that Postgres is running`, { cause: error })
  }
  return database
}

/**
 * Whether the server could not be reached, was lost or stopped under the statement, or took too long: SQLSTATE classes 08
 * (connection), 40 (it would have waited for itself: a deadlock), 53 (resources), 57 (shutdown, time-out), 58 (system), the other
 * time-outs, or an error of the socket.
 */
const isAway = (error: unknown): boolean => {
  const { code, message } = error as { code?: unknown; message: string }
  // pg has no code for a connection that was cut, or could not be made in time
  return typeof code === 'string' ? /^(?:08|40|53|57|58|55P03|25P03|E[A-Z]{3,})/.test(code) : /connect|terminat|time-?out|not queryable/i.test(message)
}

const asAway = (error: unknown): never => {
  throw isAway(error) ? new AwayError(error) : error
}

/** Names for prepared statements. Texts are constants of the source, so there are few. */
const namer = (): (text: string) => string => {
  const names = new Map<string, string>()
  return (text) => {
    let name = names.get(text)
    if (name === undefined) {
      name = `s${names.size}`
      names.set(text, name)
    }
    return name
  }
}
