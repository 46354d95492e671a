// Every recorded stream of a real client (test/data/traces) is played to a running server: each request is answered, with
// the kind of answer that the client got when it was recorded, and nothing crashes. What is not built yet stands in one
// list of expected deviations, which later work empties.
import { readFileSync } from 'node:fs'
import { parse } from 'ltx'
import type { Element } from 'ltx'
import t from 'tap'
import { WebSocket } from 'ws'
import { rawClient } from './helpers/client.js'
import { testServer } from './helpers/server.js'
import type { TestServer } from './helpers/server.js'
import { clients, trace } from './helpers/traces.js'
import type { TraceItem } from './helpers/traces.js'
import { DECIDED_OTHERWISE, EXPECTED_DEVIATIONS } from './data/expected-deviations.js'

const DOMAIN = 'chat.test'

/** A way to the server that speaks as the recorded client did: TCP with STARTTLS, or WebSocket. */
interface Player {
  send(xml: string): void
  startTls(): Promise<void>
  /** A new stream was opened: wait for its features. */
  opened(): Promise<void>
  next(fits: (element: Element) => boolean): Promise<Element>
  close(): void
}

const overTcp = async (server: TestServer): Promise<Player> => {
  const client = await rawClient(server.c2s)
  return {
    send: (xml) => {
      const header = /^(?:<\?xml[^>]*>\s*)?<stream:stream/.test(xml)
      if (header) client.restart()
      client.send(xml)
    },
    startTls: () => client.startTls({ ca: readFileSync(server.ca), servername: DOMAIN }),
    opened: async () => void await client.next((e) => e.name === 'stream:features'),
    next: (fits) => client.next(fits),
    close: () => client.destroy(),
  }
}

const overWebSocket = async (server: TestServer): Promise<Player> => {
  const ws = new WebSocket(`ws://127.0.0.1:${server.http}/xmpp-websocket`, 'xmpp')
  await new Promise((resolve, reject) => {
    ws.once('open', resolve)
    ws.once('error', reject)
  })
  const unread: Element[] = []
  const waiting: { fits: (element: Element) => boolean; resolve: (element: Element) => void }[] = []
  ws.on('message', (data: Buffer) => {
    const element = parse(data.toString()) as Element
    const i = waiting.findIndex((w) => w.fits(element))
    if (i < 0) unread.push(element)
    else waiting.splice(i, 1)[0]?.resolve(element)
  })
  const next = (fits: (element: Element) => boolean): Promise<Element> => {
    const i = unread.findIndex(fits)
    if (i >= 0) return Promise.resolve(unread.splice(i, 1)[0] as Element)
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`nothing that fits came; unread: ${unread.map(String).join(' ')}`)), 10_000)
      waiting.push({ fits, resolve: (element) => {
        clearTimeout(timer)
        resolve(element)
      } })
    })
  }
  return {
    send: (xml) => ws.send(xml), startTls: () => Promise.resolve(), next,
    opened: async () => void await next((e) => e.name === 'stream:features'),
    close: () => ws.terminate(),
  }
}

const isHeader = (xml: string): boolean => /^(?:<\?xml[^>]*>\s*)?<(?:stream:stream|open)\b/.test(xml)
const attribute = (xml: string, name: string): string => (parse(xml) as Element).attrs[name] as string ?? ''
const nameOf = (xml: string): string => /^<([^\s/>]+)/.exec(xml)?.[1] ?? ''

/** What a request is about: 'get jabber:iq:roster query'. */
const subject = (xml: string): string => {
  const iq = parse(xml) as Element
  const child = iq.getChildElements()[0]
  return `${String(iq.attrs['type'])} ${child?.getNS() ?? ''} ${child?.getName() ?? ''}`
}

interface Deviation { subject: string; recorded: string; answered: string }

/** Play one connection of a trace. Returns the requests whose answer was of another kind than when it was recorded. */
const play = async (server: TestServer, items: readonly TraceItem[]): Promise<{ requests: number; deviations: Deviation[] }> => {
  const player = items.some((i) => i.ws === true) ? await overWebSocket(server) : await overTcp(server)
  const recorded = new Map(items.filter((i) => i.dir === 'out' && nameOf(i.xml) === 'iq').map((i) => [attribute(i.xml, 'id'), attribute(i.xml, 'type')]))
  const requests: { id: string; subject: string }[] = []
  for (const { dir, xml } of items) {
    if (dir !== 'in') continue
    const name = nameOf(xml)
    if (isHeader(xml)) {
      player.send(xml)
      await player.opened()
    } else if (name === 'starttls') await player.startTls()
    else if (name === 'auth') {
      // secrets were taken out of the recordings; the mechanisms have tests of their own
      player.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from('\0alice\0alice').toString('base64')}</auth>`)
      await player.next((e) => e.name === 'success')
    } else if (name === 'response' || name === 'r' || name === 'a') continue // the latter: stream management was refused
    else if (name === 'close' || xml.includes('</stream:stream>')) break
    else {
      player.send(xml)
      if (name === 'iq' && ['get', 'set'].includes(attribute(xml, 'type'))) {
        const id = attribute(xml, 'id')
        requests.push({ id, subject: subject(xml) })
        // what follows a bind needs it
        if (xml.includes('urn:ietf:params:xml:ns:xmpp-bind')) await answered(player, id)
      }
    }
  }
  const deviations: Deviation[] = []
  for (const { id, subject: about } of requests) {
    const type = about.includes('xmpp-bind') ? 'result' : await answered(player, id)
    if (type !== recorded.get(id)) deviations.push({ subject: about, recorded: recorded.get(id) ?? 'nothing', answered: type })
  }
  player.close()
  return { requests: requests.length, deviations }
}

const answered = async (player: Player, id: string): Promise<string> => {
  const answer = await player.next((e) => e.name === 'iq' && e.attrs['id'] === id && (e.attrs['type'] === 'result' || e.attrs['type'] === 'error'))
  return answer.attrs['type'] as string
}

const seen = new Set<string>()
const KNOWN = [...EXPECTED_DEVIATIONS, ...DECIDED_OTHERWISE]

for (const client of clients()) {
  t.test(`each request of ${client}'s recorded streams is answered`, async (t) => {
    const server = await testServer(t, { domain: [DOMAIN] }, { users: ['alice', 'peer'] })
    const items = trace(client)
    for (const s of new Set(items.map((i) => i.s))) {
      const { requests, deviations } = await play(server, items.filter((i) => i.s === s))
      t.ok(requests > 0, `connection ${s}: ${requests} requests, all answered`)
      for (const d of deviations) {
        const key = `${d.subject}: ${d.answered}`
        seen.add(key)
        t.ok(KNOWN.includes(key), `${key} (recorded: ${d.recorded})`)
      }
    }
    t.equal(server.counters.bugs, 0, 'no request met a bug')
    t.same(server.logged.filter((l) => l.level >= 50), [], 'no error was logged')
  })
}

t.test('no expected deviation is out of date', async (t) => {
  t.same(KNOWN.filter((d) => !seen.has(d)), [])
})
