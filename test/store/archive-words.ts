// The index of words: what it finds, when it is made, and that it is walked along in order.
import t from 'tap'
import type { ArchiveQuery, Order } from '../../lib/core/archive-find.js'
import { wordsIn } from '../../lib/core/archive-text.js'
import { addAccounts, deleteAccount } from '../../lib/store/accounts.js'
import { NO_END } from '../../lib/store/archive.js'
import { batchesWith, beginSearch, dropWords, forgetWords, indexNext, searchBatches } from '../../lib/store/archive-words.js'
import { ENGINE, testDatabase } from '../helpers/database.js'
import { logWriter } from '../helpers/log.js'
import { plansOf, recording } from '../helpers/plans.js'

const db = await testDatabase(t)
const writer = await logWriter(db)
let names = 0
const newAccount = async (): Promise<string> => {
  const account = `u${++names}@capulet.example`
  await addAccounts(db, [{ account, credentials: [] }])
  return account
}
const everything = (account: string, more: Partial<ArchiveQuery> = {}): ArchiveQuery =>
  ({ account, after: 0, before: NO_END, from: 0, until: NO_END, peer: null, ...more })
const index = async (account: string): Promise<void> => {
  await beginSearch(db, account)
  while (!await indexNext(db, account, wordsIn));
}
const batches = (account: string, word: string, order: Order = 'asc', before = NO_END): Promise<number[]> => batchesWith(db, account, word, { above: 0, below: NO_END, before }, order, 100)
const search = async (account: string, words: readonly string[], order: Order = 'asc', more: Partial<ArchiveQuery> = {}): Promise<number[]> =>
  (await searchBatches(db, everything(account, more), await batches(account, words[0] as string, order), words, order, 100)).map((entry) => entry.seq)
const rows = async (account: string): Promise<number> => (await db.query<{ n: number }>('select count(*)::int as n from archive_word where account = $1', [account]))[0]?.n as number

t.test('nothing is indexed before the first search; then what came since the last', async (t) => {
  const [a, b] = [await newAccount(), await newAccount()]
  await writer.say(b, a, 'Neither, fair saint')
  t.equal(await indexNext(db, a, wordsIn), true)
  t.equal(await rows(a), 0)
  await index(a)
  t.same(await batches(a, 'saint'), [1])
  t.same(await search(a, ['saint', 'fair']), [1])
  t.same(await search(a, ['saint', 'dear']), [])
  await writer.say(a, b, '', { xml: '<message><body>Dear &amp; sweet Säint</body><body xml:lang="it">santo</body><subject>hidden</subject></message>' })
  await index(a)
  t.same(await search(a, ['saint']), [1, 2])
  t.same(await search(a, ['saint'], 'desc'), [2, 1])
  t.same(await search(a, ['santo']), [2])
  t.same(await search(a, ['hidden']), [])
  t.same([await rows(b), await rows(a)], [0, 7])
  await deleteAccount(db, a)
  t.same([await rows(a), (await db.query('select from archive_search where account = $1', [a])).length], [0, 0])
})

t.test('batches are walked along both ways, and only those where the entries can be', async (t) => {
  const [a, b] = [await newAccount(), await newAccount()]
  for (let i = 1; i <= 4; i++) {
    await writer.sayMany(b, a, 3)
    await index(a)
  }
  t.same(await batches(a, '2'), [3, 6, 9, 12])
  t.same(await batches(a, '2', 'desc'), [12, 9, 6, 3])
  t.same(await batches(a, '2', 'desc', 7), [6, 3])
  t.same(await batches(a, '2', 'desc', 8), [9, 6, 3])
  t.same(await batchesWith(db, a, '2', { above: 3, below: 12, before: NO_END }, 'asc', 1), [6])
  t.same(await search(a, ['2'], 'desc', { before: 11 }), [8, 5, 2])
  t.same(await search(a, ['2'], 'asc', { after: 2, from: 1_600_000_000_001 }), [5, 8, 11])
  t.same(await search(a, ['2'], 'asc', { peer: 'x@y' }), [])
  await writer.say('x@y', a, 'and 2')
  await index(a)
  t.same(await search(a, ['2'], 'asc', { peer: 'x@y' }), [13])
  t.same((await searchBatches(db, everything(a, { peer: 'x@y' }), [3, 6, 9, 12, 13], ['2'], 'asc', 1)).map((e) => e.seq), [13], 'the bound is one on what fits')
  await db.query('delete from log where account = $1 and seq = 13', [a])
  await db.query('update log set flags = 2 where account = $1 and seq = 5', [a])
  t.same(await search(a, ['2']), [2, 8, 11], 'only what is archived')
})

t.test('a retracted entry loses its words, also where it is being indexed at that moment', async (t) => {
  const [a, b] = [await newAccount(), await newAccount()]
  await writer.sayMany(b, a, 3)
  await forgetWords(db, a, 1)
  t.equal(await rows(a), 0, 'of an account without an index nothing happens')
  await index(a)
  await forgetWords(db, a, 2)
  t.same([await search(a, ['1']), await search(a, ['2'])], [[1], []])
  await writer.say(b, a, 'secret')
  let once = true
  const racing = async (): Promise<boolean> => indexNext({
    ...db,
    query: async (text, values) => {
      const found = await db.query(text, values)
      if (once && text.includes('seq <= $3')) {
        once = false
        await db.query("update log set xml = '<message/>' where account = $1 and seq = 4", [a])
        await forgetWords(db, a, 4)
      }
      return found as never
    },
  }, a, wordsIn)
  await racing()
  while (!await racing());
  t.same(await batches(a, 'secret'), [])
})

t.test('two that index the same account at once do it once', async (t) => {
  const [a, b] = [await newAccount(), await newAccount()]
  await writer.sayMany(b, a, 20)
  await Promise.all([index(a), index(a), index(a)])
  t.same(await search(a, ['7']), [7])
  t.equal(await rows(a), 20)
})

t.test('words of entries that retention has deleted go batch by batch', async (t) => {
  const [a, b] = [await newAccount(), await newAccount()]
  for (let i = 1; i <= 3; i++) {
    await writer.sayMany(b, a, 2)
    await index(a)
  }
  t.same([await dropWords(db, a, 4), await dropWords(db, a, 4)], [true, false])
  t.same(await batches(a, '1'), [4, 6])
})

if (ENGINE === 'postgres') {
  t.test('a search in a long archive is keyed and bounded', async (t) => {
    const big = await newAccount()
    await db.query(`
      insert into log (account, seq, mark, at, peer, flags, xml)
      select $1, g, g, g, 'peer' || g % 50 || '@montague.example', 3, '<message><body>common ' || case g when 777 then 'rare' else 'word' || g % 1000 end || '</body></message>'
      from generate_series(1, 20000) g`, [big])
    await index(big)
    await db.query('analyze log')
    await db.query('analyze archive_word')
    const { db: noting, statements } = recording(db)
    const looked = async (work: () => Promise<unknown>): Promise<number> => {
      statements.length = 0
      await work()
      let most = 0
      for (const statement of statements) {
        for (const plan of await plansOf(db, statement)) {
          t.same(plan.sequential, [], `${statement.text} ${plan.nodes.join()}`)
          most = Math.max(most, plan.looked)
        }
      }
      return most
    }
    t.ok(await looked(() => batchesWith(noting, big, 'common', { above: 0, below: NO_END, before: NO_END }, 'desc', 2)) <= 4)
    t.ok(await looked(() => batchesWith(noting, big, 'common', { above: 0, below: NO_END, before: 9000 }, 'asc', 128)) <= 25)
    t.ok(await looked(() => searchBatches(noting, everything(big), [20_000, 19_000], ['common'], 'desc', 51)) <= 2300)
    t.ok(await looked(() => searchBatches(noting, everything(big), [1000], ['rare', 'common'], 'desc', 51)) <= 10)
    t.ok(await looked(() => indexNext(noting, big, wordsIn)) <= 5)
  })
}
