// Stored messages: order, pages, removal only after the socket took them, and the race of a log-in with a sender.
import t from 'tap'
import { makeMailbox, withDelay } from '../../lib/core/mailbox.js'
import { makeBatcher } from '../../lib/core/batcher.js'
import { makePresenceRows } from '../../lib/core/presence-rows.js'
import { makeSessions, makeSession } from '../../lib/core/sessions.js'
import type { SessionRow } from '../../lib/core/ports.js'
import { parseJid } from '../../lib/base/jid.js'
import { frame, makeCore, memoryStore, scriptedBus } from '../helpers/core.js'

const JULIET = 'juliet@localhost'
const setUp = () => {
  const store = memoryStore(['romeo@localhost', JULIET])
  const core = makeCore({ presence: store.presence, offline: store.offline })
  return { store, core, romeo: core.session('romeo@localhost/orchard') }
}
const say = (n: number | string): string => `<message to='${JULIET}' type='chat'><body>${n}</body></message>`
const bodies = (got: readonly string[]): string[] => got.map((g) => /<body>([^<]*)/.exec(g)?.[1] ?? '')
const delays = (got: readonly string[]): number => got.filter((g) => g.includes('urn:xmpp:delay')).length

t.test('they come at the initial presence, in order, over several pages, and are gone then', async (t) => {
  const { store, core, romeo } = setUp()
  for (let i = 0; i < 10; i++) await core.from(romeo, say(i)) // a page is 3
  const juliet = core.session(`${JULIET}/balcony`, null)
  await core.from(juliet, '<presence/>')
  t.same(bodies(juliet.got), ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'])
  t.equal(delays(juliet.got), 10)
  t.equal(store.messages.length, 0)
  t.equal(juliet.priority, 0)
})

t.test('a negative priority gets none; raised to 0 it gets them', async (t) => {
  const { store, core, romeo } = setUp()
  await core.from(romeo, say(1))
  const juliet = core.session(`${JULIET}/balcony`, null)
  await core.from(juliet, '<presence><priority>-1</priority></presence>')
  t.same(juliet.got, [])
  t.equal(store.messages.length, 1)
  await core.from(juliet, '<presence><priority>0</priority></presence>')
  t.same(bodies(juliet.got), ['1'])
})

t.test('what the socket did not take stays', async (t) => {
  const { store, core, romeo } = setUp()
  await core.from(romeo, say(1))
  const juliet = core.session(`${JULIET}/balcony`, null)
  juliet.takes = false
  await core.from(juliet, '<presence/>')
  t.equal(store.messages.length, 1)
  const dying = core.session(`${JULIET}/other`, null)
  dying.outlet.flushed = () => Promise.resolve(false) // written, and the connection ended before it was sent
  await core.from(dying, '<presence/>')
  t.equal(store.messages.length, 1)
})

t.test('a message stored while a log-in reads is read too, and nothing comes twice', async (t) => {
  const { store, core, romeo } = setUp()
  await core.from(romeo, say('before'))
  const juliet = core.session(`${JULIET}/balcony`, null)
  const { page } = store.offline
  let during: Promise<unknown> | null = null
  store.offline.page = async (...args) => {
    const read = await page(...args)
    // after the read, before its answer is used
    if (read.length === 0 && during === null) {
      during = core.from(romeo, say('during'))
      await during
    }
    return read
  }
  await core.from(juliet, '<presence/>')
  await core.from(romeo, say('after'))
  t.same(bodies(juliet.got), ['before', 'during', 'after'])
  t.equal(store.messages.length, 0)
})

t.test('a message whose storing ends after the log-in is delivered at once', async (t) => {
  const { store, core, romeo } = setUp()
  const { append } = store.offline
  let release = (): void => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  store.offline.append = async (entries) => {
    await held
    return append(entries)
  }
  const sending = core.from(romeo, say('slow'))
  const juliet = core.session(`${JULIET}/balcony`, null)
  await core.from(juliet, '<presence/>')
  t.same(juliet.got, [])
  release()
  t.equal(await sending, 'stored')
  await new Promise((resolve) => setTimeout(resolve, 20))
  t.same(bodies(juliet.got), ['slow'])
  t.equal(store.messages.length, 0)
})

t.test('of two sessions that log in at once each message goes to one', async (t) => {
  const { core, romeo } = setUp()
  for (let i = 0; i < 7; i++) await core.from(romeo, say(i))
  const a = core.session(`${JULIET}/a`, null)
  const b = core.session(`${JULIET}/b`, null)
  await Promise.all([core.from(a, '<presence/>'), core.from(b, '<presence/>')])
  t.same(bodies([...a.got, ...b.got]).sort(), ['0', '1', '2', '3', '4', '5', '6'])
})

t.test('the delay tells when the message came, and stands inside also of an empty element', async (t) => {
  const at = Date.UTC(2026, 10, 24, 12, 0, 0)
  t.equal(withDelay(frame('<message/>'), 'localhost', at), '<message><delay xmlns=\'urn:xmpp:delay\' from=\'localhost\' stamp=\'2026-11-24T12:00:00.000Z\'/></message>')
  t.match(withDelay(frame('<message a=\'/\'><body/></message >'), 'localhost', at), /<body\/><delay [^>]*\/><\/message >$/)
  const mailbox = makeMailbox(memoryStore([JULIET]).offline, 3)
  t.equal(await mailbox.append({ account: 'nobody@localhost', sender: 'x', xml: '<message/>', at }), 'no-account')
})

t.test('presence rows: the last state counts, and a removal never undoes a newer session', async (t) => {
  const store = memoryStore([JULIET])
  const bus = scriptedBus()
  const rows = makePresenceRows(store.presence, bus, { id: 'here', epoch: 1 })
  const outlet = { write: () => true, flushed: () => Promise.resolve(true), close: () => {}, drop: () => {} }
  const old = makeSession(parseJid(`${JULIET}/r`), 'old', '', outlet)
  await rows.save(old)
  const fresh = makeSession(parseJid(`${JULIET}/r`), 'fresh', '', outlet)
  rows.remove(old)
  fresh.wanted = 1
  const first = rows.save(fresh)
  fresh.wanted = 5
  await Promise.all([first, rows.save(fresh)])
  t.match(store.rows.get(`${JULIET}/r`), { sessionId: 'fresh', priority: 5 })
  t.ok(bus.told.includes(JULIET), 'other nodes are told')
})

t.test('presence rows: a removal that fails is tried again', async (t) => {
  const store = memoryStore([JULIET])
  const rows = makePresenceRows(store.presence, scriptedBus(), { id: 'here', epoch: 1 })
  const session = makeSession(parseJid(`${JULIET}/r`), 's', '', { write: () => true, flushed: () => Promise.resolve(true), close: () => {}, drop: () => {} })
  await rows.save(session)
  store.broken = true
  await t.rejects(rows.save(session), 'who writes hears of it')
  rows.remove(session)
  await new Promise((resolve) => setTimeout(resolve, 50))
  store.broken = false
  await rows.idle(5000)
  t.equal(store.rows.size, 0)
})

t.test('presence rows: what is written is the row of the session', async (t) => {
  const store = memoryStore([JULIET])
  const core = makeCore({ presence: store.presence, offline: store.offline })
  const juliet = core.session(`${JULIET}/balcony`, null)
  await core.from(juliet, '<presence><show>away</show><priority>7</priority></presence>')
  const row = store.rows.get(`${JULIET}/balcony`) as SessionRow
  t.match(row, { account: JULIET, resource: 'balcony', priority: 7, node: 'here', epoch: 1, presence: /<show>away/ })
  await core.from(juliet, '<presence type=\'unavailable\'/>')
  t.match(store.rows.get(`${JULIET}/balcony`), { priority: null, presence: null })
  for (const bad of ['128', '-129', 'x', '1.5']) t.equal(await core.from(juliet, `<presence><priority>${bad}</priority></presence>`), 'refused', bad)
})

t.test('a batcher gives each its own answer, one batch at a time, and is bounded', async (t) => {
  const batches: number[][] = []
  const batch = makeBatcher<number, number>(async (items) => {
    batches.push([...items])
    await new Promise((resolve) => setTimeout(resolve, 5))
    if (items.includes(99)) throw new Error('a bad batch')
    return items.map((i) => i * 2)
  }, 3, 5)
  const answers = [1, 2, 3, 4, 5].map((i) => batch(i))
  await t.rejects(batch(6), /overloaded/, 'the sixth finds no room')
  t.same(await Promise.all(answers), [2, 4, 6, 8, 10])
  t.same(batches, [[1, 2, 3], [4, 5]])
  await t.rejects(batch(99), /a bad batch/)
  t.equal(await batch(7), 14, 'and it goes on')
})

t.test('sessions: what routing asks for is kept ready', async (t) => {
  const sessions = makeSessions()
  const outlet = { write: () => true, flushed: () => Promise.resolve(true), close: () => {}, drop: () => {} }
  const make = (resource: string, priority: number | null) => {
    const session = makeSession(parseJid(`${JULIET}/${resource}`), resource, '', outlet)
    session.priority = priority
    sessions.add(session)
    return session
  }
  const [a, b, c, d] = [make('a', 5), make('b', 5), make('c', 0), make('d', -1)]
  make('e', null)
  const here = sessions.of(JULIET)
  t.same(here.best, [a, b])
  t.same(here.reachable, [a, b, c])
  t.same(here.available, [a, b, c, d])
  t.equal(here.all.length, 5)
  ;(a as { priority: number | null }).priority = -1
  sessions.changed(JULIET)
  t.same(sessions.of(JULIET).best, [b])
  sessions.remove(b as NonNullable<typeof b>)
  t.same(sessions.of(JULIET).best, [c])
  t.equal(sessions.size, 4)
  t.equal(sessions.find(parseJid(`${JULIET}/c`)), c)
})
