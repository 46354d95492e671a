import t from 'tap'
import type { Test } from 'tap'
import { createElement as el } from 'ltx'
import type { Element } from 'ltx'
import type { Session } from '../../lib/core/sessions.js'
import { verification } from '../../lib/core/verification.js'
import { ROUTES } from '../../routes/index.js'
import type { RawClient } from '../helpers/client.js'
import { testServer } from '../helpers/server.js'
import type { TestServer } from '../helpers/server.js'

const CAPS = 'http://jabber.org/protocol/caps'
const INFO = 'http://jabber.org/protocol/disco#info'
const EXODUS = 'QgayPKawpkPSDYmwT/WM94uAlu0='
const FEATURES = [CAPS, INFO, 'http://jabber.org/protocol/disco#items', 'http://jabber.org/protocol/muc']
const identity = "<identity category='client' name='Exodus 0.9.1' type='pc'/>"
const answer = (features = FEATURES): string => identity + features.map((f) => `<feature var='${f}'/>`).join('')
const announcement = (ver = EXODUS, hash = 'sha-1'): string => `<c xmlns='${CAPS}' hash='${hash}' node='urn:exodus' ver='${ver}'/>`

const isQuestion = (e: Element): boolean => e.name === 'iq' && e.attrs['type'] === 'get' && e.getChild('query', INFO) !== undefined
const explain = async (client: RawClient, inner = answer()): Promise<Element> => {
  const question = await client.next(isQuestion)
  client.send(`<iq type='result' id='${String(question.attrs['id'])}' to='${String(question.attrs['from'])}'><query xmlns='${INFO}'>${inner}</query></iq>`)
  await client.nothing(isQuestion)
  return question
}
const features = (server: TestServer, client: RawClient): ReadonlySet<string> | null | undefined =>
  server.sessions.of(client.jid.split('/')[0] as string).all.find((s: Session) => s.jid.full === client.jid)?.caps?.features

/** What the server's stream features announce, and what it says when it is asked for it. */
const ownCaps = async (t: Test, server: TestServer): Promise<{ announced: Element; explained: Element }> => {
  const romeo = await server.login('romeo')
  const announced = romeo.elements.filter((e) => e.name === 'stream:features').at(-1)?.getChild('c', CAPS) as Element
  t.match(announced.attrs, { hash: 'sha-1', node: /^https:/, ver: /^[A-Za-z0-9+/]{27}=$/ })
  const node = `${String(announced.attrs['node'])}#${String(announced.attrs['ver'])}`
  const explained = (await romeo.iq('get', `<query xmlns='${INFO}' node='${node}'/>`, 'localhost')).getChild('query', INFO) as Element
  t.equal(explained.attrs['node'], node)
  return { announced, explained }
}

t.test('the server announces its own capabilities after the log-in, not before, and explains them', async (t) => {
  const server = await testServer(t)
  const { announced, explained } = await ownCaps(t, server)
  const { ver, wellFormed } = verification(explained.getChildElements(), 'sha-1')
  t.ok(wellFormed)
  t.equal(ver, announced.attrs['ver'], 'the hash is that of the answer, as it came over the wire')
  const romeo = await server.login('romeo')
  const plain = (await romeo.iq('get', `<query xmlns='${INFO}'/>`, 'localhost')).getChild('query') as Element
  t.same(plain.getChildElements().map(String), explained.getChildElements().map(String), 'the same without the node')
  t.ok(plain.getChildElements().some((f) => f.attrs['var'] === CAPS))
  t.equal(romeo.elements.find((e) => e.name === 'stream:features')?.getChild('c', CAPS), undefined)
})

t.test('forms are part of what the server tells, and of its hash', async (t) => {
  const forms = () => [el('x', { xmlns: 'jabber:x:data', type: 'result' }, el('field', { var: 'FORM_TYPE', type: 'hidden' }, el('value', {}, 'urn:test')),
    el('field', { var: 'who' }, el('value', {}, 'xmpp:romeo@localhost')))]
  const server = await testServer(t, {}, { routes: [...ROUTES, { name: 'formal', spec: 'test', forms }] })
  const { announced, explained } = await ownCaps(t, server)
  t.equal(verification(explained.getChildElements(), 'sha-1').ver, announced.attrs['ver'])
  const [form] = explained.getChildren('x', 'jabber:x:data')
  t.equal(form?.getChildren('field').at(-1)?.getChildText('value'), 'xmpp:romeo@localhost')
  const without = await ownCaps(t, await testServer(t))
  t.not(without.announced.attrs['ver'], announced.attrs['ver'])
})

t.test('other nodes than that of its capabilities are not found', async (t) => {
  const server = await testServer(t)
  const { announced } = await ownCaps(t, server)
  const romeo = await server.login('romeo')
  const node = String(announced.attrs['node'])
  for (const [asked, to] of [['x', 'localhost'], [node, 'localhost'], [`${node}#x`, 'localhost'], [`${node}#${String(announced.attrs['ver'])}`, 'romeo@localhost']] as const) {
    const refused = await romeo.iq('get', `<query xmlns='${INFO}' node='${asked}'/>`, to)
    t.equal(refused.getChild('error')?.getChild('item-not-found') === undefined, false, asked)
  }
})

t.test('a client that announces a hash is asked once, and what it answers is known of all who announce the same', async (t) => {
  const server = await testServer(t)
  const romeo = await server.login('romeo', 'orchard')
  await romeo.presence(announcement())
  const question = await explain(romeo)
  t.equal(question.attrs['from'], 'romeo@localhost', 'its own server asks')
  t.equal(question.attrs['to'], romeo.jid)
  t.equal(question.getChild('query')?.attrs['node'], `urn:exodus#${EXODUS}`)
  t.same([...features(server, romeo) ?? []], FEATURES)
  const juliet = await server.login('juliet')
  await juliet.presence(announcement())
  await juliet.nothing(isQuestion)
  t.same([...features(server, juliet) ?? []], FEATURES)
  await romeo.presence(`<show>away</show>${announcement()}`)
  await romeo.presence('<show>dnd</show>')
  await romeo.nothing(isQuestion)
  t.same([...features(server, romeo) ?? []], FEATURES)
})

t.test('what does not match is believed of that session alone', async (t) => {
  const server = await testServer(t)
  const romeo = await server.login('romeo')
  await romeo.presence(announcement())
  await explain(romeo, answer(['evil']))
  t.same([...features(server, romeo) ?? []], ['evil'])
  const juliet = await server.login('juliet')
  await juliet.presence(announcement())
  await explain(juliet)
  t.same([...features(server, juliet) ?? []], FEATURES)
})

t.test('presence does not wait for the answer, and a refusal or silence harms nobody', async (t) => {
  const server = await testServer(t)
  const romeo = await server.login('romeo', 'silent')
  const other = await server.login('romeo', 'refusing')
  await other.presence(announcement('abc', 'md5'))
  const refused = await other.next(isQuestion)
  other.send(`<iq type='error' id='${String(refused.attrs['id'])}' to='romeo@localhost'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
  await romeo.presence(announcement())
  await romeo.next(isQuestion)
  await other.next((e) => e.name === 'presence' && e.attrs['from'] === romeo.jid)
  await romeo.presence(`<show>away</show>${announcement()}`)
  t.equal((await other.next((e) => e.name === 'presence' && e.attrs['from'] === romeo.jid)).getChildText('show'), 'away')
  for (const client of [romeo, other]) {
    await client.nothing(isQuestion)
    t.equal(features(server, client), null)
  }
  romeo.destroy()
  t.equal(server.counters.bugs, 0)
  t.same(server.logged.filter((l) => l.level >= 50), [])
})

t.test('what is announced to somebody alone, in a request, or in a goodbye, is not asked about', async (t) => {
  const server = await testServer(t)
  const romeo = await server.login('romeo')
  for (const attributes of ["to='juliet@localhost'", "to='juliet@localhost' type='subscribe'", "type='unavailable'"]) romeo.send(`<presence ${attributes}>${announcement()}</presence>`)
  await romeo.nothing(isQuestion)
  t.equal(features(server, romeo), undefined)
})

t.test('an answer that nobody asked for teaches nothing', async (t) => {
  const server = await testServer(t)
  const romeo = await server.login('romeo')
  await romeo.presence(announcement())
  const question = await romeo.next(isQuestion)
  const mercutio = await server.login('mercutio')
  mercutio.send(`<iq type='result' id='${String(question.attrs['id'])}' to='romeo@localhost'><query xmlns='${INFO}'>${answer(['evil'])}</query></iq>`)
  await mercutio.presence()
  await romeo.nothing(isQuestion)
  t.equal(features(server, romeo), null)
})
