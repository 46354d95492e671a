// XEP-0049: what a client keeps comes back to it alone.
import t from 'tap'
import { addAccounts, deleteAccount } from '../../lib/store/accounts.js'
import { getPrivate, setPrivate } from '../../lib/store/private-xml.js'
import { testDatabase } from '../helpers/database.js'

const db = await testDatabase(t)
const [JULIET, ROMEO] = ['juliet@capulet.example', 'romeo@montague.example']
await addAccounts(db, [JULIET, ROMEO].map((account) => ({ account, credentials: [] })))
t.beforeEach(() => db.query('delete from private_xml'))

t.test('what was stored comes back to the letter, what was not is null', async (t) => {
  const xml = "<storage xmlns='storage:bookmarks'><conference name='Ἔρως 𝄞 &amp; \\ &apos;'/></storage>"
  t.equal(await setPrivate(db, JULIET, 'storage:bookmarks', 'storage', xml, 1000), 'stored')
  t.equal(await getPrivate(db, JULIET, 'storage:bookmarks', 'storage'), xml)
  t.equal(await getPrivate(db, JULIET, 'storage:bookmarks', 'other'), null)
  t.equal(await getPrivate(db, JULIET, 'other', 'storage'), null)
  t.equal(await getPrivate(db, ROMEO, 'storage:bookmarks', 'storage'), null)
})

t.test('the same name in the same namespace is replaced, another stands beside it', async (t) => {
  for (const [ns, name, xml] of [['a', 'x', '1'], ['a', 'y', '2'], ['b', 'x', '3'], ['a', 'x', '4']] as const) {
    await setPrivate(db, JULIET, ns, name, xml, 1000)
  }
  t.same([await getPrivate(db, JULIET, 'a', 'x'), await getPrivate(db, JULIET, 'a', 'y'), await getPrivate(db, JULIET, 'b', 'x')], ['4', '2', '3'])
})

t.test('the bound is in bytes of the whole account: full leaves what was there, what is replaced does not count', async (t) => {
  t.equal(await setPrivate(db, JULIET, 'a', 'x', 'ééé', 10), 'stored')
  t.equal(await setPrivate(db, JULIET, 'a', 'y', 'ééx', 10), 'full')
  t.equal(await getPrivate(db, JULIET, 'a', 'y'), null)
  t.equal(await setPrivate(db, JULIET, 'a', 'y', 'éé', 10), 'stored', 'exactly at the bound')
  t.equal(await setPrivate(db, JULIET, 'a', 'x', 'éééx', 10), 'full')
  t.equal(await getPrivate(db, JULIET, 'a', 'x'), 'ééé')
  t.equal(await setPrivate(db, JULIET, 'a', 'x', '666666', 10), 'stored')
  t.equal(await setPrivate(db, ROMEO, 'a', 'x', '1234567890', 10), 'stored', 'the other one has a bound of his own')
})

t.test('the bound holds for requests at once', async (t) => {
  for (let round = 0; round < 10; round++) {
    await db.query('delete from private_xml')
    const outcomes = await Promise.all(Array.from({ length: 4 }, (_, i) => setPrivate(db, JULIET, 'a', `x${i}`, '12345', 7)))
    t.equal(outcomes.filter((outcome) => outcome === 'stored').length, 1)
  }
})

t.test('nothing is stored for who is no account, so that nobody inherits it', async (t) => {
  await addAccounts(db, [{ account: 'gone@capulet.example', credentials: [] }])
  await deleteAccount(db, 'gone@capulet.example')
  for (const account of ['gone@capulet.example', 'nobody@capulet.example']) {
    t.equal(await setPrivate(db, account, 'a', 'x', '1', 1000), 'no-account')
    t.equal(await getPrivate(db, account, 'a', 'x'), null)
  }
})
