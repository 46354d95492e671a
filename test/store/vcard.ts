// XEP-0054: one vCard an account.
import t from 'tap'
import { addAccounts, deleteAccount } from '../../lib/store/accounts.js'
import { memberStore } from '../../lib/store/members.js'
import { getVcard, setVcard } from '../../lib/store/vcard.js'
import { testDatabase } from '../helpers/database.js'

const db = await testDatabase(t)
const [JULIET, ROMEO] = ['juliet@capulet.example', 'romeo@montague.example']
await addAccounts(db, [JULIET, ROMEO].map((account) => ({ account, credentials: [] })))

t.test('what was stored comes back to the letter and is replaced as a whole; what was not is null', async (t) => {
  const xml = "<vCard xmlns='vcard-temp'><FN>Ἔρως 𝄞 &amp; \\ '</FN></vCard>"
  t.equal(await getVcard(db, JULIET), null)
  t.ok(await setVcard(db, JULIET, xml, ''))
  t.equal(await getVcard(db, JULIET), xml)
  t.ok(await setVcard(db, JULIET, '<a/>', 'ff'))
  t.equal(await getVcard(db, JULIET), '<a/>')
  t.equal(await getVcard(db, ROMEO), null)
})

t.test('the picture\'s hash is read with what else is known of an account', async (t) => {
  const photo = async (account: string): Promise<string | undefined> => (await memberStore(db).load([account])).get(account)?.photo
  await setVcard(db, JULIET, '<a/>', 'ff')
  t.equal(await photo(JULIET), 'ff')
  t.equal(await photo(ROMEO), '')
})

t.test('nothing is stored for who is no account, so that nobody inherits it', async (t) => {
  const GONE = 'gone@capulet.example'
  await addAccounts(db, [{ account: GONE, credentials: [] }])
  t.ok(await setVcard(db, GONE, '<a/>', ''))
  await deleteAccount(db, GONE)
  for (const account of [GONE, 'nobody@capulet.example']) {
    t.equal(await getVcard(db, account), null)
    t.notOk(await setVcard(db, account, '<a/>', ''))
    t.equal(await getVcard(db, account), null)
  }
})
