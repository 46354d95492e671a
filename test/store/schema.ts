// schema.sql: applied at every start, by as many processes as start.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { SCHEMA_VERSION, applySchema, schemaVersion } from '../../lib/store/schema.js'
import { testDatabase } from '../helpers/database.js'
import { ROOT } from '../helpers/root.js'

const db = await testDatabase(t)
const empty = async (): Promise<void> => {
  await db.query('drop schema public cascade')
  await db.query('create schema public')
}
const tables = async (): Promise<string[]> => (await db.query<{ name: string }>(
  'select tablename as name from pg_tables where schemaname = current_schema()')).map((row) => row.name).toSorted()
const WANTED = [...readFileSync(join(ROOT, 'schema.sql'), 'utf8').matchAll(/^create table if not exists (\w+)/gm)]
  .map((match) => match[1] as string).toSorted()

t.test('an empty database has version 0; once applied it has every table and this program\'s version', async (t) => {
  await empty()
  t.equal(await schemaVersion(db), 0)
  await applySchema(db)
  t.equal(await schemaVersion(db), SCHEMA_VERSION)
  t.ok(WANTED.length > 5)
  t.same(await tables(), WANTED)
})

t.test('applied again it changes nothing and loses nothing', async (t) => {
  await db.query('insert into account (account, generation) values ($1, 7)', ['juliet@capulet.example'])
  const shape = (): Promise<unknown[]> => db.query(`
    select table_name, column_name, data_type, column_default, is_nullable from information_schema.columns
    where table_schema = current_schema() order by 1, 2`)
  const before = await shape()
  await applySchema(db)
  await db.query('update schema_version set digest = null')
  await applySchema(db)
  t.same(await shape(), before)
  t.same(await db.query('select account, generation from account'), [{ account: 'juliet@capulet.example', generation: 7 }])
  t.same(await db.query('select version from schema_version'), [{ version: SCHEMA_VERSION }], 'the version is noted once')
})

t.test('a start that finds it as it is locks no table that other nodes use', async (t) => {
  await applySchema(db)
  const asked: string[] = []
  await applySchema({
    ...db, transaction: (run) => db.transaction((tx) => run({
      ...tx, query: (text, values) => {
        asked.push(text)
        return tx.query(text, values)
      },
    })),
  })
  t.ok(asked.every((text) => text.startsWith('select')), asked.join('; '))
})

t.test('many that start at once on an empty database all come up', async (t) => {
  // on a server each has a connection of its own, as processes have
  for (let round = 0; round < 3; round++) {
    await empty()
    await Promise.all(Array.from({ length: 4 }, () => applySchema(db)))
    t.same(await tables(), WANTED)
    t.same(await db.query('select version from schema_version'), [{ version: SCHEMA_VERSION }])
  }
})

t.test('a database of a newer jidway is refused with what to do, and left as it is', async (t) => {
  await empty()
  await applySchema(db)
  await db.query('insert into schema_version (version) values ($1)', [SCHEMA_VERSION + 1])
  await db.query('drop table private_xml')
  await t.rejects(applySchema(db), { name: 'UsageError', message: /start the newer jidway that made it, or use another database/ })
  t.notOk((await tables()).includes('private_xml'))
})
