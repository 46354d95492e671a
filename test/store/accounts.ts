// Accounts: made once, their keys kept to the byte, and nothing left of one that is deleted but a tombstone.
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { accountStore, addAccounts, credentialsOf, deleteAccount, listAccounts, setCredentials } from '../../lib/store/accounts.js'
import { setPreference } from '../../lib/store/archive-preference.js'
import { beginSearch, indexNext } from '../../lib/store/archive-words.js'
import { presenceStore } from '../../lib/store/presence.js'
import { setPrivate } from '../../lib/store/private-xml.js'
import { retentionStore } from '../../lib/store/retention.js'
import type { Credential } from '../../lib/wire/scram-keys.js'
import { testDatabase } from '../helpers/database.js'
import { logAppender } from '../helpers/appender.js'

const db = await testDatabase(t)
const keys = (): Credential[] => (['SCRAM-SHA-1', 'SCRAM-SHA-256'] as const).map((mechanism) =>
  ({ mechanism, iterations: 10_000, salt: randomBytes(16), storedKey: randomBytes(32), serverKey: randomBytes(32) }))
const byMechanism = (list: readonly Credential[] | null): Credential[] => (list ?? []).toSorted((a, b) => a.mechanism.localeCompare(b.mechanism))
const generation = async (account: string): Promise<number | undefined> =>
  (await db.query<{ generation: number }>('select generation from account where account = $1', [account]))[0]?.generation

t.test('an account\'s keys come back byte for byte', async (t) => {
  const own = keys()
  t.same(await addAccounts(db, [{ account: 'juliet@capulet.example', credentials: own }]), [true])
  t.strictSame(byMechanism(await credentialsOf(db, 'juliet@capulet.example')), own)
})

t.test('one that is there already is left as it is, the others of the batch are made', async (t) => {
  const [first, second] = [keys(), keys()]
  await addAccounts(db, [{ account: 'romeo@there.example', credentials: first }])
  t.same(await addAccounts(db, [
    { account: 'romeo@there.example', credentials: second }, { account: 'benvolio@there.example', credentials: second },
  ]), [false, true])
  t.strictSame(byMechanism(await credentialsOf(db, 'romeo@there.example')), first)
  t.strictSame(byMechanism(await credentialsOf(db, 'benvolio@there.example')), second)
})

t.test('of an account named twice in a batch the first counts', async (t) => {
  const [first, second] = [keys(), keys()]
  const account = 'twice@there.example'
  t.same(await addAccounts(db, [{ account, credentials: first }, { account, credentials: second }]), [true, false])
  t.strictSame(byMechanism(await credentialsOf(db, account)), first)
})

t.test('of many that add one account at once exactly one does, and its keys are the ones kept', async (t) => {
  const tries = Array.from({ length: 8 }, keys)
  const made = await Promise.all(tries.map(async (credentials) => (await addAccounts(db, [{ account: 'race@there.example', credentials }]))[0]))
  t.equal(made.filter(Boolean).length, 1)
  t.strictSame(byMechanism(await credentialsOf(db, 'race@there.example')), tries[made.indexOf(true)])
})

t.test('batches that overlap in another order do not stop each other', async (t) => {
  const names = Array.from({ length: 200 }, (_, i) => `u${i}@batch.example`)
  const outcomes = await Promise.all([names, names.toReversed(), names, names.toReversed()].map((list) =>
    addAccounts(db, list.map((account) => ({ account, credentials: keys() })))))
  t.equal(outcomes.flat().filter(Boolean).length, names.length)
})

t.test('a new password replaces every key; an unknown account gets none', async (t) => {
  await addAccounts(db, [{ account: 'nurse@capulet.example', credentials: keys() }])
  const fresh = keys()
  t.equal(await setCredentials(db, 'nurse@capulet.example', fresh), true)
  t.strictSame(byMechanism(await credentialsOf(db, 'nurse@capulet.example')), fresh)
  t.equal(await setCredentials(db, 'nobody@capulet.example', fresh), false)
  t.equal(await credentialsOf(db, 'nobody@capulet.example'), null)
  t.same(await db.query('select 1 from credential where account = $1', ['nobody@capulet.example']), [])
})

t.test('existing tells accounts from names', async (t) => {
  await addAccounts(db, ['a@exist.example', 'b@exist.example'].map((account) => ({ account, credentials: keys() })))
  await deleteAccount(db, 'b@exist.example')
  t.same(await accountStore(db).existing(['a@exist.example', 'b@exist.example', 'c@exist.example']), new Set(['a@exist.example']))
  t.same(await accountStore(db).existing([]), new Set())
})

t.test('the list comes page by page, each account once, without the deleted', async (t) => {
  await db.query('delete from account')
  const names = ['B@x.example', 'a-b@x.example', 'a@x.example', 'a_b@x.example', 'ab@x.example', 'gone@x.example', 'é@x.example', '中@x.example']
  await addAccounts(db, names.map((account) => ({ account, credentials: [] })))
  await deleteAccount(db, 'gone@x.example')
  const found: string[] = []
  for (let page = await listAccounts(db, '', 3); page.length > 0; page = await listAccounts(db, page.at(-1) as string, 3)) {
    t.ok(page.length <= 3)
    found.push(...page)
  }
  t.same(found.toSorted(), names.filter((name) => name !== 'gone@x.example').toSorted())
})

const online = async (account: string): Promise<number> => (await presenceStore(db).save([
  { account, resource: 'balcony', sessionId: 's', incarnation: 1, node: 'n', epoch: 1, priority: 0, presence: '<presence/>', fresh: true },
])).raised.get(account)?.generation as number

/** A row in every table that has one for an account. Tables that a later feature brings belong here too. */
const fill = async (account: string): Promise<void> => {
  await addAccounts(db, [{ account, credentials: keys() }])
  await online(account)
  const message = { account, sender: 'romeo@montague.example', xml: '<message/>', at: 0 }
  const { store, append } = await logAppender(db)
  await append([message])
  await store.acknowledge(new Map([[account, [1]]]))
  await setPrivate(db, account, 'urn:x', 'x', '<x xmlns="urn:x"/>', 999)
  await db.query('insert into roster (account, jid) values ($1, $2)', [account, 'romeo@montague.example'])
  await db.query('insert into blocked (account, jid) values ($1, $2)', [account, 'paris@capulet.example'])
  await db.query("insert into vcard (account, xml, photo) values ($1, '<vCard/>', '')", [account])
  await db.query('insert into departure (account, at) values ($1, 1)', [account])
  await db.query("insert into resumption (account, session_id, resource, incarnation, node, epoch, lasts) values ($1, 's', 'r', 1, 'n', 1, 60)", [account])
  await setPreference(db, account, { fallback: 'roster', always: [], never: [] })
  await beginSearch(db, account)
  await indexNext(db, account, () => ['word'])
  await retentionStore(db, 'n').claim(account, 2, 1)
}

const rowsOf = async (account: string): Promise<Record<string, number>> => {
  const tables = await db.query<{ name: string }>(`
    select c.relname as name from pg_class c join pg_attribute a on a.attrelid = c.oid
    where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p') and not c.relispartition and a.attname = 'account' order by 1`)
  const counts: Record<string, number> = {}
  for (const { name } of tables) {
    const [row] = await db.query<{ n: number }>(`select count(*) as n from ${name} where account = $1`, [account])
    counts[name] = row?.n ?? NaN
  }
  return counts
}

t.test('a deletion takes all that an account has, in every table, and nothing of others', async (t) => {
  await fill('gone@delete.example')
  await fill('stays@delete.example')
  const before = await rowsOf('stays@delete.example')
  for (const [table, rows] of Object.entries(before)) t.ok(rows > 0, `${table} is filled, so that its emptiness says something`)
  t.equal(await deleteAccount(db, 'gone@delete.example'), true)
  const { account: tombstones, ...rest } = await rowsOf('gone@delete.example')
  t.equal(tombstones, 1)
  for (const [table, rows] of Object.entries(rest)) t.equal(rows, 0, `nothing is left in ${table}`)
  t.same(await rowsOf('stays@delete.example'), before)
  t.equal(await credentialsOf(db, 'gone@delete.example'), null)
  t.equal(await setCredentials(db, 'gone@delete.example', keys()), false)
  t.equal(await deleteAccount(db, 'gone@delete.example'), false, 'it can be deleted once')
  t.equal(await deleteAccount(db, 'never@delete.example'), false)
})

t.test('an account made again under a deleted name begins empty, and its generation goes on', async (t) => {
  const account = 'again@delete.example'
  await fill(account)
  const saved = await online(account)
  await deleteAccount(db, account)
  t.ok(await generation(account) as number > saved, 'the deletion is a change of its sessions')
  const own = keys()
  t.same(await addAccounts(db, [{ account, credentials: own }]), [true])
  t.ok(await generation(account) as number > saved)
  t.strictSame(byMechanism(await credentialsOf(db, account)), own)
  const { account: row, credential, ...rest } = await rowsOf(account)
  t.same([row, credential], [1, 2])
  t.ok(Object.values(rest).every((rows) => rows === 0))
})

t.test('what others granted a deleted account, or had yet to answer, is not for who takes its name', async (t) => {
  const [giver, gone] = ['giver@delete.example', 'taken@delete.example']
  await addAccounts(db, [giver, gone].map((account) => ({ account, credentials: keys() })))
  await db.query("insert into roster (account, jid, approved, request) values ($1, $2, true, '<presence/>')", [giver, gone])
  await deleteAccount(db, gone)
  t.strictSame(await db.query('select approved, request, listed from roster where account = $1', [giver]), [{ approved: false, request: null, listed: true }])
})
