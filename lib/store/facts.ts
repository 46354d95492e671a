// What `doctor` wants to know of the database. It only reads.
import type { Db } from '../core/ports.js'
import type { Database } from './db.js'
import { nodes } from './node.js'
import type { NodeRow } from './node.js'
import { SCHEMA_VERSION, schemaVersion } from './schema.js'

export interface DatabaseFacts {
  readonly kind: Database['kind']
  readonly version: string
  /** Schema version: of this program, and in the database (0: none yet). */
  readonly schemaWanted: number
  readonly schemaFound: number
  readonly fsync: boolean
  readonly fullPageWrites: boolean
  readonly synchronousCommit: string
  /** Who copies its log now, and those of which a commit waits for (D20). */
  readonly standbys: number
  readonly synchronousStandbyNames: string
  /** ms after which the server gives up a connection that takes nothing (D4); 0: never. null: not over TCP. */
  readonly tcpUserTimeout: number | null
  /** The database's clock, ms since 1970. */
  readonly now: number
  readonly nodes: readonly NodeRow[]
}

interface ServerRow {
  version: string
  fsync: string
  fullPageWrites: string
  synchronousCommit: string
  standbys: number
  synchronousStandbyNames: string
  tcpUserTimeout: number | null
  now: number
}

const serverRow = async (db: Db): Promise<ServerRow> => {
  const [row] = await db.query<ServerRow>(`
    select 'Postgres ' || current_setting('server_version') as version, current_setting('fsync') as fsync,
      current_setting('full_page_writes') as "fullPageWrites", current_setting('synchronous_commit') as "synchronousCommit",
      (select count(*)::int from pg_stat_replication) as standbys, current_setting('synchronous_standby_names') as "synchronousStandbyNames",
      case when inet_server_addr() is not null then (select setting::int from pg_settings where name = 'tcp_user_timeout') end as "tcpUserTimeout",
      (extract(epoch from clock_timestamp()) * 1000)::float8 as now`)
  return row as ServerRow
}

export const databaseFacts = async (db: Database): Promise<DatabaseFacts> => {
  const { fsync, fullPageWrites, ...row } = await serverRow(db)
  const schemaFound = await schemaVersion(db)
  return {
    ...row, kind: db.kind, schemaWanted: SCHEMA_VERSION, schemaFound, fsync: fsync === 'on', fullPageWrites: fullPageWrites === 'on',
    nodes: schemaFound === 0 ? [] : await nodes(db),
  }
}
