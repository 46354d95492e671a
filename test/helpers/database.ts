// A fresh database for a test: embedded by default, copied from a template that is made once; on a Postgres server, a
// database of its own, when JIDWAY_TEST_DATABASE_URL is set. CI runs the suite on both.
import { createHash, randomBytes } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { AwayError } from '../../lib/base/errors.js'
import { openDatabase } from '../../lib/store/db.js'
import type { Database } from '../../lib/store/db.js'
import { applySchema } from '../../lib/store/schema.js'
import { ROOT } from './root.js'

export const SERVER_URL = process.env['JIDWAY_TEST_DATABASE_URL']
export const ENGINE = SERVER_URL === undefined ? 'embedded' : 'postgres'

/** The part of tap's test object that is needed here. */
export interface Teardown {
  teardown(work: () => void | Promise<void>): void
}

/** The template's name tells what it was made from, so that a change makes a new one. */
const templateFolder = (): string => {
  const engine = readFileSync(join(ROOT, 'node_modules/@electric-sql/pglite/package.json'), 'utf8')
  const key = createHash('sha256').update(readFileSync(join(ROOT, 'schema.sql'))).update(engine).digest('hex').slice(0, 16)
  return join(tmpdir(), `jidway-test-template-${key}`)
}

const template = async (): Promise<string> => {
  const folder = templateFolder()
  if (existsSync(folder)) return folder
  // several test processes may make it at once; the first to rename its own wins
  const made = mkdtempSync(join(tmpdir(), 'jidway-test-making-'))
  const db = await openDatabase({ url: null, data: made, connections: 1 })
  await applySchema(db)
  await db.close()
  try {
    renameSync(made, folder)
  } catch {
    rmSync(made, { recursive: true, force: true })
  }
  return folder
}

/** A data folder with an embedded database inside that has the schema. */
export const testFolder = async (t: Teardown): Promise<string> => {
  const folder = mkdtempSync(join(tmpdir(), 'jidway-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  mkdirSync(folder, { recursive: true })
  cpSync(await template(), folder, { recursive: true })
  return folder
}

const admin = async (sql: string): Promise<void> => {
  const client = new pg.Client({ connectionString: SERVER_URL })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}

/** The address of a fresh database on the server. */
export const testUrl = async (t: Teardown): Promise<string> => {
  const name = `jidway_test_${randomBytes(6).toString('hex')}`
  await admin(`create database ${name} encoding 'UTF8' template template0`)
  t.teardown(() => admin(`drop database if exists ${name} with (force)`))
  const url = new URL(SERVER_URL as string)
  url.pathname = `/${name}`
  return url.toString()
}

/** A database that was opened, and what has to be undone once it is closed. */
interface Opened {
  readonly db: Database
  readonly shape: string
  readonly undo: (() => void | Promise<void>)[]
}

const open = async (): Promise<Opened> => {
  const undo: Opened['undo'] = []
  const later: Teardown = { teardown: (work) => void undo.unshift(work) }
  const options = SERVER_URL === undefined ? { url: null, data: await testFolder(later) } : { url: await testUrl(later), data: '' }
  const db = await openDatabase({ ...options, connections: 4 })
  if (SERVER_URL !== undefined) await applySchema(db)
  return { db, undo, shape: await shapeOf(db) }
}

/** What a test may have made or taken away, counted. */
const shapeOf = async (db: Database): Promise<string> => {
  const counts = ['class', 'attribute where not attisdropped', 'trigger', 'proc', 'constraint', 'rewrite'].map((of) => `(select count(*) from pg_${of})`)
  return JSON.stringify(await db.query(`select ${counts.join(' || \',\' || ')}, (select count(*) from schema_version)`))
}

/** False: a test has changed more than rows. */
const empty = async ({ db, shape }: Opened): Promise<boolean> => {
  const tables = await db.query<{ name: string }>("select tablename as name from pg_tables where schemaname = 'public' and tablename <> 'schema_version'")
  await db.query(`truncate ${tables.map((table) => table.name).join(', ')}`)
  return await shapeOf(db) === shape
}

/** To start the embedded database takes longer than most tests: the next test of this process gets the one that the last has left. */
const spare: Opened[] = []
/** ms that it waits for the next test; the process may end then. */
const SPARED = 100

const letGo = async (opened: Opened): Promise<void> => {
  if (await empty(opened).catch(() => false)) {
    spare.push(opened)
    setTimeout(() => {
      const i = spare.indexOf(opened)
      if (i >= 0) void end(...spare.splice(i, 1) as [Opened])
    }, SPARED)
  } else await end(opened)
}

const end = async ({ db, undo }: Opened): Promise<void> => {
  await db.close()
  for (const work of undo) await work()
}

/** A fresh database with the schema, and nobody's any more at the end of the test. */
export const testDatabase = async (t: Teardown): Promise<Database> => {
  const opened = spare.pop() ?? await open()
  const { db } = opened
  let over: Promise<void> | null = null
  const guarded = <A extends unknown[], R>(work: (...args: A) => Promise<R>) => (...args: A): Promise<R> =>
    (over === null ? work(...args) : Promise.reject(new AwayError('the database of this test is closed')))
  const mine: Database = { kind: db.kind, query: guarded(db.query) as Database['query'], transaction: guarded(db.transaction) as Database['transaction'], close: () => (over ??= letGo(opened)) }
  t.teardown(() => mine.close())
  return mine
}
