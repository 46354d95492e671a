// One interface over both engines: what a statement, a transaction and a failure mean must not depend on which runs.
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { openDatabase } from '../../lib/store/db.js'
import type { Db } from '../../lib/core/ports.js'
import { ENGINE, testDatabase } from '../helpers/database.js'

const db = await testDatabase(t)
await db.query('create table note (id bigint generated always as identity, text text not null unique)')
t.beforeEach(() => db.query('truncate note'))

const note = (to: Db, text: string): Promise<unknown> => to.query('insert into note (text) values ($1)', [text])
const notes = async (): Promise<string[]> => (await db.query<{ text: string }>('select text from note order by id')).map((row) => row.text)

t.test('rows hold the same types whatever the engine', async (t) => {
  const [row] = await db.query(`
    select 9007199254740991::bigint as int8, count(*) as count, 7::int as int4, 1.5::float8 as float8, true as bool, null::text as nothing,
      array['a', 'b']::text[] as texts, timestamptz '2026-11-24 12:00:00.5+01' as at from note`)
  t.strictSame(row, {
    int8: Number.MAX_SAFE_INTEGER, count: 0, int4: 7, float8: 1.5, bool: true, nothing: null,
    texts: ['a', 'b'], at: new Date('2026-11-24T11:00:00.5Z'),
  })
})

t.test('arrays go in as they come out, with null, numbers beyond 32 bits and any text', async (t) => {
  const texts = ['', 'NULL', '{"a","b"}', '\\', "'; drop table note; --", 'Γερτρούδη 𝄞', 'line\nline\ttab']
  const rows = await db.query<{ text: string; number: number; maybe: number | null }>(
    'select * from unnest($1::text[], $2::bigint[], $3::int[]) as e (text, number, maybe)',
    [texts, texts.map((_, i) => 2 ** 40 + i), texts.map((_, i) => (i % 2 === 0 ? null : i))])
  t.strictSame(rows, texts.map((text, i) => ({ text, number: 2 ** 40 + i, maybe: i % 2 === 0 ? null : i })))
})

t.test('a transaction answers what its work answered, and its work is there', async (t) => {
  t.equal(await db.transaction(async (tx) => {
    await note(tx, 'a')
    await note(tx, 'b')
    return 'done'
  }), 'done')
  t.same(await notes(), ['a', 'b'])
})

t.test('a transaction that throws rolls back, and throws just that', async (t) => {
  const error = new Error('no')
  await t.rejects(db.transaction(async (tx) => {
    await note(tx, 'a')
    throw error
  }), error)
  t.same(await notes(), [])
})

t.test('a statement that fails rolls its transaction back, and says why with the code of Postgres', async (t) => {
  await t.rejects(db.transaction(async (tx) => {
    await note(tx, 'a')
    await note(tx, 'a')
  }), { code: '23505', message: /note_text_key/ })
  t.same(await notes(), [])
  await note(db, 'after')
  t.same(await notes(), ['after'], 'the connection is as good as before')
})

t.test('a transaction that hides a failed statement is not taken for committed', async (t) => {
  // Postgres answers COMMIT with a silent ROLLBACK there
  await t.rejects(db.transaction(async (tx) => {
    await note(tx, 'a')
    await note(tx, 'a').catch(() => {})
    return 'done'
  }), { code: '23505' })
  t.same(await notes(), [])
})

t.test('a transaction inside another is part of it', async (t) => {
  await t.rejects(db.transaction(async (tx) => {
    await tx.transaction((inner) => note(inner, 'inner'))
    throw new Error('outer')
  }), /outer/)
  t.same(await notes(), [])
  await db.transaction((tx) => tx.transaction((inner) => note(inner, 'inner')))
  t.same(await notes(), ['inner'])
})

t.test('nobody sees half of a transaction', async (t) => {
  let seen: Promise<string[]> = Promise.resolve([])
  await db.transaction(async (tx) => {
    await note(tx, 'a')
    seen = notes() // not awaited: on one connection it has to wait for the end
    await sleep(20)
    await note(tx, 'b')
  })
  t.ok([0, 2].includes((await seen).length))
})

t.test('what is asked beside a transaction does not go down with it', async (t) => {
  let beside: Promise<unknown> = Promise.resolve()
  await t.rejects(db.transaction(async (tx) => {
    await note(tx, 'inside')
    beside = note(db, 'beside')
    await sleep(20)
    throw new Error('down')
  }), /down/)
  await beside
  t.same(await notes(), ['beside'])
})

t.test('a statement that comes after its transaction is refused, not run in somebody else\'s', async (t) => {
  let kept: Db | null = null
  await db.transaction(async (tx) => {
    kept = tx
    await note(tx, 'in time')
  })
  await t.rejects(note(kept as unknown as Db, 'late'), /the transaction is over/)
  t.same(await notes(), ['in time'])
})

t.test('many transactions at once, more than there are connections, keep each other\'s work', async (t) => {
  await db.query('create table counter (n int not null)')
  await db.query('insert into counter values (0)')
  await Promise.all(Array.from({ length: 40 }, () => db.transaction(async (tx) => {
    const [row] = await tx.query<{ n: number }>('select n from counter for update')
    await tx.query('update counter set n = $1', [(row?.n ?? NaN) + 1])
  })))
  t.same(await db.query('select n from counter'), [{ n: 40 }])
})

const onlyServer = { skip: ENGINE === 'embedded' ? 'the embedded engine has no such time-out' : false }
t.test('a transaction that stands still loses its connection, and the server lives on', onlyServer, async (t) => {
  await t.rejects(db.transaction(async (tx) => {
    await note(tx, 'a')
    await sleep(1500) // idle_in_transaction_session_timeout is a second
    await note(tx, 'b')
  }), 'it cannot go on')
  t.same(await notes(), [])
})

t.test('a database that does not answer is told with what to check', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve)) // nobody listens there now
  const opening = openDatabase({ url: `postgres://romeo:montague@127.0.0.1:${port}/x`, data: '', connections: 1 })
  const error = await opening.then(() => null, (e: Error) => e)
  t.match(error, { name: 'UsageError', message: /check DATABASE_URL, and that Postgres is running/ })
  t.notMatch(error?.message, /montague/, 'without the password')
})

t.test('after its end a database refuses at once', async (t) => {
  const own = await testDatabase(t)
  await own.query('select 1')
  await own.close()
  await t.rejects(own.query('select 1'))
  await t.rejects(own.transaction((tx) => tx.query('select 1')))
})

t.test('a database that was lost is told apart from a statement that is wrong', async (t) => {
  const other = await testDatabase(t)
  t.not((await other.query('select nonsense').catch((error: Error) => error) as Error).name, 'AwayError')
  if (other.kind === 'postgres') {
    const lost = other.transaction(async (tx) => {
      const [row] = await tx.query<{ pid: number }>('select pg_backend_pid() as pid')
      await db.query('select pg_terminate_backend($1)', [row?.pid])
      await new Promise((resolve) => setTimeout(resolve, 100))
      return tx.query('select 1')
    })
    await t.rejects(lost, { name: 'AwayError' })
    const atTheEnd = other.transaction(async (tx) => {
      const [row] = await tx.query<{ pid: number }>('select pg_backend_pid() as pid')
      await db.query('select pg_terminate_backend($1)', [row?.pid])
      await new Promise((resolve) => setTimeout(resolve, 100))
    })
    await t.rejects(atTheEnd, { name: 'AwayError' }, 'at its commit, too')
    t.same(await other.query('select 1 as one'), [{ one: 1 }], 'and the next connection is a new one')
  } else {
    await other.close()
    await t.rejects(other.query('select 1'), { name: 'AwayError' })
  }
})
