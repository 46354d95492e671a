// Order is about all stanzas of a stream (RFC 6120 §10.1; durability.md D11): what is not of the log takes no short cut around
// what is, neither on its way in, nor to a session that has yet to read its log.
import t from 'tap'
import { befriend, bodies, chat, firstLife, gate, headline, resumed, turn, until } from '../helpers/life.js'
import type { Life, LifeClient } from '../helpers/life.js'

const [ROMEO, JULIET] = ['romeo@localhost', 'juliet@localhost']
const BALCONY = `${JULIET}/balcony`
const PING = "<iq type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"
const setUp = (): Life => firstLife([ROMEO, JULIET], { settings: { offlinePage: 3 } })
const withBoth = async (life: Life, lasts: number | null): Promise<[LifeClient, LifeClient]> => {
  const romeo = await life.login(`${ROMEO}/orchard`)
  const juliet = await life.login(BALCONY, lasts)
  await juliet.send('<presence/>')
  await life.quiet()
  return [romeo, juliet]
}
/** What came from Romeo, in order. */
const heard = (got: readonly string[]): string[] => got.filter((g) => g.includes(`from='${ROMEO}`)).map((g) => /<(?:body|status)>([^<]*)/.exec(g)?.[1] ?? /<iq [^>]*\bid='([^']*)/.exec(g)?.[1] ?? g)

t.test('D11: an answered ping proves all before it: it is answered when that is committed, and not before', async (t) => {
  const life = setUp()
  const [romeo] = await withBoth(life, null)
  const { held, open } = gate()
  life.store.log.before = (what) => (what === 'commit' ? held : undefined)
  await romeo.send(chat(JULIET, 'one'))
  void romeo.send(PING)
  await turn(50)
  t.same(romeo.got, [])
  open()
  t.ok(await until(() => romeo.got.length > 0))
  t.match(romeo.got, [/<iq .*type='result'.*id='p'|<iq .*id='p'.*type='result'/])
  t.equal(life.store.log.entries_.get(JULIET)?.length, 1)
})

t.test('D11: nothing of a stream overtakes an earlier message of its: no headline, presence, request, nor a later message', async (t) => {
  for (const lasts of [null, 0, 600]) {
    const life = setUp()
    const [romeo, juliet] = await withBoth(life, lasts)
    const { held, open } = gate()
    let first = true
    life.store.log.before = (what) => {
      if (what !== 'commit' || !first) return undefined
      first = false
      return held
    }
    await romeo.send(chat(JULIET, 'one'))
    await turn()
    void romeo.send(headline(BALCONY, 'news'))
    void romeo.send(chat(BALCONY, 'two'))
    void romeo.send(`<presence to='${BALCONY}'><status>there</status></presence>`)
    void romeo.send(chat(JULIET, 'three'))
    void romeo.send(`<iq type='get' id='asked' to='${BALCONY}'><query xmlns='jabber:iq:version'/></iq>`)
    await turn(50)
    t.same(heard(juliet.got), [])
    open()
    t.ok(await until(() => heard(juliet.got).length === 6))
    t.same(heard(juliet.got), ['one', 'news', 'two', 'there', 'three', 'asked'], `${lasts}`)
  }
})

t.test('D11: what is for the full JID does not overtake what waits for the bare one', async (t) => {
  for (const lasts of [null, 600]) {
    const life = setUp()
    const romeo = await life.login(`${ROMEO}/orchard`)
    for (const text of ['one', 'two', 'three', 'four']) await romeo.send(chat(JULIET, text))
    await life.quiet()
    const juliet = await life.login(BALCONY, lasts)
    await romeo.send(chat(BALCONY, 'five'))
    await romeo.send(headline(BALCONY, 'news'))
    await life.quiet()
    await turn()
    t.same(heard(juliet.got), [], 'she is about to say that she is there')
    await juliet.send('<presence/>')
    t.ok(await until(() => heard(juliet.got).length === 6))
    await romeo.send(chat(BALCONY, 'live'))
    await life.quiet()
    t.same(heard(juliet.got), ['one', 'two', 'three', 'four', 'five', 'news', 'live'], `${lasts}`)
  }
})

t.test('D11: nor does what is not of the log, for a session that is yet to say that it is there', async (t) => {
  for (const waits of [true, false]) {
    const life = setUp()
    const romeo = await life.login(`${ROMEO}/orchard`)
    if (waits) await romeo.send(chat(JULIET, 'waits'))
    await life.quiet()
    const juliet = await life.login(`${JULIET}/balcony`)
    await romeo.send(headline(`${JULIET}/balcony`, 'now'))
    await turn(50)
    t.same(bodies(juliet.got), waits ? [] : ['now'])
    await juliet.send('<presence/>')
    await life.quiet()
    t.ok(await until(() => bodies(juliet.got).includes('now')))
    t.same(bodies(juliet.got), waits ? ['waits', 'now'] : ['now'])
  }
})

t.test('D11: nor does it while the session is being bound', async (t) => {
  for (const waits of [true, false]) {
    const life = setUp()
    const romeo = await life.login(`${ROMEO}/orchard`)
    if (waits) await romeo.send(chat(JULIET, 'waits'))
    await life.quiet()
    const { held, open } = gate()
    const { save } = life.store.presence
    life.store.presence.save = async (rows) => {
      await held
      return save(rows)
    }
    const binding = life.login(`${JULIET}/balcony`)
    await turn()
    await romeo.send(headline(`${JULIET}/balcony`, 'now'))
    open()
    const juliet = await binding
    await turn(50)
    t.same(bodies(juliet.got), waits ? [] : ['now'])
    await juliet.send('<presence/>')
    await life.quiet()
    t.ok(await until(() => bodies(juliet.got).includes('now')))
    t.same(bodies(juliet.got), waits ? ['waits', 'now'] : ['now'])
  }
})

t.test('D11: a session that is detached gets what came meanwhile in the order in which it came', async (t) => {
  const life = setUp()
  befriend(life.store, ROMEO, JULIET)
  const [romeo, juliet] = await withBoth(life, 600)
  juliet.acknowledge()
  juliet.lose()
  const expected: string[] = []
  for (const i of [1, 2, 3, 4, 5]) {
    await romeo.send(chat(i % 2 === 0 ? JULIET : BALCONY, `chat ${i}`))
    await romeo.send(headline(BALCONY, `news ${i}`))
    expected.push(`chat ${i}`, `news ${i}`)
  }
  await romeo.send('<presence><status>there</status></presence>')
  await life.quiet()
  const again = await resumed(life, juliet)
  t.ok(await until(() => heard(again.got).length >= 11))
  t.same(heard(again.got), [...expected, 'there'])
  await romeo.send(chat(JULIET, 'live'))
  await life.quiet()
  t.same(bodies(again.got).at(-1), 'live')
})

t.test('D11: nor does it for a session that was detached before it had said that it is there, and is back', async (t) => {
  for (const crashes of [false, true]) {
    let life = setUp()
    const romeo = await life.login(`${ROMEO}/orchard`)
    await romeo.send(chat(JULIET, 'waits'))
    await life.quiet()
    const juliet = await life.login(BALCONY, 600)
    juliet.lose()
    await romeo.send(chat(BALCONY, 'now'))
    await romeo.send(headline(BALCONY, 'news'))
    await life.quiet()
    life.clock.time += 6000
    if (crashes) life = await life.crash()
    const again = await resumed(life, juliet)
    await turn(50)
    t.same(bodies(again.got), [])
    await again.send('<presence/>')
    await life.quiet()
    t.ok(await until(() => bodies(again.got).length >= (crashes ? 2 : 3)))
    t.same(bodies(again.got), crashes ? ['waits', 'now'] : ['waits', 'now', 'news'])
  }
})

t.test('D11: what a session is to read behind what came before keeps its place when the connection breaks while it reads', async (t) => {
  const life = setUp()
  const [romeo, juliet] = await withBoth(life, 600)
  juliet.acknowledge()
  juliet.lose()
  await romeo.send(headline(BALCONY, 'news'))
  await romeo.send(chat(JULIET, 'chat'))
  await life.quiet()
  const { log } = life.store
  const [{ held: reading, open: read }, { held: committing, open: commit }] = [gate(), gate()]
  const { read: pages } = log
  log.read = async (...asked) => {
    await reading
    return pages.apply(log, asked)
  }
  const again = await resumed(life, juliet)
  // the connection is over, and its session not left yet: what came by it waits for a commit
  log.before = (what) => (what === 'commit' ? committing : undefined)
  void again.send(chat(ROMEO, 'mine'))
  void again.send(PING)
  await turn()
  again.lose()
  t.notOk(again.stream.connected === false, 'it is still its session\'s')
  read()
  await turn()
  t.same(heard(again.got), [])
  commit()
  await turn()
  t.notOk(again.stream.connected)
  const third = await resumed(life, again)
  t.ok(await until(() => heard(third.got).length >= 2))
  t.same(heard(third.got), ['news', 'chat'])
})
