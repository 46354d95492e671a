// Node ids and epochs: who is alone may start, and each start is a life of its own (routing.md, step 10).
import t from 'tap'
import { addAccounts } from '../../lib/store/accounts.js'
import { nodes, registerNode, renew, signOff } from '../../lib/store/node.js'
import { presenceStore, presencesOf } from '../../lib/store/presence.js'
import { testDatabase } from '../helpers/database.js'

const db = await testDatabase(t)
const store = presenceStore(db)
const JULIET = 'juliet@capulet.example'
await addAccounts(db, [{ account: JULIET, credentials: [] }])
t.beforeEach(async () => {
  await db.query('delete from node')
  await db.query('delete from presence')
})

const online = async (node: { id: string; epoch: number }, resource = 'balcony'): Promise<number> => (await store.save([
  { account: JULIET, resource, sessionId: 's', incarnation: 1, node: node.id, epoch: node.epoch, priority: 0, presence: null, fresh: true },
])).raised.get(JULIET)?.generation as number
const generation = async (): Promise<number> => (await store.lookup([JULIET], { node: '', epoch: 0 })).get(JULIET)?.generation as number
const resources = async (): Promise<string[]> => (await presencesOf(db, JULIET)).map((row) => row.resource)
/** Resource, node and epoch. */
const owners = async (): Promise<string[]> => (await db.query<{ resource: string; node: string; epoch: number }>('select resource, node, epoch from presence where account = $1 order by resource', [JULIET]))
  .map((row) => `${row.resource} ${row.node} ${row.epoch}`)
const silent = (id: string, seconds: number): Promise<unknown> =>
  db.query("update node set renewed = now() - $2::float8 * interval '1 second' where id = $1", [id, seconds])

t.test('the epoch rises at each start, after a regular end and after a kill alike', async (t) => {
  const epochs: number[] = []
  for (let start = 0; start < 4; start++) {
    const node = await registerNode(db, 'a')
    epochs.push(node.epoch)
    if (start % 2 === 0) await signOff(db, node)
  }
  t.same(epochs, [1, 2, 3, 4])
  t.match(await nodes(db), [{ id: 'a' }])
})

t.test('a second node beside a living one is refused by name with what to do, and leaves no trace', async (t) => {
  const alive = await registerNode(db, 'alive')
  await online(alive)
  await t.rejects(registerNode(db, 'second'), { name: 'UsageError', message: /node 'alive' uses this database too .*NATS_URL.*Stop it, or/ })
  t.match(await nodes(db), [{ id: 'alive' }])
  t.same(await db.query('select id, epoch from node'), [{ id: 'alive', epoch: 1 }])
  t.same(await resources(), ['balcony'], 'the sessions of the living one stay')
})

t.test('of many that start at once one is alone', async (t) => {
  for (let round = 0; round < 3; round++) {
    await db.query('delete from node')
    const started = await Promise.allSettled(Array.from({ length: 4 }, (_, i) => registerNode(db, `n${i}`)))
    t.equal(started.filter((result) => result.status === 'fulfilled').length, 1)
    for (const result of started) if (result.status === 'rejected') t.match(result.reason, { name: 'UsageError', message: /uses this database too/ })
    t.equal((await nodes(db)).length, 1)
  }
})

t.test('after a regular end another node starts at once', async (t) => {
  await signOff(db, await registerNode(db, 'a'))
  t.same(await nodes(db), [])
  t.equal((await registerNode(db, 'b')).epoch, 1)
})

t.test('a node that was silent for less than its time still counts; for more it is over, and its sessions are the next one\'s', async (t) => {
  const a = await registerNode(db, 'a')
  const before = await online(a)
  await silent('a', 60)
  await t.rejects(registerNode(db, 'b'), /node 'a' uses this database too \(it last said so 60 s ago\)/)
  await silent('a', 75)
  const b = await registerNode(db, 'b')
  t.same((await nodes(db)).map((node) => node.id), ['b'])
  t.same(await owners(), ['balcony b 1'], 'to resume or to end')
  t.ok(await generation() > before, 'a cached route to them is told from a current one')
  await online(b)
  t.same(await owners(), ['balcony b 1'])
})

t.test('sessions of a node\'s earlier life are taken over when it starts again, and their generation rises', async (t) => {
  const before = await online(await registerNode(db, 'a'))
  await registerNode(db, 'a')
  t.same(await owners(), ['balcony a 2'])
  t.ok(await generation() > before)
})

t.test('a renewal makes a node young again; one of an earlier life does not count', async (t) => {
  const first = await registerNode(db, 'a')
  await silent('a', 50)
  t.ok((await nodes(db))[0]?.age as number >= 50)
  await renew(db, first)
  t.ok((await nodes(db))[0]?.age as number < 40)
  await registerNode(db, 'a')
  await silent('a', 50)
  await renew(db, first)
  t.ok((await nodes(db))[0]?.age as number >= 50)
})

t.test('at a regular end a node\'s sessions go, with a risen generation; the end of an earlier life touches nothing', async (t) => {
  const first = await registerNode(db, 'a')
  const second = await registerNode(db, 'a')
  const before = await online(second)
  await signOff(db, first)
  t.match(await nodes(db), [{ id: 'a' }])
  t.same(await resources(), ['balcony'])
  await signOff(db, second)
  t.same(await nodes(db), [])
  t.same(await resources(), [])
  t.ok(await generation() > before)
})
