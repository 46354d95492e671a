// Every recorded stream of a real client (test/data/traces) is played to a running server: each request is answered, with
// the kind of answer that the client got when it was recorded, and nothing crashes. What is not built yet stands in one
// list of expected deviations, which later work empties.
import { readFileSync } from 'node:fs'
import { parse } from 'ltx'
import type { Element } from 'ltx'
import t from 'tap'
import { WebSocket } from 'ws'
import { NS } from '../lib/base/namespaces.js'
import { CAPS } from '../lib/core/caps.js'
import { verification } from '../lib/core/verification.js'
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
  opened(): Promise<Element>
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
    opened: () => client.next((e) => e.name === 'stream:features'),
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
    opened: () => next((e) => e.name === 'stream:features'),
    close: () => ws.terminate(),
  }
}

/** What the recorded server announced itself as (XEP-0115 §6.3); a client that asks about it would ask about what ours announces. */
const RECORDED_NODE = 'http://prosody.im#I7+FepN6QzE37g/9LR6nzTMxBRI='

const isHeader = (xml: string): boolean => /^(?:<\?xml[^>]*>\s*)?<(?:stream:stream|open)\b/.test(xml)
const attribute = (xml: string, name: string): string => (parse(xml) as Element).attrs[name] as string ?? ''
const nameOf = (xml: string): string => /^<([^\s/>]+)/.exec(xml)?.[1] ?? ''

/** What a request is about: 'get jabber:iq:roster query'. */
const subject = (xml: string): string => {
  const iq = parse(xml) as Element
  const child = iq.getChildElements()[0]
  return `${String(iq.attrs['type'])} ${child?.getNS() ?? ''} ${child?.getName() ?? ''}`
}

/** An answer to the server's question what the client can do (XEP-0115): which of its announcements it is about. */
const announced = (xml: string): string | null => {
  const iq = parse(xml) as Element
  const query = iq.attrs['type'] === 'result' && iq.attrs['to'] === `alice@${DOMAIN}` ? iq.getChild('query', NS.discoInfo) : undefined
  return query?.attrs['node'] as string ?? null
}

/** Answer as the client did when it was recorded, if the server asks: what it has verified it knows, of every client. */
const explain = async (player: Player, xml: string, node: string, verified: Set<string>): Promise<void> => {
  if (verified.has(node)) return
  const question = await player.next((e) => e.name === 'iq' && e.attrs['type'] === 'get' && e.getChild('query', NS.discoInfo)?.attrs['node'] === node)
  const answer = parse(xml) as Element
  answer.attrs['id'] = question.attrs['id']
  player.send(answer.toString())
  const info = answer.getChild('query')?.getChildElements() ?? []
  if (verification(info, 'sha-1').ver === node.slice(node.lastIndexOf('#') + 1)) verified.add(node)
}

interface Deviation { subject: string; recorded: string; answered: string }

/** Play one connection of a trace. Returns the requests whose answer was of another kind than when it was recorded. */
const play = async (server: TestServer, items: readonly TraceItem[], verified: Set<string>): Promise<{ requests: number; deviations: Deviation[]; capabilities: boolean }> => {
  const player = items.some((i) => i.ws === true) ? await overWebSocket(server) : await overTcp(server)
  const recorded = new Map(items.filter((i) => i.dir === 'out' && nameOf(i.xml) === 'iq').map((i) => [attribute(i.xml, 'id'), attribute(i.xml, 'type')]))
  const requests: { id: string; subject: string }[] = []
  let explained = false
  let ownNode = ''
  for (const { dir, xml } of items) {
    if (dir !== 'in') continue
    const name = nameOf(xml)
    if (isHeader(xml)) {
      player.send(xml)
      const own = (await player.opened()).getChild('c', CAPS)
      if (own !== undefined) ownNode = `${String(own.attrs['node'])}#${String(own.attrs['ver'])}`
    } else if (name === 'starttls') await player.startTls()
    else if (name === 'auth') {
      // secrets were taken out of the recordings; the mechanisms have tests of their own
      player.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from('\0alice\0alice').toString('base64')}</auth>`)
      await player.next((e) => e.name === 'success')
    } else if (name === 'response' || name === 'r' || name === 'a') continue // the latter: stream management was refused
    else if (name === 'close' || xml.includes('</stream:stream>')) break
    else {
      const node = name === 'iq' ? announced(xml) : null
      if (node !== null) {
        explained = true
        await explain(player, xml, node, verified)
        continue
      }
      player.send(xml.replace(RECORDED_NODE, ownNode))
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
  player.send(`<iq xmlns='jabber:client' type='get' id='last'><ping xmlns='${NS.ping}'/></iq>`)
  await answered(player, 'last')
  const capabilities = !explained || server.sessions.of(`alice@${DOMAIN}`).all.at(-1)?.caps?.features?.size !== undefined
  player.close()
  return { requests: requests.length, deviations, capabilities }
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
    const verified = new Set<string>()
    for (const s of new Set(items.map((i) => i.s))) {
      const { requests, deviations, capabilities } = await play(server, items.filter((i) => i.s === s), verified)
      t.ok(requests > 0, `connection ${s}: ${requests} requests, all answered`)
      t.ok(capabilities, 'what the client can do is known, where it said so')
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
