// The message log: numbers without holes, batches that happen once or never, what waits and what was acknowledged.
import t from 'tap'
import { toOctets } from '../../lib/base/octets.js'
import { ARCHIVED, QUEUED, SENT, WANTED } from '../../lib/core/ports.js'
import type { Batch, Logging } from '../../lib/core/ports.js'
import { addAccounts, deleteAccount } from '../../lib/store/accounts.js'
import { logStore } from '../../lib/store/log.js'
import { registerNode } from '../../lib/store/node.js'
import { testDatabase } from '../helpers/database.js'

const db = await testDatabase(t)
const node = await registerNode(db, 'n1')
const log = logStore(db, node, 'always')
let n = 0
let marks = 0
const batch = (messages: readonly Logging[], more: Partial<Batch> = {}): Batch => ({ n: ++n, messages, blob: '', mark: ++marks, at: 1000 + marks, ...more })

let names = 0
const newAccount = async (): Promise<string> => {
  const account = `u${++names}@capulet.example`
  await addAccounts(db, [{ account, credentials: [] }])
  return account
}
const message = (sender: string, receiver: string, text: string, more: Partial<Logging> = {}): Logging =>
  ({ sender, receiver, xml: `<message><body>${text}</body></message>`, received: QUEUED | ARCHIVED, sent: SENT | ARCHIVED, ...more })
const texts = async (account: string, after = 0): Promise<string[]> => (await log.read(account, after, 1000)).map(({ xml }) => xml.replace(/<[^>]*>/g, ''))
const waits = async (account: string): Promise<number[]> => (await log.pull(account, 0, 1e9, 1000)).map(({ seq }) => seq)

t.test('D1: an entry for each account concerned, octet for octet, numbered from 1', async (t) => {
  const [a, b] = [await newAccount(), await newAccount()]
  const xml = toOctets("<message><body>“Ἔρως” 𝄞 &#13; \\ ' \"{}</body></message>")
  const out = await log.commit(batch([message(a, b, '1'), message(a, b, '', { xml }), message(b, a, '3'), message(a, a, '4')]))
  t.same(out.map((o) => [o?.received?.seq, o?.sent?.seq]), [[1, 1], [2, 2], [3, 3], [4, 5]])
  t.same(out[0]?.received?.flags, QUEUED | ARCHIVED)
  t.same(out[0]?.sent?.flags, SENT | ARCHIVED)
  const mine = await log.read(b, 0, 10)
  t.same(mine.map(({ seq, peer, flags, waiting }) => [seq, peer, flags, waiting]), [[1, a, 3, true], [2, a, 3, true], [3, a, 5, false]])
  t.equal(mine[1]?.xml, xml)
  t.equal(mine[0]?.mark, out[0]?.received?.mark)
  const again = await log.commit(batch([message(a, b, '5', { sent: 0 })]))
  t.same([again[0]?.received?.seq, again[0]?.sent], [4, null])
})

t.test('a page is bounded by what is in it, and never empty for that', async (t) => {
  const [a, b] = [await newAccount(), await newAccount()]
  const long = (octets: number): Logging => message(a, b, 'x'.repeat(octets), { sent: 0 })
  await log.commit(batch([long(2 ** 21), ...Array.from({ length: 6 }, () => long(300 * 1024)), message(a, b, 'short', { sent: 0 })]))
  const pages = async (next: (after: number) => Promise<readonly { seq: number }[]>): Promise<number[][]> => {
    const all: number[][] = []
    for (let after = 0; all.at(-1)?.length !== 0; after = all.at(-1)?.at(-1) ?? 0) all.push((await next(after)).map(({ seq }) => seq))
    return all
  }
  t.same(await pages((after) => log.read(b, after, 100)), [[1], [2, 3, 4, 5], [6, 7, 8], []])
  t.same(await pages((after) => log.pull(b, after, 99, 100)), [[1], [2, 3, 4, 5], [6, 7, 8], []])
})

t.test('a message to nobody leaves no entry, and holes in no numbers', async (t) => {
  const [a, b] = [await newAccount(), await newAccount()]
  await deleteAccount(db, b)
  const c = await newAccount()
  const out = await log.commit(batch([message(a, 'nobody@capulet.example', '1'), message(a, b, '2'), message(a, c, '3')]))
  t.same(out.map((o) => o?.received?.seq ?? null), [null, null, 1])
  t.same(await texts(a), ['3'])
})

t.test('D1: a deleted account takes its numbers up again where they were', async (t) => {
  const [a, b] = [await newAccount(), await newAccount()]
  await log.commit(batch([message(a, b, '1'), message(a, b, '2')]))
  await deleteAccount(db, b)
  t.same(await texts(b), [])
  await addAccounts(db, [{ account: b, credentials: [] }])
  const out = await log.commit(batch([message(a, b, '3')]))
  t.equal(out[0]?.received?.seq, 3)
})

t.test('XEP-0441: preferences decide on the archive, never on the queue', async (t) => {
  const [a, b, c] = [await newAccount(), await newAccount(), await newAccount()]
  await db.query('insert into archive_preference (account, fallback, always, never) values ($1, \'never\', array[$2], \'{}\'), ($3, \'always\', \'{}\', array[$2])', [b, c, a])
  const out = await log.commit(batch([message(a, b, '1'), message(c, b, '2'), message(a, c, '3'), message(a, c, '4', { sent: SENT | ARCHIVED | WANTED })]))
  t.same(out.map((o) => o?.received?.flags), [QUEUED, QUEUED | ARCHIVED, QUEUED | ARCHIVED, QUEUED | ARCHIVED])
  t.same(out.map((o) => o?.sent?.flags ?? null), [SENT | ARCHIVED, SENT | ARCHIVED, null, SENT], 'and what nobody wants has no entry')
  t.same(await waits(b), [1, 2])
  const roster = logStore(db, node, 'roster')
  await db.query('insert into roster (account, jid) values ($1, $2)', [a, b])
  const some = await roster.commit(batch([message(b, a, '5'), message(c, a, '6')]))
  t.same(some.map((o) => o?.received?.flags), [QUEUED | ARCHIVED, QUEUED])
})

t.test('D3: a batch whose outcome is not known is void, or it happened', async (t) => {
  const [a, b] = [await newAccount(), await newAccount()]
  const void_ = batch([message(a, b, 'never')])
  t.equal(await log.decide(void_), null)
  await t.rejects(log.commit(void_), /moved by somebody else/, 'void for ever: a COMMIT that arrives late does nothing')
  t.same(await texts(b), [])
  const done = batch([message(a, b, '1'), message(b, a, '2'), message(a, 'nobody@capulet.example', '3'), message(a, a, '4')])
  const said = await log.commit(done)
  t.same(await log.decide(done), said, 'and what it has made is found again')
  t.same(await texts(a), ['1', '2', '4', '4'])
})

t.test('D12: the watermark passes what is acknowledged, not queued, or gone; ranges stand above it', async (t) => {
  const [a, b] = [await newAccount(), await newAccount()]
  await log.commit(batch([message(a, b, '1'), message(b, a, 'x'), message(a, b, '3'), message(b, a, 'y'), message(a, b, '5'), message(a, b, '6')]))
  const row = async (): Promise<unknown> => (await db.query('select watermark, ranges::text as ranges from queue where account = $1', [b]))[0]
  t.same(await waits(b), [1, 3, 5, 6])
  await log.acknowledge(new Map([[b, [3, 5]]]))
  t.same(await waits(b), [1, 6], 'a hole: the first was not acknowledged')
  t.same(await row(), { watermark: 0, ranges: '{[3,4),[5,6)}' })
  await log.acknowledge(new Map([[b, [1]]]))
  t.same(await row(), { watermark: 5, ranges: '{}' })
  await log.acknowledge(new Map([[b, [1, 3]]]))
  t.same(await row(), { watermark: 5, ranges: '{}' }, 'never moved back')
  await log.acknowledge(new Map([[b, [6]], ['nobody@capulet.example', [1]]]))
  t.same(await row(), { watermark: 6, ranges: '{}' })
  t.same((await log.read(b, 4, 10)).map((e) => e.waiting), [false, false])
  await log.commit(batch([message(a, b, '7')]))
  t.same(await waits(b), [7])
})

t.test('D19: what waits is counted by sender', async (t) => {
  const [a, b, c] = [await newAccount(), await newAccount(), await newAccount()]
  await log.commit(batch([message(a, c, '1'), message(b, c, '2'), message(a, c, '3')]))
  await log.acknowledge(new Map([[c, [1]]]))
  const found = (await log.waiting([a, c])).get(c)
  t.same([found?.messages, found?.bytes, new Map(found?.senders)], [2, 66, new Map([[a, 1], [b, 1]])])
})

t.test('D3: an entry that cannot be written undoes its batch, and its number is free', async (t) => {
  const [a, b] = [await newAccount(), await newAccount()]
  const bad = batch([message(a, b, '1'), message(a, b, '\u0000')])
  await t.rejects(log.commit(bad), { code: '22021' })
  t.same(await texts(b), [])
  n--
  await log.commit(batch([message(a, b, '1')]))
  t.same(await texts(b), ['1'])
})

t.test('D2: a batch is written only where the sessions of its senders are as this node knows them, and otherwise nothing of it', async (t) => {
  const [a, b, c] = [await newAccount(), await newAccount(), await newAccount()]
  await db.query('update account set generation = 5 where account = any($1)', [[a, b]])
  const messages = [message(a, c, '1'), message(b, c, '2', { sent: 0 })]
  const fences = (...of: readonly [string, number][]): { fences: ReadonlyMap<string, number> } => ({ fences: new Map(of) })
  const wrong = batch(messages, fences([a, 5], [b, 4]))
  const error = await log.commit(wrong).catch((e: unknown) => e)
  t.match(error, { name: 'MovedError', accounts: [b] })
  t.same(await texts(c), [])
  const right = { ...wrong, ...fences([a, 5], [b, 5]) }
  t.same((await log.commit(right)).map((o) => o?.received?.seq), [1, 2], 'the number is not used up')
  await deleteAccount(db, b)
  t.match(await log.commit(batch([message(a, c, '3')], fences([b, 5]))).catch((e: unknown) => e), { accounts: [b] }, 'nor is one that is gone')
  n--
  t.same(await texts(c), ['1', '2'])
})
