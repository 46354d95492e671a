// The presence table: rows of sessions, compare-and-delete, generations that only rise, and who is left out of a route.
import t from 'tap'
import { toOctets } from '../../lib/base/octets.js'
import type { SessionRow } from '../../lib/core/ports.js'
import { addAccounts, deleteAccount } from '../../lib/store/accounts.js'
import { presenceStore, presencesOf } from '../../lib/store/presence.js'
import { resumptionStore } from '../../lib/store/resumption.js'
import { testDatabase } from '../helpers/database.js'
import { logAppender } from '../helpers/appender.js'

const db = await testDatabase(t)
const store = presenceStore(db)
const HERE = { node: 'here', epoch: 3 }
await db.query("insert into node (id, epoch, signed_off) values ('here', 3, false), ('there', 5, false), ('gone', 2, true)")

let names = 0
const newAccount = async (): Promise<string> => {
  const account = `u${++names}@capulet.example`
  await addAccounts(db, [{ account, credentials: [] }])
  return account
}
const row = (account: string, more: Partial<SessionRow> = {}): SessionRow =>
  ({ account, resource: 'balcony', sessionId: 's1', incarnation: 1, node: 'there', epoch: 5, priority: 0, presence: '<presence/>', fresh: true, ...more })
const elsewhere = async (account: string, except = HERE): Promise<string[]> =>
  ((await store.lookup([account], except)).get(account)?.elsewhere ?? []).map((location) => location.sessionId).toSorted()

t.test('a saved session is found with all that a route needs', async (t) => {
  const account = await newAccount()
  const { raised: generations } = await store.save([row(account, { priority: -7 })])
  t.strictSame(await store.lookup([account], HERE), new Map([[account, {
    generation: generations.get(account)?.generation as number, elsewhere: [{ resource: 'balcony', sessionId: 's1', node: 'there', epoch: 5, priority: -7 }],
  }]]))
})

t.test('a presence comes back octet for octet; a session that is only bound has none', async (t) => {
  const account = await newAccount()
  const presence = toOctets('<presence><status>Ἔρως 𝄞 & more</status></presence>')
  await store.save([row(account, { presence }), row(account, { resource: 'bound', priority: null, presence: null })])
  t.strictSame(await presencesOf(db, account), [
    { resource: 'balcony', priority: 0, presence }, { resource: 'bound', priority: null, presence: null },
  ])
})

t.test('a session takes the row of another one with its full JID, in one batch too', async (t) => {
  const account = await newAccount()
  await store.save([row(account)])
  await store.save([row(account, { sessionId: 's2' })])
  t.same(await elsewhere(account), ['s2'])
  await store.save([row(account, { sessionId: 's3' }), row(account, { sessionId: 's4' })])
  t.same(await elsewhere(account), ['s4'], 'the later one stays')
})

t.test('a removal that comes late leaves the row of another session, node or epoch', async (t) => {
  const account = await newAccount()
  const mine = row(account, { sessionId: 'new' })
  await store.save([mine])
  for (const other of [{ sessionId: 'old' }, { node: 'here' }, { epoch: 4 }, { resource: 'orchard' }]) {
    await store.remove([{ ...mine, ...other }])
    t.same(await elsewhere(account), ['new'], `not removed by ${JSON.stringify(other)}`)
  }
  await store.remove([mine])
  t.same(await elsewhere(account), [])
})

t.test('a generation only rises, and the answer tells it', async (t) => {
  const [a, b] = [await newAccount(), await newAccount()]
  const last = new Map<string, number>([[a, 0], [b, 0]])
  const steps = [
    async () => (await store.save([row(a)])).raised,
    async () => (await store.save([row(a, { priority: 5 }), row(b)])).raised,
    async () => (await store.save([row(a), row(a, { resource: 'two', sessionId: 's2' }), row(a, { resource: 'three', sessionId: 's3' })])).raised,
    () => store.remove([row(a)]),
    () => store.remove([row(a, { sessionId: 'never there' })]),
    () => store.remove([row(a, { resource: 'two', sessionId: 's2' }), row(b)]),
  ]
  for (const [i, step] of steps.entries()) {
    for (const [account, { generation }] of await step()) {
      t.ok(generation > (last.get(account) as number), `step ${i}: ${account} ${last.get(account)} → ${generation}`)
      last.set(account, generation)
      t.equal((await store.lookup([account], HERE)).get(account)?.generation, generation)
    }
  }
  t.equal(last.size, 2)
})

t.test('one batch raises a generation once, however many of the account\'s sessions it has', async (t) => {
  const account = await newAccount()
  const first = (await store.save([row(account)])).raised.get(account)?.generation as number
  const second = (await store.save(['a', 'b', 'c'].map((resource) => row(account, { resource })))).raised.get(account)?.generation
  t.equal(second, first + 1)
})

t.test('a route leaves out the asking node, its own earlier life, and nodes that are over', async (t) => {
  const account = await newAccount()
  await store.save([
    row(account, { resource: 'a', sessionId: 'alive there' }),
    row(account, { resource: 'b', sessionId: 'own', ...HERE }),
    row(account, { resource: 'c', sessionId: 'own, earlier life', node: 'here', epoch: 2 }),
    row(account, { resource: 'd', sessionId: 'earlier life of there', epoch: 4 }),
    row(account, { resource: 'e', sessionId: 'signed off', node: 'gone', epoch: 2 }),
    row(account, { resource: 'f', sessionId: 'of no node', node: 'never', epoch: 1 }),
  ])
  t.same(await elsewhere(account), ['alive there'])
  t.same(await elsewhere(account, { node: 'there', epoch: 5 }), ['own'])
})

t.test('who has no session has an empty route; who is no account has none', async (t) => {
  const [idle, deleted] = [await newAccount(), await newAccount()]
  await store.save([row(deleted)])
  await deleteAccount(db, deleted)
  const routes = await store.lookup([idle, deleted, 'nobody@capulet.example'], HERE)
  t.strictSame(routes, new Map([[idle, { generation: 0, elsewhere: [] }]]))
  t.equal((await store.lookup([], HERE)).size, 0)
})

t.test('a session of a deleted account is not written, the rest of its batch is', async (t) => {
  const [deleted, other] = [await newAccount(), await newAccount()]
  await deleteAccount(db, deleted)
  const { raised: generations } = await store.save([row(deleted), row('nobody@capulet.example'), row(other)])
  t.same([...generations.keys()], [other])
  t.same(await presencesOf(db, deleted), [])
  t.same(await elsewhere(other), ['s1'])
})

t.test('batches that meet in opposite orders wait for each other, none fails', async (t) => {
  // made last to first, so that the table's own order is not the one to lock in
  const accounts: string[] = []
  for (let i = 40; i > 0; i--) accounts.push(`order${String(i).padStart(2, '0')}@capulet.example`)
  for (const account of accounts) await addAccounts(db, [{ account, credentials: [] }])
  const log = await logAppender(db, { id: HERE.node, epoch: HERE.epoch })
  await Promise.all(Array.from({ length: 12 }, async (_, i) => {
    const order = i % 2 === 0 ? accounts : accounts.toReversed()
    if (i % 3 === 0) await log.append(order.map((account) => ({ account, sender: 'romeo@montague.example', xml: 'x', at: 1 })))
    else await store.save(order.map((account) => row(account, { sessionId: `s${i}` })))
  }))
  const routes = [...(await store.lookup(accounts, HERE)).values()]
  t.same(routes.map((route) => route.generation), accounts.map(() => 8))
  t.equal(new Set(routes.map((route) => route.elsewhere[0]?.sessionId)).size, 1, 'one batch was last, for all of them')
})

t.test('D10: a session that is not being bound writes its own row and no other: not of a newer session, nor of another incarnation, nor one that is gone', async (t) => {
  const account = await newAccount()
  const mine = row(account)
  const said = async (): Promise<(string | null)[]> => (await presencesOf(db, account)).map(({ presence }) => presence)
  await store.save([mine])
  const again = { ...mine, fresh: false }
  t.same((await store.save([{ ...again, presence: '<presence>1</presence>' }])).lost, new Set())
  t.same(await said(), ['<presence>1</presence>'])
  // another node has taken it
  await db.query('update presence set incarnation = 2 where account = $1', [account])
  t.same((await store.save([{ ...again, presence: '<presence>old</presence>' }])).lost, new Set(['s1']))
  await store.save([row(account, { sessionId: 's2', presence: '<presence>2</presence>' })])
  t.same((await store.save([{ ...again, incarnation: 2, presence: '<presence>old</presence>' }])).lost, new Set(['s1']))
  t.same(await said(), ['<presence>2</presence>'])
  await store.remove([row(account, { sessionId: 's2' })])
  t.same((await store.save([again])).lost, new Set(['s1']))
  t.same(await said(), [])
})

t.test('a session that is over, and whose row is about to go, is on no route, and nobody sees it', async (t) => {
  const account = await newAccount()
  await store.save([row(account)])
  t.same((await store.said([account], { id: HERE.node, epoch: HERE.epoch })).map((s) => s.resource), ['balcony'])
  const raised = (await store.close([row(account)])).get(account)?.generation as number
  t.same([await elsewhere(account), await store.said([account], { id: HERE.node, epoch: HERE.epoch })], [[], []])
  t.equal((await store.lookup([account], HERE)).get(account)?.generation, raised)
  await store.save([row(account, { sessionId: 's2' })])
  t.same(await elsewhere(account), ['s2'], 'a new one of its resource is there')
  await store.close([row(account)])
  t.same(await elsewhere(account), ['s2'], 'and not closed by what comes late')
})

t.test('D14: whose client may send again what another of its sessions has sent is told at its bind, wherever that session was', async (t) => {
  const { node, epoch } = HERE
  const unclean = async (rows: readonly SessionRow[]): Promise<string[]> => [...(await store.save(rows)).unclean].sort()
  const [fresh, replaced, ended, standing] = [await newAccount(), await newAccount(), await newAccount(), await newAccount()]
  await store.save([row(replaced, { sessionId: 'old', node: 'elsewhere' })])
  await resumptionStore(db, { id: node, epoch }).note([{ account: ended, sessionId: 'over', resource: 'x' }], 1)
  // its node stands still; of a bind that came in between, and failed, the row has gone
  await resumptionStore(db, { id: node, epoch }).save({
    account: standing, sessionId: 'stands', resource: row(standing).resource, incarnation: 1, lasts: 600, detached: null, h: 0, outbound: 0, position: 0, unacked: [], requests: [], details: '{}', folded: 0,
  })
  t.same(await unclean([fresh, replaced, ended, standing].map((account) => row(account, { sessionId: 'new' }))), [replaced, ended, standing].sort())
  t.same(await unclean([row(replaced, { sessionId: 'new', fresh: false })]), [], 'only at a bind')
})
