// The doors of HTTP: sockets that ask for nothing are closed, one address cannot take all the room, WebSockets count elsewhere.
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import t from 'tap'
import { WebSocket } from 'ws'
import { testServer } from '../helpers/server.js'
import type { TestServer } from '../helpers/server.js'

const LATE = 25_000

interface Holder {
  readonly socket: Socket
  readonly closed: Promise<void>
  said: string
}

/** A socket that is kept open from this side for as long as it goes. */
const hold = async (port: number, says = '', localAddress = '127.0.0.2'): Promise<Holder> => {
  const socket = connect({ port, host: '127.0.0.1', localAddress, allowHalfOpen: true })
  t.teardown(() => void socket.destroy())
  const holder: Holder = { socket, said: '', closed: new Promise((resolve) => {
    for (const event of ['end', 'close', 'error']) socket.once(event, () => resolve())
  }) }
  socket.on('data', (data) => (holder.said += data.toString()))
  await new Promise<void>((resolve, reject) => socket.once('connect', () => resolve()).once('error', reject))
  socket.write(says)
  return holder
}
const within = (ms: number, work: Promise<unknown>): Promise<boolean> =>
  Promise.race([work.then(() => true), new Promise<boolean>((resolve) => setTimeout(resolve, ms, false).unref())])
const health = async (server: TestServer): Promise<number> => (await fetch(`http://127.0.0.1:${server.http}/health`)).status

t.test('slow headers, none, and a TLS handshake that does not come: each is closed in time', async (t) => {
  const server = await testServer(t)
  const https = server.ports.https as number
  const late = await Promise.all([hold(server.http), hold(server.http, 'GET / HTTP/1.1\r\nX-Slow: '), hold(https), hold(https, '\x16\x03\x01')])
  const dripping = await hold(server.http, 'GET / HTTP/1.1\r\n')
  const drip = setInterval(() => dripping.socket.write('X: y\r\n'), 500)
  t.teardown(() => clearInterval(drip))
  for (const [i, { closed }] of [...late, dripping].entries()) t.ok(await within(LATE, closed), `${i}`)
})

t.test('one address has its share of sockets, another is served, and who leaves makes room', async (t) => {
  const server = await testServer(t, { maxUnauthenticatedPerAddress: 20 })
  const held = await Promise.all(Array.from({ length: 20 }, () => hold(server.http)))
  t.ok(await within(2000, (await hold(server.http)).closed), 'the 21st finds no room')
  t.equal(await health(server), 200)
  held[0]?.socket.destroy()
  await new Promise((resolve) => setTimeout(resolve, 200))
  const asked = await hold(server.http, 'GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
  await asked.closed
  t.match(asked.said, /^HTTP\/1.1 200/)
})

t.test('all sockets together have a bound too; WebSockets are not among them, with TLS or without', async (t) => {
  const server = await testServer(t, { maxUnauthenticated: 12, maxUnauthenticatedPerAddress: 6 })
  const webSockets = async (url: string): Promise<void> => {
    for (let i = 0; i < 3; i++) {
      const ws = new WebSocket(url, 'xmpp', { rejectUnauthorized: false })
      t.teardown(() => ws.terminate())
      await new Promise((resolve, reject) => ws.once('open', resolve).once('error', reject))
    }
  }
  await webSockets(`ws://127.0.0.1:${server.http}/xmpp-websocket`)
  await webSockets(`wss://127.0.0.1:${server.ports.https}/xmpp-websocket`)
  for (const address of ['127.0.0.1', '127.0.0.2']) {
    for (const port of [server.http, server.ports.https as number]) {
      const six = await Promise.all(Array.from({ length: 6 }, () => hold(port, '', address)))
      t.notOk(await within(500, Promise.race(six.map((h) => h.closed))), 'there was room for six beside the WebSockets')
    }
  }
  t.ok(await within(2000, (await hold(server.http, '', '127.0.0.3')).closed), 'the 13th finds none')
})

t.test('a refused upgrade is over although the other end stays', async (t) => {
  const server = await testServer(t)
  const ask = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`
  const open = (): number => process.getActiveResourcesInfo().filter((r) => r === 'TCPSocketWrap').length
  const before = open()
  const held = await Promise.all(Array.from({ length: 20 }, () => hold(server.http, ask('/elsewhere'))))
  await Promise.all(held.map((h) => h.closed))
  t.match(held[0]?.said, /^HTTP\/1.1 404/)
  await new Promise((resolve) => setTimeout(resolve, 500))
  t.ok(open() - before <= 20, `${open() - before} sockets: those of this side only`)
})
