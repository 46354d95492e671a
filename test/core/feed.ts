// The feed: how the entries of an account's log come to its sessions (durability.md D6, D12, D13, D18): order, pages, the race of
// a log-in with a sender, and that nothing leaves the queue before its client has proved it.
import t from 'tap'
import { withDelay } from '../../lib/core/entry.js'
import { makeBatcher } from '../../lib/core/batcher.js'
import { makePresenceRows } from '../../lib/core/presence-rows.js'
import { makeSessions } from '../../lib/core/sessions.js'
import { AwayError } from '../../lib/base/errors.js'
import type { StreamError } from '../../lib/base/errors.js'
import type { Settings } from '../../lib/base/config.js'
import type { SessionRow } from '../../lib/core/ports.js'
import { parseJid } from '../../lib/base/jid.js'
import { frame, memoryStore, recordingSession, scriptedBus, testCore } from '../helpers/core.js'
import type { TestCore as Core, TestSession } from '../helpers/core.js'

const JULIET = 'juliet@localhost'
const setUp = (settings: Partial<Settings> = {}) => {
  const store = memoryStore(['romeo@localhost', JULIET])
  const core = testCore({ store, settings })
  return { store, core, romeo: core.session('romeo@localhost/orchard') }
}
const say = (n: number | string, more = ''): string => `<message to='${JULIET}' type='chat'><body>${n}</body>${more}</message>`
const bodies = (got: readonly string[]): string[] => got.filter((g) => g.startsWith('<message')).map((g) => /<body>([^<]*)/.exec(g)?.[1] ?? '')
const ids = (got: readonly string[]): string[] => got.flatMap((g) => /<stanza-id [^>]* id='([^']*)'/.exec(g)?.[1] ?? [])
const delays = (got: readonly string[]): number => got.filter((g) => g.includes('urn:xmpp:delay')).length
const turn = (ms = 20): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const until = async (fits: () => boolean): Promise<boolean> => {
  for (let i = 0; i < 250 && !fits(); i++) await turn()
  return fits()
}
const numbers = (n: number): string[] => Array.from({ length: n }, (_, i) => String(i))
const gate = (): { held: Promise<void>; open: () => void } => {
  let open = (): void => {}
  const held = new Promise<void>((resolve) => {
    open = resolve
  })
  return { held, open }
}
/** A session whose client has the messages, and does not say so until `answer`. */
const silent = (core: Core, full: string, priority: number | null = null): TestSession & { pings: string[]; answer: () => Promise<void> } => {
  const session = core.session(full, priority)
  const pings: string[] = []
  session.outlet.write = (octets) => {
    if (!session.takes) return false
    const ping = /^<iq type='get' id='(proof-\d+)'/.exec(octets)?.[1]
    if (ping === undefined) session.got.push(octets)
    else pings.push(ping)
    return true
  }
  const answer = async (): Promise<void> => {
    for (const id of pings.splice(0)) await core.router.fromClient(session, frame(`<iq type='result' id='${id}' to='${session.account}'/>`))
    await core.acks.flush()
  }
  return Object.assign(session, { pings, answer })
}

t.test('they come at the initial presence, in order, over several pages, and wait until the client has proved them', async (t) => {
  const { store, core, romeo } = setUp()
  for (const n of numbers(10)) await core.from(romeo, say(n)) // a page is 3
  const juliet = silent(core, `${JULIET}/balcony`)
  await core.from(juliet, '<presence/>')
  t.same(bodies(juliet.got), numbers(10))
  t.equal(delays(juliet.got), 10)
  t.equal(juliet.priority, 0)
  await core.acks.flush()
  t.equal(store.messages.length, 10, 'written proves nothing')
  t.equal(juliet.pings.length, 1, 'asked after the first page (D18)')
  await juliet.answer()
  t.equal(store.messages.length, 7, 'what came before the ping is proved')
  t.equal(juliet.pings.length, 1, 'the rest at once')
  await juliet.answer()
  t.same([store.messages.length, juliet.pings.length], [0, 0])
})

t.test('D18: who logs in anew before it has proved them gets them again, under the same ids', async (t) => {
  const { store, core, romeo } = setUp()
  for (const n of numbers(4)) await core.from(romeo, say(n))
  const first = silent(core, `${JULIET}/balcony`)
  await core.from(first, '<presence/>')
  await core.from(romeo, say('live'))
  void core.sessionOver(first, true)
  const second = core.session(`${JULIET}/balcony`, null)
  await core.from(second, '<presence/>')
  t.same(bodies(second.got), [...numbers(4), 'live'])
  t.same(ids(second.got), ids(first.got))
  core.tick()
  await turn()
  await core.acks.flush()
  t.equal(store.messages.length, 0)
  const third = core.session(`${JULIET}/other`, null)
  await core.from(third, '<presence/>')
  t.same(bodies(third.got), [], 'what is proved is nobody\'s any more')
})

t.test('D11: what came for its full JID while it was being bound does not overtake what waits for the bare one', async (t) => {
  const { core, romeo } = setUp()
  for (const n of numbers(4)) await core.from(romeo, say(n))
  const juliet = core.session(`${JULIET}/balcony`, null)
  juliet.behind = true // its position is being read (lib/net/bind.ts)
  const { position } = juliet
  await core.from(romeo, say('to the resource').replace(JULIET, `${JULIET}/balcony`))
  core.feed.bound(juliet, position)
  await turn()
  t.same(bodies(juliet.got), [])
  await core.from(juliet, '<presence/>')
  t.same(bodies(juliet.got), [...numbers(4), 'to the resource'])
})

t.test('D11: nor does it overtake what comes for the bare one before the session says that it is there', async (t) => {
  const { core, romeo } = setUp()
  const juliet = core.session(`${JULIET}/balcony`, null)
  core.feed.bound(juliet, juliet.position)
  await core.from(romeo, say('to the account'))
  await core.from(romeo, say('to the resource').replace(JULIET, `${JULIET}/balcony`))
  await turn()
  t.same(bodies(juliet.got), [])
  await core.from(juliet, '<presence/>')
  await turn()
  t.same(bodies(juliet.got), ['to the account', 'to the resource'])
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

t.test('what the socket did not take stays, and so does what it took when the client never answered', async (t) => {
  const { store, core, romeo } = setUp()
  await core.from(romeo, say(1))
  const juliet = core.session(`${JULIET}/balcony`, null)
  juliet.takes = false
  await core.from(juliet, '<presence/>')
  t.equal(juliet.priority, null)
  void core.sessionOver(juliet, false)
  const dying = silent(core, `${JULIET}/other`)
  await core.from(dying, '<presence/>')
  t.same(bodies(dying.got), ['1'])
  void core.sessionOver(dying, false)
  await core.acks.flush()
  t.equal(store.messages.length, 1)
})

t.test('D12: what was acknowledged, and written, while what waits was being read is not given again', async (t) => {
  const { store, core, romeo } = setUp()
  await core.from(romeo, say(1))
  const juliet = silent(core, `${JULIET}/balcony`)
  await core.from(juliet, '<presence/>')
  const { pull } = store.log
  store.log.pull = async (...args) => {
    const entries = await pull(...args)
    // the client answers, and it is written, before the store's answer is here
    for (const id of juliet.pings.splice(0)) await core.router.fromClient(juliet, frame(`<iq type='result' id='${id}' to='${juliet.account}'/>`))
    void core.acks.flush()
    await turn()
    return entries
  }
  await core.feed.drain(juliet, () => {})
  await turn()
  t.same(bodies(juliet.got), ['1'])
  await core.acks.flush()
  t.equal(store.messages.length, 0)
})

t.test('D12: what a session that ends has not proved goes to another of the account at once', async (t) => {
  const { store, core, romeo } = setUp()
  const desk = silent(core, `${JULIET}/desk`, 5)
  const phone = core.session(`${JULIET}/phone`, 0)
  await core.from(romeo, say('to the desk'))
  t.same([bodies(desk.got), bodies(phone.got)], [['to the desk'], []])
  void core.sessionOver(desk, false)
  t.ok(await until(() => phone.got.length > 0))
  t.same(bodies(phone.got), ['to the desk'])
  t.same(ids(phone.got), ids(desk.got))
  await turn()
  await core.acks.flush()
  t.equal(store.messages.length, 0)
})

t.test('D6: a message committed while a log-in reads is read too, in order, and nothing comes twice', async (t) => {
  const { store, core, romeo } = setUp()
  await core.from(romeo, say('before'))
  const juliet = core.session(`${JULIET}/balcony`, null)
  const { pull, read } = store.log
  let sent = 0
  // after each read, before its answer is used
  store.log.pull = async (...args) => {
    const entries = await pull(...args)
    await core.from(romeo, say(`while it pulls ${++sent}`))
    return entries
  }
  store.log.read = async (...args) => {
    const entries = await read(...args)
    if (args[0] === JULIET && sent < 6 && entries.length === 0) await core.from(romeo, say(`while it reads ${++sent}`))
    return entries
  }
  await core.from(juliet, '<presence/>')
  await core.from(romeo, say('after'))
  t.equal(sent, 6)
  t.same(bodies(juliet.got), ['before', 'while it pulls 1', 'while it pulls 2', ...[3, 4, 5, 6].map((n) => `while it reads ${n}`), 'after'])
  t.equal(juliet.priority, 0)
  core.tick()
  await turn()
  await core.acks.flush()
  t.equal(store.messages.length, 0)
})

t.test('a message whose commit ends after the log-in is delivered then', async (t) => {
  const { store, core, romeo } = setUp()
  const { held, open } = gate()
  store.log.before = (what) => (what === 'commit' ? held : undefined)
  const sending = core.from(romeo, say('slow'))
  await turn()
  const juliet = core.session(`${JULIET}/balcony`, null)
  await core.from(juliet, '<presence/>')
  t.same(bodies(juliet.got), [])
  open()
  t.equal(await sending, 'delivered')
  t.same(bodies(juliet.got), ['slow'])
  await core.acks.flush()
  t.equal(store.messages.length, 0)
})

t.test('D12: of two sessions that log in at once each message goes to one', async (t) => {
  const { core, romeo } = setUp()
  for (const n of numbers(7)) await core.from(romeo, say(n))
  const a = core.session(`${JULIET}/a`, null)
  const b = core.session(`${JULIET}/b`, null)
  await Promise.all([core.from(a, '<presence/>'), core.from(b, '<presence/>')])
  t.same(bodies([...a.got, ...b.got]).sort(), numbers(7))
  for (const { got } of [a, b]) t.same(bodies(got), bodies(got).toSorted((x, y) => Number(x) - Number(y)), 'in order')
})

t.test('a session that ends while it is given them takes none with it', async (t) => {
  const { store, core, romeo } = setUp()
  for (const n of numbers(7)) await core.from(romeo, say(n))
  const { pull } = store.log
  const first = silent(core, `${JULIET}/balcony`)
  let pages = 0
  store.log.pull = async (...args) => {
    const entries = await pull(...args)
    if (++pages === 2) void core.sessionOver(first, false)
    return entries
  }
  await core.from(first, '<presence/>')
  t.same(bodies(first.got), ['0', '1', '2'])
  t.equal(first.priority, null)
  store.log.pull = pull
  const second = core.session(`${JULIET}/balcony`, null)
  await core.from(second, '<presence/>')
  t.same(bodies(second.got), numbers(7))
})

t.test('a second device that logs in takes nothing away from the first', async (t) => {
  const { store, core, romeo } = setUp()
  const balcony = core.session(`${JULIET}/balcony`)
  const { pull } = store.log
  const { held, open } = gate()
  store.log.pull = async (...asked) => {
    const found = await pull(...asked)
    await held
    return found
  }
  const phone = core.session(`${JULIET}/phone`, null)
  const coming = core.from(phone, '<presence/>')
  await turn()
  t.equal(await core.from(romeo, say('hi')), 'delivered')
  t.match(bodies(balcony.got), ['hi'])
  open()
  await coming
  t.same(bodies(phone.got), ['hi'], 'it came while the phone was on its way')
  await core.from(romeo, say('both'))
  t.same([bodies(balcony.got), bodies(phone.got)], [['hi', 'both'], ['hi', 'both']])
})

t.test('a log that cannot be read at a log-in is read as soon as it can be; until then the client is not kept waiting', async (t) => {
  for (const [error, told] of [[new AwayError('away'), []], [new Error('odd'), [{ message: 'odd' }]]] as const) {
    for (const what of ['pull', 'read'] as const) {
      const { store, core, romeo } = setUp()
      await core.from(romeo, say('kept'))
      const juliet = core.session(`${JULIET}/balcony`, null)
      let tries = 0
      store.log.before = (asked) => {
        if (asked === what && ++tries === 1) throw error
      }
      t.equal(await core.from(juliet, '<presence/>'), 'answered')
      t.equal(juliet.priority, null)
      t.match(core.bugs, told, 'what is not known to pass by itself is told')
      await core.from(romeo, say('behind it'))
      t.ok(await until(() => juliet.priority !== null))
      t.same(bodies(juliet.got), ['kept', 'behind it'])
    }
  }
})

t.test('D13: a backlog larger than what a client may leave unproved: the log-in is answered, so that the client can be heard', async (t) => {
  const { store, core, romeo } = setUp({ writeBufferBytes: 40_000, offlinePage: 100 })
  const fill = `<x xmlns='urn:x'>${'x'.repeat(2000)}</x>`
  for (const n of numbers(30)) await core.from(romeo, say(n, fill))
  const juliet = silent(core, `${JULIET}/balcony`)
  t.equal(await core.from(juliet, '<presence/>'), 'answered')
  t.equal(juliet.priority, null)
  const most = 10_000 + 2200
  let before = 0
  for (let i = 0; i < 30 && juliet.priority === null; i++) {
    const given = juliet.got.slice(before).join('').length
    t.ok(given > 0 && given <= most, `${given} octets at once`)
    before = juliet.got.length
    await juliet.answer()
    await turn()
  }
  t.same(bodies(juliet.got), numbers(30))
  t.equal(juliet.priority, 0)
  await juliet.answer()
  await juliet.answer()
  t.equal(store.messages.length, 0)
})

t.test('D13: who does not prove what comes live is given no more of it, and reads on in order when it has', async (t) => {
  const { store, core, romeo } = setUp({ writeBufferBytes: 40_000, offlinePage: 100 })
  const fill = `<x xmlns='urn:x'>${'x'.repeat(2000)}</x>`
  const juliet = silent(core, `${JULIET}/balcony`, 0)
  for (const n of numbers(30)) await core.from(romeo, say(n, fill))
  t.ok(juliet.got.length > 2 && juliet.got.length < 8, `${juliet.got.length} of 30`)
  // what is not of the log waits behind it (D11)
  await core.from(romeo, `<message to='${JULIET}' type='headline'><body>news</body></message>`)
  t.notOk(bodies(juliet.got).includes('news'))
  for (let i = 0; i < 30 && juliet.behind; i++) {
    await juliet.answer()
    await turn()
  }
  t.same(bodies(juliet.got), [...numbers(30), 'news'])
  await core.from(romeo, say('live again'))
  t.equal(bodies(juliet.got).at(-1), 'live again')
  for (let i = 0; i < 3; i++) {
    core.tick()
    await juliet.answer()
  }
  t.equal(store.messages.length, 0)
})

t.test('D18: a question proves what came before it, and no other answer proves anything', async (t) => {
  const { store, core, romeo } = setUp()
  const juliet = silent(core, `${JULIET}/balcony`, 0)
  await core.from(romeo, say('one'))
  await core.from(romeo, say('two'))
  const [ping = ''] = juliet.pings
  const answers = async (id: string): Promise<number> => {
    await core.router.fromClient(juliet, frame(`<iq type='result' id='${id}' to='${JULIET}'/>`))
    await core.acks.flush()
    return store.messages.length
  }
  t.same([juliet.pings.length, await answers('proof-0'), await answers('x'), await answers(`${ping}0`)], [1, 2, 2, 2])
  t.equal(await answers(ping), 1, 'what came behind it waits')
  t.equal(await answers(ping), 1, 'it was answered')
  core.tick()
  t.equal(await answers(juliet.pings.at(-1) as string), 0)
})

t.test('D18: whose pings stay unanswered is closed, whether they came at once, from a backlog, or with the tick', async (t) => {
  for (const [how, live] of [['a backlog', 0], ['one that came live', 1], ['several that did', 3]] as const) {
    const { core, romeo } = setUp()
    if (live === 0) await core.from(romeo, say('kept'))
    const juliet = silent(core, `${JULIET}/balcony`, live === 0 ? null : 0)
    const closed: string[] = []
    juliet.outlet.close = (error: StreamError) => void closed.push(error.condition)
    if (live === 0) await core.from(juliet, '<presence/>')
    for (const n of numbers(live)) await core.from(romeo, say(n))
    core.tick()
    t.equal(juliet.pings.length, 1, how)
    core.clock.time += 59_000
    core.tick()
    t.same(closed, [])
    core.clock.time += 2000
    core.tick()
    t.same(closed, ['connection-timeout'], how)
  }
})

t.test('a reading that is wanted in the moment in which another ends is a reading of its own', async (t) => {
  const { core, romeo } = setUp({ writeBufferBytes: 40_000 })
  const juliet = silent(core, `${JULIET}/balcony`)
  await core.from(juliet, '<presence><priority>-1</priority></presence>')
  await core.from(romeo, say('kept'))
  let live = 0
  const ends = core.feed.drain(juliet, () => {
    live++
    juliet.wanted = 0
    void core.feed.drain(juliet, () => live++)
  })
  await ends
  t.ok(await until(() => live === 2), 'both have ended')
  t.same(bodies(juliet.got), ['kept'])
  t.notOk(juliet.behind)
})

t.test('the delay tells when the message came, and stands inside also of an empty element', async (t) => {
  const at = Date.UTC(2026, 10, 24, 12, 0, 0)
  t.equal(withDelay(frame('<message/>'), 'localhost', at), '<message><delay xmlns=\'urn:xmpp:delay\' from=\'localhost\' stamp=\'2026-11-24T12:00:00.000Z\'/></message>')
  t.match(withDelay(frame('<message a=\'/\'><body/></message >'), 'localhost', at), /<body\/><delay [^>]*\/><\/message >$/)
})

t.test('presence rows: the last state counts, and a removal never undoes a newer session', async (t) => {
  const store = memoryStore([JULIET])
  const bus = scriptedBus()
  const rows = makePresenceRows(store.presence, bus, { id: 'here', epoch: 1 }, () => {}, () => {})
  const [old, fresh] = [recordingSession(`${JULIET}/r`), recordingSession(`${JULIET}/r`)]
  await rows.bind(old)
  rows.remove(old, null)
  await rows.bind(fresh)
  await Promise.all([rows.save(fresh, 1, null), rows.save(fresh, 5, null)])
  t.match(store.rows.get(`${JULIET}/r`), { sessionId: fresh.id, priority: 5 })
  t.ok(bus.told.includes(JULIET), 'other nodes are told')
})

t.test('presence rows: a removal that fails is tried again', async (t) => {
  const store = memoryStore([JULIET])
  const rows = makePresenceRows(store.presence, scriptedBus(), { id: 'here', epoch: 1 }, () => {}, () => {})
  const session = recordingSession(`${JULIET}/r`)
  await rows.bind(session)
  store.broken = true
  await t.rejects(rows.save(session, 0, null), 'who writes hears of it')
  rows.remove(session, null)
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
