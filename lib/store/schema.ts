// Applying schema.sql: at a start that finds it changed, idempotent, safe when several processes start at once. Where nothing has
// changed nothing is done: even statements that find all there lock tables, which other nodes are using.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { UsageError } from '../base/errors.js'
import type { Db } from '../core/ports.js'

/** Of this program. Raise it with each change of schema.sql that older programs could not live with. */
export const SCHEMA_VERSION = 3

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

/** null: not known; a database of before had no such column. */
const appliedDigest = async (tx: Db): Promise<string | null> => {
  const [row] = await tx.query<{ digest: string | null }>("select to_jsonb(v) ->> 'digest' as digest from schema_version v where version = $1", [SCHEMA_VERSION])
  return row?.digest ?? null
}

/** Up to version 2 messages waited in a table of their own: they become entries of the log. */
const fromOffline = async (tx: Db): Promise<void> => {
  const [table] = await tx.query<{ found: boolean }>('select to_regclass(\'offline\') is not null as found')
  if (table?.found !== true) return
  await tx.query(`
    with moved as (
      insert into log (account, seq, mark, at, peer, flags, xml)
      select o.account, a.seq + row_number() over (partition by o.account order by o.id), 0, o.at, o.sender, 2, o.xml
        from offline o join account a on a.account = o.account
      returning account, seq)
    update account a set seq = m.seq from (select account, max(seq) as seq from moved group by account) m where a.account = m.account`)
  await tx.query('drop table offline')
}

/** Throws UsageError where the database belongs to a newer jidway. */
export const applySchema = (db: Db): Promise<void> => db.transaction(async (tx) => {
  await tx.query('select pg_advisory_xact_lock($1)', [LOCK])
  const found = await schemaVersion(tx)
  if (found > SCHEMA_VERSION) {
    throw new UsageError(`the database has schema version ${found}, this jidway knows ${SCHEMA_VERSION}: start the newer jidway that made it, or use another database`)
  }
  const text = schemaFile()
  const digest = createHash('sha256').update(text).digest('base64')
  if (found === SCHEMA_VERSION && await appliedDigest(tx) === digest) return
  for (const statement of statements(text)) await tx.query(statement)
  if (found > 0 && found < 3) await fromOffline(tx)
  if (found < SCHEMA_VERSION) await tx.query('insert into schema_version (version) values ($1)', [SCHEMA_VERSION])
  await tx.query('update schema_version set digest = $2 where version = $1', [SCHEMA_VERSION, digest])
})
