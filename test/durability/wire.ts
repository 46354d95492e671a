// What a resumption has to do with sockets (durability.md D17, D13), and what of a client's is bounded (D15, D20). Over a real server.
import t from 'tap'
import type { Element } from 'ltx'
import { AwayError } from '../../lib/base/errors.js'
import type { Route } from '../../lib/core/route.js'
import { testDatabase } from '../helpers/database.js'
import { gate, turn, until } from '../helpers/life.js'
import { startOver, testServer } from '../helpers/server.js'
import type { TestServer } from '../helpers/server.js'
import type { RawClient } from '../helpers/client.js'

const SM = 'urn:xmpp:sm:3'
const MIB = 1024 * 1024
const FILL = 'x'.repeat(30_000)
const PING = "<ping xmlns='urn:xmpp:ping'/>"
const named = (name: string) => (e: Element): boolean => e.name === name
const shared = testServer(t, { writeBufferBytes: MIB })
const fresh = async (): Promise<TestServer> => {
  const server = await shared
  await startOver(server)
  return server
}
const enable = async (client: RawClient): Promise<string> => {
  client.send(`<enable xmlns='${SM}' resume='true'/>`)
  return String((await client.next(named('enabled'))).attrs['id'])
}
/** Logged in, and about to bind or resume. */
const comer = async (server: TestServer, user: string): Promise<RawClient> => {
  const client = await server.client()
  await client.open()
  client.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from(`\0${user}\0${user}`).toString('base64')}</auth>`)
  await client.next(named('success'))
  await client.open()
  return client
}
const resume = async (client: RawClient, id: string, h: number): Promise<number> => {
  client.send(`<resume xmlns='${SM}' previd='${id}' h='${h}'/>`)
  const { name, attrs } = await client.next((e) => e.name === 'resumed' || e.name === 'failed')
  if (name !== 'resumed') throw new Error('not resumed')
  return Number(attrs['h'])
}
/** It counts, and answers when it is asked. Returns how much came. */
const counting = (client: RawClient, from = 0): (() => number) => {
  let count = from
  const { push } = client.elements
  Object.assign(client.elements, { push: (e: Element) => {
    if (e.name === 'r') client.send(`<a xmlns='${SM}' h='${count}'/>`)
    else if (['message', 'presence', 'iq'].includes(e.name)) count++
    return push.call(client.elements, e)
  } })
  return () => count
}
const chat = (to: string, text: string, more = ''): string => `<message to='${to}' type='chat'><body>${text}</body>${more}</message>`
const texts = (client: RawClient): string[] => client.elements.filter(named('message')).map((e) => e.getChildText('body') ?? '')
const logged = async (server: TestServer, account: string): Promise<string[]> =>
  (await server.db.query<{ xml: string }>('select xml from log where account = $1 and flags & 4 = 0 order by seq', [account])).map(({ xml }) => /<body>([^<]*)/.exec(xml)?.[1] ?? '')
const numbers = (n: number): string[] => Array.from({ length: n }, (_, i) => `${i}`)

t.test('D17: the half stanza of the old connection is dropped with it, also while that is still open', async (t) => {
  const half = `<message to='juliet@localhost' type='chat'><body>half`
  for (const broken of [true, false]) {
    for (const end of ['', ' of it</body>', '</body></mess']) {
      const server = await fresh()
      const juliet = await server.login('juliet', 'balcony')
      await juliet.presence()
      const romeo = await server.login('romeo', 'orchard')
      const id = await enable(romeo)
      romeo.send(`${chat('juliet@localhost', 'one')}${half}${end}`)
      await juliet.next((e) => e.getChildText('body') === 'one')
      if (broken) romeo.destroy()
      const again = await comer(server, 'romeo')
      t.equal(await resume(again, id, 0), 1, 'it does not count')
      // the beginning of a document of its own, and what would close the half one
      again.send(chat('juliet@localhost', 'two'))
      again.send(chat('juliet@localhost', 'three'))
      await again.iq('get', PING)
      await juliet.next((e) => e.getChildText('body') === 'three')
      if (!broken) romeo.send(' of it</body></message>')
      await again.iq('get', PING)
      await turn()
      t.same(texts(juliet), ['one', 'two', 'three'], `${broken ? 'broken' : 'open'}: ${half}${end}`)
    }
  }
})

t.test('D17: a resume while the old socket still holds unread bytes: what was read of it counts, and the rest is read by nobody', async (t) => {
  const n = 400
  for (const wait of [0, 5, 30]) {
    const server = await fresh()
    const romeo = await server.login('romeo', 'orchard')
    const id = await enable(romeo)
    const again = await comer(server, 'romeo')
    const all = numbers(n)
    for (const i of all) romeo.send(chat('juliet@localhost', i, `<x xmlns='urn:x'>${FILL.slice(0, 3000)}</x>`))
    await turn(wait)
    const h = await resume(again, id, 0)
    t.ok(h >= 0 && h <= n)
    const then = (await logged(server, 'juliet@localhost')).length
    t.equal(then, h, 'what is said to be done is in the log, and nothing else')
    for (const i of all.slice(h)) again.send(chat('juliet@localhost', i))
    await again.iq('get', PING)
    t.same(await logged(server, 'juliet@localhost'), all, `${wait} ms: ${h} of ${n} were read`)
    await romeo.ended
  }
})

t.test('D17: a request that is being handled for the old connection counts before h is said, and its answer comes on the new one', async (t) => {
  const { held, open } = gate()
  t.teardown(open)
  let asked = 0
  const slow: Route = { name: 'slow', spec: 'test', iq: [{ type: 'set', to: 'server', ns: 'urn:slow', name: 'slow', answer: async () => {
    asked++
    await held
  } }] }
  const server = await testServer(t, {}, { routes: [slow] })
  const romeo = await server.login('romeo', 'orchard')
  const id = await enable(romeo)
  romeo.send("<iq type='set' id='s1' to='localhost'><slow xmlns='urn:slow'/></iq>")
  t.ok(await until(() => asked === 1))
  const again = await comer(server, 'romeo')
  again.send(`<resume xmlns='${SM}' previd='${id}' h='0'/>`)
  await turn(100)
  t.notOk(again.elements.some(named('resumed')), 'not while it is under way')
  open()
  t.equal((await again.next(named('resumed'))).attrs['h'], '1')
  t.equal((await again.next(named('iq'))).attrs['id'], 's1')
  t.equal(asked, 1)
})

t.test('D17: the end of the old connection is not the end of the session', async (t) => {
  const server = await fresh()
  const juliet = await server.login('juliet', 'balcony')
  const romeo = await server.login('romeo', 'orchard')
  const id = await enable(romeo)
  const again = await comer(server, 'romeo')
  await resume(again, id, 0)
  await romeo.ended
  romeo.destroy()
  await turn(50)
  juliet.send(chat('romeo@localhost/orchard', 'hi'))
  await again.next((e) => e.getChildText('body') === 'hi')
  t.equal(server.sessions.size, 2)
})

t.test('D13: more came while a session was detached than a write buffer takes: it is given all of it, on one connection', async (t) => {
  const server = await fresh()
  const n = 60
  const romeo = await server.login('romeo', 'orchard')
  const juliet = await server.login('juliet', 'balcony')
  const id = await enable(juliet)
  const count = counting(juliet)
  await juliet.presence()
  juliet.destroy()
  for (const i of numbers(n)) romeo.send(chat('juliet@localhost', i, `<x xmlns='urn:x'>${FILL.repeat(3)}</x>`))
  await romeo.iq('get', PING)
  const again = await comer(server, 'juliet')
  const h = count()
  counting(again, h)
  await resume(again, id, h)
  await again.next((e) => e.getChildText('body') === `${n - 1}`)
  t.same(texts(again), numbers(n))
  await again.iq('get', PING)
  t.notOk(server.logged.some((line) => /does not read/.test(line.msg)))
})

t.test('D15: of requests that are not answered, or their answers not acknowledged, a client has a bounded number', async (t) => {
  const server = await fresh()
  const romeo = await server.login('romeo', 'orchard')
  await enable(romeo)
  const ask = (i: number): string => `<iq type='get' id='q${i}'>${PING}</iq>`
  for (let i = 1; i <= 1001; i++) romeo.send(ask(i))
  const last = await romeo.next((e) => e.attrs['id'] === 'q1001')
  t.equal(last.attrs['type'], 'error')
  t.match(String(last), /type="wait".*<resource-constraint/)
  t.equal(romeo.elements.filter((e) => e.name === 'iq' && /^q\d/.test(String(e.attrs['id'])) && e.attrs['type'] === 'result').length, 1000)
  romeo.send(`<a xmlns='${SM}' h='1001'/>${ask(1002)}`)
  t.equal((await romeo.next((e) => e.attrs['id'] === 'q1002')).attrs['type'], 'result')
  // a long id counts as several
  romeo.send(`<a xmlns='${SM}' h='1002'/>`)
  const long = 'x'.repeat(1000)
  for (let i = 1; i <= 300; i++) romeo.send(`<iq type='get' id='${long}${i}'>${PING}</iq>`)
  const answers = []
  for (let i = 1; i <= 300; i++) answers.push((await romeo.next((e) => e.attrs['id'] === `${long}${i}`)).attrs['type'])
  t.same([answers[249], answers[250]], ['result', 'error'])
})

t.test('D20: with the database away what one client may have uncommitted is bounded: it is read from again when it is back', async (t) => {
  const db = await testDatabase(t)
  let away = false
  const server = await testServer(t, {}, { db: { ...db, query: (text, values) => (away ? Promise.reject(new AwayError('test')) : db.query(text, values)) } })
  const romeo = await server.login('romeo', 'orchard')
  await enable(romeo)
  await romeo.iq('get', PING)
  const [session] = [...server.sessions.all()]
  // the receiver is known
  romeo.send(chat('juliet@localhost', 'first'))
  await romeo.iq('get', PING)
  away = true
  const n = 900
  for (const i of numbers(n)) romeo.send(chat('juliet@localhost', i))
  romeo.send(`<r xmlns='${SM}'/>`)
  await turn(300)
  const uncommitted = session?.uncommitted as number
  t.ok(uncommitted > 100 && uncommitted <= 300, `${uncommitted} wait`)
  t.notOk(romeo.elements.some((e) => e.name === 'a' && Number(e.attrs['h']) > 3))
  t.equal(server.sessions.size, 1)
  away = false
  await romeo.next((e) => e.name === 'a' && Number(e.attrs['h']) >= n + 3)
  t.same(await logged(server, 'juliet@localhost'), ['first', ...numbers(n)])
  t.ok(await until(() => session?.uncommitted === 0))
})
