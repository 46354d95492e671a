// What reading the archive costs in a long log, on Postgres: ten million entries, two million of them of one account, the
// others of a thousand, written interleaved as they come in life. Makes a database of its own and drops it.
//   JIDWAY_TEST_DATABASE_URL=postgres://… node dist/test/bench/archive.js [rows]
// Prints, for each thing asked, ms (median and most of 20, each elsewhere in the log), and rows looked at and plan.
import type { ArchiveQuery } from '../../lib/core/archive-find.js'
import { wordsIn } from '../../lib/core/archive-text.js'
import type { Db } from '../../lib/core/ports.js'
import { archiveEnds, countArchived, findArchived, findHeads, NO_END, readArchived, seqAt } from '../../lib/store/archive.js'
import { batchesWith, beginSearch, indexNext, searchBatches } from '../../lib/store/archive-words.js'
import { openDatabase } from '../../lib/store/db.js'
import { retentionStore } from '../../lib/store/retention.js'
import { maybeNamed } from '../../lib/store/retraction.js'
import { applySchema } from '../../lib/store/schema.js'
import { testUrl } from '../helpers/database.js'
import { plansOf, recording } from '../helpers/plans.js'
import { median } from './median.js'

const ROWS = Number(process.argv[2] ?? 10_000_000)
const CHUNK = 500_000
const RUNS = 20
const HUGE = 'huge@example.org'
const PEER = 'peer7@example.net'
const hugeRows = Math.floor(ROWS / 5)
const smallRows = Math.floor((ROWS - hugeRows) / 1000)
const small = (i: number): string => `user${i % 1000}@example.org`
const START = 1_600_000_000_000

const say = (line: string): void => void process.stdout.write(`${line}\n`)

const fill = async (db: Db): Promise<void> => {
  const begun = performance.now()
  for (let from = 1; from <= ROWS; from += CHUNK) {
    await db.query(`
      insert into log (account, seq, mark, at, peer, flags, xml)
      select case when g % 5 = 0 then '${HUGE}' else 'user' || k % 1000 || '@example.org' end,
        case when g % 5 = 0 then g / 5 else k / 1000 + 1 end, g, ${START} + g::bigint * 30, 'peer' || (g / 5000) % 50 || '@example.net', case when g % 2 = 0 then 5 else 3 end,
        '<message type=''chat'' id=''' || md5(g::text) || ''' from=''user@example.org/resource' || g % 7 || ''' to=''peer@example.net''><body>common word' || g % 5000
          || ' other' || g * 7 % 3001 || repeat(' and some more text', g % 10) || '</body><origin-id xmlns=''urn:xmpp:sid:0'' id=''' || md5(g::text) || '''/></message>'
      from (select g, g - g / 5 - 1 as k from generate_series($1::int, $2::int) g) s`, [from, Math.min(from + CHUNK - 1, ROWS)])
    say(`${Math.min(from + CHUNK - 1, ROWS)} rows, ${Math.round((performance.now() - begun) / 1000)} s`)
  }
  await db.query('analyze log')
  const [size] = await db.query<{ heap: string; keys: string }>(`
    select pg_size_pretty(sum(pg_relation_size(inhrelid))) as heap, pg_size_pretty(sum(pg_indexes_size(inhrelid))) as keys from pg_inherits where inhparent = 'log'::regclass`)
  say(`filled in ${Math.round((performance.now() - begun) / 1000)} s: ${size?.heap} of rows, ${size?.keys} of indexes`)
}

const bench = async (db: Db): Promise<void> => {
  const all = (account: string, more: Partial<ArchiveQuery> = {}): ArchiveQuery => ({ account, after: 0, before: NO_END, from: 0, until: NO_END, peer: null, ...more })
  const place = (i: number): number => Math.floor(hugeRows * ((i + 0.5) / RUNS))
  const ask: Record<string, (on: Db, i: number) => Promise<unknown>> = {
    'last page of 50, small account': (on, i) => findArchived(on, all(small(i * 37)), 'desc', 51),
    'last page of 50, huge account': (on) => findArchived(on, all(HUGE), 'desc', 51),
    '50 behind an entry, huge account': (on, i) => findArchived(on, all(HUGE, { after: place(i) }), 'asc', 51),
    '500 behind an entry, huge account': (on, i) => findArchived(on, all(HUGE, { after: place(i) }), 'asc', 501),
    '50 with a contact, before an entry, huge account': (on, i) => findArchived(on, all(HUGE, { peer: PEER, before: place(i) }), 'desc', 51),
    '50 with nobody known, huge account': (on) => findArchived(on, all(HUGE, { peer: 'nobody@example.net' }), 'asc', 51),
    'reading 50 messages': (on, i) => readArchived(on, HUGE, Array.from({ length: 50 }, (_, k) => place(i) + k)),
    '1000 start tags': (on, i) => findHeads(on, all(HUGE, { before: place(i) }), 'desc', 1000),
    '1000 start tags of one contact': (on, i) => findHeads(on, { ...all(HUGE, { before: place(i) }), peer: PEER }, 'desc', 1000),
    'a time to a number, huge account': (on, i) => seqAt(on, HUGE, START + Math.floor(ROWS * 30 * (i / RUNS))),
    'a time to a number, small account': (on, i) => seqAt(on, small(i * 37), START + Math.floor(ROWS * 30 * (i / RUNS))),
    'count up to 10,000, huge account': (on) => countArchived(on, all(HUGE), 10_001),
    'count of one contact, small account': (on, i) => countArchived(on, all(small(i * 37), { peer: PEER }), 10_001),
    'metadata, huge account': (on) => archiveEnds(on, HUGE),
    'looking for an id to retract, huge account': (on) => maybeNamed(on, HUGE, PEER, true, 'no-such-id'),
  }
  for (const [name, run] of Object.entries(ask)) await measure(db, name, run)
}

const measure = async (db: Db, name: string, run: (on: Db, i: number) => Promise<unknown>): Promise<void> => {
  const times: number[] = []
  for (let i = 0; i < RUNS; i++) {
    const begun = performance.now()
    await run(db, i)
    times.push(performance.now() - begun)
  }
  const { db: noting, statements } = recording(db)
  await run(noting, RUNS >> 1)
  const plans = []
  for (const statement of statements) plans.push(...await plansOf(db, statement))
  say(`${name}: ${median(times).toFixed(2)} ms, most ${Math.max(...times).toFixed(1)}`)
  for (const plan of plans) say(`    ${plan.mode}: ${plan.looked} rows${plan.sequential.length > 0 ? `, SEQUENTIAL ${plan.sequential.join()}` : ''}; ${[...new Set(plan.nodes)].join(' < ')}`)
}

const searches = async (db: Db): Promise<void> => {
  const account = small(37)
  for (const [who, steps] of [[account, Infinity], [HUGE, 100]] as const) {
    await beginSearch(db, who)
    const begun = performance.now()
    let n = 0
    while (n < steps && !await indexNext(db, who, wordsIn)) n++
    say(`indexing ${who === HUGE ? `${n * 1000} entries of the huge account` : `a small account (${smallRows} entries)`}: ${Math.round(performance.now() - begun)} ms`)
  }
  await db.query('analyze archive_word')
  const [size] = await db.query<{ n: string }>("select pg_size_pretty(pg_total_relation_size('archive_word')) as n")
  say(`size of the index of words: ${size?.n}`)
  const find = (who: string, words: readonly string[], batches: number) => async (on: Db): Promise<unknown> => {
    const found = await batchesWith(on, who, words[0] as string, { above: 0, below: NO_END, before: NO_END }, 'desc', batches)
    return searchBatches(on, { account: who, after: 0, before: NO_END, from: 0, until: NO_END, peer: null }, found, words, 'desc', 1000)
  }
  await measure(db, 'a word of every message, huge account (2 batches)', find(HUGE, ['common'], 2))
  await measure(db, 'a rare word, huge account (128 batches)', find(HUGE, ['word777'], 128))
  await measure(db, 'two words, huge account (128 batches)', find(HUGE, ['other500', 'common'], 128))
  await measure(db, 'a word, small account', find(account, ['common'], 2))
}

/** Last, for it changes what is there. */
const deletions = async (db: Db): Promise<void> => {
  const store = retentionStore(db, 'here')
  await db.query('insert into queue (account, watermark) values ($1, $2)', [HUGE, hugeRows])
  let after = 0
  await measure(db, 'deleting 500 of the oldest, huge account', async (on) => {
    ({ upTo: after } = await retentionStore(on, 'here').remove(HUGE, after, hugeRows, 500))
  })
  let done = after
  await measure(db, 'looking for 500 to tidy, huge account', async () => {
    ({ upTo: done } = await store.tidy(HUGE, done, hugeRows, 500))
  })
}

const undo: (() => void | Promise<void>)[] = []
try {
  const db = await openDatabase({ url: await testUrl({ teardown: (work) => void undo.push(work) }), data: '', connections: 1 })
  undo.push(() => db.close())
  await applySchema(db)
  await db.query('set statement_timeout = 0')
  await db.query(`insert into account (account, seq) values ('${HUGE}', ${hugeRows})`)
  await db.query("insert into account (account, seq) select 'user' || g || '@example.org', $1 from generate_series(0, 999) g", [smallRows])
  await fill(db)
  await bench(db)
  await searches(db)
  await deletions(db)
} finally {
  for (const work of undo.reverse()) await work()
}
