// A node that stood still while clients resumed elsewhere (durability.md D2, D9, D10): what it still reads of their old
// connections is not committed, and whoever has stayed notices nothing.
import t from 'tap'
import { befriend, bodies, chat, firstLife, turn } from '../helpers/life.js'
import type { Life, LifeClient } from '../helpers/life.js'
import { scriptedBus } from '../helpers/core.js'

const [ROMEO, JULIET] = ['romeo@localhost', 'juliet@localhost']
const setUp = async (lasts: number | null = 600): Promise<{ life: Life; romeo: LifeClient; desk: LifeClient; juliet: LifeClient }> => {
  const life = firstLife([ROMEO, JULIET], { bus: scriptedBus(), settings: { archive: 'off', durability: { '*': 'durable' } } })
  befriend(life.store, ROMEO, JULIET)
  const romeo = await life.login(`${ROMEO}/orchard`, lasts)
  const desk = await life.login(`${ROMEO}/desk`)
  const juliet = await life.login(`${JULIET}/balcony`)
  for (const client of [romeo, desk, juliet]) await client.send('<presence/>')
  await life.quiet()
  return { life, romeo, desk, juliet }
}
/** Another node takes the session. */
const take = ({ store }: Life, { session }: LifeClient): void => {
  const key = `${session.account}/${session.jid.resource}`
  store.rows.set(key, { ...store.rows.get(key)!, node: 'there', epoch: 1, incarnation: session.incarnation + 1 })
  store.raise(session.account)
}

t.test('D2: a message of a session that has moved is not committed, and its connection ends; others of the batch are', async (t) => {
  const { life, romeo, desk, juliet } = await setUp()
  const sent = juliet.got.length
  take(life, romeo)
  const told = romeo.told.length
  void romeo.send(chat(JULIET, 'from the old connection'))
  void desk.send(chat(JULIET, 'from the desk'))
  void juliet.send(chat(`${ROMEO}/desk`, 'to the desk'))
  await turn(50)
  await life.quiet()
  t.same(bodies(juliet.got.slice(sent)), ['from the desk'])
  t.same(new Set(bodies(life.store.messages.map(({ xml }) => xml))), new Set(['from the desk', 'to the desk']))
  t.same(bodies(desk.got), ['to the desk'])
  t.same(romeo.closed, ['conflict'])
  t.same(romeo.told.slice(told), [])
  t.notOk(juliet.got.some((g) => g.includes('unavailable')), 'contacts see nothing of it')
  t.equal(life.core.sessions.of(ROMEO).all.length, 1)
  t.match(life.store.rows.get(`${ROMEO}/orchard`), { node: 'there' }, 'its row is the other\'s')
})

t.test('D2: where only something else has changed nobody is disturbed, and order is kept', async (t) => {
  const { life, romeo, juliet } = await setUp()
  for (let i = 0; i < 5; i++) {
    life.store.raise(ROMEO)
    void romeo.send(chat(JULIET, `${i}a`))
    void romeo.send(chat(JULIET, `${i}b`))
    await turn()
  }
  await life.quiet()
  t.same(bodies(juliet.got), [0, 1, 2, 3, 4].flatMap((i) => [`${i}a`, `${i}b`]))
  t.same(romeo.closed, [])
})

/** What becomes of two messages of a client without stream management whose sender's session ends before they are committed, and whose row is another's then. */
const ending = async (clean: boolean, then: (life: Life, client: LifeClient) => void): Promise<string[]> => {
  const { life, romeo, juliet } = await setUp(null)
  let go = (): void => {}
  const { commit } = life.store.log
  const held = new Promise<void>((resolve) => {
    go = resolve
  })
  life.store.log.commit = async (batch) => {
    await held
    return commit(batch)
  }
  void romeo.send(chat(JULIET, 'one'))
  await turn()
  void romeo.send(chat(JULIET, 'two'))
  await turn()
  void life.core.sessionOver(romeo.session, clean)
  then(life, romeo)
  life.store.raise(ROMEO)
  go()
  await turn(50)
  await life.quiet()
  return bodies(juliet.got)
}

t.test('D2: what a session sent before it ended here counts, although its row is gone', async (t) => {
  for (const clean of [true, false]) t.same(await ending(clean, ({ store }) => void store.rows.delete(`${ROMEO}/orchard`)), ['one', 'two'])
})

t.test('D14: unless its client is back elsewhere, and may have sent it again there', async (t) => {
  const back = ({ store }: Life): void => {
    const key = `${ROMEO}/orchard`
    store.rows.set(key, { ...store.rows.get(key)!, sessionId: 'another', node: 'there', epoch: 1, incarnation: 1 })
  }
  // the first was under way before: whoever looks for it elsewhere waits for its account's lock
  t.same(await ending(false, back), [])
  t.same(await ending(true, back), ['one', 'two'], 'who has said goodbye sends nothing again')
})
