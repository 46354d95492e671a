// Rows of streams that can be resumed, and the journal over them (durability.md D7–D10): rows only move forward, and only for who
// owns them; what a life of the node leaves behind, the next one takes up, and what the old one still writes counts for nothing.
import t from 'tap'
import { record } from '../../lib/core/journal.js'
import type { JournalPart } from '../../lib/core/journal.js'
import type { Owner, SessionRow, StreamRow } from '../../lib/core/ports.js'
import { addAccounts, deleteAccount } from '../../lib/store/accounts.js'
import { logStore } from '../../lib/store/log.js'
import { registerNode, renew, signOff } from '../../lib/store/node.js'
import { presencesOf, presenceStore } from '../../lib/store/presence.js'
import { resumptionStore } from '../../lib/store/resumption.js'
import { testDatabase } from '../helpers/database.js'

const db = await testDatabase(t)
let names = 0
const newAccount = async (): Promise<string> => {
  const account = `u${++names}@capulet.example`
  await addAccounts(db, [{ account, credentials: [] }])
  return account
}
const rowOf = (account: string, more: Partial<StreamRow> = {}): StreamRow => ({
  account, sessionId: `s ${account}`, resource: 'balcony', incarnation: 1, lasts: 600, detached: null,
  h: 0, outbound: 0, position: 0, unacked: [], requests: [], folded: 0, details: '{}', ...more,
})
const presence = (account: string, node: Owner, more: Partial<SessionRow> = {}): SessionRow => ({
  account, resource: 'balcony', sessionId: `s ${account}`, incarnation: 1, node: node.id, epoch: node.epoch, priority: 0, presence: '<presence/>', fresh: true, ...more,
})
const part = (account: string, more: Partial<JournalPart> = {}): JournalPart =>
  ({ account, sessionId: `s ${account}`, incarnation: 1, h: 0, records: [], requests: [], details: null, ...more })
const life = async (): Promise<{ node: Owner; store: ReturnType<typeof resumptionStore>; log: ReturnType<typeof logStore>; note: (...parts: JournalPart[]) => Promise<void> }> => {
  const node = await registerNode(db, 'n1')
  const log = logStore(db, node, 'always')
  let n = 0
  return {
    node, log, store: resumptionStore(db, node),
    note: async (...parts) => void await log.commit({ n: ++n, messages: [], blob: parts.map(record).join('\n'), mark: n, at: 1 }),
  }
}
/** A session with its stream. */
const withSession = async ({ node, store }: { node: Owner; store: ReturnType<typeof resumptionStore> }, more: Partial<StreamRow> = {}): Promise<string> => {
  const account = await newAccount()
  await presenceStore(db).save([presence(account, node)])
  await store.save(rowOf(account, more))
  return account
}
const row = async (account: string): Promise<Record<string, unknown> | undefined> =>
  (await db.query('select incarnation, h, outbound, position, unacked, folded, epoch from resumption where account = $1', [account]))[0]
const restored = async (store: ReturnType<typeof resumptionStore>, account: string): Promise<StreamRow | null | undefined> =>
  (await store.restore()).find((left) => left.row.account === account)?.stream

t.test('D7: the journal is replayed over the row: what was given since, under which number, and what of the client\'s is done', async (t) => {
  const first = await life()
  const account = await withSession(first, { h: 3, outbound: 7, position: 4, unacked: [{ number: 7, seq: 4, form: 'original' }] })
  await first.note(part(account, { h: 4, records: [{ number: 8, seq: 5, form: 'original' }, { number: 10, seq: 6, form: 'sent' }], details: '{"carbons":true}' }))
  await first.note(part(account, { h: 6, records: [], requests: [{ id: 'q', to: 'x@y', number: 6, answer: 0, refusal: '' }] }))
  const next = await life()
  const stream = await restored(next.store, account)
  t.match(stream, { h: 6, outbound: 10, position: 6, details: '{"carbons":true}', requests: [{ id: 'q', to: 'x@y', number: 6, answer: 0, refusal: '' }], folded: 0 })
  t.same(stream?.unacked, [{ number: 7, seq: 4, form: 'original' }, { number: 8, seq: 5, form: 'original' }, { number: 10, seq: 6, form: 'sent' }])
  t.same(await db.query('select n from journal where epoch = $1', [first.node.epoch]), [], 'it is in the row now')
  t.same((await restored((await life()).store, account))?.unacked, stream?.unacked, 'and a second crash loses nothing')
})

t.test('D8: a row only moves forward: neither an older fold nor a commit that it reflects already moves it back', async (t) => {
  const first = await life()
  const account = await withSession(first)
  await first.note(part(account, { h: 2, records: [{ number: 1, seq: 1, form: 'original' }] }))
  await first.note(part(account, { h: 3, records: [{ number: 2, seq: 2, form: 'original' }] }))
  // both were given, and both were acknowledged
  await first.store.fold([rowOf(account, { h: 5, outbound: 2, position: 2, folded: 2 })])
  await first.store.fold([rowOf(account, { h: 4, outbound: 1, position: 1, unacked: [{ number: 1, seq: 1, form: 'original' }], folded: 1 })])
  t.match(await row(account), { h: 5, outbound: 2, position: 2, unacked: '', folded: 2 })
  const stream = await restored((await life()).store, account)
  t.match(stream, { h: 5, outbound: 2, position: 2, unacked: [] })
})

t.test('D8: only what rows reflect is taken off the journal', async (t) => {
  const first = await life()
  const account = await withSession(first)
  for (const n of [1, 2, 3]) await first.note(part(account, { h: n }))
  await first.store.trim(2)
  t.same((await db.query<{ n: number }>('select n from journal where node = $1 and epoch = $2', [first.node.id, first.node.epoch])).map((r) => r.n), [3])
  await first.store.fold([rowOf(account, { h: 2, folded: 2 })])
  t.equal((await restored((await life()).store, account))?.h, 3)
})

t.test('D9: what was said before a resumption is of another incarnation, and is not replayed over it', async (t) => {
  const first = await life()
  const account = await withSession(first)
  await first.note(part(account, { h: 9, records: [{ number: 1, seq: 1, form: 'original' }] }))
  await first.store.save(rowOf(account, { incarnation: 2, h: 9, outbound: 1, position: 1, folded: 1 }))
  await first.note(part(account, { incarnation: 1, h: 50, records: [{ number: 2, seq: 2, form: 'original' }] }))
  await first.note(part(account, { incarnation: 2, h: 10, records: [{ number: 2, seq: 3, form: 'original' }] }))
  const stream = await restored((await life()).store, account)
  t.match(stream, { incarnation: 2, h: 10, position: 3 })
  t.same(stream?.unacked, [{ number: 2, seq: 3, form: 'original' }])
})

t.test('D10: what an earlier life of this node still writes of its sessions counts for nothing', async (t) => {
  const first = await life()
  const account = await withSession(first)
  const other = await newAccount()
  await first.note(part(account, { h: 1 }))
  const second = await life()
  await second.store.restore()
  // the client has resumed, and said something new
  await second.store.save(rowOf(account, { incarnation: 2, h: 1 }))
  await presenceStore(db).save([presence(account, second.node, { incarnation: 2, presence: '<presence><status>new</status></presence>' })])
  const before = await row(account)
  t.match(before, { incarnation: 2, epoch: second.node.epoch })

  await t.rejects(first.note(part(account, { h: 9 })), /moved by somebody else/, 'a group commit')
  await t.rejects(first.log.commit({ n: 2, messages: [{ sender: account, receiver: other, xml: '<message/>', received: 3, sent: 5 }], blob: '', mark: 1, at: 1 }), /moved by somebody else/)
  t.same(await first.log.read(other, 0, 9), [], 'a message')
  await first.store.fold([rowOf(account, { h: 99, position: 99, folded: 99 }), rowOf(account, { incarnation: 2, h: 99, position: 99, folded: 99 })])
  t.same(await row(account), before, 'a fold')
  await second.store.fold([rowOf(account, { h: 99, position: 99, folded: 99 })])
  t.same(await row(account), before, 'nor one of this life that was under way when the client resumed')
  await first.store.trim(1000)
  await second.note(part(account, { incarnation: 2, h: 2 }))
  await first.store.trim(1000)
  t.equal((await db.query('select from journal where epoch = $1', [second.node.epoch])).length, 1, 'the end of the journal')
  await presenceStore(db).update([presence(account, first.node, { presence: '<presence><status>old</status></presence>' })])
  t.match(await presencesOf(db, account), [{ presence: /new/ }], 'a presence')
  await presenceStore(db).remove([presence(account, first.node)])
  t.equal((await presencesOf(db, account)).length, 1, 'the end of a session')
  await renew(db, first.node)
  await signOff(db, first.node)
  t.same(await db.query('select signed_off from node where id = $1', ['n1']), [{ signed_off: false }], 'its own end')
  t.equal((await presencesOf(db, account)).length, 1)
})

t.test('XEP-0198 §5: of a stream that is over the count is kept for a while, where its client has not said that it ends', async (t) => {
  const first = await life()
  const [lost, closed, never] = [await withSession(first, { h: 3 }), await withSession(first, { h: 3 }), await newAccount()]
  await first.store.end([{ account: lost, sessionId: `s ${lost}`, h: 7 }, { account: closed, sessionId: `s ${closed}`, h: null }], 1000)
  await first.store.note([{ account: never, sessionId: 'x', resource: 'r' }], 1000)
  const handled = (account: string): Promise<number | null> => first.store.handled(account, `s ${account}`)
  t.same([await handled(lost), await handled(closed), await first.store.handled(never, 'x')], [7, null, null])
  t.same([...await first.store.unclean()].filter((a) => [lost, closed, never].includes(a)).toSorted(), [lost, never].toSorted(), 'D14: who may send again')
  t.equal(await restored((await life()).store, lost), null, 'it cannot be resumed')
  await first.store.forget(1001)
  t.equal(await handled(lost), null)
})

t.test('an account that is deleted leaves no stream', async (t) => {
  const first = await life()
  const account = await withSession(first)
  await deleteAccount(db, account)
  t.equal(await row(account), undefined)
  await first.store.save(rowOf(account))
  t.equal(await row(account), undefined)
})
