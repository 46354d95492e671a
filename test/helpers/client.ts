// A small client for tests that need to say exactly which octets go over the wire. Real clients are in test/clients/.
import { connect as connectTcp } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { ConnectionOptions } from 'node:tls'
import { StringDecoder } from 'node:string_decoder'
import { Element as LtxElement, Parser } from 'ltx'
import type { Element } from 'ltx'

export const STREAM_NS = 'http://etherx.jabber.org/streams'
export const header = (to = 'localhost', more = ''): string =>
  `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='${STREAM_NS}' to='${to}' version='1.0'${more}>`

/** ms that a test waits for something that should come at once. */
const PATIENCE = 15_000

export interface RawClient {
  socket: Socket
  /** All that came, top-level elements only; the stream's header is 'stream:stream' without children. */
  readonly elements: Element[]
  readonly ended: Promise<void>
  jid: string
  /** Answers when it is asked whether it has its messages. */
  proves: boolean
  send(xml: string | Buffer): void
  /** The next element (of those not yet taken) that fits. */
  next(fits?: (element: Element) => boolean, ms?: number): Promise<Element>
  /** Nothing that fits comes before the answer to a ping: the server has had its say. */
  nothing(fits?: (element: Element) => boolean): Promise<void>
  /** Take all that has come so far; what the server has by now has come. */
  skip(): Promise<void>
  /** Send a request and wait for its answer. */
  iq(type: 'get' | 'set', payload: string, to?: string): Promise<Element>
  startTls(options?: ConnectionOptions): Promise<void>
  /** A new stream begins: what comes next is a new document. */
  restart(): void
  open(to?: string, more?: string): Promise<Element>
  login(user: string, password: string, resource?: string, domain?: string): Promise<RawClient>
  presence(inner?: string): Promise<void>
  /** Close the stream in order. */
  close(): Promise<void>
  destroy(): void
}

let ids = 0

interface Tokens {
  on(event: 'startElement', heard: (name: string, attrs: Record<string, string>) => void): void
  on(event: 'endElement' | 'text', heard: (text: string) => void): void
  write(text: string): void
}

/** @param to a port, or a socket that is connected already */
export const rawClient = async (to: number | Socket, options: { tls?: ConnectionOptions; host?: string; localAddress?: string } = {}): Promise<RawClient> =>
  clientOn(typeof to === 'number' ? await connected(to, options) : to)

const connected = async (port: number, { tls, host = '127.0.0.1', localAddress }: { tls?: ConnectionOptions; host?: string; localAddress?: string }): Promise<Socket> => {
  const socket = tls === undefined ? connectTcp({ port, host, ...(localAddress === undefined ? {} : { localAddress }) })
    : connectTls({ port, host, servername: 'localhost', ALPNProtocols: ['xmpp-client'], ...tls })
  await new Promise<void>((resolve, reject) => {
    socket.once(tls === undefined ? 'connect' : 'secureConnect', resolve)
    socket.once('error', reject)
  })
  return socket
}

const clientOn = (first: Socket): RawClient => {
  const elements: Element[] = []
  let unread: Element[] = []
  const waiting: { fits: (element: Element) => boolean; resolve: (element: Element) => void }[] = []
  let parser: Tokens
  let over = false
  let end: () => void = () => {}
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  const arrived = (element: Element): void => {
    // whether it has its messages (durability.md D18): as clients do, and no part of what a test looks at
    if (element.name === 'iq' && String(element.attrs['id']).startsWith('proof-')) {
      if (client.proves) client.send(`<iq type='result' id='${String(element.attrs['id'])}' to='${String(element.attrs['from'])}'/>`)
      return
    }
    elements.push(element)
    const i = waiting.findIndex((w) => w.fits(element))
    if (i < 0) unread.push(element)
    else waiting.splice(i, 1)[0]?.resolve(element)
  }
  const reset = (): void => {
    // ltx's Parser builds one whole document; the tokens under it are what a stream needs
    parser = (new Parser() as unknown as { parser: Tokens }).parser
    let depth = 0
    let current: Element | null = null
    parser.on('startElement', (name, attrs) => build(name, attrs))
    parser.on('endElement', () => {
      depth--
      if (depth === 1 && current !== null) {
        arrived(current.root())
        current = null
      } else if (depth === 0) end()
      else current = current?.parent ?? null
    })
    parser.on('text', (text) => {
      if (depth > 1) current?.t(text)
    })
    const build = (name: string, attrs: Record<string, string>): void => {
      depth++
      if (depth === 1) arrived(makeElement(name, attrs))
      else if (depth === 2) current = makeElement(name, attrs)
      else current = (current as Element).c(name, attrs)
    }
  }
  reset()
  const listen = (socket: Socket): void => {
    const decoder = new StringDecoder('utf8')
    socket.on('data', (data) => parser.write(decoder.write(data)))
    socket.on('close', () => {
      over = true
      end()
    })
    socket.on('error', () => {})
  }
  listen(first)

  const client: RawClient = {
    socket: first,
    elements,
    ended,
    jid: '',
    proves: true,
    send: (xml) => void client.socket.write(xml),
    next: (fits = () => true, ms = PATIENCE) => {
      const i = unread.findIndex(fits)
      if (i >= 0) return Promise.resolve(unread.splice(i, 1)[0] as Element)
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          reject(new Error(`nothing that fits came in ${ms} ms${over ? ' (connection over)' : ''}; unread: ${unread.map(String).join(' ')}`))
        }, ms)
        waiting.push({ fits, resolve: (element) => {
          clearTimeout(timer)
          resolve(element)
        } })
      })
    },
    nothing: async (fits = () => true) => {
      await client.iq('get', '<ping xmlns=\'urn:xmpp:ping\'/>')
      const found = unread.find(fits)
      if (found !== undefined) throw new Error(`this should not have come: ${String(found)}`)
    },
    skip: async () => {
      await client.iq('get', '<ping xmlns=\'urn:xmpp:ping\'/>')
      unread = []
    },
    iq: (type, payload, to) => {
      const id = `t${++ids}`
      client.send(`<iq type='${type}' id='${id}'${to === undefined ? '' : ` to='${to}'`}>${payload}</iq>`)
      return client.next((e) => e.name === 'iq' && e.attrs['id'] === id)
    },
    startTls: async (more = {}) => {
      client.send('<starttls xmlns=\'urn:ietf:params:xml:ns:xmpp-tls\'/>')
      const answer = await client.next((e) => e.name === 'proceed' || e.name === 'failure')
      if (answer.name !== 'proceed') throw new Error(String(answer))
      const raw = client.socket
      raw.removeAllListeners('data')
      const secure = connectTls({ socket: raw, servername: 'localhost', ...more })
      await new Promise<void>((resolve, reject) => {
        secure.once('secureConnect', resolve)
        secure.once('error', reject)
      })
      client.socket = secure
      reset()
      listen(secure)
    },
    restart: () => {
      reset()
      unread = []
    },
    open: async (to = 'localhost', more = '') => {
      client.restart()
      client.send(header(to, more))
      return client.next((e) => e.name === 'stream:features')
    },
    login: async (user, password, resource = '', domain = 'localhost') => {
      await client.open(domain)
      client.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from(`\0${user}\0${password}`).toString('base64')}</auth>`)
      const answer = await client.next((e) => e.name === 'success' || e.name === 'failure')
      if (answer.name !== 'success') throw new Error(String(answer))
      await client.open(domain)
      const bound = await client.iq('set', `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>${resource === '' ? '' : `<resource>${resource}</resource>`}</bind>`)
      if (bound.attrs['type'] !== 'result') throw new Error(String(bound))
      client.jid = bound.getChild('bind')?.getChildText('jid') ?? ''
      return client
    },
    presence: async (inner = '') => {
      client.send(inner === '' ? '<presence/>' : `<presence>${inner}</presence>`)
      await client.iq('get', '<ping xmlns=\'urn:xmpp:ping\'/>') // answered after it: RFC 6120 §10.1
    },
    close: async () => {
      client.send('</stream:stream>')
      await ended
      client.socket.destroy()
    },
    destroy: () => void client.socket.destroy(),
  }
  return client
}

const makeElement = (name: string, attrs: Record<string, string>): Element => new LtxElement(name, attrs)
