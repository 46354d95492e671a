// Nodes that are stopped in order, as in an upgrade of one after the other: their clients go on elsewhere, and miss nothing.
import t from 'tap'
import type { RawClient } from '../helpers/client.js'
import { until } from '../helpers/nats.js'
import { NEEDS_NODES, testNodes } from '../helpers/nodes.js'
import type { ClusterNode } from '../helpers/nodes.js'

const SM = 'urn:xmpp:sm:3'
const chat = (to: string, text: string): string => `<message to='${to}' type='chat'><body>${text}</body></message>`
const bodies = (client: RawClient): (string | null)[] => client.elements.filter((e) => e.name === 'message').map((e) => e.getChildText('body'))

interface Managed {
  readonly client: RawClient
  readonly id: string
  /** Stanzas that it has got. */
  h(): number
}
const counted = (client: RawClient, id: string, from: 'enabled' | 'resumed', before: number): Managed => ({
  client, id,
  h: () => before + client.elements.slice(client.elements.findIndex((e) => e.name === from)).filter((e) => ['message', 'presence', 'iq'].includes(e.name)).length,
})
const managed = async (node: ClusterNode, user: string, resource: string): Promise<Managed> => {
  const client = await node.login(user, resource)
  client.send(`<enable xmlns='${SM}' resume='true'/>`)
  return counted(client, String((await client.next((e) => e.name === 'enabled')).attrs['id']), 'enabled', 0)
}
const resumed = async (node: ClusterNode, user: string, { id, h }: Managed): Promise<Managed> => {
  const client = await node.client()
  client.proves = true
  await client.open()
  client.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from(`\0${user}\0${user}`).toString('base64')}</auth>`)
  await client.next((e) => e.name === 'success')
  client.restart()
  await client.open()
  client.send(`<resume xmlns='${SM}' previd='${id}' h='${h()}'/>`)
  await client.next((e) => e.name === 'resumed')
  client.send(`<a xmlns='${SM}' h='${h()}'/>`) // it waits there
  return counted(client, id, 'resumed', h())
}

t.test('on a Postgres and a NATS of this machine', NEEDS_NODES, async (t) => {
  // a third of the lease is so long that nobody looks at the others during this
  const { nodes: [a, b, c], start } = await testNodes(t, { lease: 120, grace: 60 })

  t.test('sessions that nobody has come for yet are another node\'s at once when theirs has signed off', async (t) => {
    const leaving = await start('d')
    const juliet = await managed(leaving, 'juliet', 'balcony')
    await juliet.client.presence()
    await leaving.stop()
    const count = (): number => [a, b, c].flatMap((node) => node.sessions.of('juliet@localhost').all).length
    await until(() => count() === 1, 'one of the others has it')
    t.match(await a.db.query("select signed_off as gone, reaped_by is null as alive from node where id = 'd'"), [{ gone: true, alive: false }])
    const again = await resumed(b, 'juliet', juliet)
    t.same([count(), b.sessions.of('juliet@localhost').all.length], [1, 1])
    await again.client.close()
    t.same([a, b, c, leaving].flatMap((node) => node.complaints), [])
  })

  t.test('it lets nobody in any more, and does not close all streams in one turn', async (t) => {
    const leaving = await start('e', { stopTimeout: 4 })
    const many = await Promise.all(Array.from({ length: 60 }, (_, i) => managed(leaving, i % 2 === 0 ? 'romeo' : 'mercutio', `r${i}`)))
    const stranger = await leaving.client()
    await stranger.open()
    const ends: number[] = []
    for (const { client } of many) void client.ended.then(() => ends.push(performance.now()))
    const before = performance.now()
    const stopped = leaving.stop()
    await stranger.ended
    await t.rejects(leaving.client(), 'nobody is let in')
    t.ok(ends.length < 60, 'who has no session goes first')
    // who hears it comes back at once, to a node that lives, while its own does still
    const [first] = many
    await (first as Managed).client.ended
    const again = await resumed(c, 'romeo', first as Managed)
    await stopped
    t.equal(ends.length, 60)
    const spread = (ends.at(-1) as number) - (ends[0] as number)
    t.ok(spread > 120, `${spread} ms from the first to the last`)
    t.ok(performance.now() - before < 4000)
    await until(() => [a, b, c].flatMap((node) => [...node.sessions.all()]).length === 60, 'none is lost')
    await again.client.close()
    t.same(leaving.complaints, [])
  })

  t.test('one node after the other is replaced, and a conversation goes on: nothing lost, nothing twice', async (t) => {
    const romeo = await a.login('romeo', 'orchard')
    let at = await start('f')
    let juliet = await managed(at, 'juliet', 'balcony')
    await juliet.client.presence()
    const got: (string | null)[] = []
    let said = 0
    const say = (many: number): void => {
      for (let i = 0; i < many; i++) romeo.send(chat('juliet@localhost', `m${said++}`))
    }
    for (const next of ['g', 'h', 'i']) {
      const fresh = await start(next)
      say(20)
      await juliet.client.next((e) => e.name === 'message')
      const stopped = at.stop()
      say(20)
      await juliet.client.ended
      got.push(...bodies(juliet.client))
      juliet = await resumed(fresh, 'juliet', juliet)
      await stopped
      at = fresh
    }
    say(1)
    await juliet.client.next((e) => e.getChildText('body') === `m${said - 1}`)
    got.push(...bodies(juliet.client))
    t.same(got, Array.from({ length: said }, (_, i) => `m${i}`))
    await juliet.client.close()
    await romeo.close()
  })
})
