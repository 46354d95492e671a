// Three nodes on one Postgres and one NATS: who is on one reaches who is on another, with whatever it sends.
import { createHash } from 'node:crypto'
import type { Element } from 'ltx'
import t from 'tap'
import type { RawClient } from '../helpers/client.js'
import { takeoverStore } from '../../lib/store/takeover.js'
import { NEEDS_NODES, testNodes } from '../helpers/nodes.js'
import type { ClusterNode } from '../helpers/nodes.js'

const SM = 'urn:xmpp:sm:3'
const body = (text: string) => (e: { getChildText(name: string): string | null }): boolean => e.getChildText('body') === text
const chat = (to: string, text: string): string => `<message to='${to}' type='chat'><body>${text}</body></message>`
const bodies = (client: RawClient): (string | null)[] => client.elements.filter((e) => e.name === 'message' && e.getChild('body') !== undefined).map((e) => e.getChildText('body'))
const enabled = async (client: RawClient): Promise<string> => {
  client.send(`<enable xmlns='${SM}' resume='true'/>`)
  return String((await client.next((e) => e.name === 'enabled')).attrs['id'])
}
/** @param answers it says that it waits there, as clients do when they are asked */
const resumed = async (node: ClusterNode, user: string, id: string, h: number, answers = true): Promise<RawClient> => {
  const client = await node.client()
  await client.open()
  client.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from(`\0${user}\0${user}`).toString('base64')}</auth>`)
  await client.next((e) => e.name === 'success')
  client.restart()
  await client.open()
  client.send(`<resume xmlns='${SM}' previd='${id}' h='${h}'/>`)
  await client.next((e) => e.name === 'resumed')
  if (answers) client.send(`<a xmlns='${SM}' h='${h}'/>`)
  return client
}
const friends = async (node: ClusterNode, one: string, other: string): Promise<void> => {
  for (const [account, jid] of [[one, other], [other, one]]) {
    await node.db.query("insert into roster (account, jid, name, subscription, listed, ver) values ($1, $2, '', 'both', true, 1)", [`${account}@localhost`, `${jid}@localhost`])
  }
}

t.test('on a Postgres and a NATS of this machine', NEEDS_NODES, async (t) => {
  const { nodes: [a, b, c], start } = await testNodes(t)
  await friends(a, 'romeo', 'juliet')
  const fine = (): void => void t.same([a, b, c].flatMap((node) => node.complaints), [])

  t.test('messages to a bare and to a full JID, chat states, requests and their answers', async (t) => {
    const romeo = await a.login('romeo', 'orchard')
    const juliet = await b.login('juliet', 'balcony')
    await romeo.presence()
    await juliet.presence()
    for (let i = 0; i < 20; i++) romeo.send(chat(i % 2 === 0 ? 'juliet@localhost' : 'juliet@localhost/balcony', `m${i}`))
    await juliet.next(body('m19'))
    t.same(bodies(juliet), Array.from({ length: 20 }, (_, i) => `m${i}`), 'each once, in order')
    romeo.send("<message to='juliet@localhost/balcony' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>")
    await juliet.next((e) => e.getChild('composing') !== undefined)
    romeo.send("<iq type='get' id='p1' to='juliet@localhost/balcony'><ping xmlns='urn:xmpp:ping'/></iq>")
    const ping = await juliet.next((e) => e.name === 'iq' && e.attrs['id'] === 'p1')
    juliet.send(`<iq type='result' id='p1' to='${String(ping.attrs['from'])}'/>`)
    t.equal((await romeo.next((e) => e.attrs['id'] === 'p1')).attrs['type'], 'result')
    juliet.send(chat('romeo@localhost', 'back'))
    await romeo.next(body('back'))
    await juliet.skip()
    await romeo.close()
    await juliet.close()
    fine()
  })

  t.test('who was away finds it on whatever node he comes to', async (t) => {
    const romeo = await a.login('romeo')
    for (const text of ['one', 'two']) romeo.send(chat('mercutio@localhost', text))
    await romeo.skip()
    const mercutio = await c.login('mercutio')
    await mercutio.presence()
    await mercutio.next(body('two'))
    t.same(bodies(mercutio), ['one', 'two'])
    await romeo.close()
    await mercutio.close()
  })

  t.test('presence: of who is there already, of who comes, and that he goes', async (t) => {
    const juliet = await b.login('juliet', 'balcony')
    juliet.send('<presence><status>awake</status></presence>')
    await juliet.next((e) => e.getChildText('status') === 'awake')
    const romeo = await a.login('romeo', 'orchard')
    await romeo.presence()
    t.equal((await romeo.next((e) => e.name === 'presence' && e.attrs['from'] === 'juliet@localhost/balcony')).getChildText('status'), 'awake')
    await juliet.next((e) => e.name === 'presence' && e.attrs['from'] === 'romeo@localhost/orchard')
    await romeo.close()
    t.equal((await juliet.next((e) => e.name === 'presence' && e.attrs['from'] === 'romeo@localhost/orchard')).attrs['type'], 'unavailable')
    await juliet.close()
  })

  t.test('the most available resource gets it, wherever it is, and the others copies', async (t) => {
    const desk = await b.login('juliet', 'desk')
    const phone = await c.login('juliet', 'phone')
    for (const client of [desk, phone]) await client.iq('set', "<enable xmlns='urn:xmpp:carbons:2'/>")
    await desk.presence('<priority>1</priority>')
    await phone.presence('<priority>5</priority>')
    const romeo = await a.login('romeo')
    romeo.send(chat('juliet@localhost', 'for the phone'))
    await phone.next(body('for the phone'))
    await desk.next((e) => e.name === 'message' && e.getChild('received', 'urn:xmpp:carbons:2') !== undefined)
    phone.send(chat('romeo@localhost', 'from the phone'))
    await desk.next((e) => e.name === 'message' && e.getChild('sent', 'urn:xmpp:carbons:2') !== undefined)
    t.same(bodies(desk), [])
    // what is not of the log, too
    const composing = (to: string): string => `<message to='${to}' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`
    const copied = (direction: string) => (e: Element): boolean => e.getChild(direction, 'urn:xmpp:carbons:2')?.getChild('forwarded')?.getChild('message')?.getChild('composing') !== undefined
    romeo.send(composing('juliet@localhost/phone'))
    await phone.next((e) => e.name === 'message' && e.getChild('composing') !== undefined)
    await desk.next(copied('received'))
    phone.send(composing('romeo@localhost'))
    await desk.next(copied('sent'))
    t.notOk(phone.elements.some(copied('received')), 'whoever got it, or sent it, gets no copy')
    t.notOk(phone.elements.some(copied('sent')))
    for (const client of [romeo, desk, phone]) await client.close()
    fine()
  })

  t.test('the same resource on two nodes is one session: the newer', async (t) => {
    const old = await a.login('juliet', 'balcony')
    await old.presence()
    const fresh = await b.login('juliet', 'balcony')
    await fresh.presence()
    await old.ended
    const romeo = await c.login('romeo')
    romeo.send(chat('juliet@localhost/balcony', 'to the newer'))
    await fresh.next(body('to the newer'))
    t.same([a, b].map((node) => node.sessions.of('juliet@localhost').all.length), [0, 1])
    await romeo.close()
    await fresh.close()
  })

  t.test('a stream is resumed on another node, although the old one lives and does not know', async (t) => {
    const juliet = await b.login('juliet', 'balcony')
    const id = await enabled(juliet)
    await juliet.presence()
    const romeo = await a.login('romeo', 'orchard')
    await romeo.presence()
    await juliet.next((e) => e.name === 'presence' && e.attrs['from'] === 'romeo@localhost/orchard')
    romeo.send(chat('juliet@localhost', 'one'))
    await juliet.next(body('one'))
    const has = juliet.elements.filter((e) => ['message', 'presence', 'iq'].includes(e.name)).length
    const seen = romeo.elements.filter((e) => e.attrs['from'] === 'juliet@localhost/balcony').length
    t.ok(has > 0)

    // she has acknowledged nothing, and has all but the last
    // what is not of the log is done, too, although no commit has said so yet; her old node is asked
    for (let i = 0; i < 3; i++) juliet.send("<message to='romeo@localhost/orchard' type='headline'><body>news</body></message>")
    for (let i = 0; i < 3; i++) await romeo.next(body('news'))
    const again = await resumed(c, 'juliet', id, 0)
    t.equal(again.elements.find((e) => e.name === 'resumed')?.attrs['h'], '5', 'her presence, a ping, and the news')
    await again.next(body('one'))
    await juliet.ended
    romeo.send(chat('juliet@localhost', 'two'))
    await again.next(body('two'))
    again.send(chat('romeo@localhost', 'from elsewhere'))
    await romeo.next(body('from elsewhere'))
    t.equal(romeo.elements.filter((e) => e.attrs['from'] === 'juliet@localhost/balcony' && e.name === 'presence').length, seen, 'contacts see nothing at all')
    t.same([a, b, c].map((node) => node.sessions.of('juliet@localhost').all.length), [0, 0, 1])
    await again.close()
    await romeo.close()
    fine()
  })

  t.test('D15: who has asked something and resumes on another node is answered there, once', async (t) => {
    const juliet = await c.login('juliet', 'balcony')
    await juliet.presence()
    const romeo = await a.login('romeo', 'orchard')
    const id = await enabled(romeo)
    const first = romeo.elements.length
    await romeo.presence()
    romeo.send("<iq type='get' id='asked' to='juliet@localhost/balcony'><ping xmlns='urn:xmpp:ping'/></iq>")
    const { attrs: { from } } = await juliet.next((e) => e.attrs['id'] === 'asked')
    // of what the server itself answers, the answer may have gone out into the void
    romeo.socket.pause()
    const has = romeo.elements.slice(first).filter((e) => ['message', 'presence', 'iq'].includes(e.name)).length
    romeo.send("<iq type='get' id='own'><query xmlns='jabber:iq:roster'/></iq>")
    await new Promise((resolve) => setTimeout(resolve, 100))
    const again = await resumed(b, 'romeo', id, has)
    t.match((await again.next((e) => e.attrs['id'] === 'own')).attrs, { type: /error|result/ })
    await again.skip()
    const answers = (): unknown[] => again.elements.filter((e) => e.attrs['id'] === 'asked').map((e) => e.attrs['type'])
    t.same(answers(), [], 'nothing is said for her')
    juliet.send(`<iq type='result' id='asked' to='${String(from)}'/>`)
    await again.next((e) => e.attrs['id'] === 'asked')
    await again.skip()
    t.same(answers(), ['result'])
    await again.close()
    await juliet.close()
  })

  t.test('XEP-0198 §5: a <resume/> that is read late, when its client is elsewhere, numbers nothing: what its client has is asked first', async (t) => {
    const juliet = await a.login('juliet', 'balcony')
    const id = await enabled(juliet)
    const first = juliet.elements.length
    await juliet.presence()
    const romeo = await a.login('romeo', 'orchard')
    await romeo.presence()
    await juliet.next((e) => e.name === 'presence' && e.attrs['from'] === 'romeo@localhost/orchard')
    const count = (client: RawClient, from = 0): number => client.elements.slice(from).filter((e) => ['message', 'presence', 'iq'].includes(e.name)).length
    let has = count(juliet, first)
    juliet.destroy()

    const old = has
    const one = await resumed(b, 'juliet', id, has)
    const from = one.elements.findIndex((e) => e.name === 'resumed')
    // what is not of the log, and comes to the node that she has left, comes to nobody
    while (a.sessions.of('juliet@localhost').all.length > 0) await new Promise((resolve) => setTimeout(resolve, 10))
    romeo.send("<message to='juliet@localhost/balcony' type='headline'><body>news</body></message>")
    await one.next(body('news'))
    romeo.send(chat('juliet@localhost/balcony', 'one'))
    await one.next(body('one'))
    has += count(one, from)
    one.destroy()

    // this is what a node may find that has stood still; nobody is there any more to answer
    const stale = await resumed(c, 'juliet', id, old, false)
    romeo.send(chat('juliet@localhost/balcony', 'two'))
    await stale.next((e) => e.name === 'r')
    await romeo.skip()
    await new Promise((resolve) => setTimeout(resolve, 300))
    t.same(bodies(stale), [], 'nothing has a number yet')
    const again = await resumed(b, 'juliet', id, has)
    await again.next(body('two'))
    t.same(bodies(again), ['two'], 'what came is not lost, and what she had does not come again')
    await stale.ended
    await again.close()
    await romeo.close()
    fine()
  })

  t.test('D9: a session is taken, and the answer lost: its old node does not give it out again, and nobody forgets it', async (t) => {
    const epoch = async (node: ClusterNode): Promise<number> => ((await a.db.query<{ epoch: number }>('select epoch from node where id = $1', [node.id]))[0] as { epoch: number }).epoch
    const juliet = await b.login('juliet', 'balcony')
    const id = await enabled(juliet)
    await juliet.presence()
    const [session] = b.sessions.of('juliet@localhost').all
    // neither b nor c hears of it
    const lost = takeoverStore(c.db, { id: 'c', epoch: await epoch(c) })
    t.ok(await lost.take('juliet@localhost', session?.id as string))
    juliet.destroy()
    const again = await resumed(b, 'juliet', id, juliet.elements.filter((e) => ['message', 'presence', 'iq'].includes(e.name)).length)
    t.same([a, b, c].map((node) => node.sessions.of('juliet@localhost').all.length), [0, 1, 0])
    t.match(await a.db.query('select node from presence where account = $1', ['juliet@localhost']), [{ node: 'b' }])

    t.ok(await lost.take('juliet@localhost', session?.id as string))
    again.destroy()
    b.sessions.of('juliet@localhost').all[0]?.outlet.drop()
    for (let i = 0; i < 100 && c.sessions.of('juliet@localhost').all.length === 0; i++) await new Promise((resolve) => setTimeout(resolve, 100))
    t.equal(c.sessions.of('juliet@localhost').all.length, 1, 'found by who has it by its row')
    const third = await resumed(a, 'juliet', id, 0)
    const romeo = await c.login('romeo')
    romeo.send(chat('juliet@localhost', 'found'))
    await third.next(body('found'))
    for (const client of [romeo, third]) await client.close()
    for (const node of [a, b, c]) node.complaints.splice(0)
  })

  t.test('subscriptions and rosters: asked for on one node, granted on another, seen by all clients of both', async (t) => {
    const romeo = await a.login('romeo', 'orchard')
    const desk = await c.login('romeo', 'desk')
    const mercutio = await b.login('mercutio', 'street')
    for (const client of [romeo, desk, mercutio]) {
      await client.iq('get', "<query xmlns='jabber:iq:roster'/>")
      await client.presence()
    }
    const pushed = (client: RawClient, jid: string, subscription: string): Promise<unknown> => client.next((e) =>
      e.name === 'iq' && e.attrs['type'] === 'set' && e.getChild('query')?.getChild('item')?.attrs['jid'] === jid && e.getChild('query')?.getChild('item')?.attrs['subscription'] === subscription)
    romeo.send("<presence type='subscribe' to='mercutio@localhost'/>")
    await mercutio.next((e) => e.attrs['type'] === 'subscribe')
    await pushed(romeo, 'mercutio@localhost', 'none')
    await pushed(desk, 'mercutio@localhost', 'none')
    mercutio.send("<presence type='subscribed' to='romeo@localhost'/>")
    for (const client of [romeo, desk]) {
      await client.next((e) => e.attrs['type'] === 'subscribed')
      await pushed(client, 'mercutio@localhost', 'to')
      await client.next((e) => e.name === 'presence' && e.attrs['from'] === 'mercutio@localhost/street' && e.attrs['type'] === undefined)
    }
    await pushed(mercutio, 'romeo@localhost', 'from')
    mercutio.send('<presence><status>on the street</status></presence>')
    await desk.next((e) => e.getChildText('status') === 'on the street')
    desk.send("<iq type='set' id='r1'><query xmlns='jabber:iq:roster'><item jid='mercutio@localhost' subscription='remove'/></query></iq>")
    await romeo.next((e) => e.name === 'presence' && e.attrs['from'] === 'mercutio@localhost/street' && e.attrs['type'] === 'unavailable')
    await pushed(romeo, 'mercutio@localhost', 'remove')
    await pushed(mercutio, 'romeo@localhost', 'none')
    t.same([a, b, c].map((node) => node.complaints), [[], [], []])
    for (const client of [romeo, desk, mercutio]) await client.close()
    fine()
  })

  t.test('routing.md, step 9: a node that has stood still for too long sends nothing, from the first stanza on, and goes on when its lease is renewed', async (t) => {
    let ahead = 0
    const d = await start('d', {}, { now: () => Date.now() + ahead, monotonic: () => performance.now() })
    const juliet = await d.login('juliet', 'balcony')
    const romeo = await d.login('romeo', 'orchard')
    await juliet.presence()
    await romeo.skip()
    const got = juliet.elements.length
    // as after a suspension; the next renewal is up to 0.7 s away
    ahead = 60_000
    romeo.send("<message to='juliet@localhost/balcony' type='headline'><body>late</body></message>")
    await juliet.ended
    await romeo.ended
    t.same(juliet.elements.slice(got).map(String), [])
    ahead = 0
    for (let i = 0; i < 50 && !d.complaints.some((line) => line.includes('is renewed')); i++) await new Promise((resolve) => setTimeout(resolve, 100))
    const again = await d.login('juliet', 'balcony')
    await again.presence()
    await again.close()
    await d.stop()
    for (const node of [a, b, c]) node.complaints.splice(0)
  })

  t.test('an avatar is the account\'s: set on one node, said by its sessions on all, and by what they say later', async (t) => {
    const romeo = await a.login('romeo', 'orchard')
    await romeo.presence()
    const desk = await b.login('juliet', 'desk')
    const phone = await c.login('juliet', 'phone')
    for (const client of [desk, phone]) await client.presence()
    const stated = (resource: string, photo: string) => (e: Element): boolean => e.name === 'presence' && e.attrs['from'] === `juliet@localhost/${resource}` &&
      e.getChild('x', 'vcard-temp:x:update')?.getChildText('photo') === photo
    const set = async (client: RawClient, picture: string): Promise<string> => {
      const image = Buffer.from(picture)
      await client.iq('set', `<vCard xmlns='vcard-temp'><PHOTO><TYPE>image/png</TYPE><BINVAL>${image.toString('base64')}</BINVAL></PHOTO></vCard>`)
      return createHash('sha1').update(image).digest('hex')
    }
    const first = await set(desk, 'one')
    for (const resource of ['desk', 'phone']) await romeo.next(stated(resource, first))
    // what its own client says of it is put right, as it is where it was set
    phone.send("<presence><status>ready</status><x xmlns='vcard-temp:x:update'><photo>00</photo></x></presence>")
    t.equal((await romeo.next((e) => e.getChildText('status') === 'ready')).getChild('x', 'vcard-temp:x:update')?.getChildText('photo'), first)
    const second = await set(phone, 'two')
    for (const resource of ['desk', 'phone']) await romeo.next(stated(resource, second))
    const late = await b.login('romeo', 'late')
    await late.presence()
    for (const resource of ['desk', 'phone']) await late.next(stated(resource, second))
    for (const client of [romeo, desk, phone, late]) await client.close()
    fine()
  })

  t.test('what a client can do is known where its stream is resumed', async (t) => {
    const announced = "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:a' ver='not-to-be-verified'/>"
    const explain = async (client: RawClient): Promise<void> => {
      const question = await client.next((e) => e.name === 'iq' && e.getChild('query', 'http://jabber.org/protocol/disco#info') !== undefined)
      client.send(`<iq type='result' id='${String(question.attrs['id'])}' to='${String(question.attrs['from'])}'>` +
        "<query xmlns='http://jabber.org/protocol/disco#info'><feature var='urn:a:b+notify'/></query></iq>")
    }
    const features = (node: ClusterNode): unknown => [...node.sessions.of('juliet@localhost').all[0]?.caps?.features ?? []]
    const juliet = await b.login('juliet', 'balcony')
    const id = await enabled(juliet)
    await juliet.presence(announced)
    await explain(juliet)
    await juliet.skip()
    t.same(features(b), ['urn:a:b+notify'])
    const again = await resumed(c, 'juliet', id, 0)
    await explain(again)
    await again.skip()
    t.same(features(c), ['urn:a:b+notify'])
    await again.close()
  })

  t.test('XEP-0191: whom one blocks sees one leave, and back again, wherever the two are', async (t) => {
    const romeo = await a.login('romeo', 'orchard')
    const juliet = await b.login('juliet', 'balcony')
    await romeo.presence()
    await juliet.presence('<status>awake</status>')
    await romeo.next((e) => e.getChildText('status') === 'awake')
    const word = (what: string): string => `<${what} xmlns='urn:xmpp:blocking'><item jid='romeo@localhost'/></${what}>`
    await juliet.iq('set', word('block'))
    await romeo.next((e) => e.name === 'presence' && e.attrs['type'] === 'unavailable' && e.attrs['from'] === 'juliet@localhost/balcony')
    juliet.send('<presence><status>hidden</status></presence>')
    romeo.send('<presence><status>unseen</status></presence>')
    await romeo.skip()
    const before = juliet.elements.length
    await juliet.iq('set', word('unblock'))
    await romeo.next((e) => e.name === 'presence' && e.getChildText('status') === 'hidden')
    await juliet.next((e) => e.name === 'presence' && e.getChildText('status') === 'unseen')
    t.notOk(juliet.elements.slice(before).some((e) => e.name === 'presence' && e.attrs['type'] === 'unavailable'))
    await romeo.close()
    await juliet.close()
    fine()
  })

  t.test('last activity: who is available on another node is not away', async (t) => {
    const seconds = async (client: RawClient, to: string): Promise<string> => String((await client.iq('get', "<query xmlns='jabber:iq:last'/>", to)).getChild('query')?.attrs['seconds'])
    const romeo = await a.login('romeo', 'orchard')
    await romeo.presence()
    const desk = await b.login('juliet', 'desk')
    const phone = await c.login('juliet', 'phone')
    for (const client of [desk, phone]) await client.presence()
    // its node knows of no other session there
    await desk.close()
    await romeo.next((e) => e.attrs['from'] === 'juliet@localhost/desk' && e.attrs['type'] === 'unavailable')
    await a.db.query("update departure set at = at - 60000 where account = 'juliet@localhost'")
    t.equal(await seconds(romeo, 'juliet@localhost'), '0')
    await phone.close()
    await romeo.next((e) => e.attrs['from'] === 'juliet@localhost/phone' && e.attrs['type'] === 'unavailable')
    // contacts hear of the end a moment before its rows say so
    let away = ''
    for (let tries = 0; !/^6\d$/.test(away) && tries < 100; tries++) {
      await a.db.query("update departure set at = at - 60000 where account = 'juliet@localhost' and at > extract(epoch from clock_timestamp()) * 1000 - 30000")
      away = await seconds(romeo, 'juliet@localhost')
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    t.match(away, /^6\d$/)
    await romeo.close()
    fine()
  })

  t.test('a node that leaves in order: its sessions go on elsewhere, those that cannot are over', async (t) => {
    const romeo = await a.login('romeo', 'orchard')
    await romeo.presence()
    const leaving = await start('d')
    const juliet = await leaving.login('juliet', 'balcony')
    const id = await enabled(juliet)
    await juliet.presence()
    await romeo.next((e) => e.name === 'presence' && e.attrs['from'] === 'juliet@localhost/balcony')
    const seen = romeo.elements.length
    await leaving.stop()
    romeo.send(chat('juliet@localhost', 'while it leaves'))
    const again = await resumed(b, 'juliet', id, 99)
    await again.next(body('while it leaves'))
    t.notOk(romeo.elements.slice(seen).some((e) => e.attrs['from'] === 'juliet@localhost/balcony' && e.name === 'presence'))
    t.same(leaving.complaints, [])
    await again.close()
    await romeo.close()
  })
})
