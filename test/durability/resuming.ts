// A session outlives its connection and its node (durability.md, promises 3 and 5, D16, D17): what a crash has swallowed and the
// client will not ask for again is made good, contacts see neither ghosts nor flapping, and what a session leaves behind is
// nobody's mail.
import t from 'tap'
import { bodies, befriend, chat, firstLife, gate, headline, resumed, turn, until } from '../helpers/life.js'
import type { Life, LifeClient } from '../helpers/life.js'

const [ROMEO, JULIET] = ['romeo@localhost', 'juliet@localhost']
const setUp = async (lasts: number | null = 600): Promise<{ life: Life; romeo: LifeClient; juliet: LifeClient }> => {
  const life = firstLife([ROMEO, JULIET])
  befriend(life.store, ROMEO, JULIET)
  const romeo = await life.login(`${ROMEO}/orchard`, lasts)
  const juliet = await life.login(`${JULIET}/balcony`)
  await romeo.send('<presence/>')
  await juliet.send('<presence/>')
  await life.quiet()
  return { life, romeo, juliet }
}
const presences = (got: readonly string[], from: string): string[] =>
  got.filter((g) => g.startsWith('<presence') && g.includes(`from='${from}`)).map((g) => (g.includes("type='unavailable'") ? 'gone' : 'there'))
const PUSH = "xmlns='jabber:iq:roster'"
const second = 1000

t.test('D15: that a message was refused is said again after a crash, until the client has heard it (promise 3)', async (t) => {
  const { life, romeo } = await setUp()
  const before = romeo.count
  await romeo.send("<message to='nobody@localhost' id='m1' type='chat'><body>x</body></message>")
  await life.quiet()
  romeo.ask()
  await life.quiet()
  t.equal(romeo.told.at(-1), 2, 'it is done: the client will not send it again')
  t.match(romeo.got.at(-1), /id='m1'.*<service-unavailable/)
  const next = await life.crash()
  const again = await resumed(next, romeo, before)
  t.match(again.got.find((g) => g.startsWith('<message')), /from='nobody@localhost'.*<service-unavailable|<message .*id='m1'.*<service-unavailable/)
  again.acknowledge()
  again.ask()
  await next.quiet()
  const last = await next.crash()
  t.same((await resumed(last, again)).got.filter((g) => g.startsWith('<message')), [])
})

t.test('D15: no client hears that a message was refused, and is told after a crash to send it again', async (t) => {
  const { life, romeo } = await setUp()
  await romeo.send("<message to='nobody@localhost' id='m0' type='chat'><body>x</body></message>")
  await life.quiet()
  const { commit } = life.store.log
  const { held, open } = gate()
  life.store.log.commit = async (batch) => {
    await held
    return commit(batch)
  }
  const before = romeo.count
  // known to be nobody by now: refused at once, behind a message that is not committed
  await romeo.send(chat(JULIET, 'one'))
  await romeo.send("<message to='nobody@localhost' id='m1' type='chat'><body>x</body></message>")
  await turn()
  t.equal(romeo.count, before, 'not yet')
  const again = await resumed(await life.crash(), romeo)
  t.notOk(again.got.some((g) => g.includes("id='m1'")), 'its client sends it again, for the server knows nothing of it')
  t.equal(again.told[0], 2)
  open()

  const other = await setUp()
  await other.romeo.send("<message to='nobody@localhost' id='m0' type='chat'><body>x</body></message>")
  await other.life.quiet()
  const slow = gate()
  const { commit: write } = other.life.store.log
  other.life.store.log.commit = async (batch) => {
    await slow.held
    return write(batch)
  }
  await other.romeo.send(chat(JULIET, 'one'))
  await other.romeo.send("<message to='nobody@localhost' id='m1' type='chat'><body>x</body></message>")
  slow.open()
  await other.life.quiet()
  t.match(other.romeo.got.at(-1), /id='m1'.*<service-unavailable/)
  t.equal((await resumed(await other.life.crash(), other.romeo)).told[0], 4, 'heard, and done')
})

t.test('D15: of a message that was refused is heard when the count covers it, and not with the first commit that comes', async (t) => {
  const { life, romeo } = await setUp()
  await romeo.send("<message to='nobody@localhost' id='m0' type='chat'><body>x</body></message>")
  await life.quiet()
  const gates = [gate(), gate(), gate()]
  const { commit } = life.store.log
  let commits = 0
  life.store.log.commit = async (batch) => {
    await gates[commits++]?.held
    return commit(batch)
  }
  const before = romeo.count
  await romeo.send(chat(JULIET, 'one'))
  await turn()
  // one batch takes no more than this
  await romeo.send(chat(JULIET, 'x'.repeat(5 * 1024 ** 2)))
  await romeo.send("<message to='nobody@localhost' id='m1' type='chat'><body>x</body></message>")
  await romeo.send(chat(JULIET, 'three'))
  for (const { open } of gates.slice(0, 2)) {
    open()
    await turn()
    t.equal(romeo.count, before)
  }
  gates[2]?.open()
  await life.quiet()
  t.equal(romeo.count, before + 1)
  t.match(romeo.got.at(-1), /id='m1'.*<service-unavailable/)
})

t.test('D15: of a refusal that a commit found not done yet is heard with the next', async (t) => {
  const { life, romeo } = await setUp()
  const before = romeo.count
  const number = ++romeo.stream.received
  romeo.stream.refuses(number, 'm1', 'nobody@localhost', 'service-unavailable')
  romeo.stream.write("<message type='error' id='m1' from='nobody@localhost'/>", false, null)
  await life.quiet()
  t.equal(romeo.count, before)
  romeo.stream.done(number)
  await life.quiet()
  t.equal(romeo.count, before + 1)
})

t.test('D15: that a message was refused is in the commit that says that it is done', async (t) => {
  const { life, romeo } = await setUp()
  const before = romeo.count
  life.store.log.before = (what) => what === 'committed' ? new Promise(() => {}) : undefined
  await romeo.send("<message to='nobody@localhost' id='m1' type='chat'><body>x</body></message>")
  await turn()
  const again = await resumed(await life.crash(), romeo, before)
  t.equal(again.told[0], 2)
  t.match(again.got.find((g) => g.includes("id='m1'")), /<service-unavailable/)
})

t.test('promise 3: after a crash a client hears of what has changed in its roster since it was up to date', async (t) => {
  const { life, juliet } = await setUp()
  await juliet.send(`<iq type='get' id='r'><query ${PUSH}/></iq>`)
  juliet.acknowledge()
  const phone = await life.login(`${JULIET}/phone`)
  const before = juliet.count
  await phone.send(`<iq type='set' id='r'><query ${PUSH}><item jid='nurse@localhost'/></query></iq>`)
  t.match(juliet.got.at(-1), /nurse@localhost/)
  await life.quiet()
  await life.core.resumption.fold()
  const next = await life.crash()
  const again = await resumed(next, juliet, before)
  t.ok(await until(() => again.got.some((g) => g.includes("type='set'") && g.includes('nurse@localhost'))), 'the push that it did not get')
  const other = await resumed(next, phone)
  await turn()
  t.notOk(other.got.some((g) => g.includes(PUSH)), 'who did not ask for the roster gets none')
})

t.test('promise 3: after a crash each contact is told of once, as it is now', async (t) => {
  const { life, romeo, juliet } = await setUp()
  const next = await life.crash()
  const again = await resumed(next, juliet)
  await turn()
  t.same(presences(again.got, ROMEO), ['there'], 'a session that can be resumed is still there')
  again.acknowledge()
  await resumed(next, romeo)
  await turn()
  t.same(presences(again.got, ROMEO), ['there'], 'and its return is seen by nobody')
  const gone = await setUp(null)
  const after = await gone.life.crash()
  const told = await resumed(after, gone.juliet)
  await turn()
  t.same(new Set(presences(told.got, ROMEO)), new Set(['gone']), 'one that cannot be is gone')
})

t.test('promise 5: contacts see nothing of a lost connection or a crash; when nobody has come in time they are told once', async (t) => {
  const { life, romeo, juliet } = await setUp()
  const before = juliet.got.length
  romeo.lose()
  life.clock.time += 500 * second
  life.core.tick()
  await turn()
  t.equal(juliet.got.length, before)
  await life.core.resumption.fold()
  const next = await life.crash()
  const again = await resumed(next, juliet)
  await turn()
  again.acknowledge()
  const known = presences(again.got, ROMEO).length
  next.clock.time += 99 * second
  next.core.tick()
  await turn()
  t.equal(presences(again.got, ROMEO).length, known, 'it has been away for 599 s of 600, over two lives')
  next.clock.time += 2 * second
  next.core.tick()
  next.core.tick()
  t.ok(await until(() => presences(again.got, ROMEO).length > known))
  await next.quiet()
  t.same(presences(again.got, ROMEO).slice(known), ['gone'])
  t.equal(await next.resume(romeo), 0, 'its h is kept for who asks')
})

t.test('D16: nobody hears that a session is over before it is written that it cannot be resumed', async (t) => {
  const { life, romeo, juliet } = await setUp()
  const { held, open } = gate()
  life.store.log.before = (what) => (what === 'end' ? held : undefined)
  const before = juliet.got.length
  void life.core.sessionOver(romeo.session, true)
  await turn()
  t.equal(juliet.got.length, before)
  open()
  t.ok(await until(() => juliet.got.length > before))
  t.same(presences(juliet.got.slice(before), ROMEO), ['gone'])
  t.equal(await life.resume(romeo), null)
})

t.test('D16: a full JID is bound anew over a detached session: the old one\'s end is heard before the new one, which gets its mail', async (t) => {
  const { life, romeo, juliet } = await setUp()
  juliet.acknowledge()
  await juliet.send(chat(ROMEO, 'not acknowledged'))
  await life.quiet()
  romeo.lose()
  await juliet.send(chat(`${ROMEO}/orchard`, 'while it was away'))
  await life.quiet()
  const { held, open } = gate()
  life.store.log.before = (what) => (what === 'end' ? held : undefined)
  const before = juliet.got.length
  const coming = life.login(`${ROMEO}/orchard`).then(async (client) => {
    await client.send('<presence/>')
    return client
  })
  await turn()
  open()
  const fresh = await coming
  await life.quiet()
  t.same(presences(juliet.got.slice(before), ROMEO), ['gone', 'there'])
  t.same(bodies(fresh.got), ['not acknowledged', 'while it was away'])
  t.equal(await life.resume(romeo), 1, 'the old one is over')
})

t.test('D16: a full JID is bound anew while the end of the last session of it is still being written', async (t) => {
  const { life, romeo, juliet } = await setUp()
  const { held, open } = gate()
  life.store.log.before = (what) => (what === 'end' ? held : undefined)
  const before = juliet.got.length
  void life.core.sessionOver(romeo.session, false)
  const coming = life.login(`${ROMEO}/orchard`).then((client) => client.send('<presence/>'))
  await turn()
  t.same(presences(juliet.got.slice(before), ROMEO), [])
  open()
  await coming
  await life.quiet()
  t.same(presences(juliet.got.slice(before), ROMEO), ['gone', 'there'])
})

t.test('D17: what was read from the old connection is counted before h is said', async (t) => {
  const { life, romeo } = await setUp()
  const { held, open } = gate()
  life.store.log.before = (what) => (what === 'commit' ? held : undefined)
  for (const text of ['one', 'two']) await romeo.send(chat(JULIET, text))
  void romeo.send(headline(JULIET, 'news'))
  const coming = life.resume(romeo)
  let said = false
  void coming.then(() => (said = true))
  await turn(50)
  t.notOk(said)
  t.same(romeo.closed, ['conflict'], 'nothing more of it is read')
  void romeo.send(chat(JULIET, 'too late'))
  open()
  t.same((await coming as LifeClient).told, [4])
  await life.quiet()
  t.same(life.store.log.entries_.get(JULIET)?.map((e) => e.xml.replace(/<[^>]*>/g, '')), ['one', 'two'])
})

t.test('D17: a session that was taken over is the new connection\'s: the end of the old one ends nothing', async (t) => {
  const { life, romeo, juliet } = await setUp()
  const again = await resumed(life, romeo)
  romeo.lose()
  await juliet.send(chat(ROMEO, 'hi'))
  await life.quiet()
  t.same(bodies(again.got), ['hi'])
  t.same(bodies(romeo.got), [])
  t.equal(life.core.resumption.size, 0)
})

t.test('D12: copies and answers that a dead session has not acknowledged become neither mail nor errors (promise 2)', async (t) => {
  const { life, romeo, juliet } = await setUp()
  const phone = await life.login(`${JULIET}/phone`)
  await phone.send("<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>")
  await phone.send('<presence><priority>-1</priority></presence>')
  phone.acknowledge()
  await romeo.send(chat(`${JULIET}/balcony`, 'to the balcony'))
  await juliet.send(chat(ROMEO, 'from the balcony'))
  await life.quiet()
  await phone.send("<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>")
  await romeo.send(headline(`${JULIET}/phone`, 'news'))
  await romeo.send(`<iq type='result' id='q' to='${JULIET}/phone'/>`)
  await romeo.send(chat(`${JULIET}/phone`, 'to the phone'))
  await life.quiet()
  t.equal(phone.stream.unacknowledged, 6, 'two copies, an answer, a headline, a result, and mail')
  juliet.acknowledge()
  const [heard, seen] = [romeo.got.length, juliet.got.length]
  phone.lose()
  life.clock.time += 601 * second
  life.core.tick()
  await life.quiet()
  t.ok(await until(() => bodies(juliet.got.slice(seen)).length > 0))
  t.same(juliet.got.slice(seen).filter((g) => !g.startsWith('<presence')).map((g) => bodies([g])[0]), ['to the phone'], 'mail goes to who is there')
  t.same(romeo.got.slice(heard).filter((g) => !g.startsWith('<presence')), [])
  juliet.acknowledge()
  await life.quiet()
  t.same(life.store.messages.filter((m) => m.account === JULIET), [])
})

t.test('D15: who asks a session something hears of it when it ends without an answer', async (t) => {
  const { life, romeo, juliet } = await setUp()
  await romeo.send(`<iq type='get' id='v' to='${JULIET}/balcony'><query xmlns='jabber:iq:version'/></iq>`)
  t.match(juliet.got.at(-1), /jabber:iq:version/)
  juliet.lose()
  const before = romeo.got.length
  life.clock.time += 601 * second
  life.core.tick()
  t.ok(await until(() => romeo.got.slice(before).some((g) => /<iq .*id='v'.*<recipient-unavailable/.test(g))))
})

t.test('what a stream that cannot be resumed keeps, requests to its client, counts against its bound until it is acknowledged', async (t) => {
  const { life, juliet } = await setUp()
  const plain = await life.login(`${ROMEO}/desk`, 0)
  const long = 'x'.repeat(100_000)
  for (let i = 0; i < 3; i++) await juliet.send(`<iq type='get' id='q${i}' to='${ROMEO}/desk'><ping xmlns='urn:xmpp:ping'>${long}</ping></iq>`)
  const { stream } = plain
  t.ok(stream.bytes > 300_000, String(stream.bytes))
  plain.acknowledge()
  t.equal(stream.bytes, 0)
})

t.test('D12: that a session has a copy is known until the acknowledgement of the message itself is written: after a crash it waits again, and is not given beside the copy', async (t) => {
  const life = firstLife(['romeo@localhost', 'juliet@localhost'], { settings: { durability: { '*': 'durable' } } })
  const romeo = await life.login('romeo@localhost/orchard')
  const phone = await life.login('juliet@localhost/phone')
  const desk = await life.login('juliet@localhost/desk')
  await romeo.send('<presence/>')
  await phone.send('<presence/>')
  await desk.send("<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>")
  await desk.send('<presence><priority>-1</priority></presence>')
  await life.quiet()
  await romeo.send("<message to='juliet@localhost' type='chat'><body>hello</body></message>")
  await life.quiet()
  const seq = life.store.log.entries_.get('juliet@localhost')?.at(-1)?.seq as number
  t.match(desk.got.at(-1), /<received.*hello/)
  desk.acknowledge()
  // the database does not answer now
  let open = (): void => {}
  const held = new Promise<void>((resolve) => {
    open = resolve
  })
  life.store.log.before = async (what) => {
    if (what === 'acknowledge') await held
  }
  phone.acknowledge()
  const flushed = life.core.acks.flush()
  t.equal(desk.session.copied?.has(seq), true)
  open()
  await flushed
  t.equal(desk.session.copied?.has(seq), false)
})

t.test('carbons that were enabled just before a crash are enabled after it, though no count has covered the request', async (t) => {
  const life = firstLife(['juliet@localhost'])
  const juliet = await life.login('juliet@localhost/desk')
  await juliet.send("<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>")
  await life.quiet()
  const after = await life.crash()
  t.equal(after.core.sessions.of('juliet@localhost').all[0]?.carbons, true)
})
