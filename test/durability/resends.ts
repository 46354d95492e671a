// A client that does not know what became of a message sends it again in its next session (durability.md D14). It is taken once
// where that can be known, and never taken for another: several clients number their messages from 1, or send no ids.
import t from 'tap'
import { AwayError } from '../../lib/base/errors.js'
import { bodies, chat, firstLife, gate, turn, until } from '../helpers/life.js'
import type { Life, LifeClient } from '../helpers/life.js'

const [ROMEO, JULIET, NURSE] = ['romeo@localhost', 'juliet@localhost', 'nurse@localhost']
const ORCHARD = `${ROMEO}/orchard`
const LONG = 'd1e8f3a0-91c2-4a44-8f37-000000000001'
const DELAY = "<delay xmlns='urn:xmpp:delay' stamp='2026-11-26T10:00:00Z'/>"
const withId = (id: string, text: string, { to = JULIET, more = '' } = {}): string => `<message to='${to}' type='chat' id='${id}'><body>${text}</body>${more}</message>`
const withOrigin = (id: string | null, text: string): string => chat(JULIET, text, `<origin-id xmlns='urn:xmpp:sid:0'${id === null ? '' : ` id='${id}'`}/>`)
const setUp = (): Life => firstLife([ROMEO, JULIET, NURSE], { settings: { archive: 'off', resumeWindow: 600 } })
const entries = (life: Life, account = JULIET): string[] => (life.store.log.entries_.get(account) ?? []).map((e) => /<body>([^<]*)/.exec(e.xml)?.[1] ?? '')

/** Romeo has sent this, and his session has ended in this way; he is there again. */
const again = async (life: Life, first: string, end: 'lost' | 'closed' | 'expired' | 'crash'): Promise<{ life: Life; romeo: LifeClient }> => {
  const romeo = await life.login(ORCHARD, end === 'expired' ? 600 : null)
  await romeo.send(first)
  await life.quiet()
  let next = life
  if (end === 'lost' || end === 'expired') romeo.lose()
  if (end === 'closed') void life.core.sessionOver(romeo.session, true)
  if (end === 'expired') {
    life.clock.time += 601_000
    life.core.tick()
  }
  if (end === 'crash') next = await life.crash()
  await turn()
  return { life: next, romeo: await next.login(ORCHARD) }
}

t.test('D14: what was sent before an unclean end, and is sent again in the next session, is taken once, and counts', async (t) => {
  for (const end of ['lost', 'expired', 'crash'] as const) {
    for (const [how, first, second] of [
      ['an id', withId(LONG, 'hi'), withId(LONG, 'hi', { more: DELAY })],
      ['an origin-id', withOrigin(LONG, 'hi'), withOrigin(LONG, 'hi')],
    ] as const) {
      const { life, romeo } = await again(setUp(), first, end)
      await romeo.send(second)
      await romeo.send(chat(JULIET, 'new'))
      romeo.ask()
      await life.quiet()
      t.same(entries(life), ['hi', 'new'], `${end}, ${how}`)
      t.equal(romeo.told.at(-1), 2, 'it is done: nobody sends it a third time')
      t.same(romeo.got, [])
    }
  }
})

t.test('D14: the first copy may be waiting for its commit still', async (t) => {
  const life = setUp()
  const romeo = await life.login(ORCHARD, null)
  let open = (): void => {}
  const held = new Promise<void>((resolve) => {
    open = resolve
  })
  life.store.log.before = (what) => (what === 'commit' ? held : undefined)
  await romeo.send(withId(LONG, 'hi'))
  romeo.lose()
  await turn()
  const second = await life.login(ORCHARD)
  void second.send(withId(LONG, 'hi'))
  await turn(50)
  open()
  await turn()
  await life.quiet()
  t.same(entries(life), ['hi'])
})

t.test('D14: the first copy may be waiting for the database, when its session ends', async (t) => {
  const life = setUp()
  const first = await life.login(ORCHARD, null)
  first.lose()
  await turn()
  const second = await life.login(ORCHARD)
  const { held, open } = gate()
  life.store.log.before = (what) => (what === 'recent' ? held : undefined)
  void second.send(withId(LONG, 'hi'))
  await turn()
  const third = await life.login(ORCHARD)
  void third.send(withId(LONG, 'hi'))
  await turn()
  open()
  await turn(50)
  await life.quiet()
  t.same(entries(life), ['hi'])
})

t.test('D14: no id, a short one, or one that is used again for something else is never taken for the same', async (t) => {
  for (const [how, first, second] of [
    ['no id', chat(JULIET, 'yes'), chat(JULIET, 'yes')],
    ['a number', withId('1', 'yes'), withId('1', 'yes')],
    ['fifteen characters', withId('123456789012345', 'yes'), withId('123456789012345', 'yes')],
    ['an origin-id that is none', withOrigin(null, 'yes'), withOrigin(null, 'yes')],
    ['a number as an origin-id', withOrigin('1', 'yes'), withOrigin('1', 'yes')],
    ['fifteen characters of an origin-id', withOrigin('123456789012345', 'yes'), withOrigin('123456789012345', 'yes')],
  ] as const) {
    const { life, romeo } = await again(setUp(), first, 'lost')
    await romeo.send(second)
    await life.quiet()
    t.same(entries(life), ['yes', 'yes'], how)
  }
  const { life, romeo } = await again(setUp(), withId(LONG, 'one'), 'lost')
  await romeo.send(withId(LONG, 'two'))
  await romeo.send(withId(LONG, 'one', { more: "<x xmlns='urn:x'/>" }))
  await romeo.send(withId(LONG, 'one', { to: `${JULIET}/balcony` }))
  await romeo.send(withId(LONG, 'one', { to: NURSE }))
  await life.quiet()
  t.same(entries(life), ['one', 'two', 'one', 'one'], 'another content, or another address')
  t.same(entries(life, NURSE), ['one'])
  const nurse = await life.login(`${NURSE}/kitchen`)
  nurse.session.suspect = 200
  await nurse.send(withId(LONG, 'one'))
  await life.quiet()
  t.equal(entries(life).length, 5, 'nor another\'s')
})

t.test('D14: within one session, and after an end in order, the same twice is two messages', async (t) => {
  const { life, romeo } = await again(setUp(), withId(LONG, 'hi'), 'closed')
  await romeo.send(withId(LONG, 'hi'))
  await romeo.send(withId(LONG, 'hi'))
  await life.quiet()
  t.same(entries(life), ['hi', 'hi', 'hi'])
})

t.test('D14: nor does what a session has sent itself make its next message known', async (t) => {
  const { life, romeo } = await again(setUp(), withId(LONG, 'before'), 'lost')
  await romeo.send(withId(LONG, 'hi'))
  await romeo.send(withId(LONG, 'hi', { to: NURSE }))
  await romeo.send(withId(LONG, 'hi'))
  await romeo.send(withId(LONG, 'hi', { to: NURSE }))
  await life.quiet()
  t.same(entries(life), ['before', 'hi', 'hi'])
  t.same(entries(life, NURSE), ['hi', 'hi'])
  romeo.lose()
  await turn()
  const next = await life.login(ORCHARD)
  await next.send(withId(LONG, 'hi'))
  await life.quiet()
  t.equal(entries(life).length, 3, 'but the next session\'s')
})

t.test('D14: but what another session has sent, even after this one was bound and has sent something itself', async (t) => {
  const { life, romeo } = await again(setUp(), withId(LONG, 'before'), 'lost')
  const dying = await life.login(`${ROMEO}/tomb`)
  await romeo.send(withId(LONG, 'first'))
  await life.quiet()
  await dying.send(withId(LONG, 'hi'))
  await life.quiet()
  dying.lose()
  await romeo.send(withId(LONG, 'hi'))
  await life.quiet()
  t.same(entries(life), ['before', 'first', 'hi'])
})

t.test('D14: to oneself, too', async (t) => {
  const life = firstLife([ROMEO], { settings: { archive: 'always', resumeWindow: 600 } })
  const note = withId(LONG, 'hi', { to: ROMEO })
  const { romeo } = await again(life, note, 'lost')
  await romeo.send(note)
  await life.quiet()
  t.same(entries(life, ROMEO), ['hi', 'hi'], 'as received and as sent')
  const other = withId(LONG, 'two', { to: ROMEO })
  await romeo.send(other)
  await romeo.send(other)
  await life.quiet()
  t.same(entries(life, ROMEO), ['hi', 'hi', 'two', 'two', 'two', 'two'])
})

t.test('D14: it is looked for among the first messages of a session, and for the resume window and an hour', async (t) => {
  const { life, romeo } = await again(setUp(), withId(LONG, 'hi'), 'lost')
  for (let i = 0; i < 200; i++) await romeo.send(chat(JULIET, `${i}`))
  await romeo.send(withId(LONG, 'hi'))
  await life.quiet()
  t.equal(entries(life).length, 202)
  const late = await again(setUp(), withId(LONG, 'hi'), 'lost')
  const seconds = [4199, 4201]
  for (const s of seconds) {
    late.life.clock.time += (s - (s === seconds[0] ? 0 : seconds[0] as number)) * 1000
    const next = await late.life.login(`${ROMEO}/${s}`)
    await next.send(withId(LONG, 'hi'))
    await late.life.quiet()
    t.equal(entries(late.life).length, s === seconds[0] ? 1 : 2, `${s} s`)
  }
})

t.test('D14: what was refused was not taken: sent again, it is taken', async (t) => {
  const life = firstLife([ROMEO, JULIET], { settings: { offlineMaxPerSender: 1 } })
  const romeo = await life.login(ORCHARD, null)
  await romeo.send(chat(JULIET, 'fills it'))
  await romeo.send(withId(LONG, 'hi'))
  await life.quiet()
  t.match(romeo.got.at(-1), /resource-constraint/)
  const juliet = await life.login(`${JULIET}/balcony`)
  await juliet.send('<presence/>')
  await life.quiet()
  juliet.acknowledge()
  await life.quiet()
  romeo.lose()
  await (await life.login(ORCHARD)).send(withId(LONG, 'hi'))
  await life.quiet()
  t.same(bodies(juliet.got), ['fills it', 'hi'])
})

t.test('D14: other nodes know it too, for it is noted before the row of the session goes, however long the database is away', async (t) => {
  const life = setUp()
  const romeo = await life.login(ORCHARD, null)
  let tries = 0
  life.store.log.before = (what) => (what === 'note' && ++tries === 1 ? Promise.reject(new AwayError('simulated')) : undefined)
  romeo.lose()
  await turn(100)
  t.equal(tries, 1)
  t.ok(life.store.rows.has(ORCHARD), 'who binds it now finds the row')
  t.same([...life.store.streams.noted], [])
  t.ok(await until(() => life.store.streams.noted.has(ROMEO)), 'tried again')
})

t.test('D14: nor is it forgotten with a session in between, which could not be bound, or said goodbye at once', async (t) => {
  const life = setUp()
  const { save } = life.store.presence
  Object.assign(life.store.presence, {
    save: async (...args: Parameters<typeof save>) => {
      await save(...args)
      throw new AwayError('the answer was lost')
    },
  })
  await t.rejects(life.login(ORCHARD, null))
  t.ok(await until(() => life.store.streams.noted.has(ROMEO)), 'it may have taken the place of one of another node')

  const { life: other, romeo } = await again(setUp(), withId(LONG, 'hi'), 'lost')
  other.store.streams.noted.clear()
  void other.core.sessionOver(romeo.session, true)
  await turn(100)
  const later = await (await other.crash()).login(ORCHARD)
  t.ok(later.session.suspect > 0)
})
