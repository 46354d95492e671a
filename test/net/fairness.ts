// "Where the peers fell" (design.md §6), fairness: whatever one client sends, every other one is served within a second.
import t from 'tap'
import { bystander, flood, reads } from '../helpers/fairness.js'
import { testServer } from '../helpers/server.js'

t.test('fairness: while one client pipelines 100,000 stanzas a bystander\'s ping takes less than a second', async (t) => {
  const server = await testServer(t)
  const juliet = await server.login('juliet', 'balcony')
  await juliet.presence()
  const got = reads(juliet)
  const romeo = await server.login('romeo')
  const work = flood(romeo, (i) => `<message to='juliet@localhost/balcony' type='chat' id='${i}'><body>soft, what light through yonder window breaks</body></message>`, 100_000,
    '<iq type=\'get\' id=\'last\'><ping xmlns=\'urn:xmpp:ping\'/></iq>')
  const { worst, pings } = await bystander(server, work)
  t.ok(pings > 3, `${pings} pings`)
  t.ok(worst < 1000, `the longest took ${worst.toFixed(0)} ms`)
  for (let i = 0; i < 600 && got.length < 100_000; i++) await new Promise((resolve) => setTimeout(resolve, 100))
  t.equal(got.length, 100_000, 'all of them were delivered')
  t.ok(got.every((id, i) => id === String(i)), 'once, and in order')
})
