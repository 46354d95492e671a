// What goes to a client that can resume, and what is said of what it sent, is in the journal first (durability.md, promise 1, D7,
// D8, D9, D15). Each test breaks when its mechanism is taken out.
import t from 'tap'
import { AwayError } from '../../lib/base/errors.js'
import { readBlob } from '../../lib/core/journal.js'
import type { Route } from '../../lib/core/route.js'
import { bodies, chat, firstLife, gate, headline, resumed, turn } from '../helpers/life.js'
import type { Life, LifeClient } from '../helpers/life.js'

const JULIET = 'juliet@localhost'
const setUp = (routes?: readonly Route[]): Life => firstLife(['romeo@localhost', JULIET], { settings: { archive: 'off' }, ...(routes === undefined ? {} : { routes }) })
const withBoth = async (life: Life): Promise<[LifeClient, LifeClient]> => {
  const romeo = await life.login('romeo@localhost/orchard')
  const juliet = await life.login(`${JULIET}/balcony`)
  await juliet.send('<presence/>')
  await life.quiet()
  return [romeo, juliet]
}
/** Group commits wait at the gate from now on, those that have this in their part of the journal. */
const hold = (life: Life, isHeld: (blob: string) => boolean = () => true): (() => void) => {
  const { held, open } = gate()
  const { commit } = life.store.log
  life.store.log.commit = async (batch) => {
    if (isHeld(batch.blob)) await held
    return commit(batch)
  }
  return open
}
const hasRecords = (blob: string): boolean => blob !== '' && readBlob(blob).some((part) => part.records.length > 0)

t.test('D7: a message goes out only after the journal says under which number', async (t) => {
  const life = setUp()
  const [romeo, juliet] = await withBoth(life)
  const before = juliet.count
  const open = hold(life, hasRecords)
  await romeo.send(chat(JULIET, 'one'))
  await turn()
  t.equal(life.store.log.entries_.get(JULIET)?.length, 1, 'its entry is there')
  t.same(bodies(juliet.got), [])
  open()
  await life.quiet()
  t.same(bodies(juliet.got), ['one'])
  const records = [...life.store.log.blobs.values()].flatMap(readBlob).flatMap((part) => part.records)
  t.same(records, [{ number: before + 1, seq: 1, form: 'original' }])
})

t.test('D7: what needs no record waits behind what does, so that no number of what was sent is ambiguous', async (t) => {
  const life = setUp()
  const [romeo, juliet] = await withBoth(life)
  const open = hold(life, hasRecords)
  const before = juliet.got.length
  await romeo.send(chat(JULIET, 'one'))
  await romeo.send(headline(JULIET, 'news'))
  await romeo.send(chat(JULIET, 'two'))
  await turn()
  t.equal(juliet.got.length, before)
  open()
  await life.quiet()
  t.same(bodies(juliet.got), ['one', 'news', 'two'])
  // the client has all but the last
  const next = await life.crash()
  const again = await resumed(next, juliet, juliet.count - 1)
  await next.quiet()
  t.same(bodies(again.got), ['two'])
  again.acknowledge()
  await next.quiet()
  t.same(next.store.messages, [])
})

t.test('D7: whatever a client has got when its node dies, it gets the rest, in order and nothing twice', async (t) => {
  for (let has = 0; has <= 5; has++) {
    const life = setUp()
    const [romeo, juliet] = await withBoth(life)
    juliet.acknowledge()
    const before = juliet.count
    for (const text of ['one', 'two', 'three']) await romeo.send(chat(JULIET, text))
    await romeo.send(headline(JULIET, 'news'))
    await romeo.send(chat(JULIET, 'four'))
    await life.quiet()
    t.equal(juliet.count, before + 5)
    const next = await life.crash()
    const again = await resumed(next, juliet, before + has)
    await next.quiet()
    // what is not of the log may be lost
    t.same(bodies(again.got), [['one', 'two', 'three', 'four'], ['two', 'three', 'four'], ['three', 'four'], ['four'], ['four'], []][has], `${has}`)
  }
})

t.test('D7: h says what is committed and in the journal, it never falls, not after a crash (promise 1)', async (t) => {
  const life = setUp()
  const [romeo] = await withBoth(life)
  romeo.ask()
  await life.quiet()
  t.same(romeo.told, [0])
  const open = hold(life)
  await romeo.send(chat(JULIET, 'one'))
  romeo.ask()
  await turn()
  t.same(romeo.told, [0], 'not committed')
  open()
  await life.quiet()
  t.same(romeo.told, [0, 1], 'told when it is')
  // done at once, but in no journal
  await romeo.send(headline(JULIET, 'news'))
  hold(life)
  romeo.ask()
  await turn()
  t.same(romeo.told, [0, 1])
  const next = await life.crash()
  const again = await resumed(next, romeo)
  t.same(again.told, [1], 'what was not said need not be known')
  again.ask()
  await next.quiet()
  await again.send(headline(JULIET, 'news, once more'))
  again.ask()
  await next.quiet()
  t.same(again.told.at(-1), 2)
  t.same((await resumed(await next.crash(), again)).told, [2])
})

t.test('D2: an <a/> leaves nothing out: a message that waits for its commit is a hole, and h stands before it (promise 1)', async (t) => {
  for (const lasts of [0, 600]) {
    const life = setUp()
    const romeo = await life.login('romeo@localhost/orchard', lasts)
    const open = hold(life)
    await romeo.send(chat(JULIET, 'one'))
    await romeo.send(chat('a@b@c', 'refused at once'))
    const news = romeo.send(headline(JULIET, 'news'))
    await turn()
    romeo.ask()
    life.core.tick()
    await turn()
    t.same(romeo.told.filter((h) => h > 0), [])
    t.equal(romeo.got.length, lasts === 0 ? 1 : 0, 'the error: nobody hears it who would have to send the message again')
    open()
    await news
    romeo.ask()
    await life.quiet()
    t.equal(romeo.got.length, 1)
    t.equal(romeo.told.at(-1), 3)
  }
})

t.test('D8: the journal goes only once every stream\'s row reflects it', async (t) => {
  const life = setUp()
  const [romeo, juliet] = await withBoth(life)
  await romeo.send(chat(JULIET, 'one'))
  await life.quiet()
  t.not(life.store.log.blobs.size, 0)
  life.store.log.before = (what) => {
    if (what === 'fold') throw new Error('not now')
  }
  await t.rejects(life.core.resumption.fold(), /not now/)
  t.not(life.store.log.blobs.size, 0)
  const next = await life.crash()
  t.same(bodies((await resumed(next, juliet, juliet.count - 1)).got.concat()), [], 'needs its record first')
  await next.quiet()
  await next.core.resumption.fold()
  t.equal(next.store.log.blobs.size, 0, 'folded')
  const last = await next.crash()
  const again = await resumed(last, juliet, juliet.count - 1)
  await last.quiet()
  t.same(bodies(again.got), ['one'], 'the row knows')
})

t.test('D8: a crash between the rows and the end of the journal changes nothing: a row only moves forward', async (t) => {
  const life = setUp()
  const [romeo, juliet] = await withBoth(life)
  await romeo.send(chat(JULIET, 'one'))
  await life.quiet()
  juliet.acknowledge()
  await life.quiet()
  life.store.log.before = (what) => {
    if (what === 'trim') throw new Error('not now')
  }
  await t.rejects(life.core.resumption.fold(), /not now/)
  const next = await life.crash()
  t.same([...next.store.streams.rows.values()].find((r) => r.account === JULIET)?.unacked, [], 'what was acknowledged did not come back')
})

t.test('D8: who tried to resume while the database was away, and gave up, loses nothing in a crash', async (t) => {
  const life = setUp()
  const [romeo] = await withBoth(life)
  await romeo.send(chat(JULIET, 'one'))
  await life.quiet()
  romeo.ask()
  await life.quiet()
  const said = romeo.told.at(-1) ?? 0
  t.ok(said > 0)
  romeo.lose()
  life.store.log.before = (what) => {
    if (what === 'save') throw new AwayError('away')
  }
  let waits = true
  const tried = life.core.resumption.resume(romeo.session.account, romeo.stream.id, () => waits)
  await turn()
  waits = false
  t.equal(await tried, said)
  life.store.log.before = () => {}
  await life.core.resumption.fold()
  const again = await resumed(await life.crash(), romeo)
  t.equal(again.told[0], said)
})

t.test('D8: the journal of a stream that has ended goes only when its row has the count', async (t) => {
  const life = setUp()
  const [romeo] = await withBoth(life)
  await romeo.send(chat(JULIET, 'one'))
  await life.quiet()
  romeo.ask()
  await life.quiet()
  const said = romeo.told.at(-1) ?? 0
  life.store.log.before = (what) => {
    if (what === 'end') throw new AwayError('away')
  }
  void life.core.sessionOver(romeo.session, false)
  void life.core.resumption.fold()
  await turn(50)
  const again = await resumed(await life.crash(), romeo)
  t.equal(again.told[0], said)
})

t.test('D9: what had to be sent again after a crash is not lost in a second one, before and after it has gone out', async (t) => {
  for (const quiet of [false, true]) {
    const life = setUp()
    const [romeo, juliet] = await withBoth(life)
    // copies wait for nobody but her: what is not in her row nobody knows any more
    const desk = await life.login(`${JULIET}/desk`)
    await desk.send("<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>")
    const has = [juliet, desk].map((c) => c.count)
    for (const text of ['one', 'two']) await romeo.send(chat(JULIET, text))
    await life.quiet()
    const second = await life.crash()
    if (!quiet) hold(second)
    const once = [await resumed(second, juliet, has[0]), await resumed(second, desk, has[1])]
    if (quiet) await second.quiet()
    else await turn()
    for (const { got } of once) t.same(bodies(got), quiet ? ['one', 'two'] : [])
    const third = await second.crash()
    const twice = [await resumed(third, once[0] as LifeClient, has[0]), await resumed(third, once[1] as LifeClient, has[1])]
    await third.quiet()
    for (const { got } of twice) t.same(bodies(got), ['one', 'two'], `${quiet}`)
    for (const client of twice) client.acknowledge()
    await third.quiet()
    t.same(third.store.messages, [])
  }
})

t.test('D15: a crash between counting a request and answering it: the client hears wait, where it has not heard the answer', async (t) => {
  // what no h covers the client asks again
  for (const [what, count, told] of [['unanswered', 0, 0], ['answered, and not got', 0, 1], ['answered, and got', 1, 0]] as const) {
    const { held, open } = gate()
    t.teardown(open)
    let asked = 0
    const slow: Route = { name: 'slow', spec: 'test', iq: [{ type: 'set', to: 'server', ns: 'urn:slow', name: 'slow', answer: async () => {
      asked++
      if (what === 'unanswered') await held
    } }] }
    const life = setUp([slow])
    const romeo = await life.login('romeo@localhost/orchard')
    void romeo.send("<iq type='set' id='s1' to='localhost'><slow xmlns='urn:slow'/></iq>")
    await life.quiet()
    romeo.ask()
    await turn()
    await life.quiet()
    t.equal(asked, 1)
    t.equal(romeo.told.at(-1) ?? 0, what === 'unanswered' ? 0 : 1, what)
    t.equal(romeo.got.length, what === 'unanswered' ? 0 : 1)
    // in the journal by what comes with it, if by nothing else
    if (what === 'unanswered') {
      life.core.log.touch(romeo.stream)
      await life.quiet()
    }
    const next = await life.crash()
    const again = await resumed(next, romeo, count)
    await next.quiet()
    t.equal(again.got.length, told, what)
    if (told > 0) t.match(again.got[0], /<iq .*id='s1'.* type='error'.*<error type='wait'|<iq .*type='error'.* id='s1'.*<error type='wait'/)
    // until it was acknowledged
    const last = await next.crash()
    const twice = await resumed(last, again, count)
    await last.quiet()
    t.equal(twice.got.length, told, `${what}, once more`)
    twice.acknowledge()
    await last.quiet()
    const gone = await last.crash()
    const over = await resumed(gone, twice)
    await gone.quiet()
    t.equal(over.got.length, 0)
  }
})

t.test('D15: a request that another client has not answered when both are gone is answered with wait', async (t) => {
  const life = setUp()
  const [romeo, juliet] = await withBoth(life)
  await romeo.send(`<iq type='get' id='p1' to='${JULIET}/balcony'><ping xmlns='urn:xmpp:ping'/></iq>`)
  t.match(juliet.got.at(-1), /id='p1'/)
  romeo.ask()
  await life.quiet()
  t.equal(romeo.told.at(-1), 1, 'it is done: the client will not send it again')
  const next = await life.crash()
  t.match((await resumed(next, romeo)).got, [/<iq .*id='p1'.*<error type='wait'/])
})

t.test('D9: who was taken over can commit nothing, and says nothing of what it has', async (t) => {
  const life = setUp()
  const [romeo, juliet] = await withBoth(life)
  // another has taken its name
  life.store.log.n += 5
  await romeo.send(chat(JULIET, 'too late'))
  romeo.ask()
  await turn(50)
  t.same(romeo.told.filter((h) => h > 0), [])
  t.same(bodies(juliet.got), [])
  t.same(life.store.log.entries_.get(JULIET) ?? [], [])
  await life.crash()
})
