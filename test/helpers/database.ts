// A fresh database for a test: embedded by default, copied from a template that is made once; on a Postgres server, a
// database of its own, when JIDWAY_TEST_DATABASE_URL is set. CI runs the suite on both.
import { createHash, randomBytes } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
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

/** A fresh database with the schema, closed and removed at the end of the test. */
export const testDatabase = async (t: Teardown): Promise<Database> => {
  const options = SERVER_URL === undefined ? { url: null, data: await testFolder(t) } : { url: await testUrl(t), data: '' }
  const db = await openDatabase({ ...options, connections: 4 })
  let closed = false
  const close = db.close.bind(db)
  const once: Database = { ...db, close: () => {
    if (closed) return Promise.resolve()
    closed = true
    return close()
  } }
  t.teardown(() => once.close())
  if (SERVER_URL !== undefined) await applySchema(once)
  return once
}
