// "Where the peers fell" (design.md §6), fairness: whatever one client does, every other one is served within a second.
import t from 'tap'
import type { RawClient } from '../helpers/client.js'
import { testServer } from '../helpers/server.js'
import type { TestServer } from '../helpers/server.js'

/** The longest that a bystander waited for a ping's answer while `work` went on. */
const bystander = async (server: TestServer, work: Promise<unknown>): Promise<{ worst: number; pings: number }> => {
  const client = await server.login('mercutio')
  let going = true
  void work.finally(() => (going = false))
  let worst = 0
  let pings = 0
  while (going) {
    const start = performance.now()
    await client.iq('get', '<ping xmlns=\'urn:xmpp:ping\'/>')
    worst = Math.max(worst, performance.now() - start)
    pings++
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  client.destroy()
  return { worst, pings }
}

/** Write all of it, as fast as the socket takes it, and count what comes back without building trees. */
const flood = async (client: RawClient, stanza: (i: number) => string, n: number, last: string): Promise<void> => {
  client.socket.removeAllListeners('data')
  const over = new Promise<void>((resolve) => {
    let tail = ''
    client.socket.on('data', (data) => {
      tail = (tail + data.toString('latin1')).slice(-20_000)
      if (tail.includes('id=\'last\'')) resolve()
    })
  })
  for (let i = 0; i < n; i += 500) {
    let chunk = ''
    for (let j = i; j < Math.min(n, i + 500); j++) chunk += stanza(j)
    if (!client.socket.write(chunk)) await new Promise((resolve) => client.socket.once('drain', resolve))
  }
  client.socket.write(last)
  await over
}

t.test('fairness: while one client pipelines 100,000 stanzas a bystander\'s ping takes less than a second', async (t) => {
  const server = await testServer(t)
  const juliet = await server.login('juliet', 'balcony')
  await juliet.presence()
  juliet.socket.removeAllListeners('data')
  juliet.socket.resume()
  const romeo = await server.login('romeo')
  const before = server.counters.delivered
  const work = flood(romeo, (i) => `<message to='juliet@localhost/balcony' type='chat' id='${i}'><body>soft, what light through yonder window breaks</body></message>`, 100_000,
    '<iq type=\'get\' id=\'last\'><ping xmlns=\'urn:xmpp:ping\'/></iq>')
  const { worst, pings } = await bystander(server, work)
  t.equal(server.counters.delivered - before, 100_000, 'all of them were delivered')
  t.ok(pings > 3, `${pings} pings`)
  t.ok(worst < 1000, `the longest took ${worst.toFixed(0)} ms`)
})

t.test('fairness: while one client changes its presence 10,000 times a bystander\'s ping takes less than a second', async (t) => {
  const server = await testServer(t)
  const romeo = await server.login('romeo')
  const work = flood(romeo, (i) => `<presence><priority>${i % 2}</priority><status>${i}</status></presence>`, 10_000, '<iq type=\'get\' id=\'last\'><ping xmlns=\'urn:xmpp:ping\'/></iq>')
  const { worst, pings } = await bystander(server, work)
  t.ok(pings > 3, `${pings} pings`)
  t.ok(worst < 1000, `the longest took ${worst.toFixed(0)} ms`)
})

t.test('fairness: while one client writes and reads a roster of 5,000 a bystander\'s ping takes less than a second', async (t) => {
  const server = await testServer(t)
  const romeo = await server.login('romeo')
  t.equal(server.settings.rosterMaxItems, 5000)
  const get = '<query xmlns=\'jabber:iq:roster\'/>'
  await romeo.iq('get', get) // from now on each set is pushed too
  const set = (i: number): string => `<iq type='set' id='s${i}'><query xmlns='jabber:iq:roster'><item jid='contact${i}@example.org' name='Contact ${i}'><group>Friends</group></item></query></iq>`
  const gets = Array.from({ length: 10 }, (_, i) => `<iq type='get' id='g${i}'>${get}</iq>`).join('')
  const work = flood(romeo, set, 5000, `${gets}<iq type='get' id='last'><ping xmlns='urn:xmpp:ping'/></iq>`)
  const { worst, pings } = await bystander(server, work)
  t.ok(pings > 3, `${pings} pings`)
  t.ok(worst < 1000, `the longest took ${worst.toFixed(0)} ms`)
  const again = await server.login('romeo')
  t.equal((await again.iq('get', get)).getChild('query')?.getChildElements().length, 5000)
  const full = await again.iq('set', '<query xmlns=\'jabber:iq:roster\'><item jid=\'one-more@example.org\'/></query>')
  t.ok(full.getChild('error')?.getChild('resource-constraint'), 'and not one more')
})
