// Stored messages: order, pages, removal only after the socket took them, and the race of a log-in with a sender.
import t from 'tap'
import { makeMailbox, withDelay } from '../../lib/core/mailbox.js'
import { makeBatcher } from '../../lib/core/batcher.js'
import { makePresenceRows } from '../../lib/core/presence-rows.js'
import { makeSessions } from '../../lib/core/sessions.js'
import type { SessionRow } from '../../lib/core/ports.js'
import { parseJid } from '../../lib/base/jid.js'
import { frame, memoryStore, recordingSession, scriptedBus, testCore } from '../helpers/core.js'

const JULIET = 'juliet@localhost'
const setUp = () => {
  const store = memoryStore(['romeo@localhost', JULIET])
  const core = testCore({ store })
  return { store, core, romeo: core.session('romeo@localhost/orchard') }
}
const say = (n: number | string): string => `<message to='${JULIET}' type='chat'><body>${n}</body></message>`
const bodies = (got: readonly string[]): string[] => got.filter((g) => g.startsWith('<message')).map((g) => /<body>([^<]*)/.exec(g)?.[1] ?? '')
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
  t.same(bodies(juliet.got), [])
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
  t.same(bodies(juliet.got), [])
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
  const [old, fresh] = [recordingSession(`${JULIET}/r`), recordingSession(`${JULIET}/r`)]
  await rows.save(old, null, null)
  rows.remove(old)
  await Promise.all([rows.save(fresh, 1, null), rows.save(fresh, 5, null)])
  t.match(store.rows.get(`${JULIET}/r`), { sessionId: fresh.id, priority: 5 })
  t.ok(bus.told.includes(JULIET), 'other nodes are told')
})

t.test('presence rows: a removal that fails is tried again', async (t) => {
  const store = memoryStore([JULIET])
  const rows = makePresenceRows(store.presence, scriptedBus(), { id: 'here', epoch: 1 })
  const session = recordingSession(`${JULIET}/r`)
  await rows.save(session, null, null)
  store.broken = true
  await t.rejects(rows.save(session, 0, null), 'who writes hears of it')
  rows.remove(session)
  await new Promise((resolve) => setTimeout(resolve, 50))
  store.broken = false
  await rows.idle(5000)
  t.equal(store.rows.size, 0)
})

t.test('presence rows: of presences that change nothing for routing the last is written, in time, and no generation is raised', async (t) => {
  const store = memoryStore([JULIET])
  const core = testCore({ store })
  const juliet = await core.login(`${JULIET}/balcony`)
  await core.from(juliet, '<presence/>')
  const told: string[] = []
  const { update, save } = store.presence
  Object.assign(store.presence, {
    update: (rows: SessionRow[]) => (told.push(...rows.map((r) => r.presence ?? '')), update(rows)),
    save: (rows: SessionRow[]) => (told.push('save'), save(rows)),
  })
  for (let i = 0; i < 100; i++) t.equal(await core.from(juliet, `<presence><status>${i}</status></presence>`), 'answered')
  await core.rows.idle(1000)
  t.ok(told.length < 100 && !told.includes('save'), `${told.length} writes`)
  t.match(store.rows.get(`${JULIET}/balcony`)?.presence, /<status>99/)
})

t.test('presence rows: what is written is the row of the session', async (t) => {
  const store = memoryStore([JULIET])
  const core = testCore({ store })
  const juliet = core.session(`${JULIET}/balcony`, null)
  await core.from(juliet, '<presence><show>away</show><priority>7</priority></presence>')
  const row = store.rows.get(`${JULIET}/balcony`) as SessionRow
  t.match(row, { account: JULIET, resource: 'balcony', priority: 7, node: 'here', epoch: 1, presence: /<show>away/ })
  await core.from(juliet, '<presence type=\'unavailable\'/>')
  t.match(store.rows.get(`${JULIET}/balcony`), { priority: null, presence: null })
  t.not(await core.from(juliet, '<presence><priority xmlns=\'urn:x\'>high</priority></presence>'), 'refused', 'another\'s priority is none')
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
  const make = (resource: string, priority: number | null) => {
    const session = recordingSession(`${JULIET}/${resource}`)
    session.priority = session.wanted = priority
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

t.test('a second device that logs in takes nothing away from the first', async (t) => {
  const store = memoryStore([JULIET, 'romeo@localhost'])
  const core = testCore({ store })
  const romeo = core.session('romeo@localhost/orchard')
  const balcony = core.session(`${JULIET}/balcony`)
  const { page } = store.offline
  let answer = (): void => {}
  const held = new Promise<void>((resolve) => (answer = resolve))
  Object.assign(store.offline, { page: async (...asked: Parameters<typeof page>) => {
    const found = await page(...asked)
    await held
    return found
  } })
  const phone = core.session(`${JULIET}/phone`, null)
  const coming = core.from(phone, '<presence/>')
  await new Promise((resolve) => setTimeout(resolve, 10))
  t.equal(await core.from(romeo, `<message to='${JULIET}' type='chat'><body>hi</body></message>`), 'delivered')
  t.match(balcony.got.pop(), /<body>hi</)
  answer()
  await coming
  await core.from(romeo, `<message to='${JULIET}' type='chat'><body>both</body></message>`)
  t.match([balcony.got.pop(), phone.got.pop()], [/both/, /both/])
})

t.test('a mailbox that cannot be read at a log-in is read as soon as it can be', async (t) => {
  const { store, core, romeo } = setUp()
  await core.from(romeo, say('kept'))
  const juliet = core.session(`${JULIET}/balcony`, null)
  const { page } = store.offline
  let tries = 0
  store.offline.page = (...args) => (++tries === 1 ? Promise.reject(new Error('away')) : page(...args))
  t.equal(await core.from(juliet, '<presence/>'), 'answered')
  t.equal(juliet.priority, null)
  t.match(core.bugs, [{ message: 'away' }], 'what is not known to pass by itself is told')
  t.equal(await core.from(romeo, say('behind it')), 'stored', 'until then what comes is kept')
  for (let i = 0; i < 200 && juliet.priority === null; i++) await new Promise((resolve) => setTimeout(resolve, 20))
  t.same(bodies(juliet.got), ['kept', 'behind it'])
})
