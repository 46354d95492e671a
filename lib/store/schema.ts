// Applying schema.sql: at every start, idempotent, safe when several processes start at once.
import { readFileSync } from 'node:fs'
import { UsageError } from '../base/errors.js'
import type { Db } from '../core/ports.js'

/** Of this program. Raise it with each change of schema.sql that older programs could not live with. */
export const SCHEMA_VERSION = 2

/** Any number that other programs do not use. */
const LOCK = 0x6a_69_64_77 // 'jidw'

// from dist/lib/store/ as from lib/store/
const schemaFile = (): string => {
  for (const up of ['../../schema.sql', '../../../schema.sql']) {
    try {
      return readFileSync(new URL(up, import.meta.url), 'utf8')
    } catch {
      // the other place
    }
  }
  throw new UsageError('schema.sql is missing from the installation')
}

/** Statements one by one: a prepared statement holds one. No text in schema.sql holds a semicolon. */
const statements = (sql: string): string[] => sql.replace(/--.*$/gm, '').split(';').map((s) => s.trim()).filter((s) => s !== '')

/** The version found in the database; 0: none yet. */
export const schemaVersion = async (db: Db): Promise<number> => {
  const [table] = await db.query<{ found: boolean }>('select to_regclass(\'schema_version\') is not null as found')
  if (table?.found !== true) return 0
  const [row] = await db.query<{ version: number | null }>('select max(version) as version from schema_version')
  return row?.version ?? 0
}

/** Throws UsageError where the database belongs to a newer jidway. */
export const applySchema = (db: Db): Promise<void> => db.transaction(async (tx) => {
  await tx.query('select pg_advisory_xact_lock($1)', [LOCK])
  const found = await schemaVersion(tx)
  if (found > SCHEMA_VERSION) {
    throw new UsageError(`the database has schema version ${found}, this jidway knows ${SCHEMA_VERSION}: start the newer jidway that made it, or use another database`)
  }
  for (const statement of statements(schemaFile())) await tx.query(statement)
  if (found < SCHEMA_VERSION) await tx.query('insert into schema_version (version) values ($1)', [SCHEMA_VERSION])
})
