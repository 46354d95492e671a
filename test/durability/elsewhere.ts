// An account with sessions on several nodes: each of them gets what it would get beside the others on one (durability.md D6,
// routing.md, step 1), whatever the nodes believe of one another.
import t from 'tap'
import { AwayError } from '../../lib/base/errors.js'
import { hasPutElsewhere } from '../../lib/core/behind.js'
import { ARCHIVED, QUEUED } from '../../lib/core/ports.js'
import type { Contact, HandOver, Location } from '../../lib/core/ports.js'
import type { Here, Session } from '../../lib/core/sessions.js'
import { NODE, scriptedBus } from '../helpers/core.js'
import { befriend, bodies, chat, firstLife, resumed, turn, until } from '../helpers/life.js'
import type { Life, LifeClient } from '../helpers/life.js'

const [ROMEO, JULIET] = ['romeo@localhost', 'juliet@localhost']
const there = (resource: string, priority: number): Location => ({ resource, priority, sessionId: `s-${resource}`, node: 'there', epoch: 1 })
const setUp = async (): Promise<{ life: Life; bus: ReturnType<typeof scriptedBus>; romeo: LifeClient; juliet: LifeClient }> => {
  const bus = scriptedBus()
  const life = firstLife([ROMEO, JULIET], { bus, settings: { durability: { '*': 'durable' } } })
  befriend(life.store, ROMEO, JULIET)
  const romeo = await life.login(`${ROMEO}/orchard`)
  const juliet = await life.login(`${JULIET}/balcony`)
  for (const client of [romeo, juliet]) await client.send('<presence/>')
  await life.quiet()
  return { life, bus, romeo, juliet }
}
const hints = (bus: ReturnType<typeof scriptedBus>): unknown[] => bus.sent.filter(({ xml }) => xml.startsWith('<hint ')).map(({ xml }) => (JSON.parse(xml.slice(6, xml.indexOf(']>') + 1)) as unknown[]).slice(4))

t.test('routing.md, step 1: a session that another node has taken is nobody\'s receiver here, although nobody has told', async (t) => {
  const { life, bus, romeo, juliet } = await setUp()
  life.store.rows.set(`${JULIET}/balcony`, { ...life.store.rows.get(`${JULIET}/balcony`)!, node: 'there', epoch: 1, incarnation: 2 })
  life.store.elsewhere.set(JULIET, [{ ...there('balcony', 0), sessionId: juliet.session.id }])
  life.store.raise(JULIET)
  const before = juliet.got.length
  await romeo.send(chat(`${JULIET}/balcony`, 'to the resource'))
  await romeo.send(chat(JULIET, 'to the account'))
  await turn(50)
  await life.quiet()
  t.same(bodies(juliet.got.slice(before)), [])
  t.same(juliet.closed, ['conflict'])
  t.same(hints(bus), [['whole', [juliet.session.id]], ['whole', [juliet.session.id]]])
})

const entry = (seq: number, to: string): string => `<hint ${JSON.stringify([seq, 7, ARCHIVED | QUEUED, 1, 'whole', []])}><message from='${ROMEO}/orchard' to='${to}' type='chat'><body>${seq}</body></message>`

t.test('D6: who has the resource knows best: a hint that takes it for gone does not make a copy of its message', async (t) => {
  const { life, juliet } = await setUp()
  const { position } = juliet.session
  t.same(life.core.handOver.take([
    { account: JULIET, sessionId: '', xml: entry(position + 1, `${JULIET}/balcony`) }, { account: JULIET, sessionId: '', xml: entry(position + 2, JULIET) },
  ]), ['accepted', 'accepted'])
  await life.quiet()
  t.same(bodies(juliet.got), [String(position + 1)], 'the second is for another session')
})

t.test('D6: what is read from the log is told apart by who is elsewhere, too', async (t) => {
  const { life, juliet } = await setUp()
  juliet.session.carbons = true
  juliet.session.member.copies++
  life.store.elsewhere.set(JULIET, [there('phone', 5), there('old', -1)])
  life.core.cache.stale(JULIET)
  const entries = life.store.log.entries_.get(JULIET) ?? []
  life.store.log.entries_.set(JULIET, entries)
  const add = (to: string, text: string): void => {
    const xml = `<message from='${ROMEO}/orchard' to='${to}' type='chat'><body>${text}</body></message>`
    entries.push({ seq: entries.length + 1, mark: 7, at: life.clock.time, peer: ROMEO, flags: QUEUED | ARCHIVED, xml, waiting: true })
  }
  add(JULIET, 'for the most available')
  add(`${JULIET}/phone`, 'for the phone')
  add(`${JULIET}/gone`, 'for nobody, so for the most available')
  add(`${JULIET}/balcony`, 'for the balcony')
  await life.core.feed.follow(juliet.session)
  await life.quiet()
  const got = juliet.got.filter((g) => g.startsWith('<message'))
  t.same(got.map((g) => [/<received /.test(g) ? 'copy' : 'itself', /<body>([^<]*)/.exec(g)?.[1]]), [
    ['copy', 'for the most available'], ['copy', 'for the phone'], ['copy', 'for nobody, so for the most available'], ['itself', 'for the balcony'],
  ])
  // who was the most available goes
  life.store.elsewhere.set(JULIET, [there('old', -1)])
  life.core.cache.stale(JULIET)
  add(JULIET, 'for her now')
  await life.core.feed.follow(juliet.session)
  await life.quiet()
  t.notMatch(juliet.got.filter((g) => g.startsWith('<message')).at(-1), /<received /)
})

const state = (to: string, text: string): string => `<message to='${to}' type='headline'><body>${text}</body></message>`

t.test('D11: what is not of the log says what it must not overtake, and its owner holds it until that is there', async (t) => {
  const { life, bus, romeo } = await setUp()
  const [there_] = [there('phone', 0)]
  life.store.elsewhere.set(JULIET, [there_])
  life.core.cache.stale(JULIET)
  await romeo.send(state(`${JULIET}/phone`, 'first'))
  await romeo.send(chat(`${JULIET}/phone`, 'logged'))
  await life.quiet()
  await romeo.send(state(`${JULIET}/phone`, 'last'))
  const seq = life.store.log.entries_.get(JULIET)?.length
  const handed = bus.sent.map(({ xml }) => xml).filter((xml) => !xml.startsWith('<presence') && !xml.startsWith('<hint'))
  t.match(handed, [/^<message .*first/, new RegExp(`^<behind ${seq}><message .*last`)])

  // the other side: the hint was lost
  const other = await setUp()
  const { position } = other.juliet.session
  const entries = other.life.store.log.entries_.get(JULIET) ?? []
  other.life.store.log.entries_.set(JULIET, entries)
  const xml = `<message from='${ROMEO}/orchard' to='${JULIET}' type='chat'><body>logged</body></message>`
  entries.push({ seq: position + 1, mark: 7, at: other.life.clock.time, peer: ROMEO, flags: QUEUED | ARCHIVED, xml, waiting: true })
  const late = (text: string): string => `<message from='${ROMEO}/orchard' to='${JULIET}/balcony' type='headline'><body>${text}</body></message>`
  const take = (text: string): unknown => other.life.core.handOver.take([{ account: JULIET, sessionId: other.juliet.session.id, xml: text }])
  t.same(take(`<behind ${position}>${late('nothing is missing')}`), ['accepted'])
  t.same(bodies(other.juliet.got), ['nothing is missing'], 'at once')
  t.same(take(`<behind ${position + 1}>${late('behind it')}`), ['accepted'])
  await turn(50)
  await other.life.quiet()
  t.same(bodies(other.juliet.got), ['nothing is missing', 'logged', 'behind it'])
})

t.test('D11: nor what waits for the account, where its receiver has come here while it was on its way to another node', async (t) => {
  const { life, bus, romeo, juliet } = await setUp()
  await juliet.send('<presence type=\'unavailable\'/>')
  await romeo.send(chat(JULIET, 'waits'))
  await life.quiet()
  life.store.elsewhere.set(JULIET, [there('phone', 0)])
  life.core.cache.stale(JULIET)
  const { send } = bus
  let answer: (handed: HandOver) => void = () => {}
  bus.send = () => new Promise<HandOver>((resolve) => {
    answer = resolve
  })
  const sent = romeo.send(state(`${JULIET}/phone`, 'behind it'))
  await turn()
  bus.send = send
  life.store.elsewhere.delete(JULIET)
  const phone = await life.login(`${JULIET}/phone`)
  answer('gone')
  await sent
  await turn(50)
  t.same(bodies(phone.got), [], 'she is about to say that she is there')
  await phone.send('<presence/>')
  t.ok(await until(() => bodies(phone.got).length === 2))
  t.same(bodies(phone.got), ['waits', 'behind it'])
})

t.test('D11: nor does it overtake a message that was committed when nobody could say where its receiver is', async (t) => {
  const { life, romeo, juliet } = await setUp()
  // juliet has logged in somewhere, so the commit returns a generation that is not known here
  life.store.raise(JULIET)
  const { owners } = life.store.presence
  const away = (): Promise<never> => Promise.reject(new AwayError('simulated'))
  Object.assign(life.store.presence, { owners: away })
  await romeo.send(chat(`${JULIET}/balcony`, 'logged'))
  await life.quiet()
  t.same(bodies(juliet.got), [], 'its hint is lost')
  Object.assign(life.store.presence, { owners })
  await romeo.send(state(`${JULIET}/balcony`, 'behind it'))
  t.ok(await until(() => bodies(juliet.got).length === 2))
  t.same(bodies(juliet.got), ['logged', 'behind it'])
})

t.test('D11: nor one that was committed while its receiver was being taken from a node that is over', async (t) => {
  const life = firstLife([ROMEO, JULIET], { bus: scriptedBus(), settings: { durability: { '*': 'durable' } } })
  const romeo = await life.login(`${ROMEO}/orchard`)
  await romeo.send('<presence/>')
  await life.quiet()
  // taken before the message is committed, and not here yet
  const row = { account: JULIET, resource: 'balcony', sessionId: 's9', incarnation: 2, node: NODE.id, epoch: NODE.epoch, priority: 0, presence: `<presence from='${JULIET}/balcony'/>` }
  const stream = {
    account: JULIET, sessionId: 's9', resource: 'balcony', incarnation: 2, lasts: 600, detached: null,
    h: 0, outbound: 0, position: 0, unacked: [], requests: [], folded: 0, details: '{}',
  }
  life.store.rows.set(`${JULIET}/balcony`, row)
  life.store.streams.rows.set(`${JULIET} s9`, stream)
  await romeo.send(chat(JULIET, 'logged'))
  await life.quiet()
  await life.core.resumption.adopt([{ row, stream, last: 0, generation: 1 }])
  await romeo.send(state(`${JULIET}/balcony`, 'behind it'))
  const { got } = await resumed(life, { session: life.core.sessions.of(JULIET).all[0] as Session, count: 0 })
  t.ok(await until(() => bodies(got).length === 2))
  t.same(bodies(got), ['logged', 'behind it'])
})

t.test('D9: who has a session whose client has come here is asked for it, and waited for: while the bus is away, and while it is at it', async (t) => {
  const { life: { core }, bus } = await setUp()
  const owner = { id: 'there', epoch: 1 }
  const yielded = (): unknown => core.handOver.take([{ account: JULIET, sessionId: 's-phone', xml: '<yielded/>' }])
  const asked = (): number => bus.sent.filter(({ xml }) => xml.startsWith('<yield ')).length
  const settles = async (done: Promise<boolean>): Promise<boolean | 'not yet'> => Promise.race([done, turn(0).then(() => 'not yet' as const)])

  bus.up = false
  const away = core.handOver.yields(owner, JULIET, 's-phone')
  await turn(150)
  t.same([asked(), await settles(away)], [0, 'not yet'])
  bus.up = true
  t.ok(await until(() => asked() === 1))
  // it is busy for longer than one that stands still is waited for
  await turn(700)
  t.equal(await settles(away), 'not yet')
  yielded()
  t.equal(await away, true)

  // who is not there is not waited for, nor who says nothing
  bus.answer = () => 'gone'
  t.equal(await core.handOver.yields(owner, JULIET, 's-phone'), false)
  t.equal(asked(), 2)
  const { send } = bus
  bus.send = () => new Promise(() => {})
  const began = performance.now()
  t.equal(await core.handOver.yields(owner, JULIET, 's-phone'), false)
  t.ok(performance.now() - began < 3000)
  bus.send = send
  // who has lost the bus at the same time may come back to it later
  bus.up = false
  const later = core.handOver.yields(owner, JULIET, 's-phone')
  await turn(100)
  bus.up = true
  t.ok(await until(() => asked() === 4))
  bus.answer = () => 'accepted'
  t.ok(await until(() => asked() > 4))
  yielded()
  t.equal(await later, true)
  bus.up = false
  t.equal(await core.handOver.yields(owner, JULIET, 's-phone'), false, 'not for ever')
})

t.test('D15: a request that another node has taken is answered when that node is over or has it no more, and only then, and once', async (t) => {
  const { life, bus, romeo } = await setUp()
  life.store.elsewhere.set(JULIET, [there('phone', 0)])
  life.core.cache.stale(JULIET)
  const ping = (id: string): string => `<iq type='get' id='${id}' to='${JULIET}/phone'><ping xmlns='urn:xmpp:ping'/></iq>`
  const answer = (id: string): void => void life.core.handOver.take([{
    account: ROMEO, sessionId: romeo.session.id, xml: `<iq type='result' id='${id}' from='${JULIET}/phone' to='${ROMEO}/orchard'/>`,
  }])
  const heard = (id: string): string[] => romeo.got.filter((g) => g.startsWith('<iq') && g.includes(`id='${id}'`)).map((g) => (g.includes("type='error'") ? 'error' : 'result'))
  const tick = async (ms = 2000): Promise<void> => {
    life.clock.time += ms
    life.core.tick()
    await turn()
  }
  for (const id of ['answered', 'node', 'session']) await romeo.send(ping(id))
  answer('answered')
  await tick()
  bus.answer = () => 'unknown'
  await tick()
  t.same([heard('answered'), heard('node')], [['result'], []], 'no answer is no news')
  bus.answer = (to) => (to.node === 'there' ? 'gone' : 'accepted')
  await tick()
  t.same(heard('node'), [], 'a node may be back on the bus a moment later than others')
  bus.answer = () => 'accepted'
  await tick()
  // its session has moved, and the client may be about to answer from where it is now
  bus.answer = () => ({ generation: 1 })
  await tick()
  await tick(28_000)
  t.same(heard('session'), [])
  answer('session')
  t.same(heard('session'), ['result'])
  await tick(3000)
  t.same(heard('node'), ['error'], 'not for ever')
  answer('node')
  t.same(heard('node'), ['error'], 'nobody is answered twice')
  bus.answer = () => 'accepted'
  await romeo.send(ping('over'))
  bus.answer = () => 'gone'
  await tick()
  await tick()
  t.same(heard('over'), ['error'])
})

t.test('D16: that a session is gone is not told any more once its resource is there on another node', async (t) => {
  const { life, bus, juliet } = await setUp()
  life.store.elsewhere.set(ROMEO, [there('phone', 0)])
  life.core.cache.stale(ROMEO)
  bus.answer = () => 'unknown'
  const gone = (): number => bus.sent.filter(({ xml }) => xml.startsWith('<presence') && xml.includes("type='unavailable'")).length
  void life.core.sessionOver(juliet.session, true)
  t.ok(await until(() => gone() > 0), 'told')
  // she comes back to another node, which tells it, while the answer is not there
  const row = { account: JULIET, resource: 'balcony', sessionId: 's9', incarnation: 1, node: 'there', epoch: 1, priority: 0, presence: `<presence from='${JULIET}/balcony'/>` }
  life.store.rows.set(`${JULIET}/balcony`, row)
  const before = gone()
  await turn(1500)
  t.equal(gone(), before)
  t.ok(life.store.rows.delete(`${JULIET}/balcony`))
  bus.sent.length = 0
  // nobody is there
  const again = await life.login(`${JULIET}/balcony`)
  await again.send('<presence/>')
  void life.core.sessionOver(again.session, true)
  await turn(1500)
  t.ok(gone() > 1, 'told until it is heard')
})

t.test('routing.md, step 4: who has heard that a session has moved asks where to, whatever it had found before', async (t) => {
  const { life, bus, romeo, juliet } = await setUp()
  t.same((await life.core.cache.of(JULIET) as Here).elsewhere, [])
  life.store.elsewhere.set(JULIET, [{ ...there('balcony', 0), sessionId: juliet.session.id }])
  life.core.handOver.take([{ account: JULIET, sessionId: juliet.session.id, xml: '<moved 2/>' }])
  // the invalidation is not here yet
  await romeo.send(state(`${JULIET}/balcony`, 'news'))
  await turn()
  t.ok(bus.sent.some(({ xml }) => xml.includes('news')))
})

t.test('D16: a node that has stood still does not say that a session is gone which is there on another by now', async (t) => {
  const { life, romeo, juliet } = await setUp()
  const row = { account: JULIET, resource: 'balcony', sessionId: 's9', incarnation: 1, node: 'there', epoch: 1, priority: 0, presence: `<presence from='${JULIET}/balcony'/>` }
  life.store.rows.set(`${JULIET}/balcony`, row)
  const before = romeo.got.length
  await life.core.sessionOver(juliet.session, false)
  await turn(50)
  t.same(romeo.got.slice(before).filter((g) => g.includes("type='unavailable'")), [])
  t.equal(life.store.rows.get(`${JULIET}/balcony`), row)
  const again = await setUp()
  await again.life.core.sessionOver(again.juliet.session, false)
  t.match(again.romeo.got.at(-1), /type='unavailable'/)
})

t.test('D15: an answer waits until it is known where the one who asked is', async (t) => {
  const { life, bus, juliet } = await setUp()
  life.store.elsewhere.set(ROMEO, [there('phone', 0)])
  life.core.handOver.take([{ account: JULIET, sessionId: juliet.session.id, xml: `<iq from='${ROMEO}/phone' to='${JULIET}/balcony' type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>` }])
  // NATS was away, so that all is looked up anew, and now the database is
  life.core.cache.invalidateAll()
  const { lookup } = life.store.presence
  Object.assign(life.store.presence, { lookup: () => Promise.reject(new AwayError('simulated')) })
  const answered = (): number => bus.sent.filter(({ xml }) => xml.startsWith('<iq') && xml.includes("type='result'")).length
  const said = juliet.send(`<iq type='result' id='p' to='${ROMEO}/phone'/>`)
  await turn(100)
  t.equal(answered(), 0)
  Object.assign(life.store.presence, { lookup })
  await said
  t.equal(answered(), 1)
})

t.test('D16: where the table does not answer at a log-in, nobody is taken for away, and it is asked again', async (t) => {
  const { life, romeo, juliet } = await setUp()
  for (const { session } of [romeo, juliet]) await life.core.sessionOver(session, true)
  await turn(50)
  const presence = `<presence from='${ROMEO}/phone'/>`
  life.store.rows.set(`${ROMEO}/phone`, { account: ROMEO, resource: 'phone', sessionId: 's9', incarnation: 1, node: 'there', epoch: 1, priority: 0, presence })
  await life.store.others.departures.save([{ account: ROMEO, at: 1, presence: `<presence from='${ROMEO}' type='unavailable'><status>bye</status></presence>` }])
  const { said } = life.store.presence
  Object.assign(life.store.presence, { said: () => Promise.reject(new AwayError('simulated')) })
  const again = await life.login(`${JULIET}/balcony`)
  await again.send('<presence/>')
  const ofRomeo = (): string[] => again.got.filter((g) => g.includes(`from='${ROMEO}`))
  t.same(ofRomeo(), [])
  Object.assign(life.store.presence, { said })
  t.ok(await until(() => ofRomeo().length > 0))
  t.same(ofRomeo(), [`<presence to='${JULIET}' from='${ROMEO}/phone'/>`])
})

t.test('D15: who is asked is asked by a node whether it still owes an answer', async (t) => {
  const { life, romeo, juliet } = await setUp()
  const owes = (id: string): unknown => life.core.handOver.take([{ account: JULIET, sessionId: juliet.session.id, xml: `<owes ${JSON.stringify([`${ROMEO}/orchard`, id])}/>` }])[0]
  await romeo.send(`<iq type='get' id='p' to='${JULIET}/balcony'><ping xmlns='urn:xmpp:ping'/></iq>`)
  t.equal(owes('p'), 'accepted')
  await juliet.send(`<iq type='result' id='p' to='${ROMEO}/orchard'/>`)
  t.same([owes('p'), owes('q')], [{ generation: null }, { generation: null }])
})

t.test('D15: what a session had not got when it was taken is answered for, what it had got is not', async (t) => {
  const { life, romeo, juliet } = await setUp()
  const ping = (id: string): string => `<iq type='get' id='${id}' to='${JULIET}/balcony'><ping xmlns='urn:xmpp:ping'/></iq>`
  await romeo.send(ping('got'))
  const { count } = juliet
  await romeo.send(ping('lost'))
  life.core.handOver.take([{ account: JULIET, sessionId: juliet.session.id, xml: '<moved 2/>' }])
  await turn()
  t.same(romeo.got.filter((g) => g.includes("type='error'")), [])
  life.core.handOver.take([{ account: JULIET, sessionId: juliet.session.id, xml: `<has ${count}/>` }])
  await turn()
  t.match(romeo.got.filter((g) => g.includes("type='error'")), [/id='lost'/])
  t.equal(romeo.got.filter((g) => g.includes("type='error'")).length, 1)
})

t.test('D15: who asked a session here that is another node\'s now is answered by it, or told that it will not', async (t) => {
  const { life, bus, romeo, juliet } = await setUp()
  const ask = (id: string): Promise<unknown> => romeo.send(`<iq type='get' id='${id}' to='${JULIET}/balcony'><ping xmlns='urn:xmpp:ping'/></iq>`)
  const heard = (id: string): string[] => romeo.got.filter((g) => g.startsWith('<iq') && g.includes(`id='${id}'`)).map((g) => (g.includes("type='error'") ? 'error' : 'result'))
  const answer = (id: string): void => void life.core.handOver.take([{
    account: ROMEO, sessionId: romeo.session.id, xml: `<iq type='result' id='${id}' from='${JULIET}/balcony' to='${ROMEO}/orchard'/>`,
  }])
  for (const id of ['answered', 'never']) await ask(id)
  const { count } = juliet
  life.core.handOver.take([{ account: JULIET, sessionId: juliet.session.id, xml: '<moved 2/>' }])
  life.core.handOver.take([{ account: JULIET, sessionId: juliet.session.id, xml: `<has ${count}/>` }])
  answer('answered')
  for (let s = 0; s < 40; s += 2) {
    life.clock.time += 2000
    life.core.tick()
    await turn()
    if (s < 28) t.same(heard('never'), [])
  }
  t.same([heard('answered'), heard('never')], [['result'], ['error']])
  answer('never')
  t.same(heard('never'), ['error'], 'once')
  t.notOk(bus.sent.some(({ xml }) => xml.startsWith('<owes')), 'nobody else owes it')
})

t.test('D15: who asked a session that was replaced by one of its resource on another node is told at once', async (t) => {
  const { life, romeo, juliet } = await setUp()
  await romeo.send(`<iq type='get' id='p' to='${JULIET}/balcony'><ping xmlns='urn:xmpp:ping'/></iq>`)
  life.store.rows.set(`${JULIET}/balcony`, { ...life.store.rows.get(`${JULIET}/balcony`)!, sessionId: 'newer', node: 'there', epoch: 1 })
  life.core.invalidated(JULIET, life.store.raise(JULIET))
  t.ok(await until(() => juliet.closed.length > 0))
  t.match(romeo.got.filter((g) => g.includes("id='p'")), [/type='error'/])
})

t.test('D15: who is asked here by a session that has come from another node owes the answer', async (t) => {
  const { life, romeo, juliet } = await setUp()
  await romeo.send(`<iq type='get' id='p' to='${JULIET}/balcony'><ping xmlns='urn:xmpp:ping'/></iq>`)
  const heard = (): number => romeo.got.filter((g) => g.startsWith('<iq') && g.includes("id='p'")).length
  life.core.outstanding.sent({ from: `${ROMEO}/orchard`, to: `${JULIET}/balcony`, id: 'p' }, null)
  for (let s = 0; s < 60; s += 2) {
    life.clock.time += 2000
    life.core.tick()
    await turn()
  }
  t.equal(heard(), 0, 'as long as it may still answer')
  await juliet.send(`<iq type='result' id='p' to='${ROMEO}/orchard'/>`)
  t.equal(heard(), 1)
})

t.test('D15: requests that are owed for ever keep nobody from asking for the others, and end with who asked', async (t) => {
  const { life, bus, romeo } = await setUp()
  bus.answer = ({ node }) => (node === 'yonder' ? 'gone' : 'accepted')
  const sent = (id: string, to: Location): void => life.core.outstanding.sent({ from: `${ROMEO}/orchard`, to: `${JULIET}/${to.resource}`, id }, to)
  for (let i = 0; i < 250; i++) sent(`owed-${i}`, there('phone', 0))
  sent('late', { ...there('desk', 0), node: 'yonder' })
  const pass = async (): Promise<void> => {
    life.clock.time += 2000
    life.core.tick()
    await turn()
  }
  for (let i = 0; i < 8; i++) await pass()
  t.match(romeo.got.filter((g) => g.includes("id='late'")), [/type='error'/])
  t.notOk(romeo.got.some((g) => g.includes("id='owed")))
  void life.core.sessionOver(romeo.session, true)
  await pass()
  await pass()
  bus.sent.length = 0
  await pass()
  t.same(bus.sent.filter(({ xml }) => xml.startsWith('<owes ')), [])
})

t.test('D16: presence that did not get through is told until it has, the last of each', async (t) => {
  const { life, bus, romeo } = await setUp()
  life.store.elsewhere.set(JULIET, [there('phone', 0)])
  life.core.cache.stale(JULIET)
  const told = (): string[] => bus.sent.splice(0).flatMap(({ xml }) => /<status>([^<]*)/.exec(xml)?.[1] ?? [])
  told()
  bus.answer = () => 'busy'
  for (const text of ['one', 'two']) await romeo.send(`<presence><status>${text}</status></presence>`)
  await turn()
  t.same(told(), ['one', 'two'])
  bus.answer = () => 'accepted'
  await turn(1100)
  t.same(told(), ['two'])
  await turn(1100)
  t.same(told(), [])
})

t.test('XEP-0280: of what is not of the log, siblings on other nodes get copies, those who got it itself left out', async (t) => {
  const { life, bus, romeo, juliet } = await setUp()
  const composing = (to: string): string => `<message to='${to}' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`
  const copies = (): unknown[] => bus.sent.splice(0).filter(({ xml }) => xml.startsWith('<copy ')).map(({ to, xml }) => [to.node, ...(JSON.parse(xml.slice(6, xml.indexOf(']>') + 1)) as unknown[]).slice(0, 3)])
  const yonder: Location = { ...there('desk', 0), node: 'yonder' }
  life.store.elsewhere.set(JULIET, [there('phone', 5), there('pad', 0), yonder])
  life.core.cache.stale(JULIET)
  await romeo.send(composing(`${JULIET}/phone`))
  await turn()
  t.same(copies(), [['there', 'received', 'chat', ['s-phone']], ['yonder', 'received', 'chat', []]])
  await juliet.send(composing(`${ROMEO}/orchard`))
  await turn()
  t.same(copies(), [['there', 'sent', 'chat', []], ['yonder', 'sent', 'chat', []]])
  await romeo.send(`<message to='${JULIET}/phone' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/><private xmlns='urn:xmpp:carbons:2'/></message>`)
  await turn()
  t.same(copies(), [], '§9')
  life.store.elsewhere.set(JULIET, [there('phone', 5)])
  life.core.cache.stale(JULIET)
  await romeo.send(composing(`${JULIET}/phone`))
  await turn()
  t.same(copies(), [], 'nobody but who gets it')

  // the other side
  juliet.session.carbons = true
  const original = `<message xmlns='jabber:client' from='${ROMEO}/orchard' to='${JULIET}/phone' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`
  const { position } = juliet.session
  const take = (got: readonly string[], after = position): unknown => life.core.handOver.take([{ account: JULIET, sessionId: 's-phone', xml: `<copy ${JSON.stringify(['received', 'chat', got, after])}>${original}` }])
  const before = juliet.got.length
  t.same(take([juliet.session.id]), ['accepted'])
  t.same(take([]), ['accepted'])
  const copy = `<message from='${JULIET}' to='${JULIET}/balcony' type='chat'><received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>${original}</forwarded></received></message>`
  t.same(juliet.got.slice(before), [copy])

  // D11: not before what came before it, though its hint was lost
  const entries = life.store.log.entries_.get(JULIET) ?? []
  life.store.log.entries_.set(JULIET, entries)
  const xml = `<message from='${ROMEO}/orchard' to='${JULIET}/balcony' type='chat'><body>logged</body></message>`
  entries.push({ seq: position + 1, mark: 7, at: life.clock.time, peer: ROMEO, flags: QUEUED | ARCHIVED, xml, waiting: true })
  t.same(take([], position + 1), ['accepted'])
  t.ok(await until(() => juliet.got.length === before + 3))
  t.match(juliet.got.slice(before + 1), [/<body>logged/, copy])
})

t.test('D11: what comes behind a copy of what is not of the log waits until other nodes have that', async (t) => {
  const { life, bus, juliet } = await setUp()
  life.store.elsewhere.set(JULIET, [there('phone', 5)])
  life.core.cache.stale(JULIET)
  await juliet.send(chat(`${ROMEO}/orchard`, 'before'))
  await life.quiet()
  const last = life.store.log.entries_.get(JULIET)?.at(-1)?.seq as number
  const { send } = bus
  let answer: (handed: HandOver) => void = () => {}
  let head = ''
  bus.send = (_to, _account, xml) => new Promise<HandOver>((resolve) => {
    head = xml.slice(0, xml.indexOf('>'))
    answer = resolve
  })
  const sent = juliet.send(`<message to='${ROMEO}/orchard' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`)
  await turn()
  t.equal(head, `<copy ${JSON.stringify(['sent', 'chat', [], last])}`)
  bus.send = send
  const next = juliet.send(chat(`${ROMEO}/orchard`, 'behind'))
  await turn(50)
  await life.quiet()
  t.equal(life.store.log.entries_.get(JULIET)?.at(-1)?.seq, last)
  answer('accepted')
  await Promise.all([sent, next])
  await life.quiet()
  t.equal(life.store.log.entries_.get(JULIET)?.at(-1)?.seq, last + 1)
})

t.test('XEP-0280 §7: whoever gets it in place of a session elsewhere that is gone gets no copy besides', async (t) => {
  const { life, bus, romeo, juliet } = await setUp()
  juliet.session.carbons = true
  juliet.session.member.copies++
  life.store.elsewhere.set(JULIET, [there('phone', 5)])
  life.core.cache.stale(JULIET)
  bus.answer = () => {
    life.store.elsewhere.delete(JULIET)
    return { generation: null }
  }
  const before = juliet.got.length
  await romeo.send(`<message to='${JULIET}' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`)
  t.match(juliet.got.slice(before), [/^<message from='romeo[^>]*><composing/])
  t.equal(juliet.got.length, before + 1)
})

t.test('XEP-0280: with the archive off, too, siblings on other nodes are handed what one sends', async (t) => {
  const bus = scriptedBus()
  const life = firstLife([ROMEO, JULIET], { bus, settings: { durability: { '*': 'durable' }, archive: 'off' } })
  const romeo = await life.login(`${ROMEO}/orchard`)
  await romeo.send(chat(JULIET, 'alone'))
  await life.quiet()
  t.notOk(bus.sent.some(({ xml }) => xml.includes('"sent"')))
  life.store.elsewhere.set(ROMEO, [there('phone', 0)])
  life.core.cache.stale(ROMEO)
  await romeo.send(chat(JULIET, 'with a phone'))
  await life.quiet()
  t.match(bus.sent.filter(({ xml }) => xml.includes('"sent"')).map(({ xml }) => xml), [/with a phone/])
})

t.test('D16: after a gap in what other nodes tell, what was missed is made good: contacts, roster, blocked ones', async (t) => {
  const { life, romeo, juliet } = await setUp()
  await juliet.send("<iq type='get' id='r'><query xmlns='jabber:iq:roster' ver=''/></iq>")
  await turn()
  await romeo.send('<presence><status>before</status></presence>')
  const rows = life.store.contacts.get(JULIET) as Map<string, Contact>
  const version = (await life.store.others.rosters.list(JULIET, null))?.ver ?? 0
  // another node has taken him off her roster meanwhile, as far as presence goes
  rows.set(ROMEO, { ...rows.get(ROMEO) as Contact, subscription: 'none', ver: version + 1 })
  rows.set('nurse@localhost', { jid: 'nurse@localhost', name: 'Nurse', groups: [], subscription: 'to', ask: false, approved: false, request: null, listed: true, ver: version + 2 })
  const before = juliet.got.length
  life.core.missed()
  t.ok(await until(() => juliet.session.member.to.length === 1 && juliet.got.slice(before).some((g) => g.includes('nurse@localhost'))))
  t.same(juliet.session.member.to, ['nurse@localhost'])
  t.ok(await until(() => juliet.got.slice(before).some((g) => g.startsWith('<presence') && /from='nurse@localhost'.* type='unavailable'/.test(g))), 'nor is the nurse there')
})

t.test('D11: of who has come from another node it is not known what he has put there: his first word comes behind all that is in the log', async (t) => {
  const { life, romeo, juliet } = await setUp()
  hasPutElsewhere(romeo.session)
  const entries = life.store.log.entries_.get(JULIET) ?? []
  life.store.log.entries_.set(JULIET, entries)
  for (const text of ['one', 'two']) {
    const xml = `<message from='${ROMEO}/orchard' to='${JULIET}' type='chat'><body>${text}</body></message>`
    entries.push({ seq: entries.length + 1, mark: 7, at: life.clock.time, peer: ROMEO, flags: QUEUED | ARCHIVED, xml, waiting: true })
  }
  // she is slow to read: all that there was when it came goes before it, and not what came later
  const { log } = life.store
  const { read } = log
  const committed = new Promise((resolve) => setTimeout(resolve, 100))
  Object.assign(log, { read: async (...args: Parameters<typeof read>) => {
    await committed
    return read(...args)
  } })
  await romeo.send(state(`${JULIET}/balcony`, 'news'))
  await romeo.send(chat(`${JULIET}/balcony`, 'three'))
  t.ok(await until(() => bodies(juliet.got).length >= 4))
  t.same(bodies(juliet.got), ['one', 'two', 'news', 'three'])
  await romeo.send(state(`${JULIET}/balcony`, 'more'))
  t.same(bodies(juliet.got).at(-1), 'more', 'once is enough')
})
