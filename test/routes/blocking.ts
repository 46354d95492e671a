import t from 'tap'
import type { Element } from 'ltx'
import type { RawClient } from '../helpers/client.js'
import { frame, memoryStore, testCore } from '../helpers/core.js'
import { startOver, testServer } from '../helpers/server.js'
import type { TestServer } from '../helpers/server.js'

const shared = testServer(t)
const fresh = async (): Promise<TestServer> => {
  const server = await shared
  await startOver(server)
  return server
}

const BLOCKING = 'urn:xmpp:blocking'
const items = (...jids: readonly string[]): string => jids.map((jid) => `<item jid='${jid}'/>`).join('')
const block = (client: RawClient, ...jids: readonly string[]): Promise<Element> => client.iq('set', `<block xmlns='${BLOCKING}'>${items(...jids)}</block>`)
const unblock = (client: RawClient, ...jids: readonly string[]): Promise<Element> => client.iq('set', `<unblock xmlns='${BLOCKING}'>${items(...jids)}</unblock>`)
const blocklist = async (client: RawClient): Promise<string[]> =>
  ((await client.iq('get', `<blocklist xmlns='${BLOCKING}'/>`)).getChild('blocklist', BLOCKING) as Element).getChildElements().map((e) => String(e.attrs['jid']))

const isMessage = (e: Element): boolean => e.name === 'message'
const isPresence = (e: Element): boolean => e.name === 'presence'
const isPush = (e: Element): boolean => e.name === 'iq' && e.attrs['type'] === 'set'
const from = (jid: string, type?: string) => (e: Element): boolean => isPresence(e) && e.attrs['from'] === jid && e.attrs['type'] === type
const condition = (e: Element): string | undefined => e.getChild('error')?.getChildElements()[0]?.name
const isBlockedError = (e: Element): boolean => condition(e) === 'not-acceptable' && e.getChild('error')?.getChild('blocked', `${BLOCKING}:errors`) !== undefined

/** Available, and done with what that brings. */
const online = async (server: TestServer, user: string, resource: string): Promise<RawClient> => {
  const client = await server.login(user, resource)
  await client.presence()
  await client.next(from(client.jid)) // a session hears its own presence too
  return client
}

/** Each sees the other's presence. */
const friends = async (a: RawClient, b: RawClient): Promise<void> => {
  const bare = ({ jid }: RawClient): string => jid.split('/')[0] as string
  for (const [one, other] of [[a, b], [b, a]] as const) {
    one.send(`<presence type='subscribe' to='${bare(other)}'/>`)
    await other.next(from(bare(one), 'subscribe'))
    other.send(`<presence type='subscribed' to='${bare(one)}'/>`)
    await one.next(from(bare(other), 'subscribed'))
    await one.next(from(other.jid))
  }
}

t.test('the server announces blocking', async (t) => {
  const server = await fresh()
  const romeo = await server.login('romeo')
  const info = await romeo.iq('get', "<query xmlns='http://jabber.org/protocol/disco#info'/>", 'localhost')
  t.ok(info.getChild('query')?.getChildren('feature').some((f) => f.attrs['var'] === BLOCKING))
})

t.test('what is blocked is listed, normalised, until it is unblocked (§3.2–§3.5)', async (t) => {
  const server = await fresh()
  const romeo = await server.login('romeo')
  t.same(await blocklist(romeo), [], 'empty at first, and a result')
  t.equal((await block(romeo, 'TYBALT@Localhost', 'spam.example', 'a@b.example/C')).attrs['type'], 'result')
  t.same(await blocklist(romeo), ['a@b.example/C', 'spam.example', 'tybalt@localhost'])
  t.equal((await block(romeo, 'tybalt@localhost')).attrs['type'], 'result', 'again')
  t.equal((await unblock(romeo, 'tybalt@LOCALHOST', 'nobody@there.example')).attrs['type'], 'result')
  t.same(await blocklist(romeo), ['a@b.example/C', 'spam.example'])
  t.equal((await unblock(romeo)).attrs['type'], 'result')
  t.same(await blocklist(romeo), [])
  await block(romeo, 'tybalt@localhost')
  await romeo.close()
  t.same(await blocklist(await server.login('romeo')), ['tybalt@localhost'], 'across sessions')
  t.same(await blocklist(await server.login('juliet')), [], 'each account has its own')
})

t.test('a command that cannot be meant is refused, and changes nothing', async (t) => {
  const server = await testServer(t, { blocklistMaxItems: 2 })
  const romeo = await server.login('romeo')
  t.equal(condition(await block(romeo)), 'bad-request', 'nobody is named')
  t.equal(condition(await romeo.iq('set', `<block xmlns='${BLOCKING}'><item/></block>`)), 'bad-request')
  t.equal(condition(await block(romeo, 'ok@localhost', '@')), 'jid-malformed')
  t.equal(condition(await unblock(romeo, '@')), 'jid-malformed')
  t.same(await blocklist(romeo), [])
  t.equal((await block(romeo, 'a@localhost', 'b@localhost', 'B@localhost')).attrs['type'], 'result', 'as many as there may be')
  t.equal(condition(await block(romeo, 'a@localhost', 'c@localhost')), 'resource-constraint')
  t.same(await blocklist(romeo), ['a@localhost', 'b@localhost'])
  t.equal(condition(await romeo.iq('set', `<block xmlns='${BLOCKING}'>${items('romeo@localhost')}</block>`, 'juliet@localhost')), 'service-unavailable', 'for oneself only')
})

t.test('each session that asked for the list gets pushes, and no other', async (t) => {
  const server = await fresh()
  const [desk, phone, watch] = [await server.login('romeo', 'desk'), await server.login('romeo', 'phone'), await server.login('romeo', 'watch')]
  await blocklist(desk)
  await blocklist(phone)
  const pushed = async (client: RawClient): Promise<[string, string[]]> => {
    const push = await client.next(isPush)
    t.match(push.attrs, { from: 'romeo@localhost', to: client.jid })
    client.send(`<iq type='result' id='${String(push.attrs['id'])}'/>`)
    const [command] = push.getChildElements() as [Element]
    t.equal(command.getNS(), BLOCKING)
    return [command.name, command.getChildElements().map((e) => String(e.attrs['jid']))]
  }
  await block(desk, 'Tybalt@localhost', 'spam.example')
  for (const client of [desk, phone]) t.same(await pushed(client), ['block', ['tybalt@localhost', 'spam.example']])
  await unblock(phone, 'spam.example')
  for (const client of [desk, phone]) t.same(await pushed(client), ['unblock', ['spam.example']])
  await unblock(watch)
  for (const client of [desk, phone]) t.same(await pushed(client), ['unblock', []], 'all')
  await block(desk)
  for (const client of [desk, phone, watch]) await client.nothing(isPush)
})

t.test('nothing goes to who is blocked: its sender is told that it has blocked it', async (t) => {
  const server = await fresh()
  const romeo = await online(server, 'romeo', 'orchard')
  const juliet = await online(server, 'juliet', 'balcony')
  await block(romeo, 'juliet@localhost')
  for (const to of ['juliet@localhost', 'juliet@localhost/balcony', 'JULIET@localhost']) {
    for (const type of ['chat', 'normal', 'headline', 'groupchat']) {
      romeo.send(`<message to='${to}' type='${type}' id='m'><body>x</body></message>`)
      const answer = await romeo.next(isMessage)
      t.ok(isBlockedError(answer), `${type} to ${to}`)
      t.match(answer.attrs, { type: 'error', id: 'm', from: to })
    }
    t.ok(isBlockedError(await romeo.iq('get', "<query xmlns='jabber:iq:version'/>", to)), `a request to ${to}`)
    for (const type of ['', " type='unavailable'", " type='subscribe'", " type='probe'"]) {
      romeo.send(`<presence to='${to}'${type}/>`)
      t.ok(isBlockedError(await romeo.next((e) => isPresence(e) && e.attrs['type'] === 'error')), `presence${type}`)
    }
  }
  // never an error for an error, nor for an answer
  romeo.send("<message to='juliet@localhost' type='error'><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>")
  romeo.send("<iq to='juliet@localhost/balcony' type='result' id='r'/>")
  await romeo.nothing((e) => e.attrs['type'] === 'error')
  await juliet.nothing((e) => e.attrs['from'] !== undefined && String(e.attrs['from']).startsWith('romeo'))
  const query = await romeo.iq('get', "<query xmlns='jabber:iq:roster'/>")
  t.same(query.getChild('query')?.getChildElements(), [], 'nor has the subscription that was refused left a trace')
})

t.test('nothing comes from who is blocked: to it, one looks like somebody who is not there', async (t) => {
  const server = await fresh()
  const romeo = await online(server, 'romeo', 'orchard')
  const juliet = await online(server, 'juliet', 'balcony')
  await block(romeo, 'juliet@localhost')
  const byRule = (): number => server.counters.ignored.get('XEP-0191 §3.3') ?? 0
  const before = byRule()
  for (const to of ['romeo@localhost', 'romeo@localhost/orchard', 'nobody@localhost']) {
    juliet.send(`<message to='${to}' type='chat' id='m'><body>x</body></message>`)
    t.equal(condition(await juliet.next(isMessage)), 'service-unavailable', `a message to ${to}`)
    for (const type of ['get', 'set'] as const) t.equal(condition(await juliet.iq(type, "<query xmlns='urn:example'/>", to)), 'service-unavailable', `a request to ${to}`)
    for (const type of ['', " type='unavailable'", " type='probe'", " type='error'"]) juliet.send(`<presence to='${to}'${type}/>`)
    juliet.send(`<iq to='${to}' type='result' id='r'/><message to='${to}' type='error'/>`)
    await juliet.nothing((e) => e.attrs['type'] === 'error' || isPresence(e))
  }
  await romeo.nothing((e) => String(e.attrs['from']).startsWith('juliet'))
  t.equal(byRule() - before, 10, 'by a rule with a name')
  t.equal(server.counters.bugs, 0)
})

t.test('who is blocked cannot leave a message for somebody who is away either', async (t) => {
  const server = await fresh()
  const romeo = await server.login('romeo')
  await block(romeo, 'juliet@localhost')
  await romeo.close()
  const juliet = await online(server, 'juliet', 'balcony')
  const mercutio = await online(server, 'mercutio', 'street')
  for (let i = 0; i < 2; i++) {
    juliet.send("<message to='romeo@localhost' id='m'><body>x</body></message>")
    t.equal(condition(await juliet.next(isMessage)), 'service-unavailable')
  }
  mercutio.send("<message to='romeo@localhost'><body>y</body></message>")
  await mercutio.nothing(isMessage)
  const again = await online(server, 'romeo', 'orchard')
  t.equal((await again.next(isMessage)).getChildText('body'), 'y')
  await again.nothing(isMessage)
})

t.test('an item blocks what XEP-0191 §6 says it does', async (t) => {
  const server = await fresh()
  const romeo = await online(server, 'romeo', 'orchard')
  const balcony = await online(server, 'juliet', 'balcony')
  const tomb = await online(server, 'juliet', 'tomb')
  const passes = async (client: RawClient): Promise<boolean> => {
    client.send("<message to='romeo@localhost' type='chat'><body>x</body></message>")
    await client.iq('get', "<ping xmlns='urn:xmpp:ping'/>")
    await romeo.iq('get', "<ping xmlns='urn:xmpp:ping'/>")
    const [came, refused] = [romeo, client].map((c) => c.elements.splice(0).filter(isMessage).length)
    t.equal(Number(came) + Number(refused), 1)
    return came === 1
  }
  for (const [item, first, second] of [
    ['juliet@localhost/tomb', true, false], ['juliet@localhost', false, false], ['localhost/balcony', false, true], ['localhost', false, false],
    ['juliet@elsewhere.example', true, true], ['mercutio@localhost', true, true],
  ] as const) {
    await block(romeo, item)
    t.equal(await passes(balcony), first, `${item}: juliet@localhost/balcony`)
    t.equal(await passes(tomb), second, `${item}: juliet@localhost/tomb`)
    await unblock(romeo)
  }
  t.ok(await passes(balcony))
})

t.test('neither one\'s own sessions nor the server itself can be shut out', async (t) => {
  const server = await fresh()
  const desk = await online(server, 'romeo', 'desk')
  const phone = await online(server, 'romeo', 'phone')
  await block(desk, 'localhost', 'romeo@localhost', 'romeo@localhost/phone')
  phone.send("<message to='romeo@localhost/desk' type='chat'><body>x</body></message>")
  t.equal((await desk.next(isMessage)).getChildText('body'), 'x')
  for (const to of ['localhost', 'romeo@localhost']) t.equal((await desk.iq('get', "<ping xmlns='urn:xmpp:ping'/>", to)).attrs['type'], 'result')
  await phone.presence('<show>away</show>')
  await desk.next((e) => from(phone.jid)(e) && e.getChildText('show') === 'away')
  t.equal((await unblock(desk)).attrs['type'], 'result')
})

t.test('who is blocked sees one leave, and come back when it is unblocked', async (t) => {
  const server = await fresh()
  const romeo = await online(server, 'romeo', 'orchard')
  const juliet = await online(server, 'juliet', 'balcony')
  const mercutio = await online(server, 'mercutio', 'street')
  await friends(romeo, juliet)
  await friends(romeo, mercutio)
  await block(romeo, 'juliet@localhost', 'stranger@localhost')
  await juliet.next(from(romeo.jid, 'unavailable'))
  for (const [client, status] of [[romeo, 'here'], [juliet, 'there']] as const) {
    await client.presence(`<status>${status}</status>`)
    await client.next(from(client.jid))
  }
  await mercutio.next(from(romeo.jid))
  await juliet.nothing((e) => String(e.attrs['from']).startsWith('romeo'))
  await romeo.nothing((e) => String(e.attrs['from']).startsWith('juliet'))
  await block(romeo, 'localhost')
  await mercutio.next(from(romeo.jid, 'unavailable'))
  await juliet.nothing(isPresence)
  await unblock(romeo, 'juliet@localhost')
  await juliet.nothing(isPresence) // the domain is blocked still
  await unblock(romeo)
  t.equal((await juliet.next(isPresence)).getChildText('status'), 'here', 'the presence of now')
  t.equal((await romeo.next(from(juliet.jid))).getChildText('status'), 'there', 'both ways')
  await mercutio.next(from(romeo.jid))
  await romeo.next(from(mercutio.jid))
  for (const client of [romeo, juliet, mercutio]) await client.nothing(isPresence)
})

t.test('who may not see one\'s presence learns nothing from being blocked or unblocked', async (t) => {
  const server = await fresh()
  const romeo = await online(server, 'romeo', 'orchard')
  const juliet = await online(server, 'juliet', 'balcony')
  await block(romeo, 'juliet@localhost')
  await unblock(romeo)
  await juliet.nothing((e) => String(e.attrs['from']).startsWith('romeo'))
  romeo.send("<presence to='juliet@localhost'/>")
  await juliet.next(from(romeo.jid))
  await block(romeo, 'juliet@localhost')
  await juliet.next(from(romeo.jid, 'unavailable'))
  t.pass('but whom presence was sent directly hears of its end')
})

t.test('a contact that left while it was blocked is shown as away afterwards', async (t) => {
  const server = await fresh()
  const romeo = await online(server, 'romeo', 'orchard')
  const juliet = await online(server, 'juliet', 'balcony')
  await friends(romeo, juliet)
  await block(romeo, 'juliet@localhost')
  juliet.send("<presence type='unavailable'><status>Gone</status></presence>")
  await juliet.close()
  await romeo.nothing((e) => String(e.attrs['from']).startsWith('juliet'))
  await unblock(romeo, 'juliet@localhost')
  t.ok(await romeo.next(from('juliet@localhost', 'unavailable')))
})

t.test('a log-in brings nothing of who is blocked, nor of who blocks', async (t) => {
  const server = await fresh()
  const romeo = await online(server, 'romeo', 'orchard')
  const juliet = await online(server, 'juliet', 'balcony')
  const mercutio = await online(server, 'mercutio', 'street')
  await friends(romeo, juliet)
  mercutio.send("<presence type='subscribe' to='romeo@localhost'/>")
  await romeo.next(from('mercutio@localhost', 'subscribe'))
  await block(romeo, 'juliet@localhost', 'mercutio@localhost')
  await romeo.close()
  const again = await online(server, 'romeo', 'orchard')
  await again.nothing(isPresence)
  await juliet.nothing(from(again.jid))
  // away with a word, which is kept for those who may see it
  for (const client of [juliet, again]) {
    client.send("<presence type='unavailable'><status>Gone</status></presence>")
    await client.close()
  }
  for (const user of ['romeo', 'juliet']) {
    const client = await online(server, user, 'again')
    await client.nothing(isPresence)
    await client.close()
  }
  t.pass('neither presence, nor a request, nor last words')
})

t.test('a subscription asked for by who is blocked is never seen, and leaves its sender waiting', async (t) => {
  const server = await fresh()
  const romeo = await online(server, 'romeo', 'orchard')
  const juliet = await online(server, 'juliet', 'balcony')
  await block(romeo, 'juliet@localhost')
  juliet.send("<presence type='subscribe' to='romeo@localhost'/>")
  await juliet.nothing((e) => e.attrs['type'] === 'error')
  await romeo.nothing((e) => String(e.attrs['from']).startsWith('juliet'))
  const roster = await juliet.iq('get', "<query xmlns='jabber:iq:roster'/>")
  t.match(roster.getChild('query')?.getChild('item')?.attrs, { jid: 'romeo@localhost', ask: 'subscribe', subscription: 'none' })
})

t.test('what was refused because it is for somebody blocked is not copied to other sessions', async (t) => {
  const server = await fresh()
  const desk = await online(server, 'romeo', 'desk')
  const phone = await online(server, 'romeo', 'phone')
  await phone.iq('set', "<enable xmlns='urn:xmpp:carbons:2'/>")
  await block(desk, 'juliet@localhost')
  desk.send("<message to='juliet@localhost' type='chat'><body>x</body></message>")
  t.ok(isBlockedError(await desk.next(isMessage)))
  await phone.nothing(isMessage)
})

t.test('where the list cannot be read, a message is neither let through nor refused for good', async (t) => {
  const store = memoryStore(['romeo@localhost', 'juliet@localhost'])
  const failing = { ...store.others.blocks, load: () => Promise.reject(new Error('the database is away')) }
  const core = testCore({ store, stores: { blocks: failing } })
  const romeo = core.session('romeo@localhost/orchard')
  await core.from(romeo, "<message to='juliet@localhost' id='1'><body>x</body></message>")
  t.match(romeo.got[0], /<error type='wait'><resource-constraint/)
  t.same(store.messages, [])
  t.same(core.bugs, [])
})

t.test('between two who block nobody, nothing waits', async (t) => {
  for (const [mode, expected] of [['routed', 'delivered'], ['durable', 'logged']] as const) {
    const store = memoryStore(['romeo@localhost', 'juliet@localhost'])
    const core = testCore({ store, settings: { durability: { '*': mode } } })
    const romeo = await core.login('romeo@localhost/orchard')
    const juliet = await core.login('juliet@localhost/balcony')
    for (const session of [romeo, juliet]) await core.from(session, '<presence/>')
    const ending = core.router.fromClient(romeo, frame("<message to='juliet@localhost' type='chat'><body>x</body></message>"))
    t.equal(ending, expected, `${mode}: at once, without a promise`)
  }
})

t.test('privacy lists (XEP-0016), which blocking has replaced, are refused at once: Psi asks for them at each log-in', async (t) => {
  const server = await fresh()
  const romeo = await server.login('romeo')
  for (const type of ['get', 'set'] as const) t.equal(condition(await romeo.iq(type, "<query xmlns='jabber:iq:privacy'/>")), 'service-unavailable')
})
