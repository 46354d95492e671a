// SASL without a stream around it: the vectors of the RFCs, every malformed message, whose identity may be assumed, and
// what an unknown name sees.
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import t from 'tap'
import { prepLocal } from '../../lib/base/jid.js'
import { decodeBase64, offeredMechanisms, startSasl } from '../../lib/wire/sasl.js'
import type { BindingType, SaslContext, SaslStep } from '../../lib/wire/sasl.js'
import { deriveCredentials } from '../../lib/wire/scram-keys.js'
import type { Credential, HashMechanism } from '../../lib/wire/scram-keys.js'
import { base64, plain, scramClient } from '../helpers/scram.js'

const credential = (mechanism: HashMechanism, password: string, salt: string, iterations: number): Credential => {
  const digest = mechanism === 'SCRAM-SHA-1' ? 'sha1' : 'sha256'
  const salted = pbkdf2Sync(password, Buffer.from(salt, 'base64'), iterations, digest === 'sha1' ? 20 : 32, digest)
  const key = (name: string): Buffer => createHmac(digest, salted).update(name).digest()
  return { mechanism, salt: Buffer.from(salt, 'base64'), iterations, storedKey: createHash(digest).update(key('Client Key')).digest(), serverKey: key('Server Key') }
}

const contextWith = (accounts: Record<string, readonly Credential[]>, more: Partial<SaslContext> = {}): SaslContext => ({
  lookup: (name) => Promise.resolve(accounts[name] ?? null),
  prepare: prepLocal, bindings: new Map(), channelBinding: 'strict', encrypted: true,
  decoySecret: Buffer.alloc(32, 7), iterations: 4096, domain: 'localhost', ...more,
})

const BINDINGS = new Map<BindingType, Buffer>([['tls-exporter', Buffer.alloc(32, 1)], ['tls-server-end-point', Buffer.alloc(32, 2)]])
const romeo = deriveCredentials('romeo', 4096)
const known = async (more: Partial<SaslContext> = {}): Promise<SaslContext> => contextWith({ romeo: await romeo }, more)

const words = (step: SaslStep): string => (step.kind === 'failure' ? step.condition : step.kind)
const text = (step: SaslStep): string => ('data' in step && step.data !== null ? step.data.toString() : '')

const one = async (context: SaslContext, mechanism: string, data: Buffer | string): Promise<SaslStep> => {
  const exchange = startSasl(mechanism, context)
  if (exchange === null) throw new Error(`${mechanism} is not offered`)
  return exchange.respond(Buffer.from(data))
}

const scram = async (context: SaslContext, mechanism: string, client: ReturnType<typeof scramClient>, change = (s: string): string => s): Promise<{ step: SaslStep; signature: string }> => {
  const exchange = startSasl(mechanism, context)
  if (exchange === null) throw new Error(`${mechanism} is not offered`)
  const challenge = await exchange.respond(Buffer.from(client.first))
  if (challenge.kind !== 'challenge') return { step: challenge, signature: '' }
  const { message, signature } = client.final(text(challenge))
  return { step: await exchange.respond(Buffer.from(change(message))), signature }
}

t.test('RFC 5802 §5: the exchange of SCRAM-SHA-1 that the RFC prints', async (t) => {
  const context = contextWith({ user: [credential('SCRAM-SHA-1', 'pencil', 'QSXCR+Q6sek8bf92', 4096)] }, { nonce: '3rfcNHYJY1ZVvWVs7j' })
  const exchange = startSasl('SCRAM-SHA-1', context)
  const challenge = await exchange?.respond(Buffer.from('n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL'))
  t.equal(text(challenge as SaslStep), 'r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096')
  const end = await exchange?.respond(Buffer.from('c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts='))
  t.match(end, { kind: 'success', username: 'user' })
  t.equal(text(end as SaslStep), 'v=rmF9pqV8S7suAoZWja4dJRkFsKQ=')
})

t.test('RFC 7677 §3: the exchange of SCRAM-SHA-256 that the RFC prints', async (t) => {
  const context = contextWith({ user: [credential('SCRAM-SHA-256', 'pencil', 'W22ZaJ0SNY7soEsUEjb6gQ==', 4096)] }, { nonce: '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0' })
  const exchange = startSasl('SCRAM-SHA-256', context)
  const challenge = await exchange?.respond(Buffer.from('n,,n=user,r=rOprNGfwEbeRWgbNEkqO'))
  t.equal(text(challenge as SaslStep), 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096')
  const end = await exchange?.respond(Buffer.from('c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ='))
  t.match(end, { kind: 'success', username: 'user' })
  t.equal(text(end as SaslStep), 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=')
})

t.test('what is offered: -PLUS only with something to bind to, nothing in clear', async (t) => {
  const three = ['SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN']
  t.same(offeredMechanisms(await known()), three)
  t.same(offeredMechanisms(await known({ bindings: BINDINGS })), ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-1-PLUS', ...three])
  t.same(offeredMechanisms(await known({ bindings: BINDINGS, channelBinding: 'lenient' })), ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-1-PLUS', ...three])
  t.same(offeredMechanisms(await known({ bindings: BINDINGS, channelBinding: 'off' })), three)
  t.same(offeredMechanisms(await known({ encrypted: false, bindings: BINDINGS })), [])
  t.equal(startSasl('DIGEST-MD5', await known()), null)
  t.equal(startSasl('SCRAM-SHA-256-PLUS', await known()), null)
  t.equal(startSasl('plain', await known()), null)
})

t.test('PLAIN', async (t) => {
  const context = await known()
  t.match(await one(context, 'PLAIN', plain('romeo', 'romeo')), { kind: 'success', username: 'romeo', data: null })
  t.match(await one(context, 'PLAIN', plain('ROMEO', 'romeo')), { kind: 'success', username: 'romeo' }, 'the name is normalised as in addresses')
  t.match(await one(context, 'PLAIN', plain('romeo', 'wrong')), { kind: 'failure', condition: 'not-authorized', counted: true, username: 'romeo' })
  t.match(await one(context, 'PLAIN', plain('nobody', 'romeo')), { kind: 'failure', condition: 'not-authorized', counted: true })
  t.match(await one(context, 'PLAIN', plain('ro meo', 'romeo')), { kind: 'failure', condition: 'not-authorized', counted: true }, 'what is no name is an unknown one')
  for (const own of ['romeo@localhost', 'ROMEO@LocalHost']) t.equal(words(await one(context, 'PLAIN', plain('romeo', 'romeo', own))), 'success', own)
  for (const other of ['juliet@localhost', 'romeo@example.org', 'romeo', '@localhost', 'romeo@localhost/x', 'localhost', 'romeo@']) {
    t.match(await one(context, 'PLAIN', plain('romeo', 'romeo', other)), { condition: 'invalid-authzid', counted: false }, `authzid ${other}`)
    t.match(await one(context, 'PLAIN', plain('romeo', 'wrong', other)), { condition: 'not-authorized' }, 'not said to who does not know the password')
  }
})

t.test('PLAIN: a NUL too many, one too few, nothing where something must be, no UTF-8: malformed', async (t) => {
  const context = await known()
  for (const bad of ['\0romeo\0romeo\0', '\0romeo\0romeo\0more', '\0romeo', 'romeo', '', '\0\0romeo', '\0romeo\0', '\0\0']) {
    t.match(await one(context, 'PLAIN', bad), { condition: 'malformed-request', counted: false }, JSON.stringify(bad))
  }
  t.match(await one(context, 'PLAIN', Buffer.from([0, 0x72, 0, 0xff])), { condition: 'malformed-request' })
  t.match(await one(context, 'PLAIN', Buffer.alloc(5000, 0x61)), { condition: 'malformed-request' }, 'longer than any honest one')
})

t.test('an <auth/> without an initial response is asked for it', async (t) => {
  for (const mechanism of ['PLAIN', 'SCRAM-SHA-1', 'SCRAM-SHA-256']) {
    const exchange = startSasl(mechanism, await known())
    t.match(await exchange?.respond(null), { kind: 'challenge', data: Buffer.alloc(0) })
  }
})

t.test('SCRAM, with every hash: right, wrong, unknown', async (t) => {
  for (const mechanism of ['SCRAM-SHA-1', 'SCRAM-SHA-256']) {
    const context = await known()
    const { step, signature } = await scram(context, mechanism, scramClient(mechanism, 'romeo', 'romeo'))
    t.match(step, { kind: 'success', username: 'romeo' })
    t.equal(text(step), `v=${signature}`, 'the server proves that it knows the account too')
    t.match((await scram(context, mechanism, scramClient(mechanism, 'romeo', 'wrong'))).step, { condition: 'not-authorized', counted: true, username: 'romeo' })
    t.match((await scram(context, mechanism, scramClient(mechanism, 'nobody', 'romeo'))).step, { condition: 'not-authorized', counted: true })
  }
})

t.test('SCRAM: an authorization identity other than one\'s own is refused after the proof, and not counted as a guess', async (t) => {
  const context = await known()
  for (const [gs2, expected] of [['n,a=romeo@localhost,', 'success'], ['n,a=juliet@localhost,', 'invalid-authzid'], ['n,a=romeo,', 'invalid-authzid']] as const) {
    t.equal(words((await scram(context, 'SCRAM-SHA-256', scramClient('SCRAM-SHA-256', 'romeo', 'romeo', { gs2 }))).step), expected, gs2)
  }
})

t.test('SCRAM: `m=` fails wherever it stands, other extensions are skipped (RFC 5802 §5.1)', async (t) => {
  const context = await known()
  const go = async (options: object): Promise<string> => words((await scram(context, 'SCRAM-SHA-256', scramClient('SCRAM-SHA-256', 'romeo', 'romeo', options))).step)
  t.equal(await go({ bare: 'm=x,n=romeo,r=abcdef' }), 'malformed-request')
  t.equal(await go({ bare: 'n=romeo,r=abcdef,m=x' }), 'malformed-request')
  t.equal(await go({ extension: ',m=x' }), 'malformed-request')
  t.equal(await go({ bare: 'n=romeo,r=abcdef,x=y' }), 'success')
  t.equal(await go({ extension: ',x=y' }), 'success')
})

t.test('SCRAM: malformed messages', async (t) => {
  const context = await known()
  for (const bad of ['', 'n', 'n,,', 'n,,n=romeo', 'n,,r=abc', 'n,,n=,r=abc', 'n,,n=ro=meo,r=abc', 'n,,n=romeo,r=', 'n,,n=romeo,r=a b', 'x,,n=romeo,r=abc',
    'p=tls-exporter,,n=romeo,r=abc'.slice(1), 'n,b=x,n=romeo,r=abc', 'n,a=x=,n=romeo,r=abc', 'n,,n=romeo,r=abc,', 'n,,n=romeo,r=abc,xx']) {
    t.match(await one(context, 'SCRAM-SHA-256', bad), { condition: 'malformed-request', counted: false }, JSON.stringify(bad))
  }
  t.match(await one(context, 'SCRAM-SHA-256', Buffer.from([0x6e, 0x2c, 0x2c, 0x6e, 0x3d, 0xff, 0x2c, 0x72, 0x3d, 0x61])), { condition: 'malformed-request' })
  for (const change of [(): string => '', (s: string): string => s.replace(/,p=.*/, ''), (s: string): string => s.replace(/^c=/, 'd='), (s: string): string => `${s},x=y`]) {
    t.match((await scram(context, 'SCRAM-SHA-256', scramClient('SCRAM-SHA-256', 'romeo', 'romeo'), change)).step, { condition: 'malformed-request' })
  }
})

t.test('SCRAM: another nonce, another gs2 header or a proof of another length does not do', async (t) => {
  const context = await known()
  const go = async (change: (s: string) => string): Promise<SaslStep> => (await scram(context, 'SCRAM-SHA-256', scramClient('SCRAM-SHA-256', 'romeo', 'romeo'), change)).step
  t.match(await go((s) => s.replace(/r=[^,]*/, 'r=abc')), { condition: 'not-authorized', counted: false })
  t.match(await go((s) => s.replace('c=biws', `c=${base64('y,,')}`)), { condition: 'not-authorized', counted: false })
  t.match(await go((s) => s.replace(/p=.*/, `p=${base64('short')}`)), { condition: 'not-authorized', counted: true })
})

t.test('an exchange that ended goes no further: a second final message is no proof', async (t) => {
  const exchange = startSasl('SCRAM-SHA-256', await known())
  const client = scramClient('SCRAM-SHA-256', 'romeo', 'romeo')
  const { message } = client.final(text(await exchange?.respond(Buffer.from(client.first)) as SaslStep))
  t.equal(words(await exchange?.respond(Buffer.from(message)) as SaslStep), 'success')
  t.equal(words(await exchange?.respond(Buffer.from(message)) as SaslStep), 'malformed-request')
})

t.test('channel binding: the flags p, y and n against strict, lenient and off (RFC 5802 §6)', async (t) => {
  const go = async (channelBinding: SaslContext['channelBinding'], mechanism: string, gs2: string, binding: Buffer = Buffer.alloc(0), bindings = BINDINGS): Promise<string> =>
    words((await scram(await known({ channelBinding, bindings }), mechanism, scramClient(mechanism, 'romeo', 'romeo', { gs2, binding }))).step)
  for (const [type, data] of BINDINGS) {
    t.equal(await go('strict', 'SCRAM-SHA-256-PLUS', `p=${type},,`, data), 'success', type)
    t.equal(await go('strict', 'SCRAM-SHA-1-PLUS', `p=${type},,`, data), 'success', type)
    t.equal(await go('strict', 'SCRAM-SHA-256-PLUS', `p=${type},,`, Buffer.alloc(32, 9)), 'not-authorized', 'another channel')
  }
  t.equal(await go('strict', 'SCRAM-SHA-256-PLUS', 'p=tls-unique,,', Buffer.alloc(12)), 'not-authorized', 'tls-unique is nothing on TLS 1.3')
  t.equal(await go('strict', 'SCRAM-SHA-256-PLUS', 'n,,'), 'not-authorized')
  t.equal(await go('strict', 'SCRAM-SHA-256', 'p=tls-exporter,,', Buffer.alloc(32, 1)), 'not-authorized')
  t.equal(await go('strict', 'SCRAM-SHA-256', 'n,,'), 'success', 'a client that cannot bind')
  t.equal(await go('strict', 'SCRAM-SHA-256', 'y,,'), 'not-authorized', 'the offer was stripped')
  t.equal(await go('lenient', 'SCRAM-SHA-256', 'y,,'), 'success')
  t.equal(await go('off', 'SCRAM-SHA-256', 'y,,'), 'success')
  t.equal(await go('strict', 'SCRAM-SHA-256', 'y,,', Buffer.alloc(0), new Map()), 'success', 'nothing was on offer, so nothing was stripped')
})

t.test('a refusal for the binding, before any proof, is not counted as a guess', async (t) => {
  const context = await known({ bindings: BINDINGS })
  t.match(await one(context, 'SCRAM-SHA-256', 'y,,n=romeo,r=abc'), { condition: 'not-authorized', counted: false, username: null })
  t.match(await one(context, 'SCRAM-SHA-1-PLUS', 'p=tls-unique,,n=romeo,r=abc'), { condition: 'not-authorized', counted: false, username: null })
})

t.test('an unknown name gets a salt of the same length that is the same each time, other for other names and secrets', async (t) => {
  const salt = async (name: string, more: Partial<SaslContext> = {}, mechanism = 'SCRAM-SHA-256'): Promise<string> => {
    const [, s = '', i = ''] = /,s=([^,]*),i=(\d+)$/.exec(text(await one(await known(more), mechanism, `n,,n=${name},r=abc`))) ?? []
    t.equal(i, '4096')
    t.equal(Buffer.from(s, 'base64').length, 16)
    return s
  }
  t.equal(await salt('nobody'), await salt('nobody'))
  t.equal(await salt('nobody'), await salt('NOBODY'), 'names that are the same account have the same salt')
  t.equal(await salt('romeo'), await salt('romeo'))
  t.not(await salt('nobody'), await salt('somebody'))
  t.not(await salt('nobody'), await salt('nobody', {}, 'SCRAM-SHA-1'))
  t.not(await salt('nobody'), await salt('nobody', { decoySecret: Buffer.alloc(32, 8) }))
})

t.test('base64 is taken as RFC 4648 writes it and not otherwise (RFC 6120 §6.4.2)', async (t) => {
  t.equal(decodeBase64('', true), null)
  t.same(decodeBase64('', false), Buffer.alloc(0))
  t.same(decodeBase64('=', true), Buffer.alloc(0))
  t.same(decodeBase64('YWJj', true), Buffer.from('abc'))
  t.same(decodeBase64('YQ==', true), Buffer.from('a'))
  for (const bad of ['YQ', 'YQ=', 'Y Q=', 'YQ==\n', '****', 'YQ==YQ==', 'YWJj-_==', '==', '====']) t.equal(decodeBase64(bad, true), 'incorrect-encoding', JSON.stringify(bad))
})

t.test('a look-up that fails is thrown, not answered: nobody\'s password is wrong because the database is away', async (t) => {
  const context = await known({ lookup: () => Promise.reject(new Error('away')) })
  await t.rejects(one(context, 'PLAIN', plain('romeo', 'romeo')), { message: 'away' })
  await t.rejects(one(context, 'SCRAM-SHA-256', 'n,,n=romeo,r=abc'), { message: 'away' })
})
