// What only the embedded engine has: a thread of its own, one connection, and a queue before it.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import t from 'tap'
import { openDatabase } from '../../lib/store/db.js'
import type { Database } from '../../lib/store/db.js'
import { openEmbedded } from '../../lib/store/embedded.js'
import { testFolder } from '../helpers/database.js'
import type { Teardown } from '../helpers/database.js'

const open = async (t: Teardown): Promise<Database> => openDatabase({ url: null, data: await testFolder(t), connections: 1 })

t.test('a folder that cannot be opened is named', async (t) => {
  const data = t.testdir({})
  writeFileSync(join(data, 'pg'), 'a file where the folder should be')
  await t.rejects(openDatabase({ url: null, data, connections: 1 }), { name: 'UsageError', message: new RegExp(`${data}/pg cannot be opened`) })
})

t.test('a slow statement does not hold the event loop', async (t) => {
  const db = await open(t)
  const before = performance.eventLoopUtilization()
  await db.query('select count(*) from generate_series(1, 1000000)')
  t.ok(performance.eventLoopUtilization(before).utilization < 0.5)
  await db.close()
})

t.test('the queue is bounded: a question too many fails at once, those before it are answered, and then there is room again', async (t) => {
  const db = await openEmbedded(await testFolder(t), 10)
  let release = (): void => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const transaction = db.transaction(() => held) // everything else waits for its end
  const waiting = Array.from({ length: 9 }, (_, i) => db.query('select $1::int as i', [i]))
  await t.rejects(db.query('select 10'), /overloaded/)
  release()
  t.same((await Promise.all(waiting)).flat(), waiting.map((_, i) => ({ i })))
  await transaction
  t.same(await db.query('select 11 as i'), [{ i: 11 }])
  await db.close()
})

t.test('a transaction in progress comes to its end beside a full queue', async (t) => {
  const db = await openEmbedded(await testFolder(t), 10)
  await db.query('create table note (text text not null)')
  const waiting: Promise<unknown>[] = []
  await db.transaction(async (tx) => {
    for (let i = 0; i < 11; i++) waiting.push(db.query('select 1').catch((e: Error) => e.message))
    await tx.query("insert into note values ('in time')")
  })
  const answers = await Promise.all(waiting)
  t.equal(answers.filter((answer) => String(answer).endsWith('the embedded database is overloaded')).length, 1, 'the queue was full: ten waited, one was refused')
  t.same(await db.query('select text from note'), [{ text: 'in time' }])
  await db.close()
})

t.test('what waits when the database ends is refused, never left hanging', async (t) => {
  const db = await open(t)
  const waiting = Array.from({ length: 50 }, () => db.query('select pg_sleep(0.01)'))
  const settled = Promise.allSettled(waiting)
  await db.close()
  t.equal((await settled).length, 50)
  await t.rejects(db.query('select 1'), /has ended/)
})
