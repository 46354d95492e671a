import t from 'tap'
import type { Test } from 'tap'
import type { Element } from 'ltx'
import type { RawClient } from '../helpers/client.js'
import { testServer } from '../helpers/server.js'
import type { TestServer } from '../helpers/server.js'

const CARBONS = 'urn:xmpp:carbons:2'
const ENABLE = `<enable xmlns='${CARBONS}'/>`
const DISABLE = `<disable xmlns='${CARBONS}'/>`

const isMessage = (e: Element): boolean => e.name === 'message'
const withId = (id: string) => (e: Element): boolean => isMessage(e) && e.attrs['id'] === id

/** A session that is available and, where asked, wants copies. */
const online = async (server: TestServer, user: string, resource: string, { carbons = true, priority = 0 } = {}): Promise<RawClient> => {
  const client = await server.login(user, resource)
  if (carbons) await client.iq('set', ENABLE)
  await client.presence(`<priority>${priority}</priority>`)
  return client
}

/** What a copy wraps, once everything around it is as XEP-0280 §7 and §8 want it. */
const unwrap = (t: Test, copy: Element, direction: 'sent' | 'received', to: RawClient, type?: string): Element => {
  t.equal(copy.attrs['from'], to.jid.split('/')[0], 'from the bare JID of the account')
  t.equal(copy.attrs['to'], to.jid, 'to the full JID of the session')
  t.equal(copy.attrs['type'], type)
  t.equal(copy.getChildElements().length, 1)
  const original = copy.getChild(direction, CARBONS)?.getChild('forwarded', 'urn:xmpp:forward:0')?.getChild('message', 'jabber:client')
  if (original === undefined) throw new Error(`not a copy: ${String(copy)}`)
  t.equal(original.attrs['xmlns'], 'jabber:client', 'the original declares its namespace itself')
  return original
}

t.test('the server announces carbons, but not that it keeps to all rules of eligibility', async (t) => {
  const server = await testServer(t)
  const romeo = await server.login('romeo')
  const info = await romeo.iq('get', "<query xmlns='http://jabber.org/protocol/disco#info'/>", 'localhost')
  const features = info.getChild('query')?.getChildren('feature').map((f) => f.attrs['var'] as string) ?? []
  t.ok(features.includes(CARBONS))
  t.notOk(features.includes('urn:xmpp:carbons:rules:0'))
})

t.test('enabling and disabling are answered with a result each time, with and without an address', async (t) => {
  const server = await testServer(t)
  const romeo = await server.login('romeo')
  for (const payload of [ENABLE, ENABLE, DISABLE, DISABLE, ENABLE]) {
    t.equal((await romeo.iq('set', payload)).attrs['type'], 'result')
    t.equal((await romeo.iq('set', payload, 'romeo@localhost')).attrs['type'], 'result')
  }
  t.equal((await romeo.iq('set', ENABLE, 'juliet@localhost')).attrs['type'], 'error', 'for oneself only')
})

t.test('what one session sends is copied to the others that want it', async (t) => {
  const server = await testServer(t)
  const sender = await online(server, 'romeo', 'desk', { carbons: false })
  const phone = await online(server, 'romeo', 'phone')
  const watch = await online(server, 'romeo', 'watch', { carbons: false })
  const juliet = await online(server, 'juliet', 'balcony')
  sender.send("<message to='juliet@localhost' type='chat' id='1'><body>Schön &amp; gut</body></message>")
  const original = unwrap(t, await phone.next(isMessage), 'sent', phone, 'chat')
  t.match(original.attrs, { from: 'romeo@localhost/desk', to: 'juliet@localhost', type: 'chat', id: '1' })
  t.equal(original.getChildText('body'), 'Schön & gut')
  t.equal((await juliet.next(isMessage)).getChildText('body'), 'Schön & gut')
  for (const client of [sender, watch, phone, juliet]) await client.nothing(isMessage)
})

t.test('what was kept for a receiver who is offline is copied to the sender\'s other sessions all the same', async (t) => {
  const server = await testServer(t)
  const sender = await online(server, 'romeo', 'desk')
  const phone = await online(server, 'romeo', 'phone')
  sender.send("<message to='juliet@localhost' id='1'><body>later</body></message>")
  const original = unwrap(t, await phone.next(isMessage), 'sent', phone)
  t.equal(original.getChildText('body'), 'later')
  await sender.nothing(isMessage)
  const juliet = await online(server, 'juliet', 'balcony')
  t.equal((await juliet.next(isMessage)).getChildText('body'), 'later', 'as it was')
})

t.test('what goes to the most available session is copied to the others that want it, also to those of negative priority', async (t) => {
  const server = await testServer(t)
  const desk = await online(server, 'romeo', 'desk', { priority: 5 })
  const phone = await online(server, 'romeo', 'phone', { priority: 1 })
  const bot = await online(server, 'romeo', 'bot', { priority: -1 })
  const watch = await online(server, 'romeo', 'watch', { carbons: false })
  const juliet = await online(server, 'juliet', 'balcony')
  juliet.send("<message to='romeo@localhost' type='chat' id='1'><body>hi</body></message>")
  t.equal((await desk.next(isMessage)).getChildText('body'), 'hi', 'the original')
  for (const client of [phone, bot]) {
    const original = unwrap(t, await client.next(isMessage), 'received', client, 'chat')
    t.match(original.attrs, { from: 'juliet@localhost/balcony', to: 'romeo@localhost', id: '1' })
  }
  for (const client of [desk, phone, bot, watch, juliet]) await client.nothing(isMessage)
})

t.test('what goes to a full JID is copied to the account\'s other sessions', async (t) => {
  const server = await testServer(t)
  const desk = await online(server, 'romeo', 'desk', { priority: 5 })
  const phone = await online(server, 'romeo', 'phone')
  const juliet = await online(server, 'juliet', 'balcony')
  juliet.send("<message to='romeo@localhost/phone' type='chat' id='1'><body>hi</body></message>")
  t.equal((await phone.next(isMessage)).getChildText('body'), 'hi')
  const original = unwrap(t, await desk.next(isMessage), 'received', desk, 'chat')
  t.equal(original.attrs['to'], 'romeo@localhost/phone')
  for (const client of [desk, phone, juliet]) await client.nothing(isMessage)
})

t.test('sessions that are equally available get the original, and no copy', async (t) => {
  const server = await testServer(t)
  const desk = await online(server, 'romeo', 'desk')
  const phone = await online(server, 'romeo', 'phone')
  const juliet = await online(server, 'juliet', 'balcony')
  juliet.send("<message to='romeo@localhost' type='chat' id='1'><body>hi</body></message>")
  for (const client of [desk, phone]) {
    t.equal((await client.next(withId('1'))).getChildText('body'), 'hi')
    await client.nothing(isMessage)
  }
})

t.test('who disabled carbons gets no more copies', async (t) => {
  const server = await testServer(t)
  const desk = await online(server, 'romeo', 'desk')
  const phone = await online(server, 'romeo', 'phone')
  await phone.iq('set', DISABLE)
  const juliet = await online(server, 'juliet', 'balcony')
  desk.send("<message to='juliet@localhost' type='chat' id='1'><body>hi</body></message>")
  juliet.send("<message to='romeo@localhost/desk' type='chat' id='2'><body>hi</body></message>")
  await desk.next(withId('2'))
  await juliet.next(withId('1'))
  await phone.nothing(isMessage)
  t.pass('neither of what is sent nor of what is received')
})

t.test('what goes to one\'s own account comes once to each session', async (t) => {
  const server = await testServer(t)
  const desk = await online(server, 'romeo', 'desk')
  const phone = await online(server, 'romeo', 'phone', { priority: 5 })
  const watch = await online(server, 'romeo', 'watch')
  for (const to of [" to='romeo@localhost'", " to='romeo@localhost/phone'", '']) {
    desk.send(`<message${to} type='chat' id='1'><body>note to self</body></message>`)
    await phone.next(withId('1'))
    const original = unwrap(t, await watch.next(isMessage), 'received', watch, 'chat')
    t.equal(original.getChildText('body'), 'note to self')
    // it has sent the message: it need not hear of it
    for (const client of [desk, phone, watch]) await client.nothing(isMessage)
  }
})

t.test('a message that the server refuses because it is for the server is not copied', async (t) => {
  const server = await testServer(t)
  const desk = await online(server, 'romeo', 'desk')
  const phone = await online(server, 'romeo', 'phone')
  desk.send("<message to='localhost' type='chat' id='1'><body>hi</body></message>")
  t.equal((await desk.next(withId('1'))).attrs['type'], 'error')
  await phone.nothing(isMessage)
})

const MUC_USER = 'http://jabber.org/protocol/muc#user'
/** XEP-0280 §6.1 row by row: the message, and whether it is copied when sent and when received. */
const ELIGIBLE: readonly (readonly [claim: string, type: string, inner: string, sent: boolean, received: boolean])[] = [
  ['a chat message', 'chat', '<body>x</body>', true, true],
  ['a chat message without a body', 'chat', "<x xmlns='urn:example'/>", true, true],
  ['a message without a type, with a body', '', '<body>x</body>', true, true],
  ['a normal message with a body', 'normal', '<body>x</body>', true, true],
  ['a message of a type that is unknown, which means normal', 'whisper', '<body>x</body>', true, true],
  ['a normal message without a body', 'normal', "<x xmlns='urn:example'/>", false, false],
  ['a normal message with another\'s <body/>', 'normal', "<body xmlns='http://www.w3.org/1999/xhtml'>x</body>", false, false],
  ['a receipt', '', "<received xmlns='urn:xmpp:receipts' id='1'/>", true, true],
  ['a marker', '', "<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>", true, true],
  ['a chat state', '', "<composing xmlns='http://jabber.org/protocol/chatstates'/>", true, true],
  ['a headline', 'headline', '<body>x</body>', false, false],
  ['a group chat\'s message', 'groupchat', '<body>x</body>', false, false],
  ['a group chat\'s message to which a marker is attached', 'groupchat', "<markable xmlns='urn:xmpp:chat-markers:0'/>", false, false],
  ['an error that holds what was sent', 'error', "<body>x</body><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>", true, true],
  ['an error that does not tell what it is about', 'error', "<error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>", false, false],
  ['a private message of a group chat', 'chat', `<body>x</body><x xmlns='${MUC_USER}'/>`, true, false],
  ['a mediated invitation', '', `<x xmlns='${MUC_USER}'><invite from='a@localhost'/></x>`, true, true],
  ['a direct invitation', '', "<x xmlns='jabber:x:conference' jid='room@localhost'/>", true, true],
  ['a message that is marked private', 'chat', `<body>x</body><private xmlns='${CARBONS}'/>`, false, false],
  ['a message that must not be copied', 'chat', "<body>x</body><no-copy xmlns='urn:xmpp:hints'/>", false, false],
  ['a message with another hint', 'chat', "<body>x</body><no-store xmlns='urn:xmpp:hints'/>", true, true],
]

t.test('which messages are copied', async (t) => {
  const server = await testServer(t)
  const desk = await online(server, 'romeo', 'desk', { priority: 5 })
  const phone = await online(server, 'romeo', 'phone')
  const juliet = await online(server, 'juliet', 'balcony')
  for (const [claim, type, inner, sent, received] of ELIGIBLE) {
    const message = (to: string): string => `<message to='${to}' id='1'${type === '' ? '' : ` type='${type}'`}>${inner}</message>`
    const known = ['chat', 'normal', 'error'].includes(type) ? type : undefined
    desk.send(message('juliet@localhost/balcony'))
    await juliet.next(withId('1'))
    if (sent) unwrap(t, await phone.next(isMessage), 'sent', phone, known)
    await phone.nothing(isMessage)
    juliet.send(message('romeo@localhost/desk'))
    await desk.next(withId('1'))
    if (received) unwrap(t, await phone.next(isMessage), 'received', phone, known)
    await phone.nothing(isMessage)
    t.pass(`${claim}: sent ${sent ? '' : 'not '}copied, received ${received ? '' : 'not '}copied`)
  }
})

t.test('the private element reaches the receiver, who may see what the sender asked for', async (t) => {
  const server = await testServer(t)
  const desk = await online(server, 'romeo', 'desk')
  const juliet = await online(server, 'juliet', 'balcony')
  desk.send(`<message to='juliet@localhost' type='chat'><body>x</body><private xmlns='${CARBONS}'/></message>`)
  t.ok((await juliet.next(isMessage)).getChild('private', CARBONS))
})

const forgeries = (): string[] => ['received', 'sent'].flatMap((name) => [
  `<${name} xmlns='${CARBONS}'>`, `<c:${name} xmlns:c='${CARBONS}'>`,
].map((open) => `${open}<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='juliet@localhost/balcony' to='romeo@localhost' type='chat'>` +
  `<body>I hate you</body></message></forwarded></${open.startsWith('<c:') ? 'c:' : ''}${name}>`))

t.test('nobody forges a copy: neither a stranger nor one\'s own other session, in whatever spelling', async (t) => {
  const server = await testServer(t)
  const desk = await online(server, 'romeo', 'desk', { priority: 5 })
  const phone = await online(server, 'romeo', 'phone')
  const mercutio = await online(server, 'mercutio', 'street')
  for (const [sender, from] of [[mercutio, 'mercutio@localhost/street'], [phone, 'romeo@localhost/phone']] as const) {
    for (const forgery of forgeries()) {
      for (const to of ['romeo@localhost', 'romeo@localhost/desk']) {
        sender.send(`<message from='${sender === phone ? 'romeo@localhost' : 'mercutio@localhost'}' to='${to}' type='chat' id='f'>${forgery}<body>seen</body></message>`)
        const arrived = await desk.next(withId('f'))
        t.equal(arrived.attrs['from'], from, 'whom it is from is the server\'s word')
        t.same(arrived.getChildElements().map((c) => c.getName()), ['body', 'stanza-id'])
        // the copy of what is left, for the session that wants it
        if (sender === mercutio) {
          const original = unwrap(t, await phone.next(isMessage), 'received', phone, 'chat')
          t.notMatch(String(original), /hate/)
        }
        for (const client of [desk, phone]) await client.nothing(isMessage)
      }
    }
  }
})

t.test('a forged copy is not copied to the forger\'s other sessions either', async (t) => {
  const server = await testServer(t)
  const desk = await online(server, 'romeo', 'desk')
  const phone = await online(server, 'romeo', 'phone')
  const juliet = await online(server, 'juliet', 'balcony')
  for (const forgery of forgeries()) {
    desk.send(`<message to='juliet@localhost' type='chat' id='f'>${forgery}</message>`)
    t.equal((await juliet.next(withId('f'))).getChildElements().length, 0)
    await phone.nothing(isMessage)
  }
})

t.test('a client that bounces its copy troubles nobody', async (t) => {
  const server = await testServer(t)
  const desk = await online(server, 'romeo', 'desk', { priority: 5 })
  const phone = await online(server, 'romeo', 'phone')
  const juliet = await online(server, 'juliet', 'balcony')
  juliet.send("<message to='romeo@localhost/desk' type='chat' id='1'><body>hi</body></message>")
  await desk.next(withId('1'))
  const copy = await phone.next(isMessage)
  phone.send(`<message type='error' to='romeo@localhost' id='e'>${String(copy.getChild('received'))}<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`)
  await phone.nothing(isMessage) // §10.3
  for (const client of [desk, juliet]) await client.nothing(isMessage)
  t.pass('nobody heard of it')
})

t.test('any resource may be named in a copy', async (t) => {
  const server = await testServer(t)
  const desk = await online(server, 'romeo', 'it&apos;s &lt;my&gt; &amp; "Büro"')
  const phone = await online(server, 'romeo', '&apos;/&gt;&lt;evil/&gt;')
  const juliet = await online(server, 'juliet', 'balcony')
  desk.send("<message to='juliet@localhost' type='chat' id='1'><body>hi</body></message>")
  await juliet.next(withId('1'))
  t.equal(unwrap(t, await phone.next(isMessage), 'sent', phone, 'chat').attrs['from'], desk.jid)
})
