// `stanza` and `strophe.js`, unmodified, over WebSocket: they speak nothing else.
import { createRequire } from 'node:module'
import t from 'tap'
import { WebSocket } from 'ws'
import { logWriter } from '../helpers/log.js'
import { testServer } from '../helpers/server.js'
import type { TestServer } from '../helpers/server.js'

const require = createRequire(import.meta.url)

interface StanzaAgent {
  jid: string
  on(event: string, heard: (data: never) => void): void
  once(event: string, heard: (data: never) => void): void
  connect(): void
  disconnect(): void
  sendPresence(): void
  sendMessage(message: { to: string; body: string; type?: string }): void
  ping(jid: string): Promise<unknown>
  searchHistory(options: object): Promise<History>
  getHistoryPreferences(): Promise<object>
  setHistoryPreferences(preferences: object): Promise<unknown>
}

interface History {
  readonly complete?: boolean
  readonly paging?: { readonly last?: string }
  readonly results?: readonly { readonly item: { readonly message?: { readonly body?: string }; readonly delay?: { readonly timestamp: Date } } }[]
}

const url = (server: TestServer): string => `ws://127.0.0.1:${server.http}/xmpp-websocket`

const stanzaClient = async (server: TestServer, user: string): Promise<StanzaAgent> => {
  const { createClient } = require('stanza') as { createClient(options: object): StanzaAgent }
  const agent = createClient({ jid: `${user}@localhost`, password: user, resource: 'web', transports: { websocket: url(server), bosh: false }, autoReconnect: false })
  const started = new Promise<void>((resolve, reject) => {
    agent.once('session:started', () => resolve())
    agent.once('auth:failed', () => reject(new Error('auth:failed')))
    agent.once('stream:error', (error) => reject(new Error(JSON.stringify(error))))
  })
  agent.connect()
  await started
  return agent
}

t.test('stanza logs in over WebSocket with SCRAM and writes to a client on TCP and back', async (t) => {
  const server = await testServer(t)
  const romeo = await stanzaClient(server, 'romeo')
  t.equal(romeo.jid, 'romeo@localhost/web')
  const juliet = await server.login('juliet', 'balcony')
  await juliet.presence()
  romeo.sendPresence()
  romeo.sendMessage({ to: 'juliet@localhost', body: 'by yonder blessed moon ☾', type: 'chat' })
  const got = await juliet.next((e) => e.name === 'message')
  t.equal(got.getChildText('body'), 'by yonder blessed moon ☾')
  t.equal(got.attrs['xmlns'] ?? 'jabber:client', 'jabber:client')
  const answer = new Promise<{ body: string; from: string }>((resolve) => romeo.on('chat', resolve as (data: never) => void))
  juliet.send('<message to=\'romeo@localhost/web\' type=\'chat\'><body>O swear not by the moon</body></message>')
  t.match(await answer, { body: 'O swear not by the moon', from: 'juliet@localhost/balcony' })
  romeo.disconnect()
})

t.test('stanza gets over WebSocket what was stored while it was away', async (t) => {
  const server = await testServer(t)
  const juliet = await server.login('juliet')
  juliet.send('<message to=\'romeo@localhost\' type=\'chat\'><body>anon, good nurse</body></message>')
  await juliet.nothing((e) => e.name === 'message')
  const romeo = await stanzaClient(server, 'romeo')
  const stored = new Promise<{ body: string; delay?: object }>((resolve) => romeo.on('chat', resolve as (data: never) => void))
  romeo.sendPresence()
  const got = await stored
  t.equal(got.body, 'anon, good nurse')
  t.ok(got.delay)
  romeo.disconnect()
})

interface StropheConnection {
  jid: string
  connect(jid: string, password: string, changed: (status: number, why?: string) => void): void
  send(stanza: unknown): void
  addHandler(handler: (stanza: StropheElement) => boolean, ns: null, name: string): void
  disconnect(why: string): void
}
interface StropheElement { getAttribute(name: string): string; getElementsByTagName(name: string): ArrayLike<{ textContent: string }> }

const stropheClient = async (server: TestServer, user: string): Promise<{ connection: StropheConnection; pres: () => unknown; msg: (to: string, body: string) => unknown }> => {
  // the shim that strophe brings for node finds WebSocket by itself, where the global one is missing
  ;(globalThis as { WebSocket?: unknown }).WebSocket ??= WebSocket
  const module = await import('strophe.js' as string) as { Strophe: { Connection: new (url: string) => StropheConnection; Status: Record<string, number> }; $pres: () => unknown; $msg: (attrs: object) => { c(name: string): { t(text: string): unknown } } }
  const { Strophe, $pres, $msg } = module
  const connection = new Strophe.Connection(url(server))
  await new Promise<void>((resolve, reject) => {
    connection.connect(`${user}@localhost/web`, user, (status, why) => {
      if (status === Strophe.Status['CONNECTED']) resolve()
      else if (status === Strophe.Status['AUTHFAIL'] || status === Strophe.Status['CONNFAIL']) reject(new Error(`${status} ${why ?? ''}`))
    })
  })
  return { connection, pres: $pres, msg: (to, body) => $msg({ to, type: 'chat' }).c('body').t(body) }
}

t.test('strophe.js logs in over WebSocket and writes, online and offline', async (t) => {
  const server = await testServer(t)
  const away = await server.login('juliet')
  away.send('<message to=\'romeo@localhost\' type=\'chat\'><body>stored</body></message>')
  await away.nothing((e) => e.name === 'message')
  const { connection, pres, msg } = await stropheClient(server, 'romeo')
  t.equal(connection.jid, 'romeo@localhost/web')
  const bodies: string[] = []
  const two = new Promise<void>((resolve) => connection.addHandler((stanza) => {
    bodies.push(stanza.getElementsByTagName('body')[0]?.textContent ?? '')
    if (bodies.length === 2) resolve()
    return true
  }, null, 'message'))
  connection.send(pres())
  await away.presence()
  connection.send(msg('juliet@localhost', 'from the web'))
  t.equal((await away.next((e) => e.name === 'message')).getChildText('body'), 'from the web')
  away.send('<message to=\'romeo@localhost\' type=\'chat\'><body>live</body></message>')
  await two
  t.same(bodies, ['stored', 'live'])
  connection.disconnect('done')
})

t.test('stanza pages through its archive, searches it, and sets its preferences', async (t) => {
  const server = await testServer(t)
  const writer = await logWriter(server.db)
  await writer.sayMany('juliet@localhost', 'romeo@localhost', 5, Date.parse('2026-01-01T00:00:00Z'))
  await writer.say('romeo@localhost/old', 'juliet@localhost', 'by yonder blessed moon ☾')
  const romeo = await stanzaClient(server, 'romeo')
  const bodies = ({ results = [] }: History): (string | undefined)[] => results.map((r) => r.item.message?.body)
  const first = await romeo.searchHistory({ paging: { max: 2 } })
  t.same([bodies(first), first.complete], [['1', '2'], undefined])
  t.equal(first.results?.[0]?.item.delay?.timestamp.toISOString(), '2026-01-01T00:00:00.000Z')
  const next = await romeo.searchHistory({ paging: { max: 2, after: first.paging?.last as string } })
  t.same(bodies(next), ['3', '4'])
  const last = await romeo.searchHistory({ with: 'juliet@localhost', paging: { max: 2, before: '' } })
  t.same([bodies(last), last.complete], [['5', 'by yonder blessed moon ☾'], undefined])
  t.same(bodies(await romeo.searchHistory({ with: 'juliet@localhost', start: new Date('2026-01-01T00:00:00.003Z'), end: new Date('2026-01-01T00:00:01Z') })), ['4', '5'])
  t.same(bodies(await romeo.searchHistory({ form: { fields: [{ name: '{urn:xmpp:fulltext:0}fulltext', value: 'Moon blessed' }] } })), ['by yonder blessed moon ☾'])
  t.match(await romeo.getHistoryPreferences(), { default: 'always' })
  await romeo.setHistoryPreferences({ default: 'roster', always: ['juliet@localhost'], never: ['tybalt@localhost'] })
  t.match(await romeo.getHistoryPreferences(), { default: 'roster', always: ['juliet@localhost'], never: ['tybalt@localhost'] })
  romeo.disconnect()
})
