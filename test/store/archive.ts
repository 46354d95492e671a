// The archive's statements: what they find, and that a long log costs no more than a short one.
import t from 'tap'
import type { ArchiveQuery } from '../../lib/core/archive-find.js'
import { addAccounts } from '../../lib/store/accounts.js'
import { archiveEnds, countArchived, findArchived, findHeads, locate, NO_END, pickArchived, readArchived, seqAt } from '../../lib/store/archive.js'
import { ENGINE, testDatabase } from '../helpers/database.js'
import { logWriter } from '../helpers/log.js'
import { plansOf, recording } from '../helpers/plans.js'

const db = await testDatabase(t)
let names = 0
const newAccount = async (): Promise<string> => {
  const account = `u${++names}@capulet.example`
  await addAccounts(db, [{ account, credentials: [] }])
  return account
}
const everything = (account: string, more: Partial<ArchiveQuery> = {}): ArchiveQuery =>
  ({ account, after: 0, before: NO_END, from: 0, until: NO_END, peer: null, ...more })

t.test('seqAt finds the first entry at or after a time, whatever numbers are missing', async (t) => {
  const [a, b] = [await newAccount(), await newAccount()]
  t.equal(await seqAt(db, a, 5), 1, 'of an empty log')
  const writer = await logWriter(db)
  await writer.sayMany(b, a, 40, 1000)
  // of the first thirty, every seventh is left
  await db.query('delete from log where account = $1 and seq % 7 <> 0 and seq < 30', [a])
  const rows = await db.query<{ seq: number; at: number }>('select seq, at from log where account = $1 order by seq', [a])
  for (let at = 995; at < 1045; at++) {
    const found = await seqAt(db, a, at)
    t.same(rows.filter((row) => row.at >= at), rows.filter((row) => row.seq >= found), `${at}: from ${found} on`)
  }
})

t.test('start tags come as they stand, \'>\' in values among them', async (t) => {
  const [a, b] = [await newAccount(), await newAccount()]
  const writer = await logWriter(db)
  const tags = ["<message from='a>b' to=\"it's é >\">", '<message\n id="">', '<message/>']
  for (const tag of tags) await writer.say(b, a, '', { xml: tag.endsWith('/>') ? tag : `${tag}<body x='>'>1</body></message>` })
  t.same((await findHeads(db, { ...everything(a), peer: b }, 'asc', 10)).map((row) => Buffer.from(row.head, 'latin1').toString()), tags)
})

if (ENGINE === 'postgres') {
  t.test('every statement is keyed and bounded: no sequential scan, and no more rows looked at than the page needs', async (t) => {
    // 200,000 rows: one account with half of them, 100 that share the rest; statistics as autovacuum would make them
    await db.query(`
      insert into log (account, seq, mark, at, peer, flags, xml)
      select case when g <= 100000 then 'big@capulet.example' else 'small' || g % 100 || '@capulet.example' end,
        case when g <= 100000 then g else (g - 100000) / 100 + 1 end, g, 1600000000000 + g * 1000,
        'peer' || g % 50 || '@montague.example', case when g % 3 = 0 then 5 else 3 end,
        '<message from=''peer@montague.example/r' || g % 5 || ''' to=''x''><body>' || repeat('word ', g % 40) || '</body></message>'
      from generate_series(1, 200000) g`)
    await db.query('analyze log')
    const { db: noting, statements } = recording(db)
    const big = 'big@capulet.example'
    const peer = 'peer7@montague.example'
    const ask: Record<string, [work: () => Promise<unknown>, most: number]> = {
      'first page': [() => findArchived(noting, everything(big), 'asc', 51), 60],
      'last page': [() => findArchived(noting, everything(big), 'desc', 51), 60],
      'page behind an entry': [() => findArchived(noting, everything(big, { after: 50_000 }), 'asc', 51), 60],
      'page before an entry': [() => findArchived(noting, everything(big, { before: 50_000 }), 'desc', 51), 60],
      'one contact': [() => findArchived(noting, everything(big, { peer }), 'asc', 51), 60],
      'one contact, from the end': [() => findArchived(noting, everything(big, { peer, before: 90_000 }), 'desc', 51), 60],
      'a contact that was never written to': [() => findArchived(noting, everything(big, { peer: 'nobody@x.example' }), 'asc', 51), 5],
      'since a time': [() => findArchived(noting, everything(big, { after: 99_980, from: 1_600_099_985_000 }), 'asc', 51), 30],
      'a small account': [() => findArchived(noting, everything('small7@capulet.example'), 'desc', 501), 1000], // all that it has: gathered and sorted
      'start tags of anybody': [() => findHeads(noting, everything(big), 'desc', 1000), 1100],
      'start tags': [() => findHeads(noting, { ...everything(big), peer }, 'desc', 1000), 1100],
      count: [() => countArchived(noting, everything(big), 10_001), 10_100],
      'count of one contact': [() => countArchived(noting, everything(big, { peer }), 10_001), 2100],
      ids: [() => pickArchived(noting, everything(big, { peer }), [7, 8, 9, 57]), 10],
      'looking for ids': [() => locate(noting, big, [7, 8, 9, 200_000]), 10],
      reading: [() => readArchived(noting, big, Array.from({ length: 500 }, (_, i) => i * 100 + 1)), 520],
      'a time': [() => seqAt(noting, big, 1_600_050_000_000), 120],
      ends: [() => archiveEnds(noting, big), 10],
    }
    for (const [name, [work, most]] of Object.entries(ask)) {
      statements.length = 0
      await work()
      t.equal(statements.length, 1, name)
      for (const statement of statements) {
        for (const { mode, sequential, looked, nodes } of await plansOf(db, statement)) {
          t.same(sequential, [], `${name} (${mode}): ${nodes.join(', ')}`)
          t.ok(looked <= most, `${name} (${mode}): ${looked} rows looked at, ${most} allowed; ${nodes.join(', ')}`)
        }
      }
    }
  })
}
