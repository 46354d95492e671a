// Sessions that change their owner (durability.md D9, D10): all of a node that is over, and one whose client has come; what the
// old owner has said in its journal counts up to the moment of the take, and what it says later counts for nothing.
import t from 'tap'
import { record } from '../../lib/core/journal.js'
import type { JournalPart } from '../../lib/core/journal.js'
import type { LeftSession, Owner, StreamRow } from '../../lib/core/ports.js'
import { addAccounts } from '../../lib/store/accounts.js'
import { logStore } from '../../lib/store/log.js'
import { presenceStore } from '../../lib/store/presence.js'
import { resumptionStore } from '../../lib/store/resumption.js'
import { takeoverStore } from '../../lib/store/takeover.js'
import { testDatabase } from '../helpers/database.js'

const db = await testDatabase(t)
let names = 0
interface Life {
  readonly node: Owner
  readonly takeover: ReturnType<typeof takeoverStore>
  readonly streams: ReturnType<typeof resumptionStore>
  note(...parts: JournalPart[]): Promise<void>
}
const life = async (): Promise<Life> => {
  const node = { id: `n${++names}`, epoch: 3 }
  await db.query('insert into node (id, epoch) values ($1, $2)', [node.id, node.epoch])
  const log = logStore(db, node, 'always')
  let n = 0
  return {
    node, takeover: takeoverStore(db, node), streams: resumptionStore(db, node),
    note: async (...parts) => void await log.commit({ n: ++n, messages: [], blob: parts.map(record).join('\n'), mark: n, at: 1 }),
  }
}
const rowOf = (account: string, more: Partial<StreamRow> = {}): StreamRow => ({
  account, sessionId: `s ${account}`, resource: 'balcony', incarnation: 1, lasts: 600, detached: null,
  h: 0, outbound: 0, position: 0, unacked: [], requests: [], folded: 0, details: '{}', ...more,
})
const part = (account: string, more: Partial<JournalPart> = {}): JournalPart =>
  ({ account, sessionId: `s ${account}`, incarnation: 1, h: 0, records: [], requests: [], details: null, ...more })
/** @param more null: no stream that can be resumed */
const session = async ({ node, streams }: Life, more: Partial<StreamRow> | null = {}): Promise<string> => {
  const account = `t${++names}@capulet.example`
  await addAccounts(db, [{ account, credentials: [] }])
  await presenceStore(db).save([{ account, resource: 'balcony', sessionId: `s ${account}`, incarnation: 1, node: node.id, epoch: node.epoch, priority: 0, presence: '<presence/>', fresh: true }])
  if (more !== null) await streams.save(rowOf(account, more))
  return account
}
const owner = async (account: string): Promise<unknown> =>
  (await db.query('select p.node, p.epoch, p.incarnation, a.generation from presence p join account a using (account) where account = $1', [account]))[0]
const of = (all: readonly LeftSession[], account: string): LeftSession | undefined => all.find(({ row }) => row.account === account)

t.test('D9: one session is taken from a node that lives: with what its journal says, and with a new incarnation', async (t) => {
  const [old, next] = [await life(), await life()]
  const account = await session(old, { h: 1, outbound: 1, position: 1, unacked: [{ number: 1, seq: 1, form: 'original' }] })
  const other = await session(old)
  await old.note(part(account, { h: 3, records: [{ number: 2, seq: 2, form: 'original' }] }), part(other, { h: 9 }))
  const taken = await next.takeover.take(account, `s ${account}`)
  t.same(taken?.from, old.node)
  t.match(taken?.left, { row: { incarnation: 2, node: next.node.id }, stream: { h: 3, outbound: 2, position: 2, incarnation: 2, folded: 0 } })
  t.same(taken?.left.stream?.unacked.map((r) => r.seq), [1, 2])
  t.match(await owner(account), { node: next.node.id, epoch: 3, incarnation: 2, generation: 2 })
  t.match(await owner(other), { node: old.node.id, incarnation: 1 }, 'and no other')
  t.match((await next.takeover.take(account, `s ${account}`))?.left, { row: { incarnation: 3 }, stream: { h: 3, position: 2 } }, 'the answer to the first may have been lost')
  t.equal(await next.takeover.take(other, 's of nobody'), null)

  // D10: the old owner knows nothing of it yet
  await old.note(part(account, { h: 50, records: [{ number: 9, seq: 9, form: 'original' }] }))
  t.equal((await old.streams.fold([rowOf(account, { h: 50, folded: 2 })])).size, 0)
  await presenceStore(db).remove([{ account, resource: 'balcony', sessionId: `s ${account}`, incarnation: 1, node: old.node.id, epoch: 3, priority: 0, presence: null }])
  t.notOk(await old.streams.resume(rowOf(account, { incarnation: 2, h: 50 }), 1), 'a resumption here: the owner is compared')
  await old.streams.end([{ account, sessionId: `s ${account}`, h: null }], 1)
  await old.streams.end([{ account, sessionId: `s ${account}`, h: 50 }], 1)
  t.match(await owner(account), { node: next.node.id, incarnation: 3 })
  const back = await old.takeover.take(account, `s ${account}`)
  t.match(back?.left, { row: { incarnation: 4 }, stream: { h: 3, position: 2 } }, 'what it said since is of an incarnation that was over')
})

t.test('D9: of an owner that goes on committing, each take reads what is new', async (t) => {
  const [old, next] = [await life(), await life()]
  const [one, two] = [await session(old), await session(old)]
  await old.note(part(one, { h: 1 }), part(two, { h: 1 }))
  t.equal((await next.takeover.take(one, `s ${one}`))?.left.stream?.h, 1)
  for (let h = 2; h <= 700; h++) await old.note(part(two, { h }))
  t.equal((await next.takeover.take(two, `s ${two}`))?.left.stream?.h, 700)
})

t.test('a node that is over is adopted by the accounts, those that cannot be resumed among them; then its journal goes', async (t) => {
  const [old, next] = [await life(), await life()]
  const accounts = [await session(old), await session(old), await session(old, null), await session(old)]
  for (const account of accounts) await old.note(part(account, { h: 7, requests: [{ id: 'q', to: 'x@y', number: 7, answer: 0, refusal: '' }] }))
  const first = await next.takeover.adopt(old.node, 3)
  t.equal(first.length, 3)
  t.equal((await db.query('select from journal where node = $1', [old.node.id])).length, 4, 'others need it yet')
  const all = [...first, ...await next.takeover.adopt(old.node, 3)]
  t.same(await next.takeover.adopt(old.node, 3), [])
  t.same(all.map(({ row }) => row.account).toSorted(), accounts.toSorted())
  t.equal(of(all, accounts[2] as string)?.stream, null)
  for (const account of accounts.filter((_, i) => i !== 2)) t.match(of(all, account)?.stream, { h: 7, requests: [{ id: 'q' }] })
  t.equal((await db.query('select from journal where node = $1', [old.node.id])).length, 0)
})

t.test('two that adopt the same node at once have each session once', async (t) => {
  const [old, one, two] = [await life(), await life(), await life()]
  const accounts: string[] = []
  for (let i = 0; i < 12; i++) accounts.push(await session(old, i % 3 === 0 ? null : {}))
  const all = async ({ takeover }: Life): Promise<LeftSession[]> => {
    const got: LeftSession[] = []
    for (;;) {
      const some = await takeover.adopt(old.node, 2)
      got.push(...some)
      if (some.length === 0) return got
    }
  }
  const [a, b] = await Promise.all([all(one), all(two)])
  t.same([...a as LeftSession[], ...b as LeftSession[]].map(({ row }) => row.account).toSorted(), accounts.toSorted())
})

t.test('a session that was replaced by a newer one of its resource is nobody\'s to take', async (t) => {
  const [old, next] = [await life(), await life()]
  const account = await session(old)
  await presenceStore(db).save([{ account, resource: 'balcony', sessionId: 'newer', incarnation: 1, node: old.node.id, epoch: 3, priority: 0, presence: null, fresh: true }])
  t.equal(await next.takeover.take(account, `s ${account}`), null)
})

t.test('D9: what is this node\'s by its row, and nowhere, is found and taken up: the answer to its take was lost', async (t) => {
  const [old, next] = [await life(), await life()]
  const [lost, resumed] = [await session(old, { h: 4 }), await session(old)]
  for (const account of [lost, resumed]) await next.takeover.take(account, `s ${account}`)
  const mine = await next.takeover.mine()
  t.same(mine.map((m) => m.incarnation), [2, 2])
  t.ok(await next.streams.resume(rowOf(resumed, { incarnation: 3 }), 2))
  const found = await next.takeover.again(mine)
  t.same(found.map(({ row, stream }) => [row.account, row.incarnation, stream?.h]), [[lost, 3, 4]], 'not what has gone on since')
  t.same(await next.takeover.again(mine), [])
  t.same(await old.takeover.mine(), [])
})

t.test('D9: a resumption is written once, however often its answer is lost', async (t) => {
  const one = await life()
  const account = await session(one)
  for (let i = 0; i < 3; i++) t.ok(await one.streams.resume(rowOf(account, { incarnation: 2, h: 7 }), 1))
  t.notOk(await one.streams.resume(rowOf(account, { incarnation: 1 }), 0))
  t.match(await owner(account), { incarnation: 2 })
})
