import t from 'tap'
import type { Element } from 'ltx'
import { setTimeout as delay } from 'node:timers/promises'
import type { RawClient } from '../helpers/client.js'
import { playInactive } from '../helpers/inactive.js'
import { testServer } from '../helpers/server.js'
import type { TestServer } from '../helpers/server.js'
import { clients } from '../helpers/traces.js'

const INACTIVE = "<inactive xmlns='urn:xmpp:csi:0'/>"
const ACTIVE = "<active xmlns='urn:xmpp:csi:0'/>"
const PING = "<iq type='get' id='ping'><ping xmlns='urn:xmpp:ping'/></iq>"

const say = (status: string): string => `<presence to='romeo@localhost/phone'><status>${status}</status></presence>`
const state = (name: string): string => `<message to='romeo@localhost/phone' type='chat'><${name} xmlns='http://jabber.org/protocol/chatstates'/></message>`

/** Romeo, whom Juliet writes to; he has said that he is inactive, and the server knows. */
const scene = async (server: TestServer): Promise<{ romeo: RawClient; juliet: RawClient; told: () => string[] }> => {
  const romeo = await server.login('romeo', 'phone')
  await romeo.presence()
  romeo.send(INACTIVE)
  await romeo.iq('get', "<ping xmlns='urn:xmpp:ping'/>")
  const juliet = await server.login('juliet', 'balcony')
  await juliet.presence()
  const before = romeo.elements.length
  return { romeo, juliet, told: () => romeo.elements.slice(before).map(brief) }
}

/** An element in a word or two. */
const brief = (e: Element): string => e.getChildText('body') ?? e.getChildText('status') ?? (e.attrs['type'] === 'unavailable' || e.attrs['type'] === 'subscribe'
  ? String(e.attrs['type']) : e.name === 'message' ? e.getChildElements().map((c) => c.getName()).join(' ') : e.name)

/** The server has handled all that this client sent, and what it wrote to others has had time to arrive. */
const handled = async (client: RawClient): Promise<void> => {
  await client.iq('get', "<ping xmlns='urn:xmpp:ping'/>")
  await delay(50)
}

t.test('it is offered to who has logged in, and not before', async (t) => {
  const server = await testServer(t)
  const romeo = await server.login('romeo')
  const features = romeo.elements.filter((e) => e.name === 'stream:features')
  t.same(features.map((e) => e.getChild('csi', 'urn:xmpp:csi:0') !== undefined), [false, true])
})

t.test('an inactive client is not woken by presence and chat states; with the next message it gets the last of each, first', async (t) => {
  const { juliet, romeo, told } = await scene(await testServer(t))
  for (const xml of [say('one'), state('composing'), say('two'), state('paused'), say('three'), state('composing')]) juliet.send(xml)
  await handled(juliet)
  t.same(told(), [])
  juliet.send("<message to='romeo@localhost' type='chat'><body>hello</body></message>")
  await romeo.next((e) => e.getChildText('body') === 'hello')
  t.same(told(), ['three', 'composing', 'hello'])
  juliet.send(say('four'))
  await handled(juliet)
  t.equal(told().length, 3, 'it is inactive still')
})

t.test('that a contact went and came back is heard in that order', async (t) => {
  const { juliet, romeo, told } = await scene(await testServer(t))
  juliet.send(say('one') + "<presence to='romeo@localhost/phone' type='unavailable'/>" + say('two') + say('three'))
  await handled(juliet)
  t.same(told(), [])
  romeo.send(ACTIVE)
  await romeo.next((e) => e.getChildText('status') === 'three')
  t.same(told(), ['unavailable', 'three'])
})

t.test('a client that becomes active gets what was held before the answer to its next request', async (t) => {
  const { juliet, romeo, told } = await scene(await testServer(t))
  juliet.send(say('one'))
  await handled(juliet)
  romeo.send(ACTIVE + PING)
  await romeo.next((e) => e.attrs['id'] === 'ping')
  t.same(told(), ['one', 'iq'])
  juliet.send(say('two'))
  await romeo.next((e) => e.getChildText('status') === 'two')
  t.pass('and from then on all as it comes')
})

t.test('a subscription request goes out at once', async (t) => {
  const { juliet, romeo, told } = await scene(await testServer(t))
  juliet.send(say('one'))
  juliet.send("<presence to='romeo@localhost' type='subscribe'/>")
  await romeo.next((e) => e.attrs['type'] === 'subscribe')
  t.same(told(), ['one', 'subscribe'])
})

t.test('what the client itself asks is answered, with what was held before it', async (t) => {
  const { juliet, romeo, told } = await scene(await testServer(t))
  juliet.send(say('one'))
  await handled(juliet)
  romeo.send(PING)
  await romeo.next((e) => e.attrs['id'] === 'ping')
  t.same(told(), ['one', 'iq'])
})

t.test('saying the same twice changes nothing, and no element is answered', async (t) => {
  const { juliet, romeo, told } = await scene(await testServer(t))
  juliet.send(say('one'))
  await handled(juliet)
  romeo.send(INACTIVE)
  await delay(50)
  t.same(told(), [])
  romeo.send(ACTIVE + ACTIVE + PING)
  await romeo.next((e) => e.attrs['id'] === 'ping')
  t.same(told(), ['one', 'iq'])
})

t.test('at the limit everything goes out at once, and nothing is lost', async (t) => {
  const { juliet, romeo, told } = await scene(await testServer(t, { inactiveHoldStanzas: 1 }))
  juliet.send(say('one'))
  await handled(juliet)
  t.same(told(), [])
  juliet.send(state('composing'))
  await romeo.next((e) => e.getChild('composing') !== undefined)
  t.same(told(), ['one', 'composing'])
})

t.test('with a limit of none nothing is held', async (t) => {
  const { juliet, romeo, told } = await scene(await testServer(t, { inactiveHoldStanzas: 0 }))
  juliet.send(say('one'))
  await romeo.next((e) => e.getChildText('status') === 'one')
  t.same(told(), ['one'])
})

t.test('all that may be held fits into the smallest write buffer', async (t) => {
  const server = await testServer(t, { writeBufferBytes: 65_536, inactiveHoldBytes: 1024 ** 2 })
  const { romeo, told } = await scene(server)
  const text = 'x'.repeat(8000)
  for (let i = 0; i < 10; i++) {
    // each under a resource of its own, so that none replaces another
    const guest = await server.login('juliet', `r${i}`)
    guest.send(say(`${i}${text}`))
    await handled(guest)
  }
  romeo.send(ACTIVE + PING)
  await romeo.next((e) => e.attrs['id'] === 'ping')
  t.equal(told().filter((s) => s.endsWith(text)).length, 10)
})

t.test('a copy of a chat state that one\'s own other session sends is held too', async (t) => {
  const server = await testServer(t)
  const { romeo, told } = await scene(server)
  await romeo.iq('set', "<enable xmlns='urn:xmpp:carbons:2'/>")
  const before = told().length
  const desk = await server.login('romeo', 'desk')
  desk.send("<message to='juliet@localhost/balcony' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>")
  await handled(desk)
  t.same(told().slice(before), [])
  desk.send("<message to='juliet@localhost/balcony' type='chat'><body>hi</body></message>")
  await romeo.next((e) => String(e).includes('<body>hi</body>'))
  t.same(told().slice(before), ['sent', 'sent'])
})

t.test('a new stream of the same client begins active', async (t) => {
  const server = await testServer(t)
  const { juliet } = await scene(server)
  const romeo = await server.login('romeo', 'phone')
  await romeo.presence()
  juliet.send(say('one'))
  await romeo.next((e) => e.getChildText('status') === 'one')
  t.pass('§5.2')
})

t.test('recorded clients would have been woken less often, and sent less', async (t) => {
  for (const client of clients()) {
    const { active, inactive } = playInactive(client, false, { stanzas: 1000, bytes: 262_144 })
    t.ok(active.stanzas > 5, `${client}: there is something to save`)
    t.ok(inactive.bytes < active.bytes && inactive.stanzas < active.stanzas, `${client}: ${active.bytes} → ${inactive.bytes} bytes`)
    t.ok(inactive.wakeUps <= active.wakeUps, `${client}: ${active.wakeUps} → ${inactive.wakeUps} wake-ups`)
  }
  const sum = (which: 'active' | 'inactive'): number => clients().reduce((n, client) => n + playInactive(client, false, { stanzas: 1000, bytes: 262_144 })[which].wakeUps, 0)
  t.ok(sum('inactive') < sum('active') * 0.8, `together ${sum('active')} → ${sum('inactive')}`)
})
