// The fence of what a session does to its account (durability.md D10): where another node has the session by now, nothing is done.
import t from 'tap'
import { AwayError } from '../../lib/base/errors.js'
import type { Acting, Owner } from '../../lib/core/ports.js'
import { addAccounts, setCredentials } from '../../lib/store/accounts.js'
import { setPreference } from '../../lib/store/archive-preference.js'
import { blockStore } from '../../lib/store/blocking.js'
import { fenced } from '../../lib/store/fenced.js'
import { presenceStore } from '../../lib/store/presence.js'
import { setPrivate } from '../../lib/store/private-xml.js'
import { resumptionStore } from '../../lib/store/resumption.js'
import { rosterStore } from '../../lib/store/roster.js'
import { takeoverStore } from '../../lib/store/takeover.js'
import { setVcard } from '../../lib/store/vcard.js'
import { SERVER_URL, testDatabase } from '../helpers/database.js'

const db = await testDatabase(t)
const [old, next]: [Owner, Owner] = [{ id: 'old', epoch: 1 }, { id: 'next', epoch: 1 }]
const JULIET = 'juliet@localhost'
for (const { id, epoch } of [old, next]) await db.query('insert into node (id, epoch) values ($1, $2)', [id, epoch])
await addAccounts(db, [{ account: JULIET, credentials: [] }])
const session: Acting = { account: JULIET, id: 's', incarnation: 1 }
await presenceStore(db).save([{ account: JULIET, resource: 'balcony', sessionId: 's', incarnation: 1, node: 'old', epoch: 1, priority: 0, presence: null, fresh: true }])
await resumptionStore(db, old).save({
  account: JULIET, sessionId: 's', resource: 'balcony', incarnation: 1, lasts: 600, detached: null, h: 0, outbound: 0, position: 0, unacked: [], requests: [], folded: 0, details: '{}',
})

const moved: string[] = []
const guarded = fenced(db, old, (account) => void moved.push(account))
let tries = 0
const EFFECTS: Record<string, (by: Acting | null) => Promise<unknown>> = {
  roster: (by) => rosterStore(guarded).change(JULIET, 'romeo@localhost', () => ({
    own: { jid: 'romeo@localhost', name: `${++tries}`, groups: [], subscription: 'none', ask: false, approved: false, request: null, listed: true },
  }), by),
  'block list': (by) => blockStore(guarded).add(JULIET, [`tybalt${++tries}@localhost`], 99, by),
  'unblocking': (by) => blockStore(guarded).remove(JULIET, null, by),
  'private data': (by) => setPrivate(guarded, JULIET, 'urn:x', 'x', `<x>${++tries}</x>`, 1000, by),
  vCard: (by) => setVcard(guarded, JULIET, `<vCard>${++tries}</vCard>`, '', by),
  preferences: (by) => setPreference(guarded, JULIET, { fallback: 'never', always: [`a${++tries}@localhost`], never: [] }, by),
  password: (by) => setCredentials(guarded, JULIET, [{ mechanism: 'SCRAM-SHA-1', iterations: 4096 + ++tries, salt: Buffer.from('x'), storedKey: Buffer.from('x'), serverKey: Buffer.from('x') }], by),
}
const all = async (): Promise<unknown> => [
  await db.query('select roster_ver from account where account = $1', [JULIET]), await db.query('select name, ver from roster'), await db.query('select jid from blocked'),
  await db.query('select xml from private_xml'), await db.query('select xml from vcard'), await db.query('select always from archive_preference'), await db.query('select iterations from credential'),
]

t.test('D10: what a session does counts as long as it is this node\'s', async (t) => {
  for (const [name, effect] of Object.entries(EFFECTS)) {
    const before = await all()
    await effect(session)
    if (name !== 'unblocking') t.notSame(await all(), before, name)
  }
  t.same(moved, [])
})

t.test('D10: what it had sent before its client resumed elsewhere does nothing', async (t) => {
  await blockStore(guarded).add(JULIET, ['tybalt@localhost'], 99, session)
  t.ok(await takeoverStore(db, next).take(JULIET, 's'))
  const before = await all()
  for (const [name, effect] of Object.entries(EFFECTS)) {
    await t.rejects(effect(session), AwayError, name)
    t.same(await all(), before, name)
  }
  t.equal(moved.length, Object.keys(EFFECTS).length, 'and this node is told to look')
  await EFFECTS['vCard']?.(null)
  t.notSame(await all(), before, 'what nobody\'s session does is not concerned')
})

t.test('D10: a takeover under way is waited for', { skip: SERVER_URL === undefined ? 'the embedded engine has one connection; set JIDWAY_TEST_DATABASE_URL' : false }, async (t) => {
  const mine = fenced(db, next, () => {})
  const [{ incarnation }] = await db.query<{ incarnation: number }>('select incarnation from presence') as [{ incarnation: number }]
  const before = await all()
  let late: Promise<unknown> = Promise.resolve()
  await db.transaction(async (tx) => {
    await tx.query('select 1 from account where account = $1 for update', [JULIET])
    late = setVcard(mine, JULIET, '<vCard>late</vCard>', '', { ...session, incarnation }).then(() => 'done', () => 'refused')
    await new Promise((resolve) => setTimeout(resolve, 100))
    await tx.query('update presence set node = $1, incarnation = incarnation + 1', ['old'])
  })
  t.equal(await late, 'refused')
  t.same(await all(), before)
})
