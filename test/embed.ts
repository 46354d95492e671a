// The library: what a client author's tests can do with a server in their own process.
import { existsSync } from 'node:fs'
import t from 'tap'
import { startServer } from '../routes/embed.js'
import { rawClient } from './helpers/client.js'

t.test('a server in this process: users, recorded stanzas, faults, and nothing left behind', async (t) => {
  const server = await startServer({ users: { romeo: 'montague', juliet: 'capulet' } })
  t.teardown(() => server.stop())
  const port = server.ports.c2s as number
  const romeo = await (await rawClient(port)).login('romeo', 'montague', 'orchard')
  const juliet = await (await rawClient(port)).login('juliet', 'capulet', 'balcony')
  await juliet.presence()

  romeo.send('<message to=\'juliet@localhost\' type=\'chat\' id=\'m1\'><body>☺</body></message>')
  await juliet.next((e) => e.name === 'message')
  t.match(server.stanzas.filter((s) => s.xml.includes('☺')), [
    { direction: 'in', jid: 'romeo@localhost/orchard', xml: '<message to=\'juliet@localhost\' type=\'chat\' id=\'m1\'><body>☺</body></message>' },
    { direction: 'out', jid: 'juliet@localhost/balcony', xml: /from='romeo@localhost\/orchard'/ },
  ])

  server.failNext('internal-server-error', ({ kind }) => kind === 'message')
  romeo.send('<message to=\'juliet@localhost\' type=\'chat\' id=\'m2\'><body>lost?</body></message>')
  const error = await romeo.next((e) => e.name === 'message')
  t.equal(error.attrs['id'], 'm2')
  t.ok(error.getChild('error')?.getChild('internal-server-error'))
  await juliet.nothing((e) => e.name === 'message')

  t.equal(server.cut('juliet@localhost'), 1)
  await juliet.ended
  t.notOk(juliet.elements.some((e) => e.name === 'stream:error'), 'without a goodbye')
  romeo.send('<message to=\'juliet@localhost\' type=\'chat\'><body>kept</body></message>')
  await romeo.nothing((e) => e.name === 'message')
  const again = await (await rawClient(port)).login('juliet', 'capulet')
  await again.presence()
  t.equal((await again.next((e) => e.name === 'message')).getChildText('body'), 'kept')

  await server.addUser('nurse', 'x')
  await (await rawClient(port)).login('nurse', 'x')
  await t.rejects(server.addUser('nurse', 'y'), /is there already/)
  romeo.destroy()
  t.ok(existsSync(server.ca))
  await server.stop()
  t.notOk(existsSync(server.ca), 'the folder is gone')
})

t.test('what is recorded is bounded', async (t) => {
  const server = await startServer({ users: { romeo: 'x' }, record: 5 })
  t.teardown(() => server.stop())
  const romeo = await (await rawClient(server.ports.c2s as number)).login('romeo', 'x')
  for (let i = 0; i < 20; i++) await romeo.iq('get', '<ping xmlns=\'urn:xmpp:ping\'/>')
  t.equal(server.stanzas.length, 5)
  romeo.destroy()
})

t.test('the package\'s own name leads to it', async (t) => {
  const { startServer: named } = await import('jidway' as string) as { startServer: unknown }
  t.equal(named, startServer)
})
