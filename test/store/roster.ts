// Rosters (RFC 6121 §2) in the database: what is written is what is read, versions tell what changed since, both sides of a
// subscription stand or fall together.
import t from 'tap'
import type { Contact, ContactChange } from '../../lib/core/ports.js'
import { addAccounts, deleteAccount } from '../../lib/store/accounts.js'
import { memberStore } from '../../lib/store/members.js'
import { rosterStore } from '../../lib/store/roster.js'
import { testDatabase } from '../helpers/database.js'

const db = await testDatabase(t)
const store = rosterStore(db)
const [JULIET, ROMEO] = ['juliet@capulet.example', 'romeo@montague.example']
await addAccounts(db, [JULIET, ROMEO].map((account) => ({ account, credentials: [] })))
t.beforeEach(() => db.query('delete from roster'))

const contact = (jid: string, more: Partial<Contact> = {}): ContactChange =>
  ({ jid, name: '', groups: [], subscription: 'none', ask: false, approved: false, request: null, listed: true, ...more })
const set = (account: string, jid: string, more: Partial<Contact> = {}) => store.change(account, jid, () => ({ own: contact(jid, more) }))
const remove = (account: string, jid: string) => store.change(account, jid, () => ({ own: contact(jid, { listed: false }) }))
const roster = async (account: string, since: number | null = null) => await store.list(account, since) ?? t.fail('no such account') as never

t.test('a contact comes back as it was written', async (t) => {
  const romeo = { ...contact(ROMEO), name: 'Ρωμαῖος & 𝄞', groups: ['Friends', 'a,b', '{"x"}', 'NULL', ''], subscription: 'both' as const, ask: true, approved: true }
  const { own } = await set(JULIET, ROMEO, romeo)
  t.match(own.contact, romeo)
  const { ver, contacts } = await roster(JULIET)
  t.strictSame(contacts, [{ ...romeo, ver }])
  t.equal(own.changed, ver)
  t.same((await roster(ROMEO)).contacts, [], 'his roster is not touched')
  t.equal(await store.list('nobody@x.example', null), null)
})

t.test('each change raises the version; one that clients do not see does not', async (t) => {
  await set(JULIET, ROMEO)
  const { ver } = await roster(JULIET)
  t.equal((await set(JULIET, ROMEO)).own.changed, null)
  t.equal((await set(JULIET, 'stranger@x.example', { listed: false, request: '<presence/>' })).own.changed, null)
  t.equal((await roster(JULIET)).ver, ver)
  let last = ver
  for (const change of [{ name: 'R' }, { groups: ['x'] }, { subscription: 'to' as const }, { ask: true }, { approved: true }]) {
    const { own } = await set(JULIET, ROMEO, change)
    t.ok((own.changed ?? 0) > last, JSON.stringify(change))
    last = own.changed ?? 0
  }
})

t.test('who knows a version gets what changed since, removals among it; who knows too old a one, or one from elsewhere, gets all', async (t) => {
  for (const jid of ['a@x.example', 'b@x.example', 'c@x.example']) await set(JULIET, jid)
  const { ver } = await roster(JULIET)
  t.same((await roster(JULIET, ver)).contacts, [])
  await set(JULIET, 'b@x.example', { name: 'B' })
  await remove(JULIET, 'a@x.example')
  const changed = await roster(JULIET, ver)
  t.same(changed.contacts.map((c) => [c.jid, c.listed]), [['a@x.example', false], ['b@x.example', true]])
  t.same((await roster(JULIET, changed.ver + 1)).contacts.map((c) => c.jid), ['b@x.example', 'c@x.example'], 'a version of another database')
  // of more removals than are remembered
  await db.query(`insert into roster (account, jid, listed, ver) select $1, 'old' || n || '@x.example', false, n - 5000 from generate_series(1, 1000) n`, [JULIET])
  await remove(JULIET, 'c@x.example')
  const { floor, contacts } = await roster(JULIET, ver)
  t.ok(floor > -5000 && floor < ver, `${floor}`)
  t.equal(contacts.length, 3, 'younger removals are still told')
  t.equal((await roster(JULIET, 0)).contacts.length, 3)
})

t.test('§3.1.3: who was never listed and only asks is no change; one who was removed and asks again was removed', async (t) => {
  await set(JULIET, 'old@x.example')
  const { ver } = await roster(JULIET)
  await remove(JULIET, 'old@x.example')
  await set(JULIET, 'stranger@x.example', { listed: false, request: '<presence/>' })
  await set(JULIET, 'old@x.example', { listed: false, request: '<presence/>' })
  await set(JULIET, 'stranger@x.example', { listed: false })
  t.same((await roster(JULIET, ver)).contacts.map((c) => c.jid), ['old@x.example'])
})

t.test('an account that is made anew tells nobody that nothing changed', async (t) => {
  await set(JULIET, ROMEO)
  const { ver } = await roster(JULIET)
  await deleteAccount(db, JULIET)
  await addAccounts(db, [{ account: JULIET, credentials: [] }])
  const again = await roster(JULIET, ver)
  t.ok(again.floor > ver)
  t.same(again.contacts, [])
})

t.test('both sides are read, decided and written under one lock', async (t) => {
  const both = await store.change(ROMEO, JULIET, (own, theirs) => {
    t.equal(own, null)
    t.equal(theirs, null)
    return { own: contact(JULIET, { ask: true }), theirs: contact(ROMEO, { listed: false, request: "<presence type='subscribe' a='e'/>" }) }
  })
  t.match(both.own.contact, { jid: JULIET, ask: true })
  t.match(both.theirs, { contact: { jid: ROMEO, listed: false }, changed: null })
  await store.change(JULIET, ROMEO, (own, theirs) => {
    t.match(own, { request: "<presence type='subscribe' a='e'/>" })
    t.match(theirs, { ask: true })
    return {}
  })
  await store.change(ROMEO, 'nobody@x.example', (_, theirs) => {
    t.equal(theirs, undefined, 'no such account')
    return {}
  })
  await t.rejects(store.change(ROMEO, JULIET, () => {
    throw new Error('no')
  }), /no/)
  await Promise.all(Array.from({ length: 20 }, (_, i) => store.change(i % 2 ? ROMEO : JULIET, i % 2 ? JULIET : ROMEO, (own) => ({
    own: contact(i % 2 ? JULIET : ROMEO, { name: `${own?.name ?? ''}x` }),
  }))))
  t.equal((await roster(ROMEO)).contacts[0]?.name.length, 10, 'none is lost, none deadlocks')
})

t.test('the sizes bound contacts and requests, and are told where something new may come', async (t) => {
  await set(JULIET, 'a@x.example')
  await set(JULIET, 'b@x.example', { listed: false, request: '<presence/>' })
  await store.change(JULIET, ROMEO, (_own, _theirs, size) => {
    t.match(size.own, { listed: 1, requests: 1 })
    return {}
  })
})

t.test('members: who sees whom, what waits, whom one blocks, in one question', async (t) => {
  await set(JULIET, 'to@x.example', { subscription: 'to' })
  await set(JULIET, 'from@x.example', { subscription: 'from' })
  await set(JULIET, 'both@x.example', { subscription: 'both' })
  await set(JULIET, 'none@x.example')
  await set(JULIET, 'asks@x.example', { listed: false, request: '<presence>e</presence>' })
  await db.query('insert into blocked (account, jid) values ($1, $2)', [JULIET, 'bad@x.example'])
  const found = await memberStore(db).load([JULIET, ROMEO, 'nobody@x.example'])
  const juliet = found.get(JULIET)
  t.same([...juliet?.to ?? []].sort(), ['both@x.example', 'to@x.example'])
  t.same([...juliet?.from ?? []].sort(), ['both@x.example', 'from@x.example'])
  t.same([...juliet?.requests ?? []], [['asks@x.example', '<presence>e</presence>']])
  t.same(juliet?.blocked, ['bad@x.example'])
  t.match(found.get(ROMEO), { to: [], from: [], blocked: [], photo: '' })
  t.notOk(found.has('nobody@x.example'))
})
