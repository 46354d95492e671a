// RFC 6121 §3 and §2.5: subscription stanzas under way between two accounts, with the order of stanzas, pushes and presence
// that the RFC gives. The state machine by itself is tested in subscriptions.ts.
import { parse } from 'ltx'
import type { Element } from 'ltx'
import t from 'tap'
import { memoryStore, testCore } from '../helpers/core.js'
import type { MemoryStore, TestCore as Core, TestSession } from '../helpers/core.js'

const ROMEO = 'romeo@localhost'
const JULIET = 'juliet@localhost'

const read = (octets: string): Element => parse(octets) as Element

/** push of an item as "push juliet none ask", presence as "juliet/balcony unavailable", an error by its condition and type. */
const brief = (octets: string): string => {
  const e = read(octets)
  const error = e.getChild('error')
  if (error !== undefined) return `error ${error.getChildElements()[0]?.name} ${error.attrs['type']}`
  const item = e.getChild('query')?.getChild('item')
  if (item !== undefined) {
    const { jid, subscription, ask, approved } = item.attrs as Record<string, string | undefined>
    return ['push', jid?.replace('@localhost', ''), subscription, ask === undefined ? '' : 'ask', approved === undefined ? '' : 'approved'].filter((s) => s !== '').join(' ')
  }
  return [e.attrs['from']?.replace('@localhost', '') ?? '', e.name === 'presence' ? e.attrs['type'] ?? '' : `${e.name} ${e.attrs['type']}`].filter((s) => s !== '').join(' ')
}
const got = (session: TestSession): string[] => session.got.splice(0).map(brief)

interface Scene {
  readonly store: MemoryStore
  readonly core: Core
  readonly romeo: TestSession
  readonly juliet: TestSession
  /** A subscription stanza of the one to the other. */
  say(who: TestSession, type: string): Promise<unknown>
}

/** Interested and available. */
const online = async (core: Core, full: string): Promise<TestSession> => {
  const session = await core.login(full)
  await core.from(session, '<iq type=\'get\' id=\'r\'><query xmlns=\'jabber:iq:roster\'/></iq>')
  await core.from(session, '<presence/>')
  return session
}

const scene = async (): Promise<Scene> => {
  const store = memoryStore([ROMEO, JULIET])
  const core = testCore({ store })
  const [romeo, juliet] = [await online(core, `${ROMEO}/orchard`), await online(core, `${JULIET}/balcony`)]
  got(romeo)
  got(juliet)
  const say = (who: TestSession, type: string): Promise<unknown> => core.from(who, `<presence type='${type}' to='${who === romeo ? JULIET : ROMEO}'/>`)
  return { store, core, romeo, juliet, say }
}

/** The states of both rosters after what was said. */
const states = ({ store }: Scene): string[] => [store.contacts.get(ROMEO)?.get(JULIET), store.contacts.get(JULIET)?.get(ROMEO)].map((row) =>
  row === undefined ? 'none at all' : [row.subscription, row.ask ? 'ask' : '', row.request === null ? '' : 'asked', row.approved ? 'approved' : '', row.listed ? '' : 'unlisted'].filter((s) => s !== '').join(' '))

const befriended = async (): Promise<Scene> => {
  const play = await scene()
  for (const [who, type] of [['romeo', 'subscribe'], ['juliet', 'subscribed'], ['juliet', 'subscribe'], ['romeo', 'subscribed']] as const) await play.say(play[who], type)
  got(play.romeo)
  got(play.juliet)
  return play
}

t.test('§3.1.2, §3.1.3 case 3: a request is pushed to who asks as pending, and shown to who is asked', async (t) => {
  const play = await scene()
  t.equal(await play.say(play.romeo, 'subscribe'), 'delivered')
  t.same(got(play.romeo), ['push juliet none ask'])
  t.equal(play.juliet.got[0], `<presence from='${ROMEO}' to='${JULIET}' type='subscribe'/>`, 'with bare JIDs')
  t.same(got(play.juliet), ['romeo subscribe'], 'and nothing is pushed: he is not on her roster yet')
  t.same(states(play), ['none ask', 'none asked unlisted'])
})

t.test('§3.1.3: a request to a full JID is one to the account, and goes to all its available resources', async (t) => {
  const { core, romeo, juliet } = await scene()
  const chamber = await online(core, `${JULIET}/chamber`)
  const bound = await core.login(`${JULIET}/bound`)
  got(juliet)
  got(chamber)
  await core.from(romeo, `<presence type='subscribe' to='${JULIET}/balcony'/>`)
  for (const session of [juliet, chamber]) t.equal(session.got.at(-1), `<presence from='${ROMEO}' to='${JULIET}' type='subscribe'/>`)
  t.same(got(bound), [])
})

t.test('§3.1.3 case 4: a request is kept whole and shown at each log-in until it is answered', async (t) => {
  for (const answer of ['subscribed', 'unsubscribed']) {
    const play = await scene()
    const { core, romeo, juliet } = play
    await core.from(juliet, '<presence type=\'unavailable\'/>')
    got(juliet)
    t.equal(await core.from(romeo, `<presence type='subscribe' id='s1' to='${JULIET}'><status>It is my lady</status></presence>`), 'stored')
    t.same(await core.from(romeo, `<presence type='subscribe' id='s2' to='${JULIET}'/>`), { ignored: 'RFC 6121 §3.1.3' }, 'of several one is kept')
    for (const full of [`${JULIET}/one`, `${JULIET}/two`]) {
      const session = await online(core, full)
      t.same(session.got.filter((s) => s.includes('subscribe\'')), [`<presence from='${ROMEO}' to='${JULIET}' type='subscribe' id='s1'><status>It is my lady</status></presence>`])
      await core.from(session, '<presence><show>away</show></presence>')
      t.equal(session.got.filter((s) => s.includes('subscribe\'')).length, 1, 'once a log-in')
    }
    await play.say(juliet, answer)
    const session = await online(core, `${JULIET}/three`)
    t.same(session.got.filter((s) => s.includes('subscribe\'')), [], `answered: ${answer}`)
  }
})

t.test('§3.1.3: a request in words of excessive length is shown without them', async (t) => {
  const { core, romeo, juliet } = await scene()
  await core.from(romeo, `<presence type='subscribe' to='${JULIET}'><status>${'x'.repeat(5000)}</status></presence>`)
  got(juliet)
  const later = await online(core, `${JULIET}/later`)
  t.ok(later.got.includes(`<presence from='${ROMEO}' to='${JULIET}' type='subscribe'/>`))
})

t.test('§3.1.5, §3.1.6: an approval comes before the push, and presence behind it', async (t) => {
  const play = await scene()
  await play.say(play.romeo, 'subscribe')
  got(play.romeo)
  got(play.juliet)
  t.equal(await play.say(play.juliet, 'subscribed'), 'delivered')
  t.same(got(play.romeo), ['juliet subscribed', 'push juliet to', 'juliet/balcony'])
  t.same(got(play.juliet), ['push romeo from'])
  t.same(states(play), ['to', 'from'])
  await play.say(play.juliet, 'subscribe')
  await play.say(play.romeo, 'subscribed')
  t.same(got(play.juliet), ['push romeo from ask', 'romeo subscribed', 'push romeo both', 'romeo/orchard'])
  t.same(got(play.romeo), ['juliet subscribe', 'push juliet both'])
  t.same(states(play), ['both', 'both'])
})

t.test('§3.1.5: presence comes from all resources that are available, and only from those', async (t) => {
  const play = await scene()
  const chamber = await online(play.core, `${JULIET}/chamber`)
  await play.core.login(`${JULIET}/bound`)
  await play.core.from(chamber, '<presence><show>away</show></presence>')
  await play.say(play.romeo, 'subscribe')
  got(play.romeo)
  await play.say(play.juliet, 'subscribed')
  t.equal(play.romeo.got.at(-1), `<presence from='${JULIET}/chamber' to='${ROMEO}'><show>away</show></presence>`, 'the last one')
  t.same(got(play.romeo).slice(2), ['juliet/balcony', 'juliet/chamber'])
})

t.test('§3.1.6: an approval that nobody asked for is pre-approval, and goes no further', async (t) => {
  const play = await scene()
  t.same(await play.say(play.juliet, 'subscribed'), { ignored: 'RFC 6121 §3.1.6' })
  t.same(got(play.juliet), ['push romeo none approved'])
  t.same(got(play.romeo), [])
  t.same(states(play), ['none at all', 'none approved'])
})

t.test('§3.4.2: a request that was pre-approved is answered by the server, and never shown', async (t) => {
  const play = await scene()
  await play.say(play.juliet, 'subscribed')
  got(play.juliet)
  t.equal(await play.say(play.romeo, 'subscribe'), 'answered')
  t.same(got(play.romeo), ['juliet subscribed', 'push juliet to', 'juliet/balcony'], 'in the order of §3.1.6')
  t.same(got(play.juliet), ['push romeo from'])
  t.same(states(play), ['to', 'from'])
})

t.test('§3.2.2 case 2: pre-approval is taken back, and a request then waits', async (t) => {
  const play = await scene()
  await play.say(play.juliet, 'subscribed')
  await play.say(play.juliet, 'unsubscribed')
  t.same(got(play.juliet), ['push romeo none approved', 'push romeo none'])
  t.same(got(play.romeo), [])
  await play.say(play.romeo, 'subscribe')
  t.same(got(play.juliet), ['romeo subscribe'])
})

t.test('§3.1.3 case 2: who asks again though subscribed changes nothing', async (t) => {
  const play = await befriended()
  t.same(await play.say(play.romeo, 'subscribe'), { ignored: 'RFC 6121 §3.1.3' })
  t.same(await play.say(play.juliet, 'subscribed'), { ignored: 'RFC 6121 §3.1.6' })
  t.same([got(play.romeo), got(play.juliet)], [[], []])
  t.same(states(play), ['both', 'both'])
})

t.test('§3.2: a request that is denied ends with "unsubscribed"; that she is there is not told', async (t) => {
  const play = await scene()
  await play.say(play.romeo, 'subscribe')
  got(play.romeo)
  got(play.juliet)
  t.equal(await play.say(play.juliet, 'unsubscribed'), 'delivered')
  t.same(got(play.romeo), ['juliet unsubscribed', 'push juliet none'], 'no unavailable presence with her resource in it')
  t.same(got(play.juliet), [])
  t.same(states(play), ['none', 'none at all'])
})

t.test('§3.2.2, §3.2.3: who cancels becomes unavailable first, then come "unsubscribed" and the push', async (t) => {
  const play = await befriended()
  t.equal(await play.say(play.juliet, 'unsubscribed'), 'delivered')
  t.same(got(play.romeo), ['juliet/balcony unavailable', 'juliet unsubscribed', 'push juliet from'])
  t.same(got(play.juliet), ['push romeo to'])
  await play.core.from(play.juliet, '<presence><show>away</show></presence>')
  t.same(got(play.romeo), [], 'he sees her no more')
  await play.core.from(play.romeo, '<presence><show>away</show></presence>')
  t.same(got(play.juliet), ['juliet/balcony', 'romeo/orchard'], 'she sees him still')
})

t.test('§3.2.2 case 1: cancelling what there is not goes nowhere', async (t) => {
  const play = await scene()
  t.same(await play.say(play.juliet, 'unsubscribed'), { ignored: 'RFC 6121 §3.2.3' })
  t.same([got(play.romeo), got(play.juliet), states(play)], [[], [], ['none at all', 'none at all']])
})

t.test('§3.3.2, §3.3.3: who unsubscribes is heard first, then come the push and unavailable presence', async (t) => {
  const play = await befriended()
  t.equal(await play.say(play.romeo, 'unsubscribe'), 'delivered')
  t.same(got(play.juliet), ['romeo unsubscribe', 'push romeo to'])
  t.same(got(play.romeo), ['push juliet from', 'juliet/balcony unavailable'])
  t.same(states(play), ['from', 'to'])
  t.same(await play.say(play.romeo, 'unsubscribe'), { ignored: 'RFC 6121 §3.3.3' })
  t.same([got(play.romeo), got(play.juliet)], [[], []])
})

t.test('§3.3.3: who takes a request back learns nothing of who is there', async (t) => {
  const play = await scene()
  await play.say(play.romeo, 'subscribe')
  got(play.romeo)
  got(play.juliet)
  await play.say(play.romeo, 'unsubscribe')
  t.same(got(play.romeo), ['push juliet none'])
  t.same(got(play.juliet), ['romeo unsubscribe'])
  t.same(states(play), ['none', 'none at all'], 'the request is forgotten')
})

t.test('§2.5.2: with a removed contact goes what each had of the other', async (t) => {
  const play = await befriended()
  const removed = '<query xmlns=\'jabber:iq:roster\'><item jid=\'juliet@localhost\' subscription=\'remove\'/></query>'
  t.equal(await play.core.from(play.romeo, `<iq type='set' id='1'>${removed}</iq>`), 'answered')
  t.same(got(play.juliet), ['romeo/orchard unavailable', 'romeo unsubscribe', 'romeo unsubscribed', 'push romeo none'])
  t.same(got(play.romeo), ['push juliet remove', 'juliet/balcony unavailable', 'iq result'])
  t.same(states(play), ['none at all', 'none'])
  await play.core.from(play.romeo, `<iq type='set' id='2'>${removed}</iq>`)
  t.same(got(play.romeo), ['error item-not-found cancel'], '§2.5.3')
})

t.test('§2.5: a removed contact that had only asked, or was only asked, hears no more than that', async (t) => {
  for (const asks of ['romeo', 'juliet'] as const) {
    const play = await scene()
    await play.core.from(play.romeo, '<iq type=\'set\' id=\'1\'><query xmlns=\'jabber:iq:roster\'><item jid=\'juliet@localhost\'/></query></iq>')
    await play.say(play[asks], 'subscribe')
    got(play.romeo)
    got(play.juliet)
    await play.core.from(play.romeo, '<iq type=\'set\' id=\'1\'><query xmlns=\'jabber:iq:roster\'><item jid=\'juliet@localhost\' subscription=\'remove\'/></query></iq>')
    t.same(got(play.romeo), ['push juliet remove', 'iq result'])
    t.same(got(play.juliet), asks === 'romeo' ? ['romeo unsubscribe'] : ['romeo unsubscribed', 'push romeo none'])
    t.same(states(play), ['none at all', asks === 'romeo' ? 'none at all' : 'none'])
  }
})

t.test('§8.5.1: a request to an account that does not exist looks like one that is not answered', async (t) => {
  const { core, romeo, store } = await scene()
  for (const type of ['subscribe', 'unsubscribe', 'subscribed', 'unsubscribed']) {
    t.match(await core.from(romeo, `<presence type='${type}' to='nobody@localhost'/>`), { ignored: /RFC 6121/ }, type)
  }
  t.match(got(romeo), ['push nobody none ask', 'push nobody none', 'push nobody none approved', 'push nobody none'])
  t.notOk(store.contacts.has('nobody@localhost'))
})

t.test('§4.2.2: one is no contact of oneself', async (t) => {
  const { core, romeo, store } = await scene()
  for (const type of ['subscribe', 'subscribed', 'unsubscribe', 'unsubscribed']) {
    for (const to of [ROMEO, `${ROMEO}/orchard`, 'ROMEO@localhost']) t.same(await core.from(romeo, `<presence type='${type}' to='${to}'/>`), { ignored: 'RFC 6121 §4.2.2' })
  }
  t.same([got(romeo), store.contacts.get(ROMEO)?.size ?? 0], [[], 0])
})

t.test('two sessions of an account: both get the pushes, the one that does not know rosters gets none', async (t) => {
  const play = await scene()
  const phone = await online(play.core, `${ROMEO}/phone`)
  const bot = await play.core.login(`${ROMEO}/bot`)
  await play.core.from(bot, '<presence/>')
  for (const s of [play.romeo, phone, bot]) got(s)
  await play.say(play.romeo, 'subscribe')
  await play.say(play.juliet, 'subscribed')
  t.same(got(play.romeo), got(phone))
  t.same(got(bot), ['juliet subscribed', 'juliet/balcony'])
})

t.test('XEP-0191: what a blocked contact asks is not heard, what it ends has ended', async (t) => {
  const play = await befriended()
  await play.core.services.blocklists.add(JULIET, [ROMEO], 10, null)
  t.same(got(play.romeo), ['juliet/balcony unavailable'])
  t.same(await play.say(play.romeo, 'unsubscribe'), { ignored: 'RFC 6121 §3.3.3' })
  t.same(got(play.juliet), ['push romeo to'], 'her roster is true, but he is not heard')
  t.same(got(play.romeo), ['push juliet from'], 'nor does he hear who is there')
  await play.say(play.romeo, 'subscribe')
  await play.say(play.romeo, 'unsubscribed')
  t.same(got(play.juliet), ['push romeo none'])
  t.same(got(play.romeo), ['push juliet from ask', 'push juliet none ask'])
  t.same(states(play), ['none ask', 'none'])
  const removed = await befriended()
  await removed.core.services.blocklists.add(JULIET, [ROMEO], 10, null)
  got(removed.romeo)
  await removed.core.from(removed.romeo, '<iq type=\'set\' id=\'1\'><query xmlns=\'jabber:iq:roster\'><item jid=\'juliet@localhost\' subscription=\'remove\'/></query></iq>')
  t.same(got(removed.juliet), ['push romeo none'])
  t.same(got(removed.romeo), ['push juliet remove', 'iq result'])
})

t.test('a store that does not answer makes subscriptions wait, and changes nothing', async (t) => {
  const { core, store, romeo, juliet, say } = await scene()
  const { change } = store.others.rosters
  Object.assign(store.others.rosters, { change: () => Promise.reject(new Error('the database is away')), list: () => Promise.reject(new Error('away')) })
  await say(romeo, 'subscribe')
  await core.from(romeo, '<iq type=\'set\' id=\'1\'><query xmlns=\'jabber:iq:roster\'><item jid=\'juliet@localhost\'/></query></iq>')
  await core.from(romeo, '<iq type=\'get\' id=\'1\'><query xmlns=\'jabber:iq:roster\'/></iq>')
  t.same(got(romeo), Array(3).fill('error resource-constraint wait'))
  t.same([got(juliet), core.bugs], [[], []])
  Object.assign(store.others.rosters, { change })
  await say(romeo, 'subscribe')
  t.same(got(juliet), ['romeo subscribe'])
})

t.test('a subscription stanza is well-formed after stamping, whatever its attributes hold', async (t) => {
  for (const odd of [`id=" to='"`, `id=" from='x' to='y'"`, `id=' to="'`, `id="a" xml:lang=" to='b"`, `xmlns:to='urn:x' to:from='y'`]) {
    const { core, romeo, juliet } = await scene()
    await core.from(romeo, `<presence from='${ROMEO}/orchard' ${odd} to='${JULIET}/x' type='subscribe'><c xmlns='urn:c'/></presence>`)
    const e = read(juliet.got[0] as string)
    t.match(e.attrs, { from: ROMEO, to: JULIET, type: 'subscribe' }, odd)
    const sent = read(`<presence ${odd} type='x'/>`).attrs as Record<string, string>
    for (const name of Object.keys(sent)) if (name !== 'type') t.equal(e.attrs[name], sent[name], `${odd}: ${name}`)
  }
})

t.test('changes of one account follow one another: two that meet end in one state', async (t) => {
  const play = await scene()
  await Promise.all([play.say(play.romeo, 'subscribe'), play.say(play.juliet, 'subscribe'), play.say(play.juliet, 'subscribed'), play.say(play.romeo, 'subscribed')])
  t.same(states(play), ['both', 'both'])
  t.equal(got(play.romeo).at(-1)?.startsWith('push juliet both') ?? false, true)
})

t.test('§2.1.6: a push never comes before the answer that it changes', async (t) => {
  const store = memoryStore([ROMEO])
  const { rosters } = store.others
  let answer = (): void => {}
  const held = new Promise<void>((resolve) => (answer = resolve))
  const core = testCore({ store, stores: { rosters: { ...rosters, list: async (...asked) => {
    const rows = await rosters.list(...asked)
    await held
    return rows
  } } } })
  const [desk, phone] = [await core.login(`${ROMEO}/desk`), await core.login(`${ROMEO}/phone`)]
  const asking = core.from(desk, "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>")
  const setting = core.from(phone, `<iq type='set' id='s'><query xmlns='jabber:iq:roster'><item jid='${JULIET}'/></query></iq>`)
  await new Promise((resolve) => setTimeout(resolve, 10))
  answer()
  await Promise.all([asking, setting])
  t.same(desk.got.map((octets) => read(octets).attrs['type'] as string), ['result', 'set'])
})
