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
  readonly synchronousCommit: string
  /** The database's clock, ms since 1970. */
  readonly now: number
  readonly nodes: readonly NodeRow[]
}

interface ServerRow {
  version: string
  fsync: string
  synchronousCommit: string
  now: number
}

const serverRow = async (db: Db): Promise<ServerRow> => {
  const [row] = await db.query<ServerRow>(`
    select 'Postgres ' || current_setting('server_version') as version, current_setting('fsync') as fsync,
      current_setting('synchronous_commit') as "synchronousCommit", (extract(epoch from clock_timestamp()) * 1000)::float8 as now`)
  return row as ServerRow
}

export const databaseFacts = async (db: Database): Promise<DatabaseFacts> => {
  const { version, fsync, synchronousCommit, now } = await serverRow(db)
  const schemaFound = await schemaVersion(db)
  return {
    kind: db.kind, version, schemaWanted: SCHEMA_VERSION, schemaFound, fsync: fsync === 'on', synchronousCommit, now,
    nodes: schemaFound === 0 ? [] : await nodes(db),
  }
}
