// TLS on the stream (RFC 6120 §5, XEP-0368): where it must be, what it must be, and what happens to the clear text around it.
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import { pino } from 'pino'
import t from 'tap'
import { defaultSettings } from '../../lib/base/config.js'
import { startServer } from '../../lib/server.js'
import { developmentCertificate } from '../../lib/wire/tls-context.js'
import { ROUTES } from '../../routes/index.js'
import { header, rawClient } from '../helpers/client.js'
import { testDatabase } from '../helpers/database.js'
import { outcome, plainOutcome, say, scramOutcome } from '../helpers/scram.js'
import { addUsers, testServer } from '../helpers/server.js'

const secure = testServer(t, { insecureLoopback: false })
const trusting = async (): Promise<ConnectionOptions> => ({ ca: readFileSync((await secure).ca) })

t.test('without insecure_loopback STARTTLS is required and nothing else is offered in clear (§5.3.1)', async (t) => {
  const client = await (await secure).client()
  const features = await client.open()
  t.same(features.getChildElements().map((e) => e.name), ['starttls'])
  t.ok(features.getChild('starttls')?.getChild('required'))
})

t.test('a log-in in clear is refused, PLAIN and SCRAM, without looking at the password: encryption-required (§6.5.4)', async (t) => {
  const client = await (await secure).client()
  await client.open()
  t.equal(await plainOutcome(client, 'romeo', 'romeo'), 'encryption-required')
  t.equal((await scramOutcome(client, 'SCRAM-SHA-256', 'romeo', 'romeo')).outcome, 'encryption-required')
  await client.startTls(await trusting())
  await client.open()
  t.equal(await plainOutcome(client, 'romeo', 'romeo'), 'success', 'the stream was left open for TLS')
})

t.test('inside TLS: no second STARTTLS, PLAIN and both hashes with -PLUS; the certificate is for this domain', async (t) => {
  const client = await (await secure).client()
  await client.open()
  await client.startTls(await trusting())
  t.ok((client.socket as TLSSocket).authorized)
  const features = await client.open()
  t.notOk(features.getChild('starttls'))
  t.same(features.getChild('mechanisms')?.getChildElements().map((e) => e.getText()),
    ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-1-PLUS', 'SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN'])
  client.send('<starttls xmlns=\'urn:ietf:params:xml:ns:xmpp-tls\'/>')
  t.equal((await client.next((e) => e.name === 'failure')).attrs['xmlns'], 'urn:ietf:params:xml:ns:xmpp-tls')
  await client.ended
})

t.test('what was sent in clear behind <starttls/> is thrown away: no log-in that somebody put there counts (§5.4.3.3)', async (t) => {
  const server = await secure
  for (const injected of [
    `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from('\0mercutio\0mercutio').toString('base64')}</auth>`,
    `${header()}<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from('\0mercutio\0mercutio').toString('base64')}</auth>`,
    '<half', ' '.repeat(100),
  ]) {
    const client = await server.client()
    await client.open()
    client.socket.removeAllListeners('data')
    const proceed = new Promise<string>((resolve) => client.socket.once('data', (data) => resolve(data.toString())))
    client.send(`<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>${injected}`)
    t.equal(await proceed, '<proceed xmlns=\'urn:ietf:params:xml:ns:xmpp-tls\'/>')
    const tls = connectTls({ socket: client.socket, servername: 'localhost', ...await trusting() })
    await new Promise((resolve) => tls.once('secureConnect', resolve))
    let got = ''
    tls.on('data', (data) => (got += data.toString()))
    tls.write(header())
    while (!got.includes('</stream:features>')) await new Promise((resolve) => tls.once('data', resolve))
    t.notMatch(got, /success|failure|error/, injected.slice(0, 30))
    t.match(got, /^<\?xml.*<mechanism>PLAIN/s)
    tls.destroy()
  }
})

t.test('TLS 1.2 and 1.3 are spoken, older ones are not (RFC 9325 §3.1.1), and only with forward secrecy', async (t) => {
  const port = (await secure).ports.c2sTls as number
  const ca = await trusting()
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const client = await rawClient(port, { tls: { ...ca, minVersion: version, maxVersion: version } })
    t.equal((client.socket as TLSSocket).getProtocol(), version)
    client.destroy()
  }
  for (const version of ['TLSv1', 'TLSv1.1'] as const) {
    await t.rejects(rawClient(port, { tls: { ...ca, minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' } }), version)
  }
  for (const ciphers of ['AES128-SHA', 'ECDHE-ECDSA-AES128-SHA', 'AES128-GCM-SHA256']) {
    await t.rejects(rawClient(port, { tls: { ...ca, maxVersion: 'TLSv1.2', ciphers: `${ciphers}:@SECLEVEL=0` } }), ciphers)
  }
})

t.test('TLS from the first byte, with ALPN (XEP-0368 §3)', async (t) => {
  const server = await secure
  const client = await rawClient(server.ports.c2sTls as number, { tls: await trusting() })
  t.equal((client.socket as TLSSocket).alpnProtocol, 'xmpp-client')
  t.ok((client.socket as TLSSocket).authorized)
  await client.login('romeo', 'romeo', 'direct')
  t.equal(client.jid, 'romeo@localhost/direct')
  await client.close()
  const without = await rawClient(server.ports.c2sTls as number, { tls: { ...await trusting(), ALPNProtocols: [] } })
  t.ok(await without.open(), 'ALPN is not demanded')
  without.destroy()
  await t.rejects(rawClient(server.ports.c2sTls as number, { tls: { ...await trusting(), ALPNProtocols: ['http/1.1'] } }), 'but another protocol is not spoken')
})

t.test('garbage instead of a handshake ends the connection and nothing else', async (t) => {
  const server = await testServer(t, { insecureLoopback: false })
  const direct = connectTcp(server.ports.c2sTls as number, '127.0.0.1')
  direct.on('error', () => {})
  direct.write(header())
  await new Promise((resolve) => direct.once('close', resolve))
  const client = await server.client()
  await client.open()
  client.send('<starttls xmlns=\'urn:ietf:params:xml:ns:xmpp-tls\'/>')
  await client.next((e) => e.name === 'proceed')
  client.send('this is no handshake at all, is it')
  await client.ended
  for (let i = 0; i < 100 && server.gate.connections > 0; i++) await new Promise((resolve) => setTimeout(resolve, 20))
  t.equal(server.gate.connections, 0)
  t.equal(server.gate.unauthenticated, 0)
  t.notOk(server.logged.some((line) => line.level >= 50))
})

t.test('the certificate can be replaced while the server runs: new connections see it, old ones live on', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'jidway-test-swap-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const [one, two] = await Promise.all([developmentCertificate(join(folder, 'one'), ['localhost']), developmentCertificate(join(folder, 'two'), ['localhost'])])
  const files = { cert: join(folder, 'live.crt'), key: join(folder, 'live.key') }
  const put = (from: { cert: string; key: string }): void => {
    copyFileSync(from.cert, files.cert)
    copyFileSync(from.key, files.key)
  }
  put(one)
  const db = await testDatabase(t)
  const server = await startServer({
    settings: defaultSettings({ c2sPort: 0, c2sTlsPort: 0, httpPort: null, httpsPort: 0, host: '127.0.0.1', pbkdf2Iterations: 4096, stopTimeout: 1 }),
    routes: ROUTES, log: pino({ level: 'silent' }), db, tls: files, node: 'test',
  })
  t.teardown(() => server.stop())
  await addUsers(db, ['romeo'])
  const first = { ca: readFileSync(one.ca as string) }
  const second = { ca: readFileSync(two.ca as string) }
  const { c2sTls, c2s, https } = server.ports as { c2sTls: number; c2s: number; https: number }
  const old = await (await rawClient(c2sTls, { tls: first })).login('romeo', 'romeo')
  t.teardown(() => old.destroy())

  writeFileSync(files.cert, 'no certificate')
  await t.rejects(server.reload(), { name: 'UsageError', message: /live\.crt holds no certificate/ })
  put({ cert: one.cert, key: two.key })
  await t.rejects(server.reload(), { name: 'UsageError', message: /does not fit/ })
  const still = await rawClient(c2sTls, { tls: first })
  still.destroy()

  put(two)
  await server.reload()
  const fresh = await rawClient(c2sTls, { tls: second })
  t.ok((fresh.socket as TLSSocket).authorized)
  fresh.destroy()
  await t.rejects(rawClient(c2sTls, { tls: first }), 'the old one is not shown any more')
  const starttls = await rawClient(c2s)
  await starttls.open()
  await starttls.startTls(second)
  starttls.destroy()
  const web = connectTls({ port: https, host: '127.0.0.1', servername: 'localhost', ...second })
  await new Promise((resolve, reject) => web.once('secureConnect', resolve).once('error', reject))
  t.ok(web.authorized, 'HTTPS too')
  web.destroy()
  await old.presence()
  t.pass('who was there stays')
})

t.test('on loopback with insecure_loopback STARTTLS is offered and not required', async (t) => {
  const client = await (await testServer(t)).client()
  const features = await client.open()
  t.ok(features.getChild('starttls'))
  t.notOk(features.getChild('starttls')?.getChild('required'))
  t.same(features.getChild('mechanisms')?.getChildElements().map((e) => e.getText()), ['SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN'], 'nothing to bind to, so no -PLUS')
  t.equal(outcome(await say(client, 'auth', 'biwsbj1yb21lbyxyPWE=', 'SCRAM-SHA-256-PLUS')), 'invalid-mechanism')
})
