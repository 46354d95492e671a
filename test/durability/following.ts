// A session follows its account's log by number (durability.md D6), what it has not acknowledged waits, for the account and not
// for it alone (D12), within bounds that no stranger can use up (D19), and while the database is away nobody is told anything (D20).
import t from 'tap'
import { AwayError } from '../../lib/base/errors.js'
import { ARCHIVED, QUEUED } from '../../lib/core/ports.js'
import type { LogEntry } from '../../lib/core/ports.js'
import { befriend, bodies, chat, firstLife, gate, resumed, turn, until } from '../helpers/life.js'
import type { Life, LifeClient, LifeOptions } from '../helpers/life.js'

const [ROMEO, JULIET, MERCUTIO] = ['romeo@localhost', 'juliet@localhost', 'mercutio@localhost']
const ORCHARD = `${ROMEO}/orchard`
const setUp = (settings: LifeOptions['settings'] = {}): Life => firstLife([ROMEO, JULIET, MERCUTIO], { settings: { offlinePage: 3, ...settings } })
const withBoth = async (life: Life, lasts: number | null = 600): Promise<[LifeClient, LifeClient]> => {
  const romeo = await life.login(ORCHARD)
  const juliet = await life.login(`${JULIET}/balcony`, lasts)
  await juliet.send('<presence/>')
  await life.quiet()
  return [romeo, juliet]
}
const ids = (got: readonly string[]): (string | undefined)[] => got.filter((g) => g.startsWith('<message')).map((g) => /<stanza-id [^>]* id='([^']*)/.exec(g)?.[1])
const condition = (xml: string | undefined): string | undefined => /<error .*?<([a-z-]+) xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/.exec(xml ?? '')?.[1]

t.test('D6: committed and never handed over: the next entry shows the gap, and the log is read up to it', async (t) => {
  for (const lasts of [null, 600]) {
    const life = setUp()
    const [romeo, juliet] = await withBoth(life, lasts)
    await romeo.send(chat(JULIET, 'one'))
    await life.quiet()
    const entries = life.store.log.entries_.get(JULIET) as LogEntry[]
    for (const text of ['two', 'three']) {
      const xml = `<message from='${ORCHARD}' to='${JULIET}' type='chat'><body>${text}</body></message>`
      entries.push({ seq: entries.length + 1, mark: 7, at: life.clock.time, peer: ROMEO, flags: QUEUED | ARCHIVED, xml, waiting: false })
    }
    await romeo.send(chat(JULIET, 'four'))
    await life.quiet()
    t.ok(await until(() => bodies(juliet.got).length >= 4))
    await romeo.send(chat(JULIET, 'five'))
    await life.quiet()
    await turn()
    t.same(bodies(juliet.got), ['one', 'two', 'three', 'four', 'five'], `${lasts}`)
  }
})

t.test('D6: committed and never handed over, and nothing comes behind it: positions are compared with the log', async (t) => {
  const life = setUp()
  const [romeo, juliet] = await withBoth(life, 600)
  await romeo.send(chat(JULIET, 'one'))
  await life.quiet()
  const entries = life.store.log.entries_.get(JULIET) as LogEntry[]
  const xml = `<message from='${ORCHARD}' to='${JULIET}' type='chat'><body>two</body></message>`
  entries.push({ seq: entries.length + 1, mark: 7, at: life.clock.time, peer: ROMEO, flags: QUEUED | ARCHIVED, xml, waiting: false })
  life.clock.time += 5000
  life.core.tick()
  await turn()
  t.same(bodies(juliet.got), ['one'], 'not at the first look: it may be on its way')
  life.clock.time += 5000
  life.core.tick()
  t.ok(await until(() => bodies(juliet.got).length >= 2))
  t.same(bodies(juliet.got), ['one', 'two'])
})

t.test('D6: a crash between the commit and the hand-over: who resumes, and who logs in, gets it from the log', async (t) => {
  for (const lasts of [600, null]) {
    const life = setUp()
    const [romeo, juliet] = await withBoth(life, lasts)
    await romeo.send(chat(JULIET, 'one'))
    await life.quiet()
    if (lasts !== null) juliet.acknowledge()
    life.store.log.before = (what) => (what === 'committed' ? gate().held : undefined)
    await romeo.send(chat(JULIET, 'two'))
    await turn()
    t.same(bodies(juliet.got), ['one'])
    t.equal(life.store.log.entries_.get(JULIET)?.length, 2)
    const next = await life.crash()
    const again = lasts === null ? await next.login(`${JULIET}/balcony`) : await resumed(next, juliet)
    if (lasts === null) await again.send('<presence/>')
    t.ok(await until(() => bodies(again.got).includes('two')))
    await next.quiet()
    t.same(bodies(again.got), lasts === null ? ['one', 'two'] : ['two'], 'who does not acknowledge gets what is not proved once more')
    again.acknowledge()
    await next.quiet()
    t.same(next.store.messages.filter((m) => m.account === JULIET), [])
  }
})

t.test('D6: a hole in the log is final: it is passed over, and what comes behind it is next', async (t) => {
  const life = setUp()
  const [romeo, juliet] = await withBoth(life)
  juliet.lose()
  for (const text of ['one', 'gone', 'three', 'gone', 'gone', 'six']) await romeo.send(chat(JULIET, text))
  await life.quiet()
  // deleted meanwhile
  const { read, pull, entries } = life.store.log
  const left = (all: readonly LogEntry[]): LogEntry[] => all.filter((e) => !e.xml.includes('gone'))
  Object.assign(life.store.log, {
    read: async (...asked: Parameters<typeof read>) => left(await read(asked[0], asked[1], 1000)).slice(0, asked[2]),
    pull: async (...asked: Parameters<typeof pull>) => left(await pull(asked[0], asked[1], asked[2], 1000)).slice(0, asked[3]),
    entries: async (...asked: Parameters<typeof entries>) => left(await entries(...asked)),
  })
  const again = await resumed(life, juliet)
  t.ok(await until(() => !again.session.behind))
  await romeo.send(chat(JULIET, 'seven'))
  await life.quiet()
  t.same(bodies(again.got), ['one', 'three', 'six', 'seven'])
  t.equal(again.session.position, 7)
  const next = await life.crash()
  const last = await resumed(next, again, again.count - 2)
  await next.quiet()
  t.same(bodies(last.got), ['six', 'seven'])
})

t.test('D12: one session never got the first message while another acknowledged the second: the first waits on', async (t) => {
  const life = setUp()
  const [romeo, balcony] = await withBoth(life)
  const phone = await life.login(`${JULIET}/phone`)
  await phone.send('<presence/>')
  await romeo.send(chat(`${JULIET}/balcony`, 'to the balcony'))
  await romeo.send(chat(`${JULIET}/phone`, 'to the phone'))
  await life.quiet()
  phone.acknowledge()
  await life.quiet()
  t.same(life.store.messages.filter((m) => m.account === JULIET).map((m) => m.seq), [1])
  balcony.lose()
  life.clock.time += 601_000
  life.core.tick()
  t.ok(await until(() => bodies(phone.got).length > 1))
  t.same(bodies(phone.got), ['to the phone', 'to the balcony'])
  t.equal(ids(phone.got)[1], ids(balcony.got)[0], 'under the same id')
  phone.acknowledge()
  await life.quiet()
  t.same(life.store.messages.filter((m) => m.account === JULIET), [])
})

t.test('D12: a crash while a session is being given what waits: once it has resumed it gets the rest, and before what comes then', async (t) => {
  const life = setUp()
  const romeo = await life.login(ORCHARD)
  for (let i = 1; i <= 7; i++) await romeo.send(chat(JULIET, `${i}`))
  await life.quiet()
  const juliet = await life.login(`${JULIET}/balcony`)
  const pages = gate()
  let pulls = 0
  life.store.log.before = (what) => (what === 'pull' && ++pulls === 3 ? pages.held : undefined)
  void juliet.send('<presence/>')
  t.ok(await until(() => pulls === 3))
  const given = bodies(juliet.got)
  t.ok(given.length > 0 && given.length < 7, `${given.length} were given`)
  await life.quiet()
  const next = await life.crash()
  const back = await next.login(ORCHARD)
  await back.send(chat(`${JULIET}/balcony`, '8'))
  await next.quiet()
  const again = await resumed(next, juliet)
  t.ok(await until(() => bodies(again.got).includes('8')))
  t.same([...given, ...bodies(again.got)], ['1', '2', '3', '4', '5', '6', '7', '8'])
})

t.test('D12: after a crash nobody is given what another session of the account has, and is about to come back with', async (t) => {
  const life = setUp()
  const [romeo, balcony] = await withBoth(life)
  const phone = await life.login(`${JULIET}/phone`)
  await phone.send('<presence/>')
  await balcony.send('<presence><priority>1</priority></presence>')
  await romeo.send(chat(JULIET, 'to the balcony'))
  await life.quiet()
  const next = await life.crash()
  const again = await resumed(next, phone)
  await next.quiet()
  await turn(50)
  t.same(bodies(again.got), [])
  const other = await resumed(next, balcony)
  t.same([...bodies(balcony.got), ...bodies(other.got)], ['to the balcony'])
})

t.test('D11: what a sibling has had, and a session is given only because a crash has set it back, says that it is late', async (t) => {
  for (const had of [true, false]) {
    const life = setUp()
    const [romeo, balcony] = await withBoth(life)
    const phone = had ? await life.login(`${JULIET}/phone`, null) : null
    await phone?.send('<presence><priority>1</priority></presence>')
    await life.quiet()
    if (!had) balcony.lose()
    await romeo.send(chat(JULIET, 'parting'))
    await life.quiet()
    await romeo.send(`<message to='${JULIET}/balcony' type='headline'><body>sweet sorrow</body></message>`)
    t.same(bodies(balcony.got), had ? ['sweet sorrow'] : [])
    if (phone !== null) life.store.log.acknowledged.set(JULIET, new Set([1]))
    const next = await life.crash()
    const again = await resumed(next, balcony)
    t.ok(await until(() => bodies(again.got).includes('parting')))
    t.equal(again.got.some((g) => g.includes('parting') && g.includes("<delay xmlns='urn:xmpp:delay'")), had)
  }
})

t.test('D12: after a crash who comes back later gets a copy of what went to who was back before', async (t) => {
  const life = setUp()
  const [, balcony] = await withBoth(life)
  await balcony.send("<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>")
  await balcony.send('<presence><priority>1</priority></presence>')
  balcony.ask()
  const phone = await life.login(`${JULIET}/phone`)
  await phone.send('<presence/>')
  await life.quiet()
  const next = await life.crash()
  const romeo = await next.login(ORCHARD)
  const first = await resumed(next, phone)
  await turn()
  await romeo.send(chat(JULIET, 'who is there?'))
  await next.quiet()
  t.same(bodies(first.got), ['who is there?'])
  const second = await resumed(next, balcony)
  t.ok(await until(() => bodies(second.got).length > 0))
  t.match(second.got.find((g) => g.includes('who is there?')), /<received xmlns='urn:xmpp:carbons:2'>/)
})

t.test('D12: what a session has not acknowledged when it ends while its sibling is detached, the sibling gets when it is back', async (t) => {
  for (const crashes of [false, true]) {
    const life = setUp()
    const [romeo, balcony] = await withBoth(life)
    const phone = await life.login(`${JULIET}/phone`, null)
    await phone.send('<presence/>')
    await romeo.send(chat(`${JULIET}/phone`, 'to the phone'))
    await life.quiet()
    balcony.lose()
    t.same([bodies(balcony.got), bodies(phone.got)], [[], ['to the phone']])
    phone.lose()
    const next = crashes ? await life.crash() : life
    const again = await resumed(next, balcony)
    t.ok(await until(() => bodies(again.got).length > 0), `${crashes}`)
    t.same(bodies(again.got), ['to the phone'])
  }
})

t.test('D12: no entry goes twice to one session: who had the copy is not given the message when its sibling ends', async (t) => {
  const life = setUp()
  const [romeo, balcony] = await withBoth(life)
  const phone = await life.login(`${JULIET}/phone`)
  await phone.send("<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>")
  await phone.send('<presence><priority>-1</priority></presence>')
  await romeo.send(chat(JULIET, 'once'))
  await life.quiet()
  t.same([bodies(balcony.got), bodies(phone.got)], [['once'], ['once']])
  phone.acknowledge()
  await life.quiet()
  t.equal(life.store.messages.filter((m) => m.account === JULIET).length, 1, 'who acknowledges a copy acknowledges nothing of the account\'s')
  await phone.send('<presence><priority>1</priority></presence>')
  balcony.lose()
  life.clock.time += 601_000
  life.core.tick()
  await life.quiet()
  await turn(50)
  t.same(bodies(phone.got), ['once'])
  const desk = await life.login(`${JULIET}/desk`)
  await desk.send('<presence/>')
  await life.quiet()
  t.same(bodies(desk.got), ['once'], 'a copy is nobody\'s mail: it waits for who can have the message')
})

t.test('D19: one sender fills its share of a mailbox, not that of others; what was acknowledged frees it', async (t) => {
  const life = setUp({ offlineMaxPerSender: 3, offlineMaxMessages: 5 })
  const [romeo, mercutio] = [await life.login(ORCHARD), await life.login(`${MERCUTIO}/street`)]
  for (const i of [1, 2, 3, 4, 5]) await romeo.send(chat(JULIET, `r${i}`))
  await life.quiet()
  t.same(romeo.got.map(condition), ['resource-constraint', 'resource-constraint'])
  for (const i of [1, 2, 3]) await mercutio.send(chat(JULIET, `m${i}`))
  await life.quiet()
  t.same(mercutio.got.map(condition), ['resource-constraint'], 'the mailbox is full')
  romeo.ask()
  await life.quiet()
  t.equal(romeo.told.at(-1), 5, 'a refusal is an end too')
  const juliet = await life.login(`${JULIET}/balcony`)
  await juliet.send('<presence/>')
  await life.quiet()
  t.same(bodies(juliet.got), ['r1', 'r2', 'r3', 'm1', 'm2'], 'nothing of what was refused')
  juliet.acknowledge()
  await life.quiet()
  void life.core.sessionOver(juliet.session, true)
  await turn()
  await romeo.send(chat(JULIET, 'r6'))
  await life.quiet()
  t.equal(romeo.got.length, 2)
})

t.test('D19: nobody is refused by what is not true any more: what has expired does not fill a mailbox', async (t) => {
  const life = setUp({ offlineMaxPerSender: 4 })
  const romeo = await life.login(ORCHARD)
  for (const i of [1, 2, 3]) await romeo.send(chat(JULIET, `${i}`))
  await life.quiet()
  // as retention does
  await life.store.log.acknowledge(new Map([[JULIET, [1, 2, 3]]]))
  for (const i of [4, 5, 6, 7, 8]) await romeo.send(chat(JULIET, `${i}`))
  await life.quiet()
  t.same(romeo.got.map(condition), ['resource-constraint'], 'only the fifth that waits')
  t.same(life.store.messages.map((m) => m.seq), [4, 5, 6, 7])
})

t.test('D19: to who is there no bound applies: nothing is refused while it is read', async (t) => {
  const life = setUp({ offlineMaxPerSender: 1, offlineMaxMessages: 1 })
  const mercutio = await life.login(`${MERCUTIO}/street`)
  await mercutio.send(chat(JULIET, 'fills it'))
  await mercutio.send(chat(JULIET, 'too much'))
  await life.quiet()
  t.same(mercutio.got.map(condition), ['resource-constraint'])
  const [romeo, juliet] = await withBoth(life)
  t.same(bodies(juliet.got.splice(0)), ['fills it'])
  for (const i of [1, 2, 3, 4]) await romeo.send(chat(JULIET, `${i}`))
  await life.quiet()
  t.same(romeo.got, [])
  t.same(bodies(juliet.got), ['1', '2', '3', '4'])
})

t.test('D19: what waited too long goes back to its sender, who may be there or not, as an error of the receiver', async (t) => {
  const life = setUp()
  const romeo = await life.login(ORCHARD)
  await romeo.send(`<message to='${JULIET}' type='chat' id='m1'><body>hi</body></message>`)
  await life.quiet()
  const [entry] = life.store.log.entries_.get(JULIET) as LogEntry[]
  await life.core.bounce(JULIET, entry as LogEntry)
  t.equal(condition(romeo.got.at(-1)), 'recipient-unavailable')
  t.match(romeo.got.at(-1), /from='juliet@localhost'/)
  t.match(romeo.got.at(-1), /id='m1'/)
  void life.core.sessionOver(romeo.session, true)
  await turn()
  await life.core.bounce(JULIET, entry as LogEntry)
  t.equal(life.store.messages.length, 1, 'an error waits for nobody')
})

t.test('D20: with the database away there are no acknowledgements, nobody is gone, and afterwards all comes once', async (t) => {
  const life = setUp()
  const [romeo, juliet] = await withBoth(life)
  romeo.ask()
  await life.quiet()
  const told = romeo.told.length
  life.store.broken = true
  life.store.log.before = () => {
    if (life.store.broken) throw new AwayError('away')
  }
  for (const text of ['one', 'two']) await romeo.send(chat(JULIET, text))
  romeo.ask()
  life.core.tick()
  await turn(50)
  t.same(romeo.told.slice(told).filter((h) => h > 0), [])
  t.same([romeo.got, bodies(juliet.got), juliet.closed, romeo.closed], [[], [], [], []])
  t.equal(life.core.sessions.size, 2)
  life.store.broken = false
  t.ok(await until(() => bodies(juliet.got).length === 2))
  await life.quiet()
  life.core.tick()
  t.same(bodies(juliet.got), ['one', 'two'])
  t.equal(romeo.told.at(-1), 2)
  juliet.acknowledge()
  await life.quiet()
  t.same(life.store.messages.filter((m) => m.account === JULIET), [])
})

t.test('D16: presence that was left out while a session was behind is told anew once it has caught up', async (t) => {
  const life = firstLife([ROMEO, JULIET, MERCUTIO])
  befriend(life.store, JULIET, ROMEO)
  befriend(life.store, JULIET, MERCUTIO)
  const [romeo, juliet] = await withBoth(life, null)
  const mercutio = await life.login(`${MERCUTIO}/square`)
  const pages = gate()
  life.store.log.before = (what) => (what === 'read' ? pages.held : undefined)
  void life.core.feed.follow(juliet.session)
  const long = 's'.repeat(600_000)
  for (const one of [romeo, mercutio]) void one.send(`<presence><status>${long}</status></presence>`)
  t.ok(await until(() => juliet.session.deferred?.lossy === true))
  pages.open()
  const seen = (): string[] => juliet.got.filter((g) => g.includes(long)).map((g) => /from='([^'/]*)/.exec(g)?.[1] ?? '')
  t.ok(await until(() => new Set(seen()).size === 2), `${seen().join(' ')}`)
})
