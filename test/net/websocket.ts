// XMPP over WebSocket (RFC 7395): one element a frame, each well-formed by itself, in both directions.
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { parse } from 'ltx'
import type { Element } from 'ltx'
import { SaxesParser } from 'saxes'
import t from 'tap'
import { WebSocket } from 'ws'
import { base64, plain, scramClient } from '../helpers/scram.js'
import { testServer } from '../helpers/server.js'
import type { TestServer } from '../helpers/server.js'

const shared = testServer(t)
const FRAMING = 'urn:ietf:params:xml:ns:xmpp-framing'
const OPEN = `<open xmlns='${FRAMING}' to='localhost' version='1.0'/>`
const CLOSE = `<close xmlns='${FRAMING}'/>`
const AUTH = (user: string): string => `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${base64(plain(user, user))}</auth>`

interface WebClient {
  readonly ws: WebSocket
  /** Frames as they came. */
  readonly frames: string[]
  readonly closed: Promise<number>
  send(text: string | Buffer): void
  /** The next frame, parsed. Each must be a document of its own. */
  next(): Promise<Element>
  login(user: string): Promise<WebClient>
}

const wellFormed = (xml: string): boolean => {
  const parser = new SaxesParser({ xmlns: true })
  let ok = true
  parser.on('error', () => (ok = false))
  parser.write(xml).close()
  return ok
}

const webClient = async (server: TestServer, url = `ws://127.0.0.1:${server.http}/xmpp-websocket`): Promise<WebClient> => {
  const ws = new WebSocket(url, 'xmpp', { ca: readFileSync(server.ca) })
  const frames: string[] = []
  let taken = 0
  let wake = (): void => {}
  ws.on('message', (data: Buffer, binary) => {
    if (binary) frames.push('<binary/>')
    else frames.push(data.toString())
    wake()
  })
  const closed = new Promise<number>((resolve) => ws.on('close', resolve))
  await new Promise((resolve, reject) => ws.once('open', resolve).once('error', reject))
  t.teardown(() => ws.terminate())
  const client: WebClient = {
    ws, frames, closed,
    send: (text) => ws.send(text),
    next: async () => {
      const end = Date.now() + 10_000
      while (frames.length <= taken) {
        await Promise.race([new Promise<void>((resolve) => (wake = resolve)), new Promise((resolve) => setTimeout(resolve, 100))])
        if (Date.now() > end) throw new Error(`no frame came; so far: ${frames.join('\n')}`)
      }
      return parse(frames[taken++] as string)
    },
    login: async (user) => {
      client.send(OPEN)
      await client.next()
      await client.next()
      client.send(AUTH(user))
      if ((await client.next()).name !== 'success') throw new Error('no success')
      client.send(OPEN)
      await client.next()
      await client.next()
      client.send('<iq xmlns=\'jabber:client\' type=\'set\' id=\'b\'><bind xmlns=\'urn:ietf:params:xml:ns:xmpp-bind\'><resource>web</resource></bind></iq>')
      await client.next()
      return client
    },
  }
  return client
}
const PING = '<iq xmlns=\'jabber:client\' type=\'get\' id=\'p\'><ping xmlns=\'urn:xmpp:ping\'/></iq>'

t.test('<open/> is answered with <open/>, then features, each in a frame of its own with its namespace (§3.3, §3.4)', async (t) => {
  const client = await webClient(await shared)
  t.equal(client.ws.protocol, 'xmpp')
  client.send(OPEN)
  const open = await client.next()
  t.match(open.attrs, { xmlns: FRAMING, from: 'localhost', version: '1.0', id: /.{8}/ })
  t.ok(open.is('open'))
  const features = await client.next()
  t.equal(features.getName(), 'features')
  t.equal(features.getNS(), 'http://etherx.jabber.org/streams')
  t.same(features.getChild('mechanisms')?.getChildElements().map((e) => e.getText()), ['SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN'], 'never -PLUS, and no STARTTLS')
  t.notOk(features.getChild('starttls'))
})

t.test('never -PLUS over TLS either: clients take the name and cannot bind (clients.md §1); and gs2 `y` is then fine', async (t) => {
  const server = await shared
  const client = await webClient(server, `wss://localhost:${server.ports.https}/xmpp-websocket`)
  client.send(OPEN)
  await client.next()
  const features = await client.next()
  t.same(features.getChild('mechanisms')?.getChildElements().map((e) => e.getText()), ['SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN'])
  t.notOk(features.getChild('sasl-channel-binding'))
  const scram = scramClient('SCRAM-SHA-256', 'romeo', 'romeo', { gs2: 'y,,' })
  client.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-256'>${base64(scram.first)}</auth>`)
  const challenge = await client.next()
  const { message, signature } = scram.final(Buffer.from(challenge.getText(), 'base64').toString())
  client.send(`<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${base64(message)}</response>`)
  t.equal(Buffer.from((await client.next()).getText(), 'base64').toString(), `v=${signature}`)
})

t.test('a log-in over ws: without TLS needs insecure_loopback', async (t) => {
  const client = await webClient(await testServer(t, { insecureLoopback: false }))
  client.send(OPEN)
  await client.next()
  t.equal((await client.next()).getChildElements().length, 0, 'nothing is offered')
  client.send(AUTH('romeo'))
  t.ok((await client.next()).getChild('encryption-required'))
})

t.test('a second <open/> restarts the stream after SASL (§3.7), and only then', async (t) => {
  const server = await shared
  const client = await webClient(server)
  client.send(OPEN)
  await client.next()
  await client.next()
  client.send(OPEN)
  t.ok((await client.next()).getChild('bad-format'))
  const other = await webClient(server)
  other.send(OPEN)
  await other.next()
  await other.next()
  other.send(AUTH('romeo'))
  t.equal((await other.next()).name, 'success')
  other.send('<iq xmlns=\'jabber:client\' type=\'set\' id=\'b\'><bind xmlns=\'urn:ietf:params:xml:ns:xmpp-bind\'/></iq>')
  t.ok((await other.next()).is('open'), 'an error before our header opens a stream first')
  t.ok((await other.next()).getChild('bad-format'), 'no stanza before the new <open/>')
})

t.test('a stream error: <open/>, the error with its namespace, <close/>, and the socket closes (§3.6)', async (t) => {
  const client = await webClient(await shared)
  client.send(OPEN.replace('localhost', 'example.org'))
  t.ok((await client.next()).is('open'))
  const error = await client.next()
  t.ok(error.is('error', 'http://etherx.jabber.org/streams'))
  t.ok(error.getChild('host-unknown'))
  t.ok((await client.next()).is('close', FRAMING))
  t.equal(await client.closed, 1000)
})

t.test('<close/> is answered with <close/>, and what came before it is handled (§3.6)', async (t) => {
  const server = await testServer(t)
  const client = await (await webClient(server)).login('romeo')
  for (let i = 0; i < 500; i++) client.send(`<message xmlns='jabber:client' to='juliet@localhost' type='chat'><body>${i}</body></message>`)
  client.send(CLOSE)
  t.ok((await client.next()).is('close', FRAMING))
  t.equal(await client.closed, 1000)
  const juliet = await server.login('juliet')
  juliet.send('<presence/>')
  for (let i = 0; i < 500; i++) {
    const body = (await juliet.next((e) => e.name === 'message')).getChildText('body')
    if (body !== String(i)) t.equal(body, String(i))
  }
})

t.test('what was sent is handled in order although frames come faster than the database answers, also when the socket ends at once', async (t) => {
  const server = await testServer(t)
  const client = await (await webClient(server)).login('romeo')
  for (let i = 0; i < 500; i++) client.send(`<message xmlns='jabber:client' to='juliet@localhost' type='chat'><body>${i}</body></message>`)
  client.ws.close()
  await client.closed
  for (let i = 0; i < 500 && server.counters.stored < 500; i++) await new Promise((resolve) => setTimeout(resolve, 20))
  t.equal(server.counters.stored, 500)
  const juliet = await server.login('juliet')
  juliet.send('<presence/>')
  for (let i = 0; i < 500; i++) {
    const body = (await juliet.next((e) => e.name === 'message')).getChildText('body')
    if (body !== String(i)) t.equal(body, String(i))
  }
})

t.test('every frame that the server sends is well-formed by itself, with its namespace: live, stored, answers, errors, prefixes', async (t) => {
  const server = await testServer(t)
  const romeo = await server.login('romeo')
  const texts = [
    '<message to=\'juliet@localhost\' type=\'chat\'><body>☾ 😀 &amp;</body></message>',
    '<message to=\'juliet@localhost\' type=\'chat\'><x:y xmlns:x=\'urn:x\'><z/></x:y><body/></message>',
    '<message xmlns=\'jabber:client\' to=\'juliet@localhost\' type=\'chat\'><body>declared</body></message>',
    '<c:message xmlns:c=\'jabber:client\' to=\'juliet@localhost\' type=\'chat\'><c:body>prefixed</c:body></c:message>',
  ]
  for (const text of texts) romeo.send(text)
  await romeo.iq('get', '<ping xmlns=\'urn:xmpp:ping\'/>')
  const juliet = await (await webClient(server)).login('juliet')
  juliet.send('<presence xmlns=\'jabber:client\'/>')
  for (let i = 0; i < texts.length; i++) await juliet.next()
  for (const text of texts) romeo.send(text)
  for (let i = 0; i < texts.length; i++) await juliet.next()
  romeo.send('<presence to=\'juliet@localhost\'/><presence to=\'juliet@localhost\' type=\'subscribe\'/>')
  juliet.send(PING)
  juliet.send('<iq xmlns=\'jabber:client\' type=\'get\' id=\'r\'><query xmlns=\'jabber:iq:roster\'/></iq>')
  juliet.send('<message xmlns=\'jabber:client\' to=\'a@example.org\' type=\'chat\'><body/></message>')
  for (let i = 0; i < 4; i++) await juliet.next()
  for (const frame of juliet.frames) {
    t.ok(wellFormed(frame), frame)
    const element = parse(frame)
    if (['message', 'presence', 'iq'].includes(element.getName())) t.equal(element.getNS(), 'jabber:client', frame)
  }
  t.ok(juliet.frames.some((f) => f.includes('☾ 😀')), 'as UTF-8')
})

t.test('two elements in one frame, half of one, or text: not-well-formed or bad-format, and the stream is over (§3.3.3)', async (t) => {
  const server = await shared
  const message = '<message xmlns=\'jabber:client\' to=\'romeo@localhost/none\' type=\'chat\'><body>x</body></message>'
  // handled at once, where the other one waits for the database
  const own = message.replace('/none', '/web')
  for (const [bad, condition] of [
    [message + message, 'not-well-formed'], [own + own, 'not-well-formed'], [PING + PING, 'not-well-formed'], [message.slice(0, 40), 'not-well-formed'], [`${message}<half`, 'not-well-formed'],
    ['hello', 'bad-format'], ['<?xml version=\'1.0\'?>', 'restricted-xml'], ['<x:y xmlns=\'jabber:client\'/>', 'not-well-formed'], ['</message>', 'not-well-formed'],
  ] as const) {
    const client = await (await webClient(server)).login('romeo')
    client.send(bad)
    let error
    do error = await client.next()
    while (error.getName() !== 'error')
    t.equal(error.getChildElements()[0]?.name, condition, bad)
    await client.closed
  }
})

t.test('a stanza without its namespace is no stanza: unsupported-stanza-type (§3.3.3)', async (t) => {
  const client = await (await webClient(await shared)).login('romeo')
  client.send('<message to=\'romeo@localhost\'><body>x</body></message>')
  t.ok((await client.next()).getChild('unsupported-stanza-type'))
})

t.test('white space around the element, or alone, does no harm', async (t) => {
  const client = await (await webClient(await shared)).login('romeo')
  client.send(' ')
  client.send(`\n${PING}\n`)
  t.equal((await client.next()).attrs['type'], 'result')
})

t.test('a binary frame is refused (§3.2)', async (t) => {
  const client = await webClient(await shared)
  client.send(Buffer.from(OPEN))
  t.equal(await client.closed, 1003)
})

t.test('too large a frame ends the connection, before log-in and after', async (t) => {
  const server = await shared
  const early = await webClient(server)
  early.send(`<open xmlns='${FRAMING}' to='localhost' version='1.0' x='${'y'.repeat(server.settings.maxStanzaBytesUnauthenticated)}'/>`)
  await early.next()
  t.ok((await early.next()).getChild('policy-violation'))
  const client = await (await webClient(server)).login('romeo')
  client.send(`<message xmlns='jabber:client'><body>${'x'.repeat(server.settings.maxStanzaBytes)}</body></message>`)
  t.equal(await client.closed, 1009)
  const end = Date.now() + 5000
  while (server.sessions.of('romeo@localhost').all.some((s) => s.jid.resource === 'web') && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 20))
  t.equal(server.sessions.of('romeo@localhost').all.filter((s) => s.jid.resource === 'web').length, 0)
})

t.test('another path, or without the sub-protocol xmpp, is refused (§3.1), and the gate does not count it', async (t) => {
  const server = await testServer(t)
  const status = (path: string, protocol: string | null): Promise<number> => new Promise((resolve, reject) => {
    const asked = request({
      port: server.http, host: '127.0.0.1', path,
      headers: { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': base64(Buffer.alloc(16)),
        ...(protocol === null ? {} : { 'Sec-WebSocket-Protocol': protocol }) },
    })
    asked.on('response', (response) => resolve(response.statusCode ?? 0))
    asked.on('upgrade', (response, socket) => {
      socket.destroy()
      resolve(response.statusCode ?? 0)
    })
    asked.on('error', reject)
    asked.end()
  })
  t.equal(await status('/xmpp-websocket', 'mqtt'), 400)
  t.equal(await status('/xmpp-websocket', null), 400)
  t.equal(await status('/elsewhere', 'xmpp'), 404)
  t.equal(await status('/xmpp-websocket?x=1', 'mqtt, xmpp'), 101)
  const end = Date.now() + 5000
  while (server.gate.connections > 0 && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 20))
  t.same([server.gate.connections, server.gate.unauthenticated], [0, 0])
})

t.test('who does not log in in time is closed, as over TCP', async (t) => {
  const server = await testServer(t, { authTimeout: 1 })
  const client = await webClient(server)
  t.ok((await client.next()).is('open'))
  t.ok((await client.next()).getChild('connection-timeout'))
  await client.closed
})
