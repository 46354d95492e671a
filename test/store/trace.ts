// What the database knows of a message: found along the key of a log that is larger than a piece, and within bounds.
import t from 'tap'
import { addAccounts } from '../../lib/store/accounts.js'
import { logId } from '../../lib/core/log-id.js'
import type { LogId } from '../../lib/core/log-id.js'
import type { LoggedEntry } from '../../lib/core/ports.js'
import { traceStore } from '../../lib/store/trace.js'
import { testDatabase } from '../helpers/database.js'
import { logWriter } from '../helpers/log.js'

const db = await testDatabase(t)
const accounts = ['a@localhost', 'b@localhost', 'c@localhost']
await addAccounts(db, accounts.map((account) => ({ account, credentials: [] })))
const writer = await logWriter(db)
const store = traceStore(db)
const needle = await writer.say('a@localhost', 'c@localhost', 'x', { id: 'needle' })
const [received, sent] = [needle.received as LoggedEntry, needle.sent]
// three pieces of others, around it
await db.query(`
  insert into log (account, seq, mark, at, peer, flags, xml)
  select a, s + 1, 1, $1::bigint + s, 'b@localhost', 1, '<message from="b@localhost" to="' || a || '" id="n' || s || '"><body>needle</body></message>'
  from unnest(array['a@localhost', 'c@localhost']) a, generate_series(1, 7000) s`, [Date.now() + 1000])
await db.query("update account set seq = 7001 where account <> 'b@localhost'")

t.test('an own id is found wherever it stands in the log, in all accounts or in one', async (t) => {
  const all = await store.named('n6999', null)
  t.same([all.entries.map((e) => [e.account, e.seq]), all.read, all.whole], [[['a@localhost', 7000], ['c@localhost', 7000]], 14_002, true])
  const one = await store.named('n2', 'c@localhost')
  t.ok(one.entries.some((e) => e.account === 'c@localhost' && e.seq === 3))
  t.ok(one.entries.every((e) => e.account === 'c@localhost'))
  t.same((await store.named('n-none', null)).entries, [])
  t.same(await store.named('x', 'nobody@localhost'), { entries: [], read: 0, whole: true })
})

t.test('where too many may be it, it stops, and says that there are more', async (t) => {
  const { entries, whole } = await store.named('needle', null) // every body holds it
  t.ok(entries.length >= 1000 && entries.length <= 2000, String(entries.length))
  t.equal(whole, false)
})

t.test('a stanza-id leads to its entry, and that to the other side\'s', async (t) => {
  const of = (id: LogId): Promise<readonly { account: string; seq: number; flags: number }[]> => store.numbered(id, null, 10)
  t.same((await of(received)).map((e) => e.account).sort(), ['a@localhost', 'c@localhost'], 'both have the number and the bits of the batch')
  t.same((await store.numbered(received, 'c@localhost', 10)).map((e) => e.account), ['c@localhost'])
  t.same(await of({ ...received, mark: received.mark ^ 1 }), [])
  t.same(await of(logId('zzzzzzzzz-1') as LogId), [])
  const entry = await store.entry('c@localhost', received.seq)
  t.match(entry, { waiting: true, xml: /needle/ })
  t.match(await store.partner(entry!), { account: 'a@localhost', seq: sent!.seq })
  t.match(await store.partner((await store.entry('a@localhost', sent!.seq))!), { account: 'c@localhost' })
  t.equal(await store.entry('c@localhost', 9999), null)
  t.same(await store.journaled('c@localhost', received.seq), { records: [], streams: [] })
})
