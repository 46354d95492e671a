// A server that logs everybody in and then says what a test tells it to: for clients that must meet what no good server does.
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import type { Teardown } from './database.js'

export interface Scripted {
  readonly port: number
  /** All that came after log-in, as elements, over all connections. */
  readonly heard: string[]
  /** Say this on the newest connection. */
  say(xml: string): void
  /** Wait until an element fits; it is taken, with all before it. */
  until(pattern: RegExp): Promise<string>
  /** Break the newest connection. */
  cut(): void
}

const HEAD = '<?xml version=\'1.0\'?><stream:stream xmlns=\'jabber:client\' xmlns:stream=\'http://etherx.jabber.org/streams\' from=\'localhost\' id=\'x\' version=\'1.0\'>'
const MECHANISMS = '<stream:features><mechanisms xmlns=\'urn:ietf:params:xml:ns:xmpp-sasl\'><mechanism>PLAIN</mechanism></mechanisms></stream:features>'
const FEATURES = '<stream:features><bind xmlns=\'urn:ietf:params:xml:ns:xmpp-bind\'/><sm xmlns=\'urn:xmpp:sm:3\'/></stream:features>'
const SUCCESS = '<success xmlns=\'urn:ietf:params:xml:ns:xmpp-sasl\'/>'
/** Good enough for what the clients of lib/chaos write. */
const ELEMENT = /^\s*(?:<\?xml[^>]*>|<stream:stream[^>]*>|<\/stream:stream>|<(\w+)(?:[^>]*[^/>])?>[\s\S]*?<\/\1>|<\w+[^>]*\/>)/

export const scripted = async (t: Teardown): Promise<Scripted> => {
  const heard: string[] = []
  let taken = 0
  let newest: Socket | null = null
  const lookers = new Set<() => void>()
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    newest = socket
    sockets.add(socket)
    let text = ''
    let isKnown = false
    socket.on('error', () => {})
    socket.on('data', (data) => {
      text += data.toString()
      for (let found = ELEMENT.exec(text); found !== null; found = ELEMENT.exec(text)) {
        text = text.slice(found[0].length)
        const element = found[0].trim()
        if (element.startsWith('<?xml')) continue
        if (element.startsWith('<stream:stream')) socket.write(HEAD + (isKnown ? FEATURES : MECHANISMS))
        else if (element.startsWith('<auth')) {
          isKnown = true
          socket.write(SUCCESS)
        } else if (element.startsWith('</stream')) socket.end('</stream:stream>')
        else heard.push(element)
      }
      for (const look of lookers) look()
    })
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  t.teardown(() => new Promise<void>((done) => {
    for (const socket of sockets) socket.destroy()
    server.close(() => done())
  }))
  return {
    port: (server.address() as AddressInfo).port, heard,
    say: (xml) => void newest?.write(xml),
    cut: () => void newest?.destroy(),
    until: (pattern) => new Promise((done, failed) => {
      const late = setTimeout(() => failed(new Error(`${pattern} did not come; since then: ${heard.slice(taken).join(' ')}`)), 10_000)
      const look = (): void => {
        const at = heard.findIndex((element, i) => i >= taken && pattern.test(element))
        if (at < 0) return
        taken = at + 1
        clearTimeout(late)
        lookers.delete(look)
        done(heard[at] as string)
      }
      lookers.add(look)
      look()
    }),
  }
}
