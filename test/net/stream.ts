// Streams (RFC 6120 §4): how they open, what is wrong with them, how they end, and what keeps them alive.
import t from 'tap'
import type { Test } from 'tap'
import { header, rawClient, STREAM_NS } from '../helpers/client.js'
import type { RawClient } from '../helpers/client.js'
import { plainOutcome, streamError } from '../helpers/scram.js'
import { testServer } from '../helpers/server.js'
import type { TestServer } from '../helpers/server.js'

const shared = testServer(t)
const NONE = 'xmlns=\'jabber:client\' xmlns:stream=\'http://etherx.jabber.org/streams\''

/** What is sent first on a fresh connection, and the error that it must lead to. */
const refused = async (t: Test, server: TestServer, octets: string | Buffer, condition: string, what = String(octets).slice(0, 90)): Promise<void> => {
  const client = await server.client()
  client.send(octets)
  t.equal(await streamError(client), condition, what)
  // RFC 6120 §4.9.1.2: also an error in the header is said inside a stream of ours
  const [first] = client.elements
  t.equal(first?.name, 'stream:stream')
  t.match(first?.attrs, { from: 'localhost', version: '1.0', id: /^.{8,}$/ })
}

t.test('a stream opens: our header answers theirs, with an id of its own, then features (§4.3, §4.7)', async (t) => {
  const server = await shared
  const ids = new Set<string>()
  for (let i = 0; i < 3; i++) {
    const client = await server.client()
    await client.open('localhost', ' from=\'romeo@localhost\' xml:lang=\'it\'')
    const { attrs } = client.elements[0] as { attrs: Record<string, string> }
    t.match(attrs, { from: 'localhost', to: 'romeo@localhost', version: '1.0', 'xml:lang': 'en', xmlns: 'jabber:client', 'xmlns:stream': STREAM_NS })
    ids.add(attrs['id'] as string)
  }
  t.equal(ids.size, 3)
})

t.test('without `to` there is no doubt where one domain is served; with several there is (§4.7.2)', async (t) => {
  const one = await (await shared).client()
  one.send(`<stream:stream ${NONE} version='1.0'>`)
  t.equal((await one.next((e) => e.name === 'stream:features')).name, 'stream:features')
  const two = await (await testServer(t, { domain: ['localhost', 'b.localhost'] })).client()
  two.send(`<stream:stream ${NONE} version='1.0'>`)
  t.equal(await streamError(two), 'host-unknown')
})

t.test('each fault of a header has its named error (§4.9.3)', async (t) => {
  const server = await shared
  await refused(t, server, header('example.org'), 'host-unknown')
  await refused(t, server, header(' '), 'host-unknown')
  await refused(t, server, `<stream:stream ${NONE} to='localhost'>`, 'unsupported-version')
  await refused(t, server, `<stream:stream ${NONE} to='localhost' version='0.9'>`, 'unsupported-version')
  await refused(t, server, `<stream:stream ${NONE} to='localhost' version='one'>`, 'unsupported-version')
  await refused(t, server, '<stream:stream xmlns=\'jabber:client\' xmlns:stream=\'http://example.org/\' to=\'localhost\' version=\'1.0\'>', 'invalid-namespace')
  await refused(t, server, '<stream xmlns=\'jabber:client\' to=\'localhost\' version=\'1.0\'>', 'invalid-namespace')
  await refused(t, server, `<stream:stream xmlns='jabber:server' xmlns:stream='${STREAM_NS}' to='localhost' version='1.0'>`, 'invalid-namespace')
  await refused(t, server, `<stream:flood ${NONE} to='localhost' version='1.0'>`, 'bad-format')
})

t.test('what is no XML stream at all (§4.9.3, §11)', async (t) => {
  const server = await shared
  await refused(t, server, 'GET / HTTP/1.1\r\n\r\n', 'not-well-formed')
  await refused(t, server, '<stream:stream to=\'localhost\' version=\'1.0\'>', 'not-well-formed', 'an undeclared prefix')
  await refused(t, server, `<stream:stream ${NONE} to='localhost' to='localhost'>`, 'not-well-formed')
  await refused(t, server, `<stream:stream ${NONE} to=localhost>`, 'not-well-formed')
  await refused(t, server, '<?xml version=\'1.0\' encoding=\'iso-8859-1\'?>', 'unsupported-encoding')
  await refused(t, server, Buffer.from(`﻿${header()}`, 'utf16le'), 'unsupported-encoding', 'UTF-16 with a byte order mark')
  await refused(t, server, Buffer.from(header(), 'utf16le'), 'unsupported-encoding', 'UTF-16 without')
  await refused(t, server, '<?php ?>', 'restricted-xml')
  await refused(t, server, '<!-- hello -->', 'restricted-xml')
  await refused(t, server, '<!DOCTYPE x [<!ENTITY a "b">]>', 'restricted-xml')
})

t.test('what breaks a stream that is open: comments, DTDs, processing instructions, foreign entities, bad tags', async (t) => {
  const server = await shared
  for (const [octets, condition] of [
    ['<!-- -->', 'restricted-xml'], ['<?x y?>', 'restricted-xml'], ['<!DOCTYPE x>', 'restricted-xml'], ['<message>&nbsp;</message>', 'restricted-xml'],
    ['<message></iq>', 'not-well-formed'], ['<a:message/>', 'not-well-formed'], ['<message', null], ['hello', 'bad-format'],
    [Buffer.from([0x3c, 0x61, 0x3e, 0xff, 0x3c, 0x2f, 0x61, 0x3e]), 'unsupported-encoding'], ['<message>\u0001</message>', 'not-well-formed'],
    ['</stream>', 'not-well-formed'],
  ] as const) {
    const client = await server.login('romeo')
    client.send(octets)
    if (condition === null) await client.close().catch(() => {})
    else t.equal(await streamError(client), condition, String(octets))
    client.destroy()
  }
})

t.test('limits before log-in are tighter than after (§13.12)', async (t) => {
  const server = await shared
  const { maxStanzaBytesUnauthenticated: before, maxStanzaBytes: after } = server.settings
  await refused(t, server, header('localhost', ` x='${'y'.repeat(before)}'`), 'policy-violation', 'a header too large')
  const large = await server.client()
  await large.open()
  large.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${'A'.repeat(before)}</auth>`)
  t.equal(await streamError(large), 'policy-violation', 'an element too large')
  const deep = await server.client()
  await deep.open()
  deep.send('<a>'.repeat(17))
  t.equal(await streamError(deep), 'policy-violation', 'too deep')
  const wide = await server.client()
  await wide.open()
  wide.send(`<a ${Array.from({ length: 65 }, (_, i) => `a${i}='x'`).join(' ')}/>`)
  t.equal(await streamError(wide), 'policy-violation', 'too many attributes')

  const user = await server.login('romeo')
  user.send(`<message to='romeo@localhost/none' type='chat'><body>${'x'.repeat(before * 2)}</body></message>`)
  user.send(`<message to='romeo@localhost/none' type='chat'>${'<a>'.repeat(20)}${'</a>'.repeat(20)}</message>`)
  user.send(`<message to='romeo@localhost/none' type='chat'><a ${Array.from({ length: 65 }, (_, i) => `a${i}='x'`).join(' ')}/></message>`)
  t.equal((await user.iq('get', '<ping xmlns=\'urn:xmpp:ping\'/>')).attrs['type'], 'result', 'all of that is fine for a user')
  user.send(`<message><body>${'x'.repeat(after)}`)
  t.equal(await streamError(user), 'policy-violation')
})

t.test('too much before log-in is refused, also when each piece is small, also when it is white space', async (t) => {
  const server = await shared
  const client = await server.client()
  await client.open()
  const most = server.settings.maxStanzaBytesUnauthenticated * 4
  for (let i = 0; i <= most; i += 1024) client.send(' '.repeat(1024))
  t.equal(await streamError(client), 'policy-violation')
})

t.test('everything that is not log-in waits for it: not-authorized; and a stanza before bind too (§4.9.3.12, §7.1)', async (t) => {
  const server = await shared
  for (const early of ['<message to=\'juliet@localhost\'><body/></message>', '<presence/>', '<iq type=\'get\' id=\'1\'><query xmlns=\'jabber:iq:roster\'/></iq>',
    '<iq type=\'set\' id=\'1\'><bind xmlns=\'urn:ietf:params:xml:ns:xmpp-bind\'/></iq>', '<what xmlns=\'urn:x\'/>']) {
    const client = await server.client()
    await client.open()
    client.send(early)
    t.equal(await streamError(client), 'not-authorized', early)
  }
  for (const early of ['<message to=\'juliet@localhost\'><body/></message>', '<presence/>', '<iq type=\'get\' id=\'1\'><query xmlns=\'jabber:iq:roster\'/></iq>',
    '<iq type=\'get\' id=\'1\'><bind xmlns=\'urn:ietf:params:xml:ns:xmpp-bind\'/></iq>', '<iq type=\'set\' id=\'1\'><session xmlns=\'urn:ietf:params:xml:ns:xmpp-session\'/></iq>']) {
    const client = await server.client()
    await client.open()
    t.equal(await plainOutcome(client, 'romeo', 'romeo'), 'success')
    await client.open()
    client.send(early)
    t.equal(await streamError(client), 'not-authorized', early)
  }
})

t.test('XEP-0198: a <resume/> of what there is not is refused and the client binds instead; what is out of place too, and the stream stays alive', async (t) => {
  const server = await shared
  const client = await server.client()
  await client.open()
  await plainOutcome(client, 'romeo', 'romeo')
  await client.open()
  client.send('<resume xmlns=\'urn:xmpp:sm:3\' previd=\'x\' h=\'0\'/>')
  const failed = await client.next((e) => e.name === 'failed')
  t.equal(failed.attrs['xmlns'], 'urn:xmpp:sm:3')
  t.equal(failed.getChildElements()[0]?.name, 'item-not-found')
  t.equal((await client.iq('set', '<bind xmlns=\'urn:ietf:params:xml:ns:xmpp-bind\'/>')).attrs['type'], 'result')
  const refused = async (xml: string): Promise<void> => {
    client.send(xml)
    t.equal((await client.next((e) => e.name === 'failed')).getChildElements()[0]?.name, 'unexpected-request', xml)
  }
  for (const early of ['r', 'a', 'resume']) await refused(`<${early} xmlns='urn:xmpp:sm:3' h='0'/>`)
  client.send('<enable xmlns=\'urn:xmpp:sm:3\' resume=\'true\'/>')
  t.match((await client.next((e) => e.name === 'enabled')).attrs, { id: /^[0-9a-f]{16,}$/, resume: 'true', max: String(server.settings.resumeWindow) }, '§3')
  await refused('<enable xmlns=\'urn:xmpp:sm:3\'/>')
  await client.presence()
  client.send('<a xmlns=\'urn:xmpp:sm:3\' h=\'many\'/>')
  t.equal(await streamError(client), 'invalid-xml')
})

t.test('XEP-0198 §3: an <enable/> before there is a session is refused, and the stream goes on; not for ever', async (t) => {
  const server = await shared
  const client = await server.client()
  const refused = async (): Promise<void> => {
    client.send('<enable xmlns=\'urn:xmpp:sm:3\' resume=\'true\'/>')
    const failed = await client.next((e) => e.name === 'failed' || e.name === 'stream:error')
    t.same([failed.name, failed.attrs['xmlns'], failed.getChildElements().map((e) => e.name)], ['failed', 'urn:xmpp:sm:3', ['unexpected-request']])
  }
  await client.open()
  await refused()
  t.equal(await plainOutcome(client, 'romeo', 'romeo'), 'success')
  await client.open()
  await refused()
  t.equal((await client.iq('set', '<bind xmlns=\'urn:ietf:params:xml:ns:xmpp-bind\'/>')).attrs['type'], 'result')
  client.send('<enable xmlns=\'urn:xmpp:sm:3\'/>')
  await client.next((e) => e.name === 'enabled')

  const stubborn = await server.client()
  await stubborn.open()
  await plainOutcome(stubborn, 'romeo', 'romeo')
  await stubborn.open()
  stubborn.send('<enable xmlns=\'urn:xmpp:sm:3\'/>'.repeat(server.settings.saslAttempts))
  t.equal(await streamError(stubborn), 'policy-violation')
  t.equal(stubborn.elements.filter((e) => e.name === 'failed').length, server.settings.saslAttempts)
})

t.test('an unknown element at the top ends the stream: unsupported-stanza-type (§4.9.3.24)', async (t) => {
  const server = await shared
  for (const unknown of ['<what/>', '<message xmlns=\'jabber:server\'/>', '<a xmlns=\'urn:xmpp:sm:2\'/>', '<auth xmlns=\'urn:ietf:params:xml:ns:xmpp-sasl\'/>', '<open xmlns=\'urn:ietf:params:xml:ns:xmpp-framing\'/>']) {
    const client = await server.login('romeo')
    client.send(unknown)
    t.equal(await streamError(client), 'unsupported-stanza-type', unknown)
  }
})

t.test('`from` may be one\'s own full or bare JID in any spelling, and no other: invalid-from (§4.9.3.9, §8.1.2.1)', async (t) => {
  const server = await shared
  const juliet = await server.login('juliet', 'balcony')
  await juliet.presence()
  for (const from of ['romeo@localhost/x', 'romeo@localhost', 'ROMEO@LocalHost/x', '', null]) {
    const romeo = await server.login('romeo', 'x')
    romeo.send(`<message to='juliet@localhost' type='chat'${from === null ? '' : ` from='${from}'`}><body>1</body></message>`)
    t.equal((await juliet.next((e) => e.name === 'message')).attrs['from'], 'romeo@localhost/x', String(from))
    await romeo.close()
  }
  for (const from of ['juliet@localhost', 'romeo@localhost/y', 'localhost', 'romeo@example.org', '@', 'romeo@localhost/X']) {
    const romeo = await server.login('romeo', 'x')
    romeo.send(`<message to='juliet@localhost' type='chat' from='${from}'><body>1</body></message>`)
    t.equal(await streamError(romeo), 'invalid-from', from)
  }
  await juliet.nothing((e) => e.name === 'message')
})

t.test('all before </stream:stream> is handled, then ours follows (§4.4); also when the socket closes at once', async (t) => {
  const server = await testServer(t)
  const juliet = await server.login('juliet', 'balcony')
  await juliet.presence()
  const many = Array.from({ length: 1000 }, (_, i) => `<message to='juliet@localhost' type='chat'><body>${i}</body></message>`).join('')
  const romeo = await server.login('romeo')
  romeo.send(`${many}</stream:stream>`)
  await romeo.ended
  t.notOk(romeo.elements.some((e) => e.name === 'stream:error'))
  for (let i = 0; i < 1000; i++) {
    const got = await juliet.next((e) => e.name === 'message')
    if (got.getChildText('body') !== String(i)) t.equal(got.getChildText('body'), String(i))
  }
  const hasty = await server.login('romeo')
  hasty.socket.end(`${many}</stream:stream>`)
  for (let i = 0; i < 1000; i++) {
    const got = await juliet.next((e) => e.name === 'message')
    if (got.getChildText('body') !== String(i)) t.equal(got.getChildText('body'), String(i))
  }
  const gone = async (): Promise<boolean> => {
    for (let i = 0; i < 100 && server.sessions.of('romeo@localhost').all.length > 0; i++) await new Promise((resolve) => setTimeout(resolve, 20))
    return server.sessions.of('romeo@localhost').all.length === 0
  }
  t.ok(await gone(), 'and the sessions are over')
})

t.test('after our goodbye nothing that comes is handled, and a peer that does not close is dropped', async (t) => {
  const server = await testServer(t)
  const juliet = await server.login('juliet', 'balcony')
  await juliet.presence()
  const romeo = await server.login('romeo')
  romeo.socket.removeAllListeners('end')
  romeo.send('<what/><message to=\'juliet@localhost\' type=\'chat\'><body>late</body></message>')
  await romeo.next((e) => e.name === 'stream:error')
  romeo.send('<message to=\'juliet@localhost\' type=\'chat\'><body>later</body></message>')
  await juliet.nothing((e) => e.name === 'message')
  t.equal(server.sessions.of('romeo@localhost').all.length, 0)
})

t.test('a client that is silent is asked, and closed when it does not answer; any octet is an answer (§4.6)', async (t) => {
  const server = await testServer(t, { pingAfter: 2, deadAfter: 2 })
  const silent = await server.login('romeo', 'silent')
  const alive = await server.login('juliet', 'alive')
  const spacing = setInterval(() => alive.send(' '), 500) // §4.6.1: white-space keep-alive
  t.teardown(() => clearInterval(spacing))
  const ping = await silent.next((e) => e.name === 'iq')
  t.match(ping.attrs, { type: 'get', from: 'localhost', to: 'romeo@localhost/silent' })
  t.ok(ping.getChild('query', 'http://jabber.org/protocol/disco#info'), 'with a question that every client survives')
  silent.send(`<iq type='result' id='${ping.attrs['id']}' to='localhost'/>`)
  await silent.next((e) => e.name === 'iq' && e.attrs['type'] === 'get', 8000)
  const asked = Date.now()
  t.equal(await streamError(silent), 'connection-timeout')
  t.ok(Date.now() - asked > 1500, 'not before its time')
  await alive.nothing((e) => e.name === 'iq' && e.attrs['type'] === 'get')
  t.equal(server.sessions.size, 1)
})

t.test('who does not log in in time is closed: before the header, before log-in, before bind, in the TLS handshake', async (t) => {
  const server = await testServer(t, { authTimeout: 1 })
  const nothing = await server.client()
  const opened = await server.client()
  await opened.open()
  const unbound = await server.client()
  await unbound.open()
  await plainOutcome(unbound, 'romeo', 'romeo')
  await unbound.open()
  const bare = await rawClient(server.ports.c2sTls as number)
  t.same(await Promise.all([nothing, opened, unbound].map(streamError)), Array(3).fill('connection-timeout'))
  await bare.ended
  for (let i = 0; i < 100 && server.gate.connections > 0; i++) await new Promise((resolve) => setTimeout(resolve, 100))
  t.same([server.gate.connections, server.gate.unauthenticated], [0, 0], 'the gate counts nobody any more')
})

t.test('who proved a password at one domain does not bind at another', async (t) => {
  const server = await testServer(t, { domain: ['localhost', 'b.localhost'] })
  const client = await server.client()
  await client.open('localhost')
  t.equal(await plainOutcome(client, 'romeo', 'romeo'), 'success')
  client.restart()
  client.send(header('b.localhost'))
  t.equal(await streamError(client), 'not-authorized')
})

t.test('a stream may come in single bytes and in one piece with everything behind it', async (t) => {
  const server = await shared
  const slow: RawClient = await server.client()
  for (const byte of Buffer.from(header())) slow.send(Buffer.from([byte]))
  await slow.next((e) => e.name === 'stream:features')
  const burst = await server.client()
  // pipelined over the restart: log-in, new header, bind, stanza
  burst.send(`${header()}<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from('\0romeo\0romeo').toString('base64')}</auth>${
    header()}<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq><message to='romeo@localhost/none' type='normal'/></stream:stream>`)
  let got = ''
  burst.socket.on('data', (data) => (got += data.toString()))
  await new Promise((resolve) => burst.socket.once('close', resolve))
  t.match(got, /<success .*<stream:stream .*<iq type='result' id='b'.*<\/stream:stream>$/s)
})

t.test('what is answered outside of stanzas is bounded too: who asks and never reads is closed', async (t) => {
  const server = await testServer(t, { writeBufferBytes: 65_536 })
  const bound = await server.login('romeo')
  const unbound = await server.client()
  await unbound.open()
  await plainOutcome(unbound, 'juliet', 'juliet')
  await unbound.open()
  for (const [client, asked] of [[bound, '<enable xmlns=\'urn:xmpp:sm:3\'/>'], [unbound, '<resume xmlns=\'urn:xmpp:sm:3\' previd=\'x\' h=\'0\'/>']] as const) {
    client.socket.pause()
    let over = false
    client.socket.once('error', () => (over = true)).once('close', () => (over = true))
    const many = asked.repeat(1000)
    // the kernel's buffers on both sides take some megabytes first
    for (let i = 0; i < 2000 && !over; i++) {
      client.send(many)
      while (client.socket.writableLength > 1_000_000 && !over) await new Promise((resolve) => setTimeout(resolve, 5))
    }
    // attempts to resume are counted: that stream has ended, and its connection goes a moment later
    for (let i = 0; i < 100 && !over; i++) {
      client.send(' ')
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    t.ok(over, asked)
  }
  t.ok(server.logged.some((line) => /does not read/.test(line.msg)))
})
