// Retention (durability.md D19): what goes and what stays, in the log of one account.
import t from 'tap'
import { sweepAccount } from '../../lib/core/retention.js'
import type { RetentionParts } from '../../lib/core/retention.js'
import { wordsIn } from '../../lib/core/archive-text.js'
import { ARCHIVED, SENT } from '../../lib/core/ports.js'
import type { LogEntry } from '../../lib/core/ports.js'
import { addAccounts, deleteAccount } from '../../lib/store/accounts.js'
import { beginSearch, indexNext } from '../../lib/store/archive-words.js'
import { retentionStore } from '../../lib/store/retention.js'
import { ENGINE, testDatabase } from '../helpers/database.js'
import { logWriter } from '../helpers/log.js'
import { plansOf, recording } from '../helpers/plans.js'

const DAY = 86_400_000
const NOW = 1_700_000_000_000
const db = await testDatabase(t)
const writer = await logWriter(db)
let names = 0
const newAccount = async (): Promise<string> => {
  const account = `u${++names}@capulet.example`
  await addAccounts(db, [{ account, credentials: [] }])
  return account
}
interface Sweep { window?: number; age?: number; most?: number; offline?: number; keep?: number; now?: number; bounce?: RetentionParts['bounce']; over?: boolean }
let later = 0
/** A sweep; each is a day after the one before, by the clock of claims. */
const sweep = (account: string, { window = -3700, age = 0, most = 0, offline = 0, keep = Infinity, now = NOW, bounce = () => Promise.reject(new Error('nothing to bounce')), over = false }: Sweep = {}, given = db): Promise<void> => {
  const store = retentionStore(given, 'here')
  return sweepAccount({
    store: { ...store, claim: (who) => store.claim(who, NOW + ++later * DAY, NOW + later * DAY - 1) },
    settings: { archiveMaxAge: age / 1000, archiveMaxMessages: most, offlineMaxAge: offline / 1000, resumeWindow: window },
    clock: { now: () => now, monotonic: () => now }, keep: () => keep, bounce, report: () => {}, pause: () => Promise.resolve(!over),
  }, account)
}
/** Entries that are there: number, and its flags. */
const left = async (account: string): Promise<string> =>
  (await db.query<{ seq: number; flags: number }>('select seq, flags from log where account = $1 order by seq', [account])).map(({ seq, flags }) => `${seq}:${flags}`).join(' ')

/** An account with entries of these flags, a day apart, the last of them now. */
const withEntries = async (...flags: readonly number[]): Promise<string> => {
  const [a, b] = [await newAccount(), await newAccount()]
  for (const [i, flag] of flags.entries()) {
    const at = NOW - (flags.length - 1 - i) * DAY
    if ((flag & SENT) !== 0) await writer.say(a, b, String(i + 1), { at, sent: flag | ((flag & ARCHIVED) === 0 ? 8 : 0) })
    else await writer.say(b, a, String(i + 1), { at, received: flag, sent: 0 })
  }
  return a
}

t.test('archived entries go by age, the oldest; without a bound none goes', async (t) => {
  const a = await withEntries(1, 5, 1, 5, 1)
  await sweep(a)
  t.equal(await left(a), '1:1 2:5 3:1 4:5 5:1')
  await sweep(a, { age: 2.5 * DAY })
  t.equal(await left(a), '3:1 4:5 5:1')
})

t.test('archived entries go by number, the oldest', async (t) => {
  const a = await withEntries(1, 5, 1, 5, 1)
  await sweep(a, { most: 5 })
  t.equal(await left(a), '1:1 2:5 3:1 4:5 5:1')
  await sweep(a, { most: 2 })
  t.equal(await left(a), '4:5 5:1')
})

t.test('D19: what waits stays whatever its age, but not in the archive, which has no gaps', async (t) => {
  const a = await withEntries(3, 1, 3, 3, 1)
  await writer.log.acknowledge(new Map([[a, [3]]]))
  await sweep(a, { age: 0.5 * DAY })
  t.equal(await left(a), '1:2 4:2 5:1')
  t.same((await writer.log.pull(a, 0, 99, 99)).map((e) => e.seq), [1, 4], 'it waits as before')
  const b = await withEntries(2, 1, 2, 1)
  await sweep(b, { age: 0.5 * DAY })
  t.equal(await left(b), '1:2 3:2 4:1', 'also what was never archived')
})

t.test('what is neither archived nor waiting goes, up to the first that waits; what was done is not looked at again', async (t) => {
  const a = await withEntries(2, 4, 1, 2, 4, 5, 2, 4)
  await sweep(a)
  t.equal(await left(a), '1:2 2:4 3:1 4:2 5:4 6:5 7:2 8:4')
  await writer.log.acknowledge(new Map([[a, [1, 4]]]))
  await sweep(a)
  t.equal(await left(a), '3:1 6:5 7:2 8:4')
  t.equal((await db.query<{ swept: number }>('select swept from retention where account = $1', [a]))[0]?.swept, 6)
  await writer.log.acknowledge(new Map([[a, [7]]]))
  await sweep(a)
  t.equal(await left(a), '3:1 6:5')
})

t.test('D19: nothing above a position that a session has yet to read: here, or of a stream that can be resumed', async (t) => {
  const a = await withEntries(4, 1, 4, 1, 4, 1)
  await sweep(a, { keep: 3, age: 1 })
  t.equal(await left(a), '4:1 5:4 6:1')
  await db.query("insert into resumption (account, session_id, resource, incarnation, node, epoch, lasts, position) values ($1, 's', 'r', 1, 'n', 1, 60, 4)", [a])
  await sweep(a, { age: 1, now: NOW + 1000 })
  t.equal(await left(a), '5:4 6:1')
  await db.query('update resumption set ended = 1')
  await sweep(a, { age: 1, now: NOW + 1000 + 10_000 })
  t.equal(await left(a), '')
})

t.test('D19: where a stream has not acknowledged all, or another node has a session, what is younger than a day stays', async (t) => {
  for (const busy of [
    "insert into resumption (account, session_id, resource, incarnation, node, epoch, lasts, position, unacked) values ($1, 's', 'r', 1, 'n', 1, 60, 99, 'x')",
    "insert into presence (account, resource, session_id, incarnation, node, epoch) values ($1, 'r', 's', 1, 'elsewhere', 1)",
  ]) {
    const a = await withEntries(4, 4, 4)
    await db.query(busy, [a])
    await sweep(a, { now: NOW + 0.5 * DAY })
    t.equal(await left(a), '3:4')
    await sweep(a, { now: NOW + 2 * DAY })
    t.equal(await left(a), '')
  }
})

t.test('D19: what waited too long goes back to its sender, then counts as acknowledged; a bounce that fails is tried again', async (t) => {
  const a = await withEntries(2, 3, 2, 2)
  const bounced: LogEntry[] = []
  await writer.log.acknowledge(new Map([[a, [1]]]))
  await t.rejects(sweep(a, { offline: 0.5 * DAY, bounce: () => Promise.reject(new Error('not now')) }), /not now/)
  t.equal((await writer.log.pull(a, 0, 9, 9)).length, 3)
  await sweep(a, { offline: 0.5 * DAY, bounce: async (_, entry) => void bounced.push(entry) })
  t.same(bounced.map((e) => [e.seq, e.xml.includes('<body>')]), [[2, true], [3, true]])
  t.same((await writer.log.pull(a, 0, 9, 9)).map((e) => e.seq), [4])
  t.equal(await left(a), '2:3 4:2', 'what is archived stays')
})

t.test('words of what was deleted go too', async (t) => {
  const a = await withEntries(1, 1)
  await beginSearch(db, a)
  await indexNext(db, a, wordsIn)
  await sweep(a, { age: 1, now: NOW + DAY })
  t.equal(await left(a), '')
  await writer.say('x@y', a, 'new', { at: NOW + 2 * DAY, sent: 0, received: 1 })
  await indexNext(db, a, wordsIn)
  await sweep(a, { age: DAY, now: NOW + 2 * DAY })
  t.same(await db.query('select word from archive_word where account = $1', [a]), [{ word: 'new' }])
})

t.test('one of several nodes sweeps an account, and none sweeps what is no account', async (t) => {
  const a = await newAccount()
  const store = retentionStore(db, 'here')
  const claims = await Promise.all([store.claim(a, 1000, 500), store.claim(a, 1000, 500), store.claim(a, 1001, 501)])
  t.equal(claims.filter((c) => c !== null).length, 1)
  t.equal(await store.claim(a, 2000, 1500), 0)
  t.equal(await store.claim('nobody@x', 1, 0), null)
  await deleteAccount(db, a)
  t.equal((await db.query('select from retention where account = $1', [a])).length, 0)
})

t.test('D14: among what is neither archived nor waiting it is looked for what is sent again: it stays for the window and an hour', async (t) => {
  const a = await withEntries(4, 4, 4)
  await sweep(a, { window: 600 })
  t.equal(await left(a), '3:4')
  await sweep(a, { window: 600, now: NOW + 4000_000 })
  t.equal(await left(a), '3:4')
  await sweep(a, { window: 600, now: NOW + 4300_000 })
  t.equal(await left(a), '')
})

t.test('it ends between two statements when it is told to', async (t) => {
  const a = await withEntries(4)
  await db.query("insert into log select account, g, mark, at, peer, flags, xml from log, generate_series(2, 1200) g where account = $1 and seq = 1", [a])
  await db.query('update account set seq = 1200 where account = $1', [a])
  await sweep(a, { over: true })
  t.equal((await left(a)).split(' ').length, 700)
  await sweep(a)
  t.equal(await left(a), '')
})

if (ENGINE === 'postgres') {
  t.test('every statement is keyed and bounded', async (t) => {
    await db.query(`
      insert into log (account, seq, mark, at, peer, flags, xml)
      select 'big@x.example', g, g, g, 'peer' || g % 10 || '@x.example', 3, '<message/>' from generate_series(1, 100000) g`)
    await db.query("insert into account (account, seq) values ('big@x.example', 100000)")
    await db.query("insert into queue (account, watermark) values ('big@x.example', 99000)")
    await db.query('analyze log')
    const { db: noting, statements } = recording(db)
    const store = retentionStore(noting, 'here')
    const work: Record<string, [run: () => Promise<unknown>, most: number]> = {
      bounds: [() => store.bounds('big@x.example'), 20],
      expired: [() => store.expired('big@x.example', 100_000, 99_200, 100), 250],
      remove: [() => store.remove('big@x.example', 0, 50_000, 500), 2100],
      tidy: [() => store.tidy('big@x.example', 600, 99_000, 500), 2100],
      accounts: [() => store.accounts('', 10), 50],
      claim: [() => store.claim('big@x.example', 1, 0), 5],
    }
    for (const [name, [run, most]] of Object.entries(work)) {
      statements.length = 0
      await run()
      for (const statement of statements) {
        for (const plan of await plansOf(db, statement)) {
          t.same(plan.sequential.filter((table) => table.startsWith('log')), [], `${name} (${plan.mode}): ${plan.nodes.join()}`)
          t.ok(plan.looked <= most, `${name} (${plan.mode}): ${plan.looked} rows; ${plan.nodes.join()}`)
        }
      }
    }
  })
}
