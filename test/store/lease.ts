// The lease in the `node` table: what ends an epoch, what does not, and who of many gets to reap.
import t from 'tap'
import { AwayError } from '../../lib/base/errors.js'
import type { Db } from '../../lib/core/ports.js'
import { leaseStore } from '../../lib/store/lease.js'
import { nodes, registerNode, signOff } from '../../lib/store/node.js'
import { applySchema } from '../../lib/store/schema.js'
import { testDatabase } from '../helpers/database.js'

const db = await testDatabase(t)
const store = (id: string, epoch = 1) => leaseStore(db, { id, epoch }, 5000)
const counter = async (id: string): Promise<number> => (await db.query<{ renewal: number }>('select renewal from node where id = $1', [id]))[0]?.renewal as number
t.beforeEach(async () => {
  await db.query('delete from node')
  await db.query("insert into node (id, epoch) values ('a', 1), ('b', 1), ('c', 1)")
})

t.test('a renewal raises the counter and tells the time of the database; one of another epoch is lost and raises nothing', async (t) => {
  const at = await store('a').renew() as number
  t.ok(Math.abs(at - Date.now()) < 5000, 'ms since 1970')
  t.ok((await store('a').renew() as number) > at)
  t.equal(await counter('a'), 2)
  t.equal(await store('a', 2).renew(), null)
  t.equal(await store('nobody').renew(), null)
  t.equal(await counter('a'), 2)
})

t.test('a node sees all others, but none that was reaped', async (t) => {
  await store('b').renew()
  await signOff(db, { id: 'c', epoch: 1 })
  t.strictSame(await store('a').watch(), [{ id: 'b', epoch: 1, counter: 1, signedOff: false }, { id: 'c', epoch: 1, counter: 0, signedOff: true }])
  t.ok(await store('a').reap('c', 1, 0))
  t.same((await store('a').watch()).map(({ id }) => id), ['b'])
})

t.test('reaped, an epoch is over: no renewal, no route to its sessions, and no second reaper', async (t) => {
  t.equal(await store('b').reap('a', 1, 0), true)
  t.equal(await store('a').renew(), null)
  t.same((await nodes(db)).map(({ id }) => id), ['b', 'c'])
  t.equal(await store('c').reap('a', 1, 0), false)
  t.equal(await store('b', 2).reap('a', 1, 0), false, 'another life of the reaper is another one')
  t.equal(await store('b').reap('a', 1, 0), true, 'who asks again after a lost answer gets the same one')
})

t.test('a counter that moved, or a new epoch, wins against a reap', async (t) => {
  await store('a').renew()
  t.equal(await store('b').reap('a', 1, 0), false)
  t.ok(await store('a').renew())
  await db.query("update node set signed_off = true where id <> 'a'")
  await db.query('delete from node where id <> $1', ['a'])
  await registerNode(db, 'a')
  t.equal(await store('b').reap('a', 1, 2), false)
  t.equal(await store('b').reap('a', 1, 0), false, 'the counter of the new epoch, and the old epoch')
  t.ok(await store('a', 2).renew())
})

t.test('one that signed off renews no more, and can be reaped', async (t) => {
  await signOff(db, { id: 'a', epoch: 1 })
  t.equal(await store('a').renew(), null)
  t.equal(await store('b').reap('a', 1, 0), true)
})

t.test('a node that was reaped starts afresh, with nothing left of it', async (t) => {
  await db.query('delete from node where id = $1', ['c'])
  await store('b').reap('a', 1, 0)
  await signOff(db, { id: 'b', epoch: 1 })
  const node = await registerNode(db, 'a')
  t.equal(node.epoch, 2)
  t.ok(await store('a', 2).renew())
  t.match(await store('b').watch(), [{ id: 'a', epoch: 2, counter: 1, signedOff: false }])
})

t.test('of a renewal and many reaps at once exactly one wins', async (t) => {
  let renewals = 0
  for (let round = 0; round < 20; round++) {
    await db.query("update node set renewal = 0, signed_off = false, reaped_by = null where id = 'a'")
    const renewal = round % 2 === 0 ? store('a').renew() : null
    const reaps = await Promise.all(['b', 'c', 'd'].map((id) => store(id).reap('a', 1, 0)))
    const renewed = (await (renewal ?? store('a').renew())) !== null
    t.equal(reaps.filter((done) => done).length + Number(renewed), 1)
    renewals += Number(renewed)
  }
  t.comment(`${renewals} of 20 were won by the renewal`)
})

t.test('a table of before gets the column, and nobody in it is reaped', async (t) => {
  await db.query('alter table node drop column reaped_by')
  await db.query('update schema_version set digest = null')
  await applySchema(db)
  t.ok(await store('a').renew())
  t.equal((await store('a').watch()).length, 2)
})

t.test('a database that says nothing is away after the time-out; one that fails says so itself', async (t) => {
  const deaf: Db = { query: () => new Promise(() => {}), transaction: () => new Promise(() => {}) }
  const keep = setTimeout(() => {}, 5000) // the time-out itself keeps no process alive
  await t.rejects(leaseStore(deaf, { id: 'a', epoch: 1 }, 20).renew(), AwayError)
  clearTimeout(keep)
  const away: Db = { ...deaf, query: () => Promise.reject(new AwayError('gone')) }
  await t.rejects(leaseStore(away, { id: 'a', epoch: 1 }, 1000).watch(), { message: /gone/ })
})
