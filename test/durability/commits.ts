// What the core makes of the real log: a batch happens once, whatever becomes of the connection in its COMMIT, and one bad row is
// one sender's (durability.md D3); numbers are in the order of commits, so that nobody who pages by them skips one that is
// committed late (D2); one that a crash of the database gave out twice is never the same id (D5).
import t from 'tap'
import { AwayError } from '../../lib/base/errors.js'
import { idOf } from '../../lib/core/log-id.js'
import type { LogStore } from '../../lib/core/ports.js'
import { addAccounts } from '../../lib/store/accounts.js'
import { logStore } from '../../lib/store/log.js'
import { registerNode } from '../../lib/store/node.js'
import { ENGINE, testDatabase } from '../helpers/database.js'
import { frame, memoryStore, testCore } from '../helpers/core.js'
import type { TestCore, TestSession } from '../helpers/core.js'
import { bodies, chat, turn, until } from '../helpers/life.js'
import { logWriter } from '../helpers/log.js'

const db = await testDatabase(t)
const onlyServer = ENGINE === 'postgres' ? {} : { skip: 'needs a Postgres server: the embedded one has one connection' }
let names = 0
const newAccount = async (): Promise<string> => {
  const account = `u${++names}@localhost`
  await addAccounts(db, [{ account, credentials: [] }])
  return account
}
interface Here { core: TestCore; log: LogStore; romeo: TestSession; juliet: TestSession; texts: () => Promise<string[]> }
const setUp = async (wrap: (log: LogStore) => Partial<LogStore>): Promise<Here> => {
  const [a, b] = [await newAccount(), await newAccount()]
  const real = logStore(db, await registerNode(db, 'n1'), 'always')
  const log = { ...real, ...wrap(real) }
  const core = testCore({ store: memoryStore([a, b]), stores: { log } })
  const texts = async (): Promise<string[]> => (await real.read(b, 0, 1000)).map(({ xml }) => /<body>([^<]*)/.exec(xml)?.[1] ?? '')
  return { core, log, romeo: core.session(`${a}/orchard`), juliet: core.session(`${b}/balcony`), texts }
}

t.test('D3: the connection is lost in COMMIT: what happened is not done again, what did not is, and each message comes once', async (t) => {
  type Wrap = (real: LogStore) => Partial<LogStore>
  const lost = (): AwayError => new AwayError(new Error('Connection terminated unexpectedly'))
  /** The second batch has an accident. */
  const second = (accident: (real: LogStore, batch: Parameters<LogStore['commit']>[0]) => Promise<never>): Wrap => (real) => {
    let n = 0
    return { commit: async (batch) => (++n === 2 ? accident(real, batch) : real.commit(batch)) }
  }
  let late = 'never came'
  const ways: [string, Wrap][] = [
    ['it happened', second(async (real, batch) => {
      await real.commit(batch)
      throw lost()
    })],
    ['it did not', second(() => Promise.reject(lost()))],
    ['it happened, and the answer to the question is lost too', (real) => ({
      ...second(async (_, batch) => {
        await real.commit(batch)
        throw lost()
      })(real),
      decide: ((asked) => async (batch) => {
        const answer = await real.decide(batch)
        if (++asked === 1) throw lost()
        return answer
      })(0),
    })],
    ['it did not, and the answer to the question is lost too', (real) => ({
      ...second(() => Promise.reject(lost()))(real),
      decide: ((asked) => async (batch) => {
        const answer = await real.decide(batch)
        if (++asked === 1) throw lost()
        return answer
      })(0),
    })],
    ['the COMMIT arrives when it has been decided', (real) => {
      let overdue: Parameters<LogStore['commit']>[0] | null = null
      return {
        ...second((_, batch) => {
          overdue = batch
          return Promise.reject(lost())
        })(real),
        decide: async (batch) => {
          const answer = await real.decide(batch)
          if (overdue !== null) late = await real.commit(overdue).then(() => 'it happened', (error: Error) => error.message)
          return answer
        },
      }
    }],
  ]
  for (const [how, wrap] of ways) {
    const { core, log, romeo, juliet, texts } = await setUp(wrap)
    await core.from(romeo, chat(juliet.account, 'one'))
    for (const text of ['two', 'three']) void core.router.fromClient(romeo, frame(chat(juliet.account, text)))
    await turn()
    t.same(bodies(juliet.got), ['one'], 'nothing of it yet')
    t.ok(await until(() => bodies(juliet.got).length >= 3), how)
    await core.from(romeo, chat(juliet.account, 'four'))
    t.same(bodies(juliet.got), ['one', 'two', 'three', 'four'], how)
    t.same(await texts(), ['one', 'two', 'three', 'four'], how)
    const ids = juliet.got.filter((g) => g.startsWith('<message')).map((g) => /<stanza-id [^>]* id='([^']*)/.exec(g)?.[1])
    t.same(ids, (await log.read(juliet.account, 0, 10)).map((e) => idOf(e)), 'under the names that they have in the log')
    t.same(romeo.got, [], how)
  }
  t.match(late, /moved by somebody else/, 'void for ever')
})

t.test('D3: one bad row in a batch: the others are committed, in order, and only its sender hears', async (t) => {
  const sizes: number[] = []
  const { core, romeo, juliet, texts } = await setUp((real) => ({
    commit: (batch) => {
      sizes.push(batch.messages.length)
      // what no check before it has caught
      return real.commit({ ...batch, messages: batch.messages.map((m) => ({ ...m, xml: m.xml.replace('bad', '\u0000') })) })
    },
  }))
  const all = Array.from({ length: 9 }, (_, i) => (i === 3 ? 'bad' : `${i}`))
  const mercutio = core.session(`${romeo.account}/other`)
  for (const text of all) void core.router.fromClient(text === 'bad' ? mercutio : romeo, frame(chat(juliet.account, text)))
  t.ok(await until(() => mercutio.got.length > 0 && bodies(juliet.got).length >= 8))
  t.equal(sizes[0], 9, 'they were one batch')
  const good = all.filter((text) => text !== 'bad')
  t.same(await texts(), good)
  t.same(bodies(juliet.got), good)
  t.same(romeo.got, [])
  t.equal(mercutio.got.length, 1)
  t.match(mercutio.got[0], /type='error'.*<internal-server-error/)
})

t.test('D2: who pages by number skips nothing that is committed late', onlyServer, async (t) => {
  const [a, b] = [await newAccount(), await newAccount()]
  const [one, two] = [await logWriter(db), await logWriter(db)]
  await one.say(a, b, 'one')
  const paged: string[] = []
  let after = 0
  const page = async (): Promise<void> => {
    for (const entry of await two.log.read(b, after, 10)) {
      paged.push(/<body>([^<]*)/.exec(entry.xml)?.[1] ?? '')
      after = entry.seq
    }
  }
  await page()
  let later: Promise<unknown> = Promise.resolve()
  await db.transaction(async (tx) => {
    const slow = await logWriter(tx)
    await slow.say(a, b, 'late')
    let over = false
    later = two.say(a, b, 'behind it').finally(() => (over = true))
    await turn(200)
    t.notOk(over, 'a later number waits for the commit of an earlier one')
    await page()
    t.same(paged, ['one'])
  })
  await later
  await page()
  t.same(paged, ['one', 'late', 'behind it'])
})

t.test('D2: many nodes write to one account, and who follows by number sees each number once, in order', async (t) => {
  const [a, b] = [await newAccount(), await newAccount()]
  const writers = await Promise.all([1, 2, 3].map(() => logWriter(db)))
  let writing = true
  const work = Promise.all(writers.map(async (writer, w) => {
    // in both directions: their accounts are locked in one order
    for (let i = 0; i < 25; i++) await writer.say(...((i + w) % 2 === 0 ? [a, b] as const : [b, a] as const), `${w} ${i}`)
  })).finally(() => (writing = false))
  const seen: number[] = []
  const follow = async (): Promise<void> => {
    for (const { seq } of await (writers[0] as typeof writers[0]).log.read(b, seen.at(-1) ?? 0, 7)) seen.push(seq)
  }
  while (writing) await follow()
  await work
  while (seen.length < 75) {
    const before = seen.length
    await follow()
    if (seen.length === before) break
  }
  t.same(seen, Array.from({ length: 75 }, (_, i) => i + 1))
})

t.test('D5: a number that was given out twice is never the same id', async (t) => {
  const { core, romeo, juliet } = await setUp(() => ({}))
  await core.from(romeo, chat(juliet.account, 'one'))
  // as after a crash of a database that lost its last commit, or a fail-over to a standby that was behind
  await db.query('delete from log where account = $1 and seq = 1', [juliet.account])
  await db.query('update account set seq = 0 where account = $1', [juliet.account])
  const next = core.session(`${juliet.account}/next`)
  next.position = 0
  void core.sessionOver(juliet, true)
  await core.from(romeo, chat(juliet.account, 'another'))
  const idsOf = (got: readonly string[]): (string | undefined)[] => got.filter((g) => g.startsWith('<message')).map((g) => /<stanza-id [^>]* id='([^']*)/.exec(g)?.[1])
  const [[first], [second]] = [idsOf(juliet.got), idsOf(next.got)]
  t.same([bodies(juliet.got), bodies(next.got)], [['one'], ['another']])
  t.equal(first?.split('-')[0], second?.split('-')[0], 'the same number')
  t.not(first, second)
})
