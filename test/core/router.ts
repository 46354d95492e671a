// RFC 6121 §8.5 and RFC 6120 §10, row by row. What is expected is written out here from the RFCs, not taken from rules.ts.
import { parse } from 'ltx'
import type { Element } from 'ltx'
import t from 'tap'
import { AwayError, StanzaError, UsageError } from '../../lib/base/errors.js'
import { compile } from '../../lib/core/dispatch.js'
import { idOf } from '../../lib/core/log-id.js'
import type { LogId } from '../../lib/core/log-id.js'
import type { Settings } from '../../lib/base/config.js'
import type { Route } from '../../lib/core/route.js'
import { ROUTES } from '../../routes/index.js'
import { ARCHIVED, QUEUED, SENT } from '../../lib/core/ports.js'
import { frame, memoryStore, testCore } from '../helpers/core.js'
import type { MemoryStore, TestCore as Core, TestSession } from '../helpers/core.js'

const JULIET = 'juliet@localhost'
const setUp = (routes: readonly Route[] = ROUTES, settings: Partial<Settings> = {}): { core: Core; store: MemoryStore; romeo: TestSession } => {
  const store = memoryStore(['romeo@localhost', JULIET])
  const core = testCore({ store, routes, settings })
  return { core, store, romeo: core.session('romeo@localhost/orchard') }
}
const read = (octets: string): Element => parse(octets) as Element
const condition = (octets: string | undefined): string => octets === undefined ? 'nothing' : read(octets).getChild('error')?.getChildElements()[0]?.name ?? 'no error'

/** delivered to …, stored, refused with …, or ignored: what a sender and a receiver can see. */
const outcome = async (arrange: (core: Core) => TestSession[], xml: string, settings: Partial<Settings> = {}): Promise<string> => {
  const { core, store, romeo } = setUp(ROUTES, settings)
  const sessions = arrange(core)
  const ending = await core.from(romeo, xml)
  const got = sessions.filter((s) => s.got.length > 0).map((s) => s.jid.resource)
  if (romeo.got.length > 0) return condition(romeo.got[0])
  if (store.messages.length > 0) return 'stored'
  if (got.length > 0) return `delivered to ${got.join(' and ')}`
  return typeof ending === 'string' ? ending : 'ignored'
}

/** XEP-0359, as the last entry of Juliet's log is named. */
const stanzaId = (store: MemoryStore): string => `<stanza-id xmlns='urn:xmpp:sid:0' by='${JULIET}' id='${idOf(store.log.entries_.get(JULIET)?.at(-1) as LogId)}'/>`

const nobody = (): TestSession[] => []
const negative = (core: Core): TestSession[] => [core.session(`${JULIET}/tomb`, -1)]
const one = (core: Core): TestSession[] => [core.session(`${JULIET}/balcony`, 1)]
const three = (core: Core): TestSession[] => [core.session(`${JULIET}/balcony`, 5), core.session(`${JULIET}/chamber`, 5), core.session(`${JULIET}/garden`, 1), core.session(`${JULIET}/tomb`, -1)]
const bound = (core: Core): TestSession[] => [core.session(`${JULIET}/balcony`, null)]

const E = 'service-unavailable'
const I = 'ignored'
// section · who is there · address · normal, chat, groupchat, headline, error
const MESSAGES: [string, (core: Core) => TestSession[], string, string[]][] = [
  ['§8.5.1 no such user, bare JID', nobody, 'nobody@localhost', [E, E, E, I, I]],
  ['§8.5.1 no such user, full JID', nobody, 'nobody@localhost/x', [E, E, E, I, I]],
  ['§8.5.2.2.1 bare JID, no resources', nobody, JULIET, ['stored', 'stored', E, I, I]],
  ['§8.5.2.2.1 bare JID, a resource that is bound but not available', bound, JULIET, ['stored', 'stored', E, I, I]],
  ['§8.5.2.1.1 bare JID, only negative resources', negative, JULIET, ['stored', 'stored', E, I, I]],
  ['§8.5.2.1.1 bare JID, one resource', one, JULIET, ['delivered to balcony', 'delivered to balcony', E, 'delivered to balcony', I]],
  ['§8.5.2.1.1 bare JID, several resources', three, JULIET, [
    'delivered to balcony and chamber', 'delivered to balcony and chamber', E, 'delivered to balcony and chamber and garden', I]],
  ['§8.5.3.1 full JID that matches', three, `${JULIET}/garden`, Array<string>(5).fill('delivered to garden')],
  ['§8.5.3.1 full JID that matches, negative', three, `${JULIET}/tomb`, Array<string>(5).fill('delivered to tomb')],
  ['§8.5.3.1 full JID that matches, not available', bound, `${JULIET}/balcony`, Array<string>(5).fill('delivered to balcony')],
  ['§8.5.3.2.1 full JID without a match, no resources', nobody, `${JULIET}/gone`, [E, 'stored', E, I, I]],
  ['§8.5.3.2.1 full JID without a match, only negative resources', negative, `${JULIET}/gone`, [E, 'stored', E, I, I]],
  ['§8.5.3.2.1 full JID without a match, a resource that is bound but not available', bound, `${JULIET}/gone`, [E, 'stored', E, I, I]],
  ['§8.5.3.2.1 full JID without a match, several resources', three, `${JULIET}/gone`, [E, 'delivered to balcony and chamber', E, I, I]],
  ['RFC 6120 §10.5.2 the server itself', nobody, 'localhost', [E, E, E, I, I]],
  ['RFC 6120 §10.5.2 a resource of the server', nobody, 'localhost/x', [E, E, E, I, I]],
]

// durability.md: whether a message is committed before it goes, noted behind it, or not at all, it goes to the same sessions
const MODES: readonly (readonly [string, Partial<Settings>])[] = [
  ['durable', { durability: { '*': 'durable' }, archive: 'always' }], ['routed', { durability: { '*': 'routed' }, archive: 'always' }],
  ['routed, no archive', { durability: { '*': 'routed' }, archive: 'off' }], ['durable, no archive', { durability: { '*': 'durable' }, archive: 'off' }],
]

for (const [mode, settings] of MODES.slice(0, 3)) {
  for (const [row, who, to, expected] of MESSAGES) {
    t.test(`RFC 6121 message, ${mode}: ${row}`, async (t) => {
      for (const [i, type] of ['normal', 'chat', 'groupchat', 'headline', 'error'].entries()) {
        t.equal(await outcome(who, `<message to='${to}' type='${type}' id='1'><body>x</body></message>`, settings), expected[i], type)
      }
      t.equal(await outcome(who, `<message to='${to}' id='1'><body>x</body></message>`, settings), expected[0], 'no type is normal (§5.2.2)')
      t.equal(await outcome(who, `<message to='${to}' type='odd' id='1'><body>x</body></message>`, settings), expected[0], 'an unknown type is normal (§5.2.2)')
    })
  }
}

t.test('D2: what each mode has in the log, and when; nothing is delivered before it is committed', async (t) => {
  for (const [to, [mode, settings]] of [JULIET, `${JULIET}/balcony`].flatMap((to) => MODES.map((m) => [to, m] as const))) {
    const { core, store, romeo } = setUp(ROUTES, settings)
    const [juliet] = one(core) as [TestSession]
    let commit = (): void => {}
    const held = new Promise<void>((resolve) => {
      commit = resolve
    })
    store.log.before = () => held
    const ending = await core.router.fromClient(romeo, frame(`<message to='${to}' type='chat'><body>x</body></message>`))
    await new Promise((resolve) => setTimeout(resolve, 20))
    const durable = settings.durability?.['*'] === 'durable'
    t.equal(ending, durable ? 'logged' : 'delivered', `${mode}, to ${to}`)
    t.equal(juliet.got.length, durable ? 0 : 1, `${mode}: ${durable ? 'not before it is committed' : 'at once'}`)
    commit()
    await core.log.idle(5000)
    t.equal(juliet.got.length, 1)
    const entries = (account: string): number[] => (store.log.entries_.get(account) ?? []).map((e) => e.flags)
    const archived = settings.archive === 'always' ? ARCHIVED : 0
    t.same(entries(JULIET), durable ? [QUEUED | archived] : archived === 0 ? [] : [ARCHIVED], `${mode}: the receiver's copy`)
    t.same(entries('romeo@localhost'), archived === 0 ? [] : [SENT | ARCHIVED], `${mode}: the sender's`)
    const id = read(juliet.got[0] as string).getChild('stanza-id', 'urn:xmpp:sid:0')?.attrs['id'] as string | undefined
    t.equal(id, durable && archived !== 0 ? idOf(store.log.entries_.get(JULIET)?.[0] as LogId) : undefined, `${mode}: XEP-0359, the name that the archive gives it`)
  }
})

const ALL = 'delivered to balcony and chamber and garden and tomb'
// section · who · address · available, unavailable, subscribe, probe, error. Romeo is no contact: §3 in subscribing.ts, §4 in presence.ts
const PRESENCES: [string, (core: Core) => TestSession[], string, string[]][] = [
  ['§8.5.1 no such user, bare JID', nobody, 'nobody@localhost', [I, I, I, I, I]],
  ['§8.5.1 no such user, full JID', nobody, 'nobody@localhost/x', [I, I, I, I, I]],
  ['§8.5.2.1.2 bare JID: every available resource, negative ones too', three, JULIET, [ALL, ALL, ALL, I, I]],
  ['§8.5.2.1.2 bare JID, only negative resources', negative, JULIET, ['delivered to tomb', 'delivered to tomb', 'delivered to tomb', I, I]],
  ['§8.5.2.1.2 bare JID, a resource that is bound but not available', bound, JULIET, [I, I, 'stored', I, I]],
  ['§8.5.2.2.2 bare JID, nobody there', nobody, JULIET, [I, I, 'stored', I, I]],
  ['§8.5.3.1 full JID that matches', three, `${JULIET}/garden`, ['delivered to garden', 'delivered to garden', ALL, I, 'delivered to garden']],
  ['§8.5.3.1 full JID that matches, not available', bound, `${JULIET}/balcony`, ['delivered to balcony', 'delivered to balcony', 'stored', I, 'delivered to balcony']],
  ['§8.5.3.2.2 full JID without a match', three, `${JULIET}/gone`, [I, I, ALL, I, I]],
  ['§8.5.3.2.2 full JID without a match, nobody there', nobody, `${JULIET}/gone`, [I, I, 'stored', I, I]],
  ['RFC 6120 §10.5.2 the server itself', nobody, 'localhost', [I, I, I, I, I]],
]

for (const [row, who, to, expected] of PRESENCES) {
  t.test(`RFC 6121 presence: ${row}`, async (t) => {
    for (const [i, type] of ['', 'unavailable', 'subscribe', 'probe', 'error'].entries()) {
      t.equal(await outcome(who, `<presence to='${to}'${type === '' ? '' : ` type='${type}'`}/>`), expected[i], type === '' ? 'available' : type)
    }
    // answers to what nobody asked, and the end of what there is not (A.3.2, A.3.3, A.3.4)
    for (const type of ['subscribed', 'unsubscribe', 'unsubscribed']) t.equal(await outcome(who, `<presence to='${to}' type='${type}'/>`), I, type)
  })
}

t.test('RFC 6121 §4.7.1: presence of an unknown type is a bad request', async (t) =>
  t.equal(await outcome(three, `<presence to='${JULIET}' type='odd'/>`), 'bad-request'))

// section · who · address · get, set, result, error
const IQS: [string, (core: Core) => TestSession[], string, string[]][] = [
  ['§8.5.1 no such user, bare JID', nobody, 'nobody@localhost', [E, E, I, I]],
  ['§8.5.1 no such user, full JID', nobody, 'nobody@localhost/x', [E, E, I, I]],
  ['§8.5.2.1.3 bare JID of somebody else: answered for them, refused', three, JULIET, [E, E, I, I]],
  ['§8.5.2.2.3 bare JID of somebody else, nobody there', nobody, JULIET, [E, E, I, I]],
  // the first case of §8.5.3.1, SHOULD NOT deliver without shared presence, is not followed: clients ask strangers in rooms
  // and chats, and a full JID's random resource is the secret (RFC 6120 §7.6)
  ['§8.5.3.1 full JID that matches', three, `${JULIET}/tomb`, Array<string>(4).fill('delivered to tomb')],
  ['§8.5.3.1 full JID that matches, not available', bound, `${JULIET}/balcony`, Array<string>(4).fill('delivered to balcony')],
  ['§8.5.3.2.3 full JID without a match', three, `${JULIET}/gone`, [E, E, I, I]],
  ['§8.5.3.2.3 full JID without a match, nobody there', nobody, `${JULIET}/gone`, [E, E, I, I]],
  ['RFC 6120 §10.5.2 the server: unknown payloads', nobody, 'localhost', [E, E, I, I]],
]

for (const [row, who, to, expected] of IQS) {
  t.test(`RFC 6121 iq: ${row}`, async (t) => {
    for (const [i, type] of ['get', 'set', 'result', 'error'].entries()) {
      t.equal(await outcome(who, `<iq to='${to}' type='${type}' id='1'><odd xmlns='urn:odd'/></iq>`), expected[i], type)
    }
  })
}

t.test('RFC 6120 §8.2.3: a request has an id, a known type, and exactly one child', async (t) => {
  for (const xml of [
    '<iq type=\'get\'><ping xmlns=\'urn:xmpp:ping\'/></iq>', '<iq id=\'1\'><ping xmlns=\'urn:xmpp:ping\'/></iq>', '<iq type=\'odd\' id=\'1\'/>',
    '<iq type=\'get\' id=\'1\'/>', '<iq type=\'get\' id=\'1\'><ping xmlns=\'urn:xmpp:ping\'/><ping xmlns=\'urn:xmpp:ping\'/></iq>',
  ]) t.equal(await outcome(nobody, xml), 'bad-request', xml)
})

t.test('RFC 6120 §10: no `to`, other domains, malformed addresses', async (t) => {
  t.equal(await outcome(nobody, '<message to=\'a@elsewhere.example\'><body>x</body></message>'), 'remote-server-not-found', '§10.4')
  t.equal(await outcome(nobody, '<iq type=\'get\' id=\'1\' to=\'elsewhere.example\'><ping xmlns=\'urn:xmpp:ping\'/></iq>'), 'remote-server-not-found')
  t.equal(await outcome(nobody, '<message to=\'foo bar@localhost\'><body>x</body></message>'), 'jid-malformed', '§8.3.3.8')
  t.equal(await outcome(nobody, '<message type=\'error\' to=\'a@elsewhere.example\'/>'), 'ignored', 'never an error for an error (§8.3.1)')
  const { core, romeo } = setUp()
  await core.from(romeo, '<message type=\'chat\'><body>to myself</body></message>')
  t.match(romeo.got, [/<message from='romeo@localhost\/orchard' type='chat'><body>to myself/], '§10.3.1: for the sender\'s own account')
})

t.test('every request is answered exactly once, whatever its handler does', async (t) => {
  const route = (answer: () => Promise<void> | void): Route => ({ name: 'odd', spec: 'test', iq: [{ type: 'get', to: 'server', ns: 'urn:odd', name: 'odd', answer }] })
  const ask = async (answer: () => Promise<void> | void): Promise<{ core: Core; romeo: TestSession }> => {
    const { core, romeo } = setUp([route(answer)])
    await core.from(romeo, '<iq type=\'get\' id=\'7\' to=\'localhost\'><odd xmlns=\'urn:odd\'/></iq>')
    return { core, romeo }
  }
  const fine = await ask(() => {})
  t.same(fine.romeo.got, ['<iq type=\'result\' id=\'7\' from=\'localhost\' to=\'romeo@localhost/orchard\'/>'])
  const refused = await ask(() => { throw new StanzaError('forbidden') })
  t.same(refused.romeo.got.map(condition), ['forbidden'])
  const broken = await ask(() => Promise.reject(new TypeError('a bug')))
  t.same(broken.romeo.got.map(condition), ['internal-server-error'])
  t.equal(broken.core.counters.bugs, 1)
  t.match(broken.core.bugs[0], { message: 'a bug' })
  t.equal(read(broken.romeo.got[0] as string).attrs['id'], '7')
})

t.test('a request to another\'s account never changes one\'s own', async (t) => {
  let called = 0
  const { core, romeo } = setUp([{ name: 'odd', spec: 'test', iq: [{ type: 'set', to: 'account', ns: 'urn:odd', name: 'odd', answer: () => { called++ } }] }])
  await core.from(romeo, `<iq type='set' id='1' to='${JULIET}'><odd xmlns='urn:odd'/></iq>`)
  t.equal(condition(romeo.got[0]), 'service-unavailable')
  t.equal(called, 0)
  for (const to of ['', ' to=\'romeo@localhost\'', ' to=\'ROMEO@LocalHost\'']) await core.from(romeo, `<iq type='set' id='1'${to}><odd xmlns='urn:odd'/></iq>`)
  t.equal(called, 3, 'one\'s own account, named or not')
})

t.test('a request that anyone may make of an account says which one it is for', async (t) => {
  const asked: string[] = []
  const { core, romeo } = setUp([{ name: 'odd', spec: 'test', iq: [{ type: 'get', to: 'anyone', ns: 'urn:odd', name: 'odd', answer: ({ to }) => void asked.push(to.bare) }] }])
  for (const to of ['', ' to=\'romeo@localhost\'', ` to='${JULIET}'`, ' to=\'nobody@localhost\'']) await core.from(romeo, `<iq type='get' id='1'${to}><odd xmlns='urn:odd'/></iq>`)
  t.same(asked, ['romeo@localhost', 'romeo@localhost', JULIET, 'nobody@localhost'])
  await core.from(romeo, '<iq type=\'get\' id=\'1\' to=\'localhost\'><odd xmlns=\'urn:odd\'/></iq>')
  t.equal(condition(romeo.got.pop()), 'service-unavailable', 'a server is no account')
})

t.test('the sender is stamped, whatever it wrote', async (t) => {
  const { core } = setUp()
  const romeo = core.session('romeo@localhost/<&"\'>', 0, 'it')
  const [juliet] = one(core) as [TestSession]
  for (const from of ['', ' from="romeo@localhost"', ' from=\'romeo@localhost/x\'  ', '\nfrom = "a&amp;b"']) {
    await core.from(romeo, `<message${from} to='${JULIET}' type='chat'><body>x</body></message>`)
    const got = read(juliet.got.pop() as string)
    t.equal(got.attrs['from'], 'romeo@localhost/<&"\'>')
    t.equal(got.attrs['xml:lang'], 'it', 'the stream\'s language is the default (RFC 6120 §8.1.5)')
    t.equal(got.getChildText('body'), 'x')
  }
  await core.from(romeo, `<message xml:lang='en' to='${JULIET}'><body>x</body></message>`)
  t.equal(read(juliet.got.pop() as string).attrs['xml:lang'], 'en', 'its own language stays')
  await core.from(romeo, `<presence type='subscribe' to='${JULIET}'/>`)
  t.equal(read(juliet.got.pop() as string).attrs['from'], 'romeo@localhost', 'a subscription is the account\'s (RFC 6121 §3.1.2)')
})

t.test('octets go through unchanged but for the stamp and, behind all else, the archive\'s id', async (t) => {
  const { core, store, romeo } = setUp()
  const [juliet] = one(core) as [TestSession]
  const inside = '<body>h\u00e4 \u2615 &amp; &#10;&#13;&#9; <![CDATA[<x>]]></body><x xmlns:p=\'urn:p\' p:a="1"/>'
  await core.from(romeo, `<message to='${JULIET}'>${inside}</message>`)
  t.equal(Buffer.from(juliet.got[0] as string, 'latin1').toString(), `<message from='romeo@localhost/orchard' to='${JULIET}'>${inside}${stanzaId(store)}</message>`)
})

t.test('an empty xml:lang or `to` does not become a second one, which would end its receivers\' streams', async (t) => {
  const { core, store } = setUp()
  const [juliet] = one(core) as [TestSession]
  const german = core.session('romeo@localhost/german', 0, 'de')
  await core.from(german, `<message to='${JULIET}' xml:lang=''><body>x</body></message>`)
  t.equal(juliet.got.pop(), `<message from='romeo@localhost/german' xml:lang='de' to='${JULIET}'><body>x</body>${stanzaId(store)}</message>`)
  await core.from(german, '<presence to=\'\' xml:lang=\'\'/>')
  t.equal(german.got.pop(), "<presence from='romeo@localhost/german' xml:lang='de' to='romeo@localhost'/>")
})

t.test('a message that nobody takes after all is stored, or its sender hears', async (t) => {
  const { core, store, romeo } = setUp()
  const [juliet] = one(core) as [TestSession]
  juliet.takes = false
  t.equal(await core.from(romeo, `<message to='${JULIET}' type='chat'><body>x</body></message>`), 'stored')
  t.equal(store.messages.length, 1)
  // as if it had not been noticed yet that it takes nothing
  juliet.behind = false
  juliet.position = 1
  t.equal(await core.from(romeo, `<iq type='get' id='1' to='${JULIET}/balcony'><ping xmlns='urn:xmpp:ping'/></iq>`), 'refused')
})

t.test('D20: with the database away nothing is answered, nobody is called offline, and all goes on when it is back', async (t) => {
  const { core, store, romeo } = setUp()
  store.broken = true
  t.equal(await core.router.fromClient(romeo, frame(`<message to='${JULIET}' type='chat'><body>x</body></message>`)), 'logged')
  const ping = core.from(romeo, `<iq type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>`)
  await new Promise((resolve) => setTimeout(resolve, 100))
  t.same(romeo.got, [], 'D20: neither an error nor an answer that would prove the message')
  store.broken = false
  await ping
  t.same(romeo.got.map((xml) => read(xml).attrs['id']), ['p'])
  t.equal(store.messages.length, 1)
})

t.test('routed: with the database away who needs it is told to wait, and who does not is served', async (t) => {
  const { core, store, romeo } = setUp(ROUTES, { durability: { '*': 'routed' } })
  const [juliet] = one(core) as [TestSession]
  store.broken = true
  t.equal(await core.router.fromClient(romeo, frame(`<message to='${JULIET}' type='chat'><body>x</body></message>`)), 'delivered')
  t.equal(juliet.got.length, 1)
  t.equal(await core.router.fromClient(romeo, frame(`<iq type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>`)), 'answered')
  store.broken = false
  await core.log.idle(5000)
  t.equal(store.log.entries_.get(JULIET)?.length, 1, 'archived when it is back')
})

t.test('an id that is too long is refused: ids are remembered, and bounded', async (t) => {
  const { core, romeo } = setUp()
  for (const [xml, ending] of [
    [`<iq type='get' to='localhost' id='${'i'.repeat(1025)}'><ping xmlns='urn:xmpp:ping'/></iq>`, 'refused'],
    [`<message to='${JULIET}' id='${'m'.repeat(1025)}'><body>x</body></message>`, 'refused'],
    [`<message to='${JULIET}' id='${'m'.repeat(1024)}'><body>x</body></message>`, 'stored'],
  ] as const) t.equal(await core.from(romeo, xml), ending)
  t.same(romeo.got.map((xml) => condition(xml)), ['policy-violation', 'policy-violation'])
})

t.test('D19: a full mailbox refuses with resource-constraint', async (t) => {
  const { core, romeo } = setUp(ROUTES, { offlineMaxMessages: 1 })
  t.equal(await core.from(romeo, `<message to='${JULIET}' type='chat'><body>1</body></message>`), 'stored')
  t.equal(await core.from(romeo, `<message to='${JULIET}' type='chat'><body>2</body></message>`), 'refused')
  t.equal(condition(romeo.got[0]), 'resource-constraint')
})

t.test('XEP-0334 §4.2 and XEP-0160 §3: what is not for keeping is not kept', async (t) => {
  const { core, store, romeo } = setUp()
  await core.from(romeo, `<message to='${JULIET}' type='chat'><body>x</body><no-store xmlns='urn:xmpp:hints'/></message>`)
  await core.from(romeo, `<message to='${JULIET}' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/><thread>t</thread></message>`)
  t.equal(store.messages.length, 0)
  t.equal(romeo.got.length, 0, 'and it is no error')
  await core.from(romeo, `<message to='${JULIET}' type='chat'><received xmlns='urn:xmpp:receipts' id='1'/></message>`)
  t.equal(store.messages.length, 1, 'a receipt is kept')
})

t.test('design.md §6, identity: forged stanza-ids and delays are cut out in every spelling', async (t) => {
  const { core, store, romeo } = setUp()
  const [juliet] = one(core) as [TestSession]
  const sid = 'xmlns=\'urn:xmpp:sid:0\''
  const forgeries = [
    `<stanza-id ${sid} by='${JULIET}' id='1'/>`, `<stanza-id ${sid} id="1" by="Juliet@LOCALHOST"></stanza-id>`,
    `<stanza-id ${sid} by='&#106;uliet@localhost' id='1'/>`, `<s:stanza-id xmlns:s='urn:xmpp:sid:0' by='${JULIET}' id='1'/>`,
    `<stanza-id ${sid}\nby = 'localhost' id='1'/>`, `<stanza-id x=" by='other@x'" ${sid} by='romeo@localhost/orchard' id='1'/>`,
    '<delay xmlns=\'urn:xmpp:delay\' from=\'localhost\' stamp=\'2002-09-10T23:08:25Z\'/>', '<delay xmlns=\'urn:xmpp:delay\' from="LOCALHOST" stamp=\'x\'/>',
  ]
  for (const forgery of forgeries) {
    await core.from(romeo, `<message to='${JULIET}' type='chat'><body>x</body>${forgery}<thread>y</thread></message>`)
    const got = read(juliet.got.pop() as string)
    t.same(got.getChildElements().map((e) => e.name), ['body', 'thread', 'stanza-id'], forgery)
    t.ok(String(got).endsWith(read(stanzaId(store)).toString() + '</message>'), 'the one that is there is the server\'s')
  }
  await core.from(romeo, `<message to='${JULIET}'><stanza-id ${sid} by='room@elsewhere.example' id='1'/><delay xmlns='urn:xmpp:delay' from='room@localhost' stamp='x'/></message>`)
  const others = read(juliet.got.pop() as string).getChildElements()
  t.same(others.map((e) => e.attrs['by'] ?? e.attrs['from']), ['room@elsewhere.example', 'room@localhost'], 'what others say of themselves stays')
  t.equal(store.log.entries_.get(JULIET)?.length, forgeries.length, 'and is by itself nothing worth keeping')
})

t.test('every ending is counted, ignored ones by their rule', async (t) => {
  const { core, romeo } = setUp()
  await core.from(romeo, `<message to='${JULIET}' type='headline'/>`)
  await core.from(romeo, `<message to='${JULIET}' type='groupchat'/>`)
  await core.from(romeo, `<message to='${JULIET}'><body>x</body></message>`)
  await core.from(romeo, '<iq type=\'get\' id=\'1\'><ping xmlns=\'urn:xmpp:ping\'/></iq>')
  t.match(core.counters, { refused: 1, stored: 1, answered: 1, delivered: 0 })
  t.same([...core.counters.ignored], [['RFC 6121 §8.5.2.2.1', 1]])
})

t.test('a feature is called only for stanzas that concern it, and may take or replace them', async (t) => {
  const seen: string[] = []
  const watcher = (name: string, ns?: string): Route => ({
    name, spec: 'test', on: { sent: { kinds: ['message'], ...(ns === undefined ? {} : { ns }), run: () => void seen.push(name) } },
  })
  const { core, romeo } = setUp([watcher('first'), watcher('only', 'urn:only'), watcher('last'), {
    name: 'taker', spec: 'test', on: { received: { kinds: ['message'], ns: 'urn:take', run: async () => { await Promise.resolve(); return 'answered' as const } } },
  }])
  const [juliet] = one(core) as [TestSession]
  await core.from(romeo, `<message to='${JULIET}'><body>x</body></message>`)
  t.same(seen.splice(0), ['first', 'last'], 'in the order of the list')
  await core.from(romeo, `<message to='${JULIET}'><x xmlns='urn:only'/></message>`)
  t.same(seen.splice(0), ['first', 'only', 'last'])
  t.equal(juliet.got.length, 2)
  t.equal(await core.from(romeo, `<message to='${JULIET}'><x xmlns='urn:take'/></message>`), 'answered')
  t.equal(juliet.got.length, 2, 'taken')
})

t.test('two routes that answer the same are refused at start', async (t) => {
  const [ping] = ROUTES.filter((r) => r.name === 'ping')
  t.throws(() => compile([...ROUTES, { ...ping as Route, name: 'other' }]), UsageError)
  t.throws(() => compile([...ROUTES, { name: 'ping', spec: 'test' }]), UsageError)
})

t.test('without any one route the server works, without its feature', async (t) => {
  for (const { name } of ROUTES) {
    const { core, romeo } = setUp(ROUTES.filter((r) => r.name !== name))
    const [juliet] = one(core) as [TestSession]
    t.equal(await core.from(romeo, `<message to='${JULIET}'><body>x</body></message>`), 'delivered', name)
    t.equal(juliet.got.length, 1)
    await core.from(romeo, '<iq type=\'get\' id=\'1\'><ping xmlns=\'urn:xmpp:ping\'/></iq>')
    t.equal(read(romeo.got[0] as string).attrs['type'], name === 'ping' ? 'error' : 'result')
  }
})

t.test('a database that does not answer a feature is no bug: the sender may try again', async (t) => {
  const route: Route = { name: 'x', spec: 'x', iq: [{ type: 'get', to: 'server', ns: 'urn:x', name: 'x', answer: () => Promise.reject(new AwayError('gone')) }] }
  const { core, romeo } = setUp([route])
  await core.from(romeo, "<iq type='get' id='1' to='localhost'><x xmlns='urn:x'/></iq>")
  t.equal(condition(romeo.got[0]), 'resource-constraint')
  t.equal(read(romeo.got[0] as string).getChild('error')?.attrs['type'], 'wait')
  t.equal(core.counters.bugs, 0)
})
