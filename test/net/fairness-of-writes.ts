// "Where the peers fell" (design.md §6), fairness: whatever one client has written to the database, every other one is served within a second.
import t from 'tap'
import { bystander, flood } from '../helpers/fairness.js'
import { testServer } from '../helpers/server.js'

t.test('fairness: while one client changes its presence 3,000 times a bystander\'s ping takes less than a second', async (t) => {
  const server = await testServer(t)
  const romeo = await server.login('romeo')
  const work = flood(romeo, (i) => `<presence><priority>${i % 2}</priority><status>${i}</status></presence>`, 3000, '<iq type=\'get\' id=\'last\'><ping xmlns=\'urn:xmpp:ping\'/></iq>')
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
