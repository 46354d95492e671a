// "Where the peers fell" (design.md §6): what other servers got wrong when they were attacked. One test a point, named after it.
// Log-in's points are in login.ts and guessing.ts, those of WebSocket in websocket.ts, fairness in fairness.ts.
import type { Element } from 'ltx'
import { SaxesParser } from 'saxes'
import t from 'tap'
import { header, rawClient } from '../helpers/client.js'
import type { RawClient } from '../helpers/client.js'
import { streamError } from '../helpers/scram.js'
import { testServer } from '../helpers/server.js'

/** All that a client gets from now on, as text. */
const listening = (client: RawClient): { text: string } => {
  const heard = { text: '' }
  client.socket.on('data', (data) => (heard.text += data.toString()))
  return heard
}
const until = async (fits: () => boolean, ms = 10_000): Promise<boolean> => {
  const end = Date.now() + ms
  while (!fits() && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 10))
  return fits()
}
/** Whether a strict parser takes this as the content of one of our streams. */
const strict = (xml: string): boolean => {
  const parser = new SaxesParser({ xmlns: true, fragment: false })
  let ok = true
  parser.on('error', () => (ok = false))
  parser.write(`<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>${xml}</stream:stream>`).close()
  return ok
}
const messages = (client: RawClient, n: number) => Promise.all(Array.from({ length: n }, () => client.next((e) => e.name === 'message')))

t.test('bytes: &#13; &#10; &#9; arrive as they were sent, live and stored', async (t) => {
  const server = await testServer(t)
  const romeo = await server.login('romeo')
  const sent = '<body a=\'x&#13;&#10;&#9;y\'>1&#13;2&#10;3&#9;4&#xD;&#xA;&#x9;</body>'
  const stored = '<message to=\'juliet@localhost\' type=\'chat\'>'
  romeo.send(`${stored}${sent}</message>`)
  await romeo.nothing((e) => e.name === 'message')
  const juliet = await server.login('juliet')
  const heard = listening(juliet)
  juliet.send('<presence/>')
  await messages(juliet, 1)
  t.ok(heard.text.includes(sent), heard.text)
  heard.text = ''
  romeo.send(`<message to='juliet@localhost' type='chat'>${sent}</message>`)
  await messages(juliet, 1)
  t.ok(heard.text.includes(sent), heard.text)
})

t.test('bytes: prefixes declared on the stream header reach the live and the stored copy declared', async (t) => {
  const server = await testServer(t)
  const romeo = await server.login('romeo')
  // the header of the last stream counts: log in by hand
  const prefixed = await server.client()
  await prefixed.open()
  prefixed.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from('\0mercutio\0mercutio').toString('base64')}</auth>`)
  await prefixed.next((e) => e.name === 'success')
  await prefixed.open('localhost', ' xmlns:q=\'urn:q\' xmlns:c=\'jabber:client\' xml:lang=\'it\'')
  await prefixed.iq('set', '<bind xmlns=\'urn:ietf:params:xml:ns:xmpp-bind\'/>')
  const stanzas = [
    '<message to=\'juliet@localhost\' type=\'chat\'><body>1</body><q:mab><q:fairy q:x=\'y\'/></q:mab></message>',
    '<c:message to=\'juliet@localhost\' type=\'chat\'><c:body>2</c:body></c:message>',
    '<message to=\'juliet@localhost\' type=\'chat\' q:at=\'3\'><body>3</body></message>',
  ]
  for (const stanza of stanzas) prefixed.send(stanza)
  await prefixed.nothing((e) => e.name === 'message')
  const juliet = await server.login('juliet')
  const heard = listening(juliet)
  const check = async (): Promise<void> => {
    const got = await messages(juliet, 3)
    t.same(got.map((e) => e.getChildText('body')), ['1', '2', '3'])
    t.ok(strict(heard.text), heard.text)
    t.match(heard.text, /xmlns:q=["']urn:q["']/)
    t.equal(got[0]?.attrs['xml:lang'], 'it', 'and the stream\'s language')
    heard.text = ''
  }
  juliet.send('<presence/>')
  await check()
  await juliet.nothing((e) => e.name === 'message')
  heard.text = ''
  for (const stanza of stanzas) prefixed.send(stanza)
  await check()
  romeo.destroy()
})

t.test('bytes: too deep gets an error, never a lost stanza; what is just not too deep arrives, live and stored', async (t) => {
  const server = await testServer(t)
  const nested = (n: number): string => `<message to='juliet@localhost' type='chat'>${'<a>'.repeat(n - 1)}${'</a>'.repeat(n - 1)}<body>deep</body></message>`
  const romeo = await server.login('romeo')
  romeo.send(nested(server.settings.maxDepth))
  await romeo.nothing((e) => e.name === 'message')
  const juliet = await server.login('juliet')
  await juliet.presence()
  t.equal((await juliet.next((e) => e.name === 'message')).getChildText('body'), 'deep')
  romeo.send(nested(server.settings.maxDepth))
  t.equal((await juliet.next((e) => e.name === 'message')).getChildText('body'), 'deep')
  romeo.send(nested(server.settings.maxDepth + 1))
  t.equal(await streamError(romeo), 'policy-violation')
  await juliet.nothing((e) => e.name === 'message')
})

t.test('identity: forged <stanza-id/> and <delay/> are removed in every spelling, and nothing else is', async (t) => {
  const server = await testServer(t)
  const juliet = await server.login('juliet', 'balcony')
  await juliet.presence()
  const romeo = await server.login('romeo', 'orchard')
  const forged = [
    ...['juliet@localhost', 'JULIET@LocalHost', 'romeo@localhost', 'localhost', 'LOCALHOST', 'jul&#105;et@localhost', ' juliet@localhost ', 'juliet@localhost/balcony']
      .map((by) => `<stanza-id xmlns='urn:xmpp:sid:0' by='${by}' id='f'/>`),
    '<x:stanza-id xmlns:x="urn:xmpp:sid:0" by="juliet@localhost" id="f"/>',
    ...['juliet@localhost.', '\uff4auliet@localhost', 'romeo@LOCALHOST/orchard', 'localhost.'].map((by) => `<stanza-id xmlns='urn:xmpp:sid:0' by='${by}' id='f'/>`),
    '<stanza-id id="f" by = "juliet@localhost"\n xmlns="urn:xmpp:sid:0"></stanza-id>',
    '<stanza-id xmlns=\'urn:xmpp:&#115;id:0\' by=\'juliet@localhost\' id=\'f\'/>',
    ...['localhost', 'LocalHost', 'local&#x68;ost'].map((from) => `<delay xmlns='urn:xmpp:delay' from='${from}' stamp='2002-09-10T23:08:25Z'/>`),
    '<d:delay xmlns:d=\'urn:xmpp:delay\' from=\'localhost\' stamp=\'2002-09-10T23:08:25Z\'/>',
  ]
  const honest = '<stanza-id xmlns=\'urn:xmpp:sid:0\' by=\'room@conference.example.org\' id=\'h\'/><delay xmlns=\'urn:xmpp:delay\' from=\'example.org\' stamp=\'2002-09-10T23:08:25Z\'/>' +
    '<stanza-id xmlns=\'urn:other\' by=\'juliet@localhost\' id=\'h\'/>'
  /** The archive's own, which comes last. */
  const ours = (e: Element): string | null => (e.name === 'stanza-id' && e.attrs['by'] === 'juliet@localhost' && /^[0-9a-z]+-[0-9a-z]{4,}$/.test(String(e.attrs['id'])) ? 'ours' : null)
  romeo.send(`<message xmlns:s='urn:xmpp:sid:0' to='juliet@localhost' type='chat'><s:stanza-id by='juliet@localhost' id='f'/><body>1</body><s:stanza-id by='a@example.org' id='h'/></message>`)
  t.same((await juliet.next((e) => e.name === 'message')).getChildElements().map((e) => ours(e) ?? e.attrs['id'] ?? e.name), ['body', 'h', 'ours'], 'with a prefix of the stanza')
  for (const forgery of [...forged, forged.join('')]) {
    romeo.send(`<message to='juliet@localhost' type='chat'>${forgery}<body>1</body>${honest}${forgery}</message>`)
    const got = await juliet.next((e) => e.name === 'message')
    const left = got.getChildElements().map((e) => ours(e) ?? e.attrs['id'] ?? e.attrs['from'] ?? e.name)
    t.same(left, ['body', 'h', 'example.org', 'h', 'ours'], forgery.slice(0, 90))
  }
})

t.test('identity: a request to another\'s bare JID is refused and not applied to oneself', async (t) => {
  const server = await testServer(t)
  const romeo = await server.login('romeo')
  const roster = '<query xmlns=\'jabber:iq:roster\'><item jid=\'mercutio@localhost\' name=\'M\'/></query>'
  for (const payload of [roster, '<query xmlns=\'jabber:iq:register\'><remove/></query>', '<query xmlns=\'jabber:iq:private\'><a xmlns=\'urn:a\'>x</a></query>', '<vCard xmlns=\'vcard-temp\'/>']) {
    for (const to of ['juliet@localhost', 'nobody@localhost']) {
      const answer = await romeo.iq('set', payload, to)
      t.equal(answer.attrs['type'], 'error', payload)
      const condition = payload.includes('vcard-temp') ? 'forbidden' : 'service-unavailable' // XEP-0054 §3.2
      t.equal(answer.getChild('error')?.getChild(condition)?.name, condition)
      t.equal(answer.attrs['from'], to)
    }
  }
  for (const who of ['romeo', 'juliet']) {
    const answer = await (await server.login(who)).iq('get', '<query xmlns=\'jabber:iq:roster\'/>')
    t.equal(answer.getChild('query')?.getChildElements().length, 0, `${who}'s roster is untouched`)
  }
  const mine = await romeo.iq('get', '<query xmlns=\'jabber:iq:private\'><a xmlns=\'urn:a\'/></query>')
  t.equal(mine.getChild('query')?.getChild('a')?.getText(), '')
  await server.login('romeo')
  t.pass('the account is still there')
})

t.test('slow reader: what it leaves unread is bounded, in memory and in the log; each message is kept or refused, and it gets what was kept', async (t) => {
  const server = await testServer(t, { writeBufferBytes: 256 * 1024, offlineMaxPerSender: 50 })
  const juliet = await server.login('juliet', 'balcony')
  await juliet.presence()
  juliet.socket.pause()
  const romeo = await server.login('romeo')
  const { delivered, stored, refused } = server.counters
  const N = 400
  const errors: string[] = []
  const body = 'x'.repeat(100_000)
  for (let i = 0; i < N; i++) {
    romeo.send(`<message to='juliet@localhost' type='chat' id='s${i}'><body>${body}</body></message>`)
    if (i % 10 === 9) await romeo.iq('get', '<ping xmlns=\'urn:xmpp:ping\'/>')
  }
  for (const e of romeo.elements) if (e.name === 'message') errors.push(`${e.attrs['type']} ${e.getChild('error')?.getChildElements()[0]?.name}`)
  const counts = { delivered: server.counters.delivered - delivered, stored: server.counters.stored - stored, refused: server.counters.refused - refused }
  t.equal(counts.delivered + counts.stored + counts.refused, N, JSON.stringify(counts))
  t.equal(counts.delivered + counts.stored, 50, 'the log took what one sender may leave there')
  t.equal(counts.refused, errors.length, 'and the others came back')
  t.same(new Set(errors), new Set(['error resource-constraint']))
  const [session] = server.sessions.of('juliet@localhost').all
  t.ok((session?.receipts?.octets ?? Infinity) <= 256 * 1024, 'few of them are in memory')
  t.notOk(server.logged.some((line) => /does not read/.test(line.msg)))
  juliet.socket.resume()
  t.same((await messages(juliet, 50)).map((e) => e.attrs['id']), Array.from({ length: 50 }, (_, i) => `s${i}`), 'once, and in order')
})

t.test('one stranger cannot fill a mailbox: beyond the share of one sender each message is refused, others still get through', async (t) => {
  const server = await testServer(t, { offlineMaxPerSender: 20, offlineMaxMessages: 1000 })
  const romeo = await server.login('romeo')
  for (let i = 0; i < 50; i++) romeo.send(`<message to='juliet@localhost' type='chat' id='${i}'><body>${i}</body></message>`)
  await romeo.iq('get', '<ping xmlns=\'urn:xmpp:ping\'/>')
  const refused = await messages(romeo, 30)
  t.same(refused.map((e) => e.attrs['id']), Array.from({ length: 30 }, (_, i) => String(i + 20)))
  t.ok(refused.every((e) => e.attrs['type'] === 'error' && e.getChild('error')?.getChild('resource-constraint') !== undefined))
  const mercutio = await server.login('mercutio')
  mercutio.send('<message to=\'juliet@localhost\' type=\'chat\'><body>from a friend</body></message>')
  await mercutio.nothing((e) => e.name === 'message')
  const juliet = await server.login('juliet')
  await juliet.presence()
  t.equal((await messages(juliet, 21)).at(-1)?.getChildText('body'), 'from a friend')
})

t.test('idling before log-in: 3,000 sockets that never log in are reaped, others are served meanwhile, and the gate counts nobody in the end', async (t) => {
  const server = await testServer(t, { authTimeout: 2, maxUnauthenticatedPerAddress: 2000, maxUnauthenticated: 2500 })
  const idle: RawClient[] = []
  t.teardown(() => idle.forEach((client) => client.destroy()))
  for (let i = 0; i < 3000; i += 250) {
    idle.push(...await Promise.all(Array.from({ length: 250 }, async (_, j) => {
      const client = await rawClient(server.c2s, { localAddress: '127.0.0.2' })
      if (j % 3 === 1) client.send(header())
      if (j % 3 === 2) client.send(' ')
      return client
    })))
  }
  t.ok(server.gate.unauthenticated <= 2000, `no more than allowed from one address: ${server.gate.unauthenticated}`)
  const start = performance.now()
  const romeo = await server.login('romeo')
  await romeo.presence()
  t.ok(performance.now() - start < 2000, 'another address logs in meanwhile')
  await Promise.all(idle.map((client) => client.ended))
  idle.forEach((client) => client.destroy())
  t.ok(await until(() => server.gate.connections === 1), `${server.gate.connections} connections`)
  t.equal(server.gate.unauthenticated, 0)
  await romeo.presence()
})
