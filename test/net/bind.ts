// Resource binding (RFC 6120 §7): who gets which full JID, and what becomes of a session whose resource is asked for again.
import t from 'tap'
import type { Element } from 'ltx'
import { parse } from 'ltx'
import { defaultSettings } from '../../lib/base/config.js'
import { parseJid } from '../../lib/base/jid.js'
import type { Session } from '../../lib/core/sessions.js'
import { bindResource } from '../../lib/net/bind.js'
import type { Host } from '../../lib/net/host.js'
import { presencesOf } from '../../lib/store/presence.js'
import type { RawClient } from '../helpers/client.js'
import { memoryStore, recordingSession, testCore } from '../helpers/core.js'
import { testDatabase } from '../helpers/database.js'
import { plainOutcome, streamError } from '../helpers/scram.js'
import { testServer } from '../helpers/server.js'
import type { TestServer } from '../helpers/server.js'

const shared = testServer(t)
const BIND = 'urn:ietf:params:xml:ns:xmpp-bind'

/** Logged in, on a new stream, not bound. */
const unbound = async (server: TestServer, user = 'romeo'): Promise<{ client: RawClient; features: Element }> => {
  const client = await server.client()
  await client.open()
  await plainOutcome(client, user, user)
  return { client, features: await client.open() }
}
const bind = (client: RawClient, resource?: string): Promise<Element> =>
  client.iq('set', `<bind xmlns='${BIND}'>${resource === undefined ? '' : `<resource>${resource}</resource>`}</bind>`)
const jidOf = (answer: Element): string => answer.getChild('bind', BIND)?.getChildText('jid') ?? ''
const conditionOf = (answer: Element): string => answer.getChild('error')?.getChildElements()[0]?.name ?? answer.attrs['type'] as string

t.test('after log-in binding is offered as required, the session of RFC 3921 as optional', async (t) => {
  const { features } = await unbound(await shared)
  t.same(features.getChildElements().slice(0, 2).map((e) => [e.name, e.attrs['xmlns'], e.getChildElements().map((c) => c.name)]),
    [['bind', BIND, ['required']], ['session', 'urn:ietf:params:xml:ns:xmpp-session', ['optional']]])
  t.same(features.getChildElements().slice(2).map((e) => e.attrs['xmlns']).filter((ns) => /rosterver|pre-approval/.test(String(ns))),
    ['urn:xmpp:features:rosterver', 'urn:xmpp:features:pre-approval'], 'and what the routes offer')
})

t.test('a resource made by the server is not to be guessed and another each time (§7.6)', async (t) => {
  const server = await shared
  const jids = await Promise.all([1, 2, 3].map(async () => jidOf(await bind((await unbound(server)).client))))
  for (const jid of jids) t.match(jid, /^romeo@localhost\/[\w-]{12,}$/)
  t.equal(new Set(jids).size, 3)
  t.match(jidOf(await bind((await unbound(server)).client, '')), /^romeo@localhost\/[\w-]{12,}$/, 'an empty resource is none')
})

t.test('a resource asked for is the one bound, prepared as RFC 7622 §3.4 says; what cannot be one is bad-request (§7.7.2.1)', async (t) => {
  const server = await shared
  for (const [asked, bound] of [['balcony', 'balcony'], ['Bal Cony', 'Bal Cony'], ['a/b@c', 'a/b@c'], ['&amp;&lt;&apos;', '&<\''], ['☾', '☾'], ['A\u030a', 'Å']] as const) {
    const { client } = await unbound(server)
    t.equal(jidOf(await bind(client, asked)), `romeo@localhost/${bound}`)
    t.equal(conditionOf(await client.iq('get', '<ping xmlns=\'urn:xmpp:ping\'/>')), 'result')
  }
  const { client } = await unbound(server)
  for (const bad of ['x'.repeat(1024), 'a&#x9;b', '\u0085']) t.equal(conditionOf(await bind(client, bad)), 'bad-request', JSON.stringify(bad.slice(0, 10)))
  t.equal(jidOf(await bind(client, 'good')), 'romeo@localhost/good', 'and the client may ask again')
})

t.test('a second bind on a bound stream is refused, and the first session lives on', async (t) => {
  const client = await (await shared).login('romeo', 'once')
  t.not(conditionOf(await bind(client, 'twice')), 'result')
  t.equal((await shared).sessions.of('romeo@localhost').all.filter((s) => s.jid.resource === 'twice').length, 0)
  await client.presence()
})

t.test('the session that old clients ask for is an empty result (RFC 3921 §3)', async (t) => {
  const client = await (await shared).login('romeo')
  const answer = await client.iq('set', '<session xmlns=\'urn:ietf:params:xml:ns:xmpp-session\'/>')
  t.equal(answer.attrs['type'], 'result')
  t.equal(answer.getChildElements().length, 0)
})

t.test('replace: the old stream ends with conflict, the new one has the resource, in memory and in the table (§7.7.2.2)', async (t) => {
  const server = await testServer(t)
  const old = await server.login('romeo', 'orchard')
  await old.presence('<priority>3</priority>')
  const fresh = await server.login('romeo', 'orchard')
  await fresh.presence('<priority>7</priority>')
  t.equal(await streamError(old), 'conflict')
  old.destroy()
  for (let i = 0; i < 20; i++) await fresh.iq('get', '<ping xmlns=\'urn:xmpp:ping\'/>')
  await new Promise((resolve) => setTimeout(resolve, 200))
  t.equal(server.sessions.of('romeo@localhost').all.length, 1)
  t.match(await presencesOf(server.db, 'romeo@localhost'), [{ resource: 'orchard', priority: 7 }])
  t.equal((await presencesOf(server.db, 'romeo@localhost')).length, 1, 'the old one\'s end did not remove the new one\'s row')
  const juliet = await server.login('juliet')
  juliet.send('<message to=\'romeo@localhost/orchard\' type=\'chat\'><body>still there?</body></message>')
  t.equal((await fresh.next((e) => e.name === 'message')).getChildText('body'), 'still there?')
})

t.test('replaced while its stream waits for something, the old session ends before the new one begins, and once', async (t) => {
  const store = memoryStore(['romeo@localhost', 'juliet@localhost'])
  const core = testCore({ store })
  const host = { ...core, settings: defaultSettings({}) } as unknown as Host
  // its connection takes the goodbye, and cannot leave yet
  const login = (): Promise<Session> => bindResource(host, recordingSession('romeo@localhost/x').outlet, parseJid('romeo@localhost'), 'orchard', '', () => {})
  const old = await login()
  const juliet = await core.login('juliet@localhost/balcony')
  await core.from(juliet, '<presence/>')
  await core.from(juliet, "<presence type='subscribe' to='romeo@localhost'/>")
  await core.from(old, "<presence type='subscribed' to='juliet@localhost'/>")
  await core.from(old, '<presence/>')
  juliet.got.length = 0
  const fresh = await login()
  await core.from(fresh, '<presence/>')
  void core.sessionOver(old, true)
  t.same(juliet.got.map((octets) => (parse(octets) as Element).attrs['type'] ?? 'available'), ['unavailable', 'available'])
  t.equal(core.members.get('romeo@localhost'), fresh.member, 'and what is known of the account stays as long as the new one')
})

t.test('what comes for a resource while it is being bound comes behind the answer: until then its client takes nothing', async (t) => {
  const store = memoryStore(['romeo@localhost', 'juliet@localhost'])
  const core = testCore({ store })
  const host = { ...core, settings: defaultSettings({}) } as unknown as Host
  const juliet = await core.login('juliet@localhost/balcony')
  const { outlet, got } = recordingSession('romeo@localhost/orchard')
  const { save } = store.presence
  let saved = (): void => {}
  const asking = new Promise<void>((resolve) => {
    store.presence.save = async (rows) => {
      resolve()
      await new Promise<void>((go) => {
        saved = go
      })
      return save(rows)
    }
  })
  const binding = bindResource(host, outlet, parseJid('romeo@localhost'), 'orchard', '', () => void got.push('<bound/>'))
  await asking
  await core.from(juliet, "<iq type='get' id='p1' to='romeo@localhost/orchard'><ping xmlns='urn:xmpp:ping'/></iq>")
  t.same(got, [])
  saved()
  await binding
  t.match(got, ['<bound/>', /^<iq .*p1/])
})

t.test('an account that is removed between log-in and bind gets no session', async (t) => {
  const server = await testServer(t)
  const { client } = await unbound(server)
  await server.removeAccount('romeo@localhost')
  client.send(`<iq type='set' id='b'><bind xmlns='${BIND}'/></iq>`)
  t.equal(await streamError(client), 'not-authorized')
  t.equal(server.sessions.size, 0)
})

t.test('replaced ten times in a row by ten connections at once, exactly one is left and one row', async (t) => {
  const server = await testServer(t)
  const clients = await Promise.all(Array.from({ length: 10 }, () => unbound(server)))
  for (const { client } of clients) client.send(`<iq type='set' id='b'><bind xmlns='${BIND}'><resource>same</resource></bind></iq>`)
  await new Promise((resolve) => setTimeout(resolve, 1000))
  t.equal(server.sessions.of('romeo@localhost').all.length, 1)
  t.equal((await presencesOf(server.db, 'romeo@localhost')).length, 1)
  t.equal(clients.filter(({ client }) => client.elements.some((e) => e.name === 'stream:error')).length, 9)
})

t.test('reject: the new one hears conflict and may ask for another resource', async (t) => {
  const server = await testServer(t, { resourceConflict: 'reject' })
  const old = await server.login('romeo', 'orchard')
  const { client } = await unbound(server)
  t.equal(conditionOf(await bind(client, 'orchard')), 'conflict')
  t.equal(jidOf(await bind(client, 'garden')), 'romeo@localhost/garden')
  await old.presence()
})

t.test('rename: the new one gets a resource made by the server', async (t) => {
  const server = await testServer(t, { resourceConflict: 'rename' })
  const old = await server.login('romeo', 'orchard')
  const { client } = await unbound(server)
  t.match(jidOf(await bind(client, 'orchard')), /^romeo@localhost\/[\w-]{12,}$/)
  await old.presence()
})

t.test('no more sessions for one account than allowed: resource-constraint (§7.6.2.1); replacing one of them is no new one', async (t) => {
  const server = await testServer(t, { maxSessionsPerAccount: 2 })
  await server.login('romeo', 'a')
  const b = await server.login('romeo', 'b')
  const { client } = await unbound(server)
  t.equal(conditionOf(await bind(client, 'c')), 'resource-constraint')
  t.equal(conditionOf(await bind(client)), 'resource-constraint')
  t.equal(jidOf(await bind(client, 'a')), 'romeo@localhost/a')
  t.equal(server.sessions.of('romeo@localhost').all.length, 2)
  await b.close()
  t.match(jidOf(await bind((await unbound(server)).client, 'c')), 'romeo@localhost/c')
  t.match((await server.login('juliet')).jid, /^juliet/, 'others are not concerned')
})

t.test('while the database is away nobody is bound, and can bind when it is back', async (t) => {
  const db = await testDatabase(t)
  let away = false
  const present = <A extends unknown[], R>(work: (...args: A) => Promise<R>) => (...args: A): Promise<R> => (away ? Promise.reject(new Error('away')) : work(...args))
  const server = await testServer(t, {}, { db: { ...db, transaction: present(db.transaction) as typeof db.transaction, query: present(db.query) as typeof db.query } })
  const { client } = await unbound(server)
  away = true
  const refused = await bind(client, 'x')
  t.equal(conditionOf(refused), 'resource-constraint')
  t.equal(refused.getChild('error')?.attrs['type'], 'wait')
  t.equal(server.sessions.size, 0)
  away = false
  t.equal(jidOf(await bind(client, 'x')), 'romeo@localhost/x')
})
