// What a server says over HTTP: pages and machine-readable answers, on the ports that are really there.
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { request as secureRequest } from 'node:https'
import { connect } from 'node:net'
import { parse } from 'ltx'
import t from 'tap'
import { SaxesParser } from 'saxes'
import { VERSION } from '../../lib/base/version.js'
import { testDatabase } from '../helpers/database.js'
import { testServer } from '../helpers/server.js'
import type { TestServer } from '../helpers/server.js'

const shared = testServer(t)

interface Answer { status: number; headers: Record<string, unknown>; text: string }
const get = (server: TestServer, path: string, { tls = false, method = 'GET' } = {}): Promise<Answer> => new Promise((resolve, reject) => {
  const options = { port: tls ? server.ports.https : server.http, host: '127.0.0.1', path, method, agent: false as const }
  const asked = tls ? secureRequest({ ...options, servername: 'localhost', ca: readFileSync(server.ca) }) : request(options)
  asked.on('response', (response) => {
    let text = ''
    response.setEncoding('utf8')
    response.on('data', (part: string) => (text += part))
    response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }))
  })
  asked.on('error', reject)
  asked.end()
})

t.test('/ is a page without scripts that says how to connect: domains, ports, WebSocket', async (t) => {
  const server = await shared
  for (const tls of [false, true]) {
    const { status, headers, text } = await get(server, '/', { tls })
    t.equal(status, 200)
    t.match(headers['content-type'], /^text\/html/)
    t.match(headers['content-security-policy'], /default-src 'none'/)
    t.equal(headers['x-content-type-options'], 'nosniff')
    for (const fact of [VERSION, 'localhost', `port ${server.c2s}`, `port ${server.ports.c2sTls}`, `wss://localhost:${server.ports.https}/xmpp-websocket`]) t.ok(text.includes(fact), fact)
    t.notMatch(text, /<script|https?:\/\//)
  }
})

t.test('host-meta and host-meta.json name the WebSocket entrance, readable from every page (XEP-0156 §3, §7)', async (t) => {
  const server = await shared
  const expected = [`wss://localhost:${server.ports.https}/xmpp-websocket`, `ws://localhost:${server.http}/xmpp-websocket`]
  const xml = await get(server, '/.well-known/host-meta', { tls: true })
  t.equal(xml.status, 200)
  t.match(xml.headers['content-type'], /^application\/xrd\+xml/)
  t.equal(xml.headers['access-control-allow-origin'], '*')
  const parser = new SaxesParser({ xmlns: true })
  parser.on('error', (error) => t.fail(error.message))
  parser.write(xml.text).close()
  const xrd = parse(xml.text.slice(xml.text.indexOf('<XRD')))
  t.equal(xrd.getNS(), 'http://docs.oasis-open.org/ns/xri/xrd-1.0')
  t.same(xrd.getChildren('Link').map((link) => link.attrs), expected.map((href) => ({ rel: 'urn:xmpp:alt-connections:websocket', href })))
  const json = await get(server, '/.well-known/host-meta.json')
  t.match(json.headers['content-type'], /^application\/json/)
  t.equal(json.headers['access-control-allow-origin'], '*')
  t.same(JSON.parse(json.text), { links: expected.map((href) => ({ rel: 'urn:xmpp:alt-connections:websocket', href })) })
})

t.test('ws:// is not named where nobody may log in over it', async (t) => {
  const server = await testServer(t, { insecureLoopback: false })
  const { links } = JSON.parse((await get(server, '/.well-known/host-meta.json')).text) as { links: { href: string }[] }
  t.same(links.map((link) => link.href), [`wss://localhost:${server.ports.https}/xmpp-websocket`])
})

t.test('/health is 200 while the database answers, 503 when it does not, and 200 again', async (t) => {
  const db = await testDatabase(t)
  let away = false
  const server = await testServer(t, {}, { db: { ...db, query: (text, values) => (away ? Promise.reject(new Error('no route to the database')) : db.query(text, values)) } })
  await server.login('romeo')
  const well = await get(server, '/health')
  t.equal(well.status, 200)
  t.match(JSON.parse(well.text), { ok: true, version: VERSION, database: 'ok', sessions: 1 })
  away = true
  const ill = await get(server, '/health')
  t.equal(ill.status, 503)
  t.match(JSON.parse(ill.text), { ok: false, database: 'no route to the database' })
  away = false
  t.equal((await get(server, '/health')).status, 200)
})

t.test('/metrics counts what happened, in Prometheus\' format', async (t) => {
  const server = await testServer(t)
  const value = async (name: string): Promise<number> => {
    const { text, status, headers } = await get(server, '/metrics')
    t.equal(status, 200)
    t.match(headers['content-type'], /^text\/plain; version=0\.0\.4/)
    const line = text.split('\n').find((l) => l.startsWith(`${name} `))
    return line === undefined ? NaN : Number(line.slice(name.length + 1))
  }
  t.equal(await value('jidway_sessions'), 0)
  const romeo = await server.login('romeo', 'x')
  const waiting = await server.client()
  await waiting.open()
  await romeo.presence()
  romeo.send('<message to=\'romeo@localhost/x\' type=\'chat\'><body>1</body></message>')
  await romeo.next((e) => e.name === 'message')
  romeo.send('<message to=\'juliet@localhost\' type=\'chat\'><body>1</body></message><message to=\'juliet@example.org\' type=\'chat\'><body>1</body></message>')
  await romeo.next((e) => e.name === 'message' && e.attrs['type'] === 'error')
  t.equal(await value('jidway_sessions'), 1)
  t.equal(await value('jidway_connections'), 2)
  t.equal(await value('jidway_unauthenticated'), 1)
  t.equal(await value('jidway_stanzas_total{ending="delivered"}'), 1)
  t.equal(await value('jidway_route_staleness_seconds'), 0)
  server.counters.stalest = 1500
  t.equal(await value('jidway_route_staleness_seconds'), 1.5)
  t.equal(await value('jidway_stanzas_total{ending="stored"}'), 1)
  t.equal(await value('jidway_stanzas_total{ending="refused"}'), 1)
  t.equal(await value('jidway_durability{domain="localhost",mode="durable"}'), 1)
  t.equal(await value('jidway_log_entries_total'), 4, 'two messages, each received and sent')
  t.ok(await value('jidway_log_commits_total') >= 1)
  t.ok(await value('jidway_log_commit_seconds_total') > 0)
  t.ok(await value('process_resident_memory_bytes') > 1e6)
})

t.test('/metrics says of each domain what an acknowledgement means there', async (t) => {
  const server = await testServer(t, { domain: ['localhost', 'a.localhost'], durability: { '*': 'routed', localhost: 'durable' } })
  const { text } = await get(server, '/metrics')
  t.same(text.split('\n').filter((l) => l.startsWith('jidway_durability{')).sort(), ['jidway_durability{domain="a.localhost",mode="routed"} 1', 'jidway_durability{domain="localhost",mode="durable"} 1'])
})

t.test('anything else is 404 and says what there is; HEAD works; a path with tricks is nothing special', async (t) => {
  const server = await shared
  const { status, text, headers } = await get(server, '/elsewhere')
  t.equal(status, 404)
  t.match(text, '/health')
  t.equal(headers['x-content-type-options'], 'nosniff')
  for (const path of ['/../../etc/passwd', '/%2e%2e/%2e%2e/package.json', '//', '/health/', '/metrics%00']) t.equal((await get(server, path)).status, 404, path)
  t.equal((await get(server, '/health', { method: 'POST' })).status, 404)
  const head = await get(server, '/health', { method: 'HEAD' })
  t.same([head.status, head.text], [200, ''])
  t.equal((await get(server, '/xmpp-websocket')).status, 404, 'without an upgrade')
})

t.test('a request with headers beyond 16 KiB, or that is no HTTP, is refused and the server lives', async (t) => {
  const server = await shared
  const raw = (octets: string): Promise<string> => new Promise((resolve) => {
    const socket = connect(server.http, '127.0.0.1', () => socket.write(octets))
    let got = ''
    socket.on('data', (data) => (got += data.toString()))
    socket.on('error', () => {})
    socket.on('close', () => resolve(got))
  })
  t.match(await raw(`GET / HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`), /^HTTP\/1\.1 431 /)
  t.match(await raw('<stream:stream>\r\n\r\n'), /^HTTP\/1\.1 400 /)
  t.equal((await get(server, '/')).status, 200)
})
