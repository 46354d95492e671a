// Nodes as processes, one of them killed: its clients go on elsewhere at once, and who cannot resume is away once the node is
// found to be over; a node that stood still for longer than that ends by itself.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { freePorts, ownNode } from '../../lib/chaos/node.js'
import type { Node } from '../../lib/chaos/node.js'
import { random } from '../../lib/chaos/random.js'
import { openDatabase } from '../../lib/store/db.js'
import { applySchema } from '../../lib/store/schema.js'
import { rawClient } from '../helpers/client.js'
import type { RawClient } from '../helpers/client.js'
import { testUrl } from '../helpers/database.js'
import { natsServer } from '../helpers/nats.js'
import { NEEDS_NODES } from '../helpers/nodes.js'
import { ROOT } from '../helpers/root.js'
import { addUsers, USERS } from '../helpers/server.js'

const SM = 'urn:xmpp:sm:3'
const chat = (to: string, text: string): string => `<message to='${to}' type='chat'><body>${text}</body></message>`
const body = (text: string) => (e: { getChildText(name: string): string | null }): boolean => e.getChildText('body') === text
const bodies = (client: RawClient): (string | null)[] => client.elements.filter((e) => e.name === 'message' && e.getChild('body') !== undefined).map((e) => e.getChildText('body'))

t.test('on a Postgres and a NATS of this machine', { ...NEEDS_NODES, timeout: 120_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'jidway-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const nats = await natsServer(t)
  const url = await testUrl(t)
  const db = await openDatabase({ url, data: '', connections: 2 })
  t.teardown(() => db.close())
  await applySchema(db)
  await addUsers(db, USERS)
  for (const [account, jid] of [['romeo', 'juliet'], ['juliet', 'romeo'], ['romeo', 'mercutio'], ['mercutio', 'romeo']]) {
    await db.query("insert into roster (account, jid, subscription) values ($1, $2, 'both')", [`${account}@localhost`, `${jid}@localhost`])
  }
  const ports = await freePorts(2, random(folder))
  const nodes = ports.map((port, i): Node => ownNode({
    command: [process.execPath, join(ROOT, 'dist/routes/main.js'), 'start'], folder, log: join(folder, `${i}.log`), port,
    env: {
      PATH: process.env['PATH'], JIDWAY_DATA: join(folder, `data-${i}`), DATABASE_URL: url, NATS_URL: nats.url, JIDWAY_HOST: '127.0.0.1', JIDWAY_C2S_PORT: String(port),
      JIDWAY_C2S_TLS_PORT: '', JIDWAY_HTTP_PORT: '', JIDWAY_HTTPS_PORT: '', JIDWAY_INSECURE_LOOPBACK: 'on', JIDWAY_LEASE: '2', JIDWAY_GRACE: '8', JIDWAY_RESUME_WINDOW: '60',
    },
  }))
  const [one, two] = nodes as [Node, Node]
  t.teardown(async () => {
    for (const node of nodes) await node.kill()
  })
  await one.start()
  await two.start()
  const connect = async (node: Node): Promise<RawClient> => {
    const raw = await rawClient(node.where.port)
    t.teardown(() => raw.destroy())
    return raw
  }
  const login = async (node: Node, user: string, resource: string): Promise<RawClient> => (await connect(node)).login(user, user, resource)
  const enabled = async (client: RawClient): Promise<string> => {
    client.send(`<enable xmlns='${SM}' resume='true'/>`)
    return String((await client.next((e) => e.name === 'enabled')).attrs['id'])
  }
  const resumed = async (node: Node, user: string, id: string, h: number): Promise<RawClient> => {
    const client = await connect(node)
    await client.open()
    client.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from(`\0${user}\0${user}`).toString('base64')}</auth>`)
    await client.next((e) => e.name === 'success')
    client.restart()
    await client.open()
    client.send(`<resume xmlns='${SM}' previd='${id}' h='${h}'/>`)
    await client.next((e) => e.name === 'resumed')
    client.send(`<a xmlns='${SM}' h='${h}'/>`) // it waits there
    return client
  }

  t.test('doctor tells how a node stands among the others, beside it and without it', async (t) => {
    const doctor = (data: string): string => spawnSync(process.execPath, [join(ROOT, 'dist/routes/main.js'), 'doctor', '--data', join(folder, data)], {
      encoding: 'utf8', env: { PATH: process.env['PATH'], DATABASE_URL: url, NATS_URL: nats.url },
    }).stdout
    const beside = doctor('data-0')
    for (const line of [/^ok +nodes +2 in a cluster/m, /^ok +lease +last renewed \d/m, /^ok +nats +connected; stanzas of up to 1044480 octets/m, /^ok +bus +\d+ stanzas/m, /^ok +routes +\d+ of at most/m]) t.match(beside, line)
    const without = doctor('data-none')
    t.match(without, /^ok +nats +reachable; stanzas of up to 1044480 octets/m)
    t.notMatch(without, /^\w+ +(lease|bus|routes) /m)
  })

  t.test('a node is killed: a client resumes on another at once; who cannot resume is away when the node is over', async (t) => {
    const romeo = await login(two, 'romeo', 'orchard')
    romeo.proves = true
    await romeo.presence()
    const juliet = await login(one, 'juliet', 'balcony')
    const id = await enabled(juliet)
    await juliet.presence()
    const mercutio = await login(one, 'mercutio', 'street')
    await mercutio.presence()
    for (const who of ['juliet@localhost/balcony', 'mercutio@localhost/street']) await romeo.next((e) => e.name === 'presence' && e.attrs['from'] === who)
    romeo.send(chat('juliet@localhost', 'before'))
    await juliet.next(body('before'))
    const has = juliet.elements.slice(juliet.elements.findIndex((e) => e.name === 'enabled')).filter((e) => ['message', 'presence', 'iq'].includes(e.name)).length
    const seen = romeo.elements.length
    await one.kill()
    romeo.send(chat('juliet@localhost', 'meanwhile'))
    await romeo.skip()
    const again = await resumed(two, 'juliet', id, has)
    await again.next(body('meanwhile'))
    t.same(bodies(again), ['meanwhile'])
    romeo.send(chat('juliet@localhost', 'after'))
    await again.next(body('after'))
    again.send(chat('romeo@localhost', 'from two'))
    await romeo.next(body('from two'))
    t.equal((await romeo.next((e) => e.name === 'presence' && e.attrs['from'] === 'mercutio@localhost/street', 30_000)).attrs['type'], 'unavailable')
    t.notOk(romeo.elements.slice(seen).some((e) => e.name === 'presence' && e.attrs['from'] === 'juliet@localhost/balcony'), 'of her nobody has seen anything')
    await again.close()
    await romeo.close()
  })

  t.test('a node that stands still for longer than the grace is declared over, and ends when it wakes', async (t) => {
    await one.start()
    const juliet = await login(one, 'juliet', 'balcony')
    await juliet.presence()
    const romeo = await login(two, 'romeo', 'orchard')
    romeo.proves = true
    await romeo.presence()
    await romeo.next((e) => e.name === 'presence' && e.attrs['from'] === 'juliet@localhost/balcony')
    const died = new Promise<string>((resolve) => one.onDeath(resolve))
    await one.freeze()
    t.equal((await romeo.next((e) => e.name === 'presence' && e.attrs['from'] === 'juliet@localhost/balcony', 30_000)).attrs['type'], 'unavailable')
    juliet.send(chat('romeo@localhost', 'from the dead'))
    one.thaw()
    t.equal(await died, 'code 75')
    await romeo.skip()
    t.same(bodies(romeo), [])
    await romeo.close()
  })
})
