// Stream management (XEP-0198) on the wire, over a real server.
import t from 'tap'
import { WebSocket } from 'ws'
import { testServer } from '../helpers/server.js'
import type { TestServer } from '../helpers/server.js'
import type { RawClient } from '../helpers/client.js'

const SM = 'urn:xmpp:sm:3'
const server = await testServer(t)

const named = (name: string) => (e: { name: string }): boolean => e.name === name
const enable = async (client: RawClient, resume = true): Promise<string> => {
  client.send(`<enable xmlns='${SM}'${resume ? " resume='true'" : ''}/>`)
  return String((await client.next(named('enabled'))).attrs['id'] ?? '')
}
const resume = async (user: string, id: string, h: number): Promise<{ client: RawClient; answer: Awaited<ReturnType<RawClient['next']>> }> => {
  const client = await server.client()
  await client.open()
  client.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from(`\0${user}\0${user}`).toString('base64')}</auth>`)
  await client.next(named('success'))
  client.restart()
  await client.open()
  client.send(`<resume xmlns='${SM}' previd='${id}' h='${h}'/>`)
  return { client, answer: await client.next((e) => e.name === 'resumed' || e.name === 'failed') }
}
const chat = (to: string, text: string): string => `<message to='${to}' type='chat'><body>${text}</body></message>`
const texts = (client: RawClient): string[] => client.elements.filter((e) => e.name === 'message').map((e) => e.getChildText('body') ?? '')

t.test('an <a/> covers what is committed; a message comes with its stanza-id', async (t) => {
  const romeo = await server.login('romeo', 'a')
  const juliet = await server.login('juliet', 'a')
  await juliet.presence()
  await enable(romeo)
  await enable(juliet)
  romeo.send(chat('juliet@localhost', 'one'))
  const got = await juliet.next(named('message'))
  t.equal(got.getChildText('body'), 'one')
  t.match(got.getChild('stanza-id', 'urn:xmpp:sid:0')?.attrs, { by: 'juliet@localhost', id: /^[0-9a-z]+-[0-9a-z]+$/ })
  romeo.send(`<r xmlns='${SM}'/>`)
  t.equal((await romeo.next(named('a'))).attrs['h'], '1')
  await romeo.iq('get', "<ping xmlns='urn:xmpp:ping'/>")
  romeo.send(`<r xmlns='${SM}'/>`)
  t.equal((await romeo.next(named('a'))).attrs['h'], '2')
  juliet.send(`<a xmlns='${SM}' h='1'/>`)
  await romeo.close()
  await juliet.close()
})

t.test('who may resume is told where, if the operator says so', async (t) => {
  const told = async (other: TestServer, more: string): Promise<string | undefined> => {
    const client = await other.login('romeo', 'located')
    client.send(`<enable xmlns='${SM}'${more}/>`)
    const { attrs } = await client.next(named('enabled'))
    await client.close()
    return attrs['location'] as string | undefined
  }
  t.equal(await told(server, " resume='true'"), undefined)
  const placed = await testServer(t, { publicAddress: '[2001:db8::1]:5222' })
  t.equal(await told(placed, " resume='true'"), '[2001:db8::1]:5222')
  t.equal(await told(placed, ''), undefined, 'nothing to resume')
  // a WebSocket cannot be opened there
  const ws = new WebSocket(`ws://127.0.0.1:${placed.http}/xmpp-websocket`, 'xmpp')
  t.teardown(() => ws.terminate())
  let got = ''
  ws.on('message', (data: Buffer) => (got += data.toString()))
  await new Promise((resolve) => ws.once('open', resolve))
  const say = async (xml: string, answer: RegExp): Promise<void> => {
    ws.send(xml)
    for (let tries = 0; !answer.test(got); tries++) {
      if (tries > 500) throw new Error(`no answer to ${xml}: ${got}`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
  const open = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>"
  await say(open, /mechanisms/)
  await say(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from('\0romeo\0romeo').toString('base64')}</auth>`, /<success/)
  await say(open, /<bind/)
  await say("<iq xmlns='jabber:client' type='set' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>", /id='b1'/)
  await say(`<enable xmlns='${SM}' resume='true'/>`, /<enabled[^>]* resume='true'/)
  t.notMatch(got, /location=/)
})

t.test('a stream that breaks is resumed: nothing lost, nothing twice, and contacts see nothing', async (t) => {
  const romeo = await server.login('romeo', 'b')
  const first = await server.login('juliet', 'b')
  await first.presence()
  const id = await enable(first)
  romeo.send(chat('juliet@localhost', 'one') + chat('juliet@localhost', 'two'))
  await first.next((e) => e.getChildText('body') === 'two')
  first.send(`<a xmlns='${SM}' h='1'/>`)
  await first.iq('get', "<ping xmlns='urn:xmpp:ping'/>")
  first.destroy()
  romeo.send(chat('juliet@localhost', 'three'))
  await romeo.iq('get', "<ping xmlns='urn:xmpp:ping'/>")
  const { client, answer } = await resume('juliet', id, 1)
  t.match(answer.attrs, { previd: id, h: '1' })
  await client.next((e) => e.getChildText('body') === 'three')
  t.same(texts(client), ['two', 'three'])
  client.send(`<a xmlns='${SM}' h='4'/>`)
  await client.close()
  const again = await server.login('juliet', 'b')
  await again.presence()
  await again.nothing(named('message'))
  await again.close()
  await romeo.close()
})
