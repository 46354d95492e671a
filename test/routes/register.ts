import t from 'tap'
import type { Element } from 'ltx'
import type { RawClient } from '../helpers/client.js'
import { startOver, testServer } from '../helpers/server.js'
import type { TestServer } from '../helpers/server.js'

const shared = testServer(t)
const fresh = async (): Promise<TestServer> => {
  const server = await shared
  await startOver(server)
  return server
}

const NS = 'jabber:iq:register'
const query = (inner = ''): string => `<query xmlns='${NS}'>${inner}</query>`
const account = (username: string, password: string): string => query(`<username>${username}</username><password>${password}</password>`)
const REMOVE = query('<remove/>')
const condition = (e: Element): string | undefined => e.getChild('error')?.getChildElements()[0]?.name
const outcome = (e: Element): string | undefined => (e.attrs['type'] === 'result' ? 'result' : condition(e))
const isStreamError = (e: Element): boolean => e.name === 'stream:error'

const errorOfStream = async (client: RawClient): Promise<string | undefined> => (await client.next(isStreamError)).getChildElements()[0]?.name

/** On the stream that is open. */
const authenticate = async (client: RawClient, user: string, password: string): Promise<string> => {
  client.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from(`\0${user}\0${password}`).toString('base64')}</auth>`)
  return (await client.next((e) => e.name === 'success' || e.name === 'failure')).name
}

t.test('who has logged in learns that it is registered, and under which name', async (t) => {
  const server = await fresh()
  const romeo = await server.login('romeo')
  for (const to of [undefined, 'localhost', 'romeo@localhost']) {
    const answer = (await romeo.iq('get', query(), to)).getChild('query', NS)
    t.ok(answer?.getChild('registered'))
    t.equal(answer?.getChildText('username'), 'romeo')
    t.equal(answer?.getChildText('password'), '')
  }
  t.equal(outcome(await romeo.iq('get', query(), 'juliet@localhost')), 'service-unavailable')
})

t.test('a password changed is the one that counts from then on (XEP-0077 §3.3)', async (t) => {
  const server = await fresh()
  const romeo = await server.login('romeo')
  t.equal(outcome(await romeo.iq('set', account('Romeo', 'Ⅸ nights'), 'localhost')), 'result')
  const log = async (password: string): Promise<RawClient> => (await server.client()).login('romeo', password)
  await log('IX nights') // prepared by SASLprep: the same password
  await t.rejects(log('romeo'), /not-authorized/)
  t.notMatch(JSON.stringify(server.logged), /nights/, 'and is in no log')
  for (const [inner, refusal] of [
    [account('romeo', ''), 'bad-request'], [query('<username>romeo</username>'), 'bad-request'], [query('<password>x</password>'), 'bad-request'],
    [query(), 'bad-request'], [account('juliet', 'x'), 'not-allowed'], [account('romeo@localhost/x', 'x'), 'not-allowed'], [account('romeo', 'a\u0007b'.replace('\u0007', '\uE000')), 'not-acceptable'],
  ] as const) {
    const answer = await romeo.iq('set', inner)
    t.equal(outcome(answer), refusal, inner)
    t.equal(answer.getChild('query'), undefined, 'what was sent does not come back')
  }
  t.equal(outcome(await romeo.iq('set', account('romeo', 'x'), 'juliet@localhost')), 'service-unavailable')
  await log('IX nights')
  await (await server.client()).login('juliet', 'juliet')
})

t.test('an account that is cancelled is answered, its contacts hear of it, its sessions end, and it is gone (§3.2)', async (t) => {
  const server = await fresh()
  const romeo = await server.login('romeo', 'orchard')
  const phone = await server.login('romeo', 'phone')
  const juliet = await server.login('juliet', 'balcony')
  for (const client of [romeo, phone, juliet]) await client.presence()
  await juliet.iq('get', "<query xmlns='jabber:iq:roster'/>")
  for (const [from, to, name] of [[romeo, juliet, 'juliet'], [juliet, romeo, 'romeo']] as const) {
    from.send(`<presence type='subscribe' to='${name}@localhost'/>`)
    const asked = await to.next((e) => e.attrs['type'] === 'subscribe')
    to.send(`<presence type='subscribed' to='${String(asked.attrs['from'])}'/>`)
    await from.next((e) => e.attrs['type'] === 'subscribed')
  }
  await juliet.next((e) => e.name === 'presence' && e.attrs['from'] === romeo.jid && e.attrs['type'] === undefined)
  t.equal(outcome(await romeo.iq('set', query('<remove/><username>romeo</username>'))), 'bad-request')
  t.equal(outcome(await romeo.iq('set', REMOVE)), 'result')
  for (const client of [romeo, phone]) {
    t.equal(await errorOfStream(client), 'not-authorized')
    await client.ended
  }
  for (const { jid } of [romeo, phone]) await juliet.next((e) => e.attrs['type'] === 'unavailable' && e.attrs['from'] === jid)
  for (const type of ['unsubscribe', 'unsubscribed']) await juliet.next((e) => e.attrs['type'] === type && e.attrs['from'] === 'romeo@localhost')
  const roster = await juliet.iq('get', "<query xmlns='jabber:iq:roster'/>")
  t.match(roster.getChild('query')?.getChild('item')?.attrs, { jid: 'romeo@localhost', subscription: 'none' })
  await t.rejects(server.login('romeo'), /not-authorized/)
  juliet.send("<message to='romeo@localhost' type='chat' id='m'><body>x</body></message>")
  t.equal(condition(await juliet.next((e) => e.attrs['id'] === 'm')), 'service-unavailable')
})

t.test('a <remove/> sent to somebody else never removes oneself (design.md §6)', async (t) => {
  const server = await testServer(t, { domain: ['localhost', 'second.localhost'] })
  const romeo = await server.login('romeo')
  for (const [to, refusal] of [
    ['juliet@localhost', 'service-unavailable'], ['nobody@localhost', 'service-unavailable'], ['juliet@localhost/balcony', 'service-unavailable'],
    ['second.localhost', 'registration-required'], ['romeo@second.localhost', 'service-unavailable'], ['elsewhere.example', 'remote-server-not-found'],
  ] as const) {
    t.equal(outcome(await romeo.iq('set', REMOVE, to)), refusal, to)
    t.equal(outcome(await romeo.iq('set', account('romeo', 'x'), to)), refusal, `a new password, ${to}`)
  }
  await romeo.nothing(isStreamError)
  for (const user of ['romeo', 'juliet']) await server.login(user)
})

t.test('with registration closed, and by invitation, strangers are refused', async (t) => {
  for (const registration of ['closed', 'invite'] as const) {
    const server = await testServer(t, { registration })
    const stranger = await server.client()
    const features = await stranger.open()
    t.equal(features.getChild('register'), undefined, 'not offered')
    t.equal(outcome(await stranger.iq('get', query(), 'localhost')), 'service-unavailable')
    t.equal(outcome(await stranger.iq('set', account('tybalt', 'x'), 'localhost')), 'service-unavailable')
    t.equal(await authenticate(stranger, 'tybalt', 'x'), 'failure')
  }
})

t.test('with registration open, a stranger makes an account, and logs in on the same stream', async (t) => {
  const server = await testServer(t, { registration: 'open', admin: ['prince@localhost'] })
  const stranger = await server.client()
  t.ok((await stranger.open()).getChild('register', 'http://jabber.org/features/iq-register'), 'offered')
  const form = (await stranger.iq('get', query())).getChild('query', NS)
  t.same(form?.getChildElements().map((e) => e.name), ['instructions', 'username', 'password'])
  for (const [inner, refusal] of [
    [query(), 'not-acceptable'], [query('<username>tybalt</username>'), 'not-acceptable'], [account('tybalt', ''), 'not-acceptable'], [account('', 'x'), 'not-acceptable'],
    [account('ty balt', 'x'), 'not-acceptable'], [account('tybalt@localhost', 'x'), 'not-acceptable'], [account('tybalt/x', 'x'), 'not-acceptable'],
    [account('tybalt', '\uE000'), 'not-acceptable'],
    [account('JULIET', 'x'), 'conflict'], [account('prince', 'x'), 'conflict'],
  ] as const) t.equal(outcome(await stranger.iq('set', inner, 'localhost')), refusal, inner)
  // somebody has written to the name a moment ago
  const juliet = await server.login('juliet', 'balcony')
  juliet.send("<message to='tybalt@localhost' id='1'><body>x</body></message>")
  await juliet.next((e) => e.attrs['id'] === '1')

  t.equal(outcome(await stranger.iq('set', account('Tybalt', 'good king of cats'))), 'result')
  juliet.send("<message to='tybalt@localhost' id='2'><body>welcome</body></message>")
  await juliet.nothing((e) => e.attrs['id'] === '2')
  t.equal(await authenticate(stranger, 'tybalt', 'good king of cats'), 'success')
  const tybalt = await (await server.client()).login('tybalt', 'good king of cats')
  await tybalt.presence()
  t.equal((await tybalt.next((e) => e.name === 'message')).getChildText('body'), 'welcome')
  t.equal(outcome(await juliet.iq('set', account('juliet', 'juliet'))), 'result', 'and who has an account keeps it')
  await server.login('juliet')
  t.notMatch(JSON.stringify(server.logged), /king of cats/)
})

t.test('one address registers so many accounts in an hour; names that are taken count', async (t) => {
  const server = await testServer(t, { registration: 'open', registrationsPerAddress: 3 })
  const stranger = await server.client()
  await stranger.open()
  t.same([
    outcome(await stranger.iq('set', account('a', 'x'))), outcome(await stranger.iq('set', account('romeo', 'x'))), outcome(await stranger.iq('set', account('b', 'x'))),
    outcome(await stranger.iq('set', account('c', 'x'))),
  ], ['result', 'conflict', 'result', 'resource-constraint'])
  const again = await server.client()
  await again.open()
  const refused = await again.iq('set', account('c', 'x'))
  t.equal(refused.getChild('error')?.attrs['type'], 'wait', 'on another stream too')
})

t.test('without TLS nobody registers, but on loopback where that is allowed', async (t) => {
  const server = await testServer(t, { registration: 'open', insecureLoopback: false })
  const stranger = await server.client()
  t.equal((await stranger.open()).getChild('register'), undefined)
  stranger.send(`<iq type='set' id='1'>${account('tybalt', 'x')}</iq>`)
  t.equal(await errorOfStream(stranger), 'not-authorized')
})
