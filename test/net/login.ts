// SASL over the wire (RFC 6120 §6): every mechanism and binding that clients use, and what a failure leaves.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import t from 'tap'
import type { Settings } from '../../lib/base/config.js'
import type { Database } from '../../lib/store/db.js'
import { rawClient } from '../helpers/client.js'
import type { RawClient } from '../helpers/client.js'
import { testDatabase } from '../helpers/database.js'
import { base64, outcome, plain, plainOutcome, say, scramClient, scramOutcome, streamError } from '../helpers/scram.js'
import { testServer } from '../helpers/server.js'
import type { TestServer } from '../helpers/server.js'

const shared = testServer(t)

const opened = async (server: TestServer): Promise<RawClient> => {
  const client = await server.client()
  await client.open()
  return client
}

const inTls = async (server: TestServer, options: ConnectionOptions = {}): Promise<{ client: RawClient; tls: TLSSocket; features: Awaited<ReturnType<RawClient['open']>> }> => {
  const client = await rawClient(server.ports.c2sTls as number, { tls: { ca: readFileSync(server.ca), ...options } })
  t.teardown(() => client.destroy())
  const features = await client.open()
  return { client, tls: client.socket as TLSSocket, features }
}

const exporter = (tls: TLSSocket): Buffer => tls.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0))
const endPoint = (tls: TLSSocket): Buffer => createHash('sha256').update(tls.getPeerCertificate(true).raw).digest() // of a certificate signed with ECDSA and SHA-256

t.test('every mechanism logs in, SCRAM with the server\'s proof, and a session can be bound behind it', async (t) => {
  const server = await shared
  for (const mechanism of ['SCRAM-SHA-1', 'SCRAM-SHA-256']) {
    const client = await opened(server)
    t.match(await scramOutcome(client, mechanism, 'romeo', 'romeo'), { outcome: 'success', proved: true })
    await client.open()
    t.equal((await client.iq('set', '<bind xmlns=\'urn:ietf:params:xml:ns:xmpp-bind\'/>')).attrs['type'], 'result')
  }
  const two = await opened(server)
  t.equal(outcome(await say(two, 'auth', '', 'PLAIN')), 'challenge', 'without an initial response it is asked for (§6.4.3)')
  t.equal(outcome(await say(two, 'response', base64(plain('romeo', 'romeo')))), 'success')
})

t.test('TLS 1.3: -PLUS with tls-exporter and tls-server-end-point; both are announced (XEP-0440)', async (t) => {
  const server = await shared
  const { features } = await inTls(server)
  const announced = features.getChild('sasl-channel-binding', 'urn:xmpp:sasl-cb:0')?.getChildElements().map((e) => e.attrs['type'])
  t.same(announced, ['tls-exporter', 'tls-server-end-point'])
  for (const mechanism of ['SCRAM-SHA-1-PLUS', 'SCRAM-SHA-256-PLUS']) {
    for (const [type, data] of [['tls-exporter', exporter], ['tls-server-end-point', endPoint]] as const) {
      const { client, tls } = await inTls(server)
      t.equal(tls.getProtocol(), 'TLSv1.3')
      t.match(await scramOutcome(client, mechanism, 'romeo', 'romeo', { gs2: `p=${type},,`, binding: data(tls) }), { outcome: 'success', proved: true }, `${mechanism} ${type}`)
    }
    const { client } = await inTls(server)
    const other = await inTls(server)
    t.equal((await scramOutcome(client, mechanism, 'romeo', 'romeo', { gs2: 'p=tls-exporter,,', binding: exporter(other.tls) })).outcome, 'not-authorized', 'another connection\'s')
  }
})

t.test('TLS 1.2: -PLUS with tls-unique, also when the session is resumed (RFC 5929 §3)', async (t) => {
  const server = await shared
  let session: Buffer | undefined
  const { client, tls, features } = await inTls(server, { maxVersion: 'TLSv1.2' })
  t.same(features.getChild('sasl-channel-binding')?.getChildElements().map((e) => e.attrs['type']), ['tls-unique', 'tls-server-end-point'])
  session = tls.getSession()
  t.match(await scramOutcome(client, 'SCRAM-SHA-1-PLUS', 'romeo', 'romeo', { gs2: 'p=tls-unique,,', binding: tls.getFinished() as Buffer }), { outcome: 'success', proved: true })
  const again = await inTls(server, { maxVersion: 'TLSv1.2', ...(session === undefined ? {} : { session }) })
  const binding = (again.tls.isSessionReused() ? again.tls.getPeerFinished() : again.tls.getFinished()) as Buffer
  t.match(await scramOutcome(again.client, 'SCRAM-SHA-256-PLUS', 'romeo', 'romeo', { gs2: 'p=tls-unique,,', binding }), { outcome: 'success' }, `resumed: ${again.tls.isSessionReused()}`)
})

t.test('after STARTTLS the binding is that of the inner TLS', async (t) => {
  const server = await shared
  const client = await opened(server)
  await client.startTls({ ca: readFileSync(server.ca) })
  await client.open()
  t.match(await scramOutcome(client, 'SCRAM-SHA-256-PLUS', 'romeo', 'romeo', { gs2: 'p=tls-exporter,,', binding: exporter(client.socket as TLSSocket) }), { outcome: 'success', proved: true })
})

t.test('strict: what slixmpp 1.8 and poezio do on TLS 1.3 ends logged in, on one stream, and locks nobody out (clients.md §1)', async (t) => {
  const server = await testServer(t, { loginFailuresPerAccount: 1, loginFailuresPerAddress: 1 })
  for (let round = 0; round < 3; round++) {
    const { client } = await inTls(server)
    // measured with slixmpp 1.8.3: each -PLUS name, then each plain one, and PLAIN at last
    for (const hash of round === 0 ? ['SHA-256', 'SHA-1'] : ['SHA-1']) {
      t.equal((await scramOutcome(client, `SCRAM-${hash}-PLUS`, 'romeo', 'romeo', { gs2: 'p=tls-unique,,', binding: Buffer.alloc(12) })).outcome, 'not-authorized')
    }
    for (const hash of round === 0 ? ['SHA-256', 'SHA-1'] : ['SHA-1']) {
      t.equal((await scramOutcome(client, `SCRAM-${hash}`, 'romeo', 'romeo', { gs2: 'y,,' })).outcome, 'not-authorized')
    }
    t.equal(await plainOutcome(client, 'romeo', 'romeo'), 'success')
    await client.open()
    t.equal((await client.iq('set', '<bind xmlns=\'urn:ietf:params:xml:ns:xmpp-bind\'/>')).attrs['type'], 'result')
  }
})

t.test('lenient takes `y`, off does not offer -PLUS', async (t) => {
  const lenient = await inTls(await testServer(t, { channelBinding: 'lenient' }))
  t.ok(lenient.features.getChild('mechanisms')?.getChildElements().some((e) => e.getText() === 'SCRAM-SHA-256-PLUS'))
  t.equal((await scramOutcome(lenient.client, 'SCRAM-SHA-256', 'romeo', 'romeo', { gs2: 'y,,' })).outcome, 'success')
  const off = await inTls(await testServer(t, { channelBinding: 'off' }))
  t.same(off.features.getChild('mechanisms')?.getChildElements().map((e) => e.getText()), ['SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN'])
  t.notOk(off.features.getChild('sasl-channel-binding'))
  t.equal((await scramOutcome(off.client, 'SCRAM-SHA-256-PLUS', 'romeo', 'romeo', { gs2: 'p=tls-exporter,,', binding: exporter(off.tls) })).outcome, 'invalid-mechanism')
  t.equal((await scramOutcome(off.client, 'SCRAM-SHA-256', 'romeo', 'romeo', { gs2: 'y,,' })).outcome, 'success')
})

t.test('each failure has its condition and leaves the stream open for another try (§6.4.5, §6.5)', async (t) => {
  const client = await opened(await testServer(t, { saslAttempts: 50 }))
  t.equal(outcome(await say(client, 'auth', '', 'DIGEST-MD5')), 'invalid-mechanism')
  t.equal(outcome(await say(client, 'auth', '', '')), 'invalid-mechanism')
  t.equal(outcome(await say(client, 'auth', '*', 'PLAIN')), 'incorrect-encoding')
  t.equal(outcome(await say(client, 'auth', 'YWI', 'PLAIN')), 'incorrect-encoding')
  t.equal(outcome(await say(client, 'response', base64('x'))), 'malformed-request', 'a response to nothing')
  t.equal(outcome(await say(client, 'auth', '=', 'PLAIN')), 'malformed-request')
  t.equal(outcome(await say(client, 'auth', base64('\0romeo\0romeo\0'), 'PLAIN')), 'malformed-request', 'NUL after the password')
  t.equal(outcome(await say(client, 'auth', base64('\0romeo\0romeo\0junk'), 'PLAIN')), 'malformed-request')
  t.equal(outcome(await say(client, 'auth', base64('n,,m=x,n=romeo,r=abc'), 'SCRAM-SHA-256')), 'malformed-request', 'm=')
  t.equal(outcome(await say(client, 'auth', base64('n,,n=romeo,r=abc,m=x'), 'SCRAM-SHA-256')), 'malformed-request', 'm=')
  t.equal(outcome(await say(client, 'auth', base64('n,,n=romeo,r=abc'), 'SCRAM-SHA-256')), 'challenge')
  t.equal(outcome(await say(client, 'abort')), 'aborted')
  t.equal(outcome(await say(client, 'response', base64('x'))), 'malformed-request', 'what was aborted is over')
  t.equal(outcome(await say(client, 'auth', base64('n,,n=romeo,r=abc'), 'SCRAM-SHA-256')), 'challenge')
  t.equal(outcome(await say(client, 'response', '*')), 'incorrect-encoding')
  t.equal(await plainOutcome(client, 'romeo', 'wrong'), 'not-authorized')
  t.equal(await plainOutcome(client, 'nobody', 'romeo'), 'not-authorized')
  t.equal((await scramOutcome(client, 'SCRAM-SHA-1', 'romeo', 'wrong')).outcome, 'not-authorized')
  t.equal((await scramOutcome(client, 'SCRAM-SHA-1', 'romeo', 'romeo')).outcome, 'success', 'and then the right one')
})

t.test('an <auth/> in the middle of an exchange begins a new one', async (t) => {
  const client = await opened(await shared)
  t.equal(outcome(await say(client, 'auth', base64('n,,n=juliet,r=abc'), 'SCRAM-SHA-256')), 'challenge')
  t.equal((await scramOutcome(client, 'SCRAM-SHA-256', 'romeo', 'romeo')).outcome, 'success')
  await client.open()
  t.match((await client.iq('set', '<bind xmlns=\'urn:ietf:params:xml:ns:xmpp-bind\'/>')).getChild('bind')?.getChildText('jid'), /^romeo@/)
})

t.test('tries on one stream: at least six, then policy-violation', async (t) => {
  const six = await opened(await testServer(t, { saslAttempts: 6 }))
  for (let i = 0; i < 6; i++) t.equal(outcome(await say(six, 'auth', '', 'X')), 'invalid-mechanism')
  t.equal(await streamError(six), 'policy-violation')
  const server = await testServer(t)
  t.ok(server.settings.saslAttempts >= 6)
  const seventh = await opened(server)
  for (let i = 0; i < 6; i++) await say(seventh, 'auth', '', 'X')
  t.equal(await plainOutcome(seventh, 'romeo', 'romeo'), 'success', 'by default the seventh is still heard')
})

t.test('nobody logs in as somebody else: an authorization identity other than one\'s own is invalid-authzid in every mechanism', async (t) => {
  const server = await shared
  const client = await opened(server)
  t.equal(await plainOutcome(client, 'romeo', 'romeo', 'juliet@localhost'), 'invalid-authzid')
  t.equal(await plainOutcome(client, 'romeo', 'romeo', 'juliet'), 'invalid-authzid')
  for (const mechanism of ['SCRAM-SHA-1', 'SCRAM-SHA-256']) {
    t.equal((await scramOutcome(client, mechanism, 'romeo', 'romeo', { gs2: 'n,a=juliet@localhost,' })).outcome, 'invalid-authzid')
  }
  const { client: secure, tls } = await inTls(server)
  for (const mechanism of ['SCRAM-SHA-1-PLUS', 'SCRAM-SHA-256-PLUS']) {
    t.equal((await scramOutcome(secure, mechanism, 'romeo', 'romeo', { gs2: 'p=tls-exporter,a=juliet@localhost,', binding: exporter(tls) })).outcome, 'invalid-authzid')
  }
  t.equal(await plainOutcome(client, 'romeo', 'romeo', 'romeo@localhost'), 'success', 'one\'s own is fine')
  await client.open()
  t.match((await client.iq('set', '<bind xmlns=\'urn:ietf:params:xml:ns:xmpp-bind\'/>')).getChild('bind')?.getChildText('jid'), /^romeo@/)
})

/** A database that fails while `away.now`. */
const failing = (db: Database, away: { now: boolean }): Database => ({
  ...db,
  query: (text, values) => (away.now ? Promise.reject(new Error('the database is away')) : db.query(text, values)),
})

t.test('while the database is away a log-in is a temporary failure, and nobody is locked out for it', async (t) => {
  const away = { now: false }
  const settings: Partial<Settings> = { loginFailuresPerAccount: 1, loginFailuresPerAddress: 1 }
  const server = await testServer(t, settings, { db: failing(await testDatabase(t), away) })
  const client = await opened(server)
  away.now = true
  for (let i = 0; i < 3; i++) t.equal(await plainOutcome(client, 'romeo', 'romeo'), 'temporary-auth-failure')
  t.equal((await scramOutcome(client, 'SCRAM-SHA-256', 'romeo', 'romeo')).outcome, 'temporary-auth-failure')
  away.now = false
  t.equal(await plainOutcome(client, 'romeo', 'romeo'), 'success')
})

t.test('passwords and proofs are in no log line', async (t) => {
  const server = await testServer(t)
  const client = await opened(server)
  await plainOutcome(client, 'romeo', 'my-wrong-secret')
  const scram = scramClient('SCRAM-SHA-256', 'romeo', 'romeo')
  const challenge = await say(client, 'auth', base64(scram.first), 'SCRAM-SHA-256')
  const { message } = scram.final(Buffer.from(challenge.getText(), 'base64').toString())
  t.equal(outcome(await say(client, 'response', base64(message))), 'success')
  const log = JSON.stringify(server.logged)
  t.match(log, 'log-in refused')
  for (const secret of ['my-wrong-secret', base64(plain('romeo', 'my-wrong-secret')), message, base64(message)]) t.notMatch(log, secret)
})
