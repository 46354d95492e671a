// A man in the middle that spoils what a server sends to its clients: the instrument that measures servers must see it.
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import type { Teardown } from './database.js'

/** What to do with one message stanza on its way to a client; the stanza itself: nothing. */
export type Lie = (message: string, count: number) => string

const MESSAGE = /<message[ >][\s\S]*?<\/message>(?!<\/forwarded>)/g

/** A port that leads to another one. Only stanzas that come in one piece are spoiled, and no carbon copies. */
export const liar = async (t: Teardown, port: number, lie: Lie): Promise<number> => {
  let count = 0
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const behind = connect(port, '127.0.0.1')
    for (const socket of [client, behind]) {
      sockets.add(socket)
      socket.on('error', () => {})
    }
    client.on('data', (data) => behind.write(data))
    behind.on('data', (data) => client.write(data.toString('latin1').replace(MESSAGE, (m) => (m.includes('<body>') && !m.includes('<forwarded') ? lie(m, count++) : m)), 'latin1'))
    client.on('close', () => behind.destroy())
    behind.on('close', () => client.destroy())
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  t.teardown(() => new Promise<void>((done) => {
    for (const socket of sockets) socket.destroy()
    server.close(() => done())
  }))
  return (server.address() as AddressInfo).port
}
