import t from 'tap'
import { testServer } from '../helpers/server.js'

t.test('two users log in over plain loopback and write to each other', async (t) => {
  const server = await testServer(t)
  const romeo = await server.login('romeo', 'orchard')
  const juliet = await server.login('juliet', 'balcony')
  await juliet.presence()
  romeo.send('<message to=\'juliet@localhost\' type=\'chat\' id=\'1\'><body>Neither, fair saint</body></message>')
  const got = await juliet.next((e) => e.name === 'message')
  t.equal(got.attrs['from'], 'romeo@localhost/orchard')
  t.equal(got.getChildText('body'), 'Neither, fair saint')
  t.equal(server.counters.delivered, 1)
})

t.test('what is said to somebody who is away arrives at the next log-in, in order, with a delay', async (t) => {
  const server = await testServer(t)
  const romeo = await server.login('romeo')
  for (let i = 0; i < 250; i++) romeo.send(`<message to='juliet@localhost' type='chat' id='m${i}'><body>${i}</body></message>`)
  await romeo.nothing((e) => e.name === 'message')
  const juliet = await server.login('juliet')
  await juliet.presence()
  for (let i = 0; i < 250; i++) {
    const got = await juliet.next((e) => e.name === 'message')
    t.equal(got.getChildText('body'), String(i))
    t.ok(got.getChild('delay', 'urn:xmpp:delay'))
  }
})

t.test('what one sender writes arrives in order, also while its receiver logs in', async (t) => {
  const server = await testServer(t)
  const romeo = await server.login('romeo')
  const juliet = await server.login('juliet')
  const COUNT = 500
  for (let round = 0; round < 5; round++) {
    romeo.send(Array.from({ length: COUNT }, (_, i) => `<message to='juliet@localhost' type='chat'><body>${round} ${i}</body></message>`).join(''))
    juliet.send('<presence/>')
    const got: string[] = []
    while (got.length < COUNT) got.push((await juliet.next((e) => e.name === 'message')).getChildText('body') ?? '')
    t.same(got, Array.from({ length: COUNT }, (_, i) => `${round} ${i}`))
    juliet.send('<presence type=\'unavailable\'/>')
    await juliet.nothing((e) => e.name === 'message')
  }
})
