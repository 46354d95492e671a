import t from 'tap'
import type { Element } from 'ltx'
import type { RawClient } from '../helpers/client.js'
import { fakeClock, memoryStore, testCore } from '../helpers/core.js'
import type { TestSession } from '../helpers/core.js'
import { testServer } from '../helpers/server.js'
import { readElement } from '../../lib/core/payload.js'

const QUERY = "<query xmlns='jabber:iq:last'/>"
const isPresence = (e: Element): boolean => e.name === 'presence'

const secondsOf = (answer: Element): string => `${String(answer.attrs['type'])} ${String(answer.getChild('query')?.attrs['seconds'] ?? answer.getChild('error')?.getChildElements()[0]?.name)}`

const subscribe = async (watcher: RawClient, contact: RawClient, [w, c]: readonly [string, string]): Promise<void> => {
  watcher.send(`<presence type='subscribe' to='${c}'/>`)
  await contact.next((e) => e.attrs['type'] === 'subscribe')
  contact.send(`<presence type='subscribed' to='${w}'/>`)
  await watcher.next((e) => isPresence(e) && e.attrs['from'] === contact.jid)
}

t.test('last activity is for who may see the presence, and for no one else', async (t) => {
  const server = await testServer(t)
  const romeo = await server.login('romeo', 'orchard')
  const juliet = await server.login('juliet', 'balcony')
  for (const client of [romeo, juliet]) await client.presence()
  const ask = async (client: RawClient, to?: string): Promise<string> => secondsOf(await client.iq('get', QUERY, to))
  await subscribe(romeo, juliet, ['romeo@localhost', 'juliet@localhost'])

  t.match(await ask(romeo, 'localhost'), /^result \d$/, 'how long the server has been up')
  for (const to of [undefined, 'romeo@localhost']) t.equal(await ask(romeo, to), 'result 0', 'oneself')
  t.equal(await ask(romeo, 'juliet@localhost'), 'result 0', 'who is online')
  for (const to of ['romeo@localhost', 'romeo@localhost/orchard', 'mercutio@localhost', 'nobody@localhost', 'nobody@localhost/x']) {
    t.equal(await ask(juliet, to), 'error forbidden', `${to}: she is not subscribed to it, and learns nothing`)
  }
  t.equal(server.counters.bugs, 0)

  // to a full JID (§4): delivered to the client, which answers
  const answered = ask(romeo, 'juliet@localhost/balcony')
  const query = await juliet.next((e) => e.name === 'iq' && e.attrs['type'] === 'get')
  juliet.send(`<iq type='result' id='${String(query.attrs['id'])}' to='${romeo.jid}'><query xmlns='jabber:iq:last' seconds='123'/></iq>`)
  t.equal(await answered, 'result 123')

  juliet.send("<presence type='unavailable'><status>Heading Home</status></presence>")
  await romeo.next((e) => isPresence(e) && e.attrs['type'] === 'unavailable')
  const left = await romeo.iq('get', QUERY, 'juliet@localhost')
  t.match(secondsOf(left), /^result [0-5]$/, 'she has a session still, but whom it is not available to need not know')
  t.equal(left.getChildText('query'), 'Heading Home')
  await juliet.iq('set', `<block xmlns='urn:xmpp:blocking'><item jid='romeo@localhost'/></block>`)
  t.equal(await ask(romeo, 'juliet@localhost'), 'error service-unavailable', 'who is blocked learns nothing')
})

t.test('the seconds are those since the last session left', async (t) => {
  const clock = fakeClock()
  const core = testCore({ store: memoryStore(['romeo@localhost', 'juliet@localhost']), clock })
  const login = async (full: string): Promise<TestSession> => {
    const session = await core.login(full)
    await core.from(session, '<presence/>')
    return session
  }
  const [romeo, balcony, tomb] = [await login('romeo@localhost/orchard'), await login('juliet@localhost/balcony'), await login('juliet@localhost/tomb')]
  await core.from(romeo, "<presence type='subscribe' to='juliet@localhost'/>")
  await core.from(balcony, "<presence type='subscribed' to='romeo@localhost'/>")
  const ask = async (): Promise<string> => {
    romeo.got.length = 0
    await core.from(romeo, `<iq type='get' id='1' to='juliet@localhost'>${QUERY}</iq>`)
    return secondsOf(readElement(romeo.got[0] as string))
  }
  clock.time += 5000
  await core.from(balcony, "<presence type='unavailable'/>")
  clock.time += 5000
  t.equal(await ask(), 'result 0', 'another is there')
  void core.sessionOver(tomb, true)
  clock.time += 903_999
  t.equal(await ask(), 'result 903')
  await core.from(balcony, '<presence/>')
  t.equal(await ask(), 'result 0')
})
