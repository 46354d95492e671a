// Messages that wait: kept in order, counted under the account's lock, and removed only when told.
import t from 'tap'
import { toOctets } from '../../lib/base/octets.js'
import type { OfflineEntry, OfflineMessage, OfflineStore } from '../../lib/core/ports.js'
import { addAccounts, deleteAccount } from '../../lib/store/accounts.js'
import { offlineStore } from '../../lib/store/offline.js'
import { testDatabase } from '../helpers/database.js'

const db = await testDatabase(t)
const WIDE = { messages: 10_000, bytes: 10_000_000, perSender: 10_000 }
const store = offlineStore(db, WIDE)

let names = 0
const newAccount = async (): Promise<string> => {
  const account = `u${++names}@capulet.example`
  await addAccounts(db, [{ account, credentials: [] }])
  return account
}
const entry = (account: string, xml: string, more: Partial<OfflineEntry> = {}): OfflineEntry =>
  ({ account, sender: 'romeo@montague.example', xml, at: 1, ...more })
const all = async (account: string, limit = 1000): Promise<OfflineMessage[]> => [...(await store.page(account, '', limit))]
const texts = async (account: string): Promise<string[]> => (await all(account)).map((message) => message.xml)
const times = (outcomes: readonly string[], outcome: string): number => outcomes.filter((o) => o === outcome).length
const letters = (account: string, n: number, more: Partial<OfflineEntry> = {}): OfflineEntry[] =>
  Array.from({ length: n }, (_, i) => entry(account, String(i % 10), more))

t.test('a message comes back octet for octet, with its time', async (t) => {
  const account = await newAccount()
  const xml = toOctets("<message from='romeo@montague.example/ö'><body>“Ἔρως” 𝄞 &#13; \\ '</body></message>")
  const at = Date.UTC(2026, 10, 24, 12) + 0.4 // a clock may have fractions, the column has none
  t.same(await store.append([entry(account, xml, { at })]), ['stored'])
  t.match(await all(account), [{ xml, at: Date.UTC(2026, 10, 24, 12) }])
})

t.test('pages come in the order stored, over several batches, each message once', async (t) => {
  const [account, other] = [await newAccount(), await newAccount()]
  const wanted = Array.from({ length: 25 }, (_, i) => `m${i}`)
  for (let i = 0; i < wanted.length; i += 4) {
    await store.append(wanted.slice(i, i + 4).flatMap((xml) => [entry(account, xml), entry(other, `not ${xml}`)]))
  }
  const got: string[] = []
  for (let page = await store.page(account, '', 7); page.length > 0; page = await store.page(account, page.at(-1)?.id as string, 7)) {
    t.ok(page.length <= 7)
    got.push(...page.map((message) => message.xml))
  }
  t.same(got, wanted)
})

t.test('ids are ordered as numbers, also where they grow a digit', async (t) => {
  const account = await newAccount()
  await db.query("select setval(pg_get_serial_sequence('offline', 'id'), greatest(997, (select max(id) from offline)))")
  await store.append(letters(account, 6))
  const ids = (await all(account)).map((message) => message.id)
  t.same((await store.page(account, '999', 9)).map((message) => message.id), ids.filter((id) => Number(id) > 999))
  await store.remove(account, '999')
  t.same((await all(account)).map((message) => message.id), ids.filter((id) => Number(id) > 999))
})

t.test('a removal takes what is up to its id, of this account alone; what came since stays', async (t) => {
  const [account, other] = [await newAccount(), await newAccount()]
  await store.append(['a', 'b', 'c', 'd'].flatMap((xml) => [entry(other, xml), entry(account, xml)]))
  const read = await store.page(account, '', 2)
  await store.append([entry(account, 'e')])
  await store.remove(account, read.at(-1)?.id as string)
  t.same(await texts(account), ['c', 'd', 'e'])
  t.same(await texts(other), ['a', 'b', 'c', 'd'])
  await store.remove(account, read.at(-1)?.id as string)
  t.same(await texts(account), ['c', 'd', 'e'], 'asked twice it takes no more')
})

t.test('an id never comes again, so a late removal takes nothing new', async (t) => {
  const account = await newAccount()
  await store.append([entry(account, 'old')])
  const [old] = await all(account)
  await store.remove(account, old?.id as string)
  await store.append([entry(account, 'new')])
  t.ok(Number((await all(account))[0]?.id) > Number(old?.id))
  await store.remove(account, old?.id as string)
  t.same(await texts(account), ['new'])
})

t.test('at its bound in messages a mailbox says full; removed messages make room', async (t) => {
  const account = await newAccount()
  const small = offlineStore(db, { ...WIDE, messages: 5 })
  t.same(await small.append(letters(account, 4)), ['stored', 'stored', 'stored', 'stored'])
  t.same(await small.append(letters(account, 3)), ['stored', 'full', 'full'])
  t.equal((await all(account)).length, 5)
  await small.remove(account, (await all(account))[1]?.id as string)
  t.same(await small.append(letters(account, 3)), ['stored', 'stored', 'full'])
})

t.test('the bound in bytes counts octets: a message too long is refused, a shorter one behind it still fits', async (t) => {
  const account = await newAccount()
  const small = offlineStore(db, { ...WIDE, bytes: 10 })
  t.same(await small.append([entry(account, '123456'), entry(account, toOctets('ééé')), entry(account, '1234'), entry(account, '5')]),
    ['stored', 'full', 'stored', 'full'])
  t.same(await texts(account), ['123456', '1234'])
})

t.test('one sender cannot fill a mailbox; others still reach it', async (t) => {
  const account = await newAccount()
  const small = offlineStore(db, { ...WIDE, messages: 6, perSender: 2 })
  t.same(await small.append(letters(account, 3, { sender: 'tybalt@capulet.example' })), ['stored', 'stored', 'full'])
  t.same(await small.append(letters(account, 1, { sender: 'tybalt@capulet.example' })), ['full'])
  t.same(await small.append(letters(account, 2)), ['stored', 'stored'])
})

t.test('the bounds hold for senders at once', async (t) => {
  const account = await newAccount()
  const small = offlineStore(db, { messages: 30, bytes: WIDE.bytes, perSender: 7 })
  const batches = Array.from({ length: 20 }, (_, i) => letters(account, 5, { sender: `s${i % 5}@montague.example` }))
  const outcomes = (await Promise.all(batches.map((batch) => small.append(batch)))).flat()
  t.equal(times(outcomes, 'stored'), 30)
  t.equal(times(outcomes, 'full'), 70)
  const [row] = await db.query<{ most: number }>(
    'select max(n) as most from (select count(*) as n from offline where account = $1 group by sender) s', [account])
  t.equal(row?.most, 7)
})

t.test('who is no account gets nothing, and each entry of a batch has its own outcome', async (t) => {
  const [account, deleted, crowded] = [await newAccount(), await newAccount(), await newAccount()]
  await deleteAccount(db, deleted)
  const small = offlineStore(db, { ...WIDE, messages: 1 })
  await small.append([entry(crowded, 'x')])
  t.same(await small.append([
    entry(deleted, 'a'), entry(account, 'b'), entry('nobody@capulet.example', 'c'), entry(crowded, 'd'), entry(account, 'e'),
  ]), ['no-account', 'stored', 'no-account', 'full', 'full'])
  t.same([await texts(deleted), await texts(account), await texts('nobody@capulet.example'), await texts(crowded)], [[], ['b'], [], ['x']])
  t.same(await small.append([]), [])
})

t.test('batches for the same accounts in opposite orders wait for each other; each sender\'s order is kept', async (t) => {
  const accounts = await Promise.all(Array.from({ length: 8 }, newAccount))
  const batches = Array.from({ length: 10 }, (_, i) => (i % 2 === 0 ? accounts : accounts.toReversed()).flatMap((account) =>
    [0, 1, 2].map((n) => entry(account, `${i}.${n}`, { sender: `s${i}@montague.example` }))))
  const append = (list: readonly OfflineEntry[]): ReturnType<OfflineStore['append']> => store.append(list)
  t.equal(times((await Promise.all(batches.map(append))).flat(), 'stored'), 8 * 10 * 3)
  for (const account of accounts) {
    const got = await texts(account)
    for (let i = 0; i < 10; i++) t.same(got.filter((xml) => xml.startsWith(`${i}.`)), [0, 1, 2].map((n) => `${i}.${n}`))
  }
})
