// What stops the start of a node among others, and that nobody has to wait for it then: it has signed off.
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { parseJid } from '../../lib/base/jid.js'
import { largestOver } from '../../lib/cluster/bus.js'
import { checkFits } from '../../lib/core/hand-over.js'
import type { Location } from '../../lib/core/ports.js'
import { frame, memoryStore, scriptedBus, testCore } from '../helpers/core.js'
import { NEEDS_NODES, testNodes } from '../helpers/nodes.js'

t.test('what goes with a stanza among nodes is not more than is reckoned with', async (t) => {
  const account = `${'\u00e9'.repeat(511)}@localhost`
  const receivers = Array.from({ length: 100 }, (_, i): Location => ({ resource: `r${i}`, sessionId: String(i).padStart(32, 'f'), node: 'there', epoch: 1, priority: 0 }))
  const bus = scriptedBus()
  const core = testCore({ store: memoryStore([account, 'juliet@localhost']), bus })
  const sender = core.session(`${account}/${"'".repeat(1023)}`, 0, 'x'.repeat(35))
  const xml = "<message to='juliet@localhost'><body>one</body></message>"
  const head = Number.MAX_SAFE_INTEGER
  core.handOver.received({
    stanza: frame(xml), from: sender.jid, to: parseJid('juliet@localhost'), sender, xml: xml.replace(' ', `${sender.fromWithLang} `),
  }, { seq: head, mark: -(2 ** 31), flags: 15, generation: head }, receivers)
  t.equal(bus.sent.length, 1)
  const { length } = bus.sent[0]?.xml ?? ''
  t.ok(length > xml.length + 6 * 1023 + 100 * 35, `${length}`)
  const settings = { maxStanzaBytes: xml.length, maxSessionsPerAccount: 100 }
  t.throws(() => checkFits(settings, length - 1), { name: 'UsageError' })
  checkFits(settings, length + 2048)
})

t.test('on a Postgres and a NATS of this machine', NEEDS_NODES, async (t) => {
  const { nodes: [a], natsUrl, start } = await testNodes(t)
  const state = async (id: string): Promise<unknown> => (await a.db.query('select signed_off as gone, reaped_by as reaper from node where id = $1', [id]))[0]
  const fails = async (id: string, ...[more, message]: [Parameters<typeof start>[1], RegExp]): Promise<void> => {
    await t.rejects(start(id, more), { name: 'UsageError', message })
    t.match(await state(id), { gone: true }, 'it has signed off')
  }

  t.test('stanzas that do not fit the bus', async () => {
    await fails('large', { maxStanzaBytes: 1024 ** 2 }, /max_stanza_bytes is 1048576.* the bus takes 1044480: raise max_payload of NATS.* or set max_stanza_bytes to no more than 103\d{4}$/)
  })
  t.test('what doctor is told of a node that runs, and of NATS where none does', async (t) => {
    const romeo = await a.login('romeo')
    await romeo.presence()
    t.match(a.cluster(), { mayAct: true, connected: true, largest: 1_044_480, bus: { unknown: 0 }, routes: { most: 100_000, stalest: 0 } })
    const { renewed = NaN, routes } = a.cluster() ?? {}
    t.ok(renewed >= 0 && renewed < 5000, `${renewed} ms`)
    t.ok((routes?.stanzas ?? 0) > 0)
    t.equal(await largestOver(natsUrl), 1_044_480)
    await t.rejects(largestOver('nats://127.0.0.1:1'), { name: 'UsageError' })
    await romeo.close()
  })
  t.test('no NATS', async () => fails('deaf', { natsUrl: 'nats://127.0.0.1:1' }, /no connection to NATS at 127\.0\.0\.1:1/))
  t.test('a port in use, when the node was complete but for that', async (t) => {
    const blocker = createServer()
    await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve))
    t.teardown(() => void blocker.close())
    await fails('late', { c2sPort: (blocker.address() as AddressInfo).port }, /it is in use/)
  })
  t.test('no lease', async () => {
    await a.db.query(`create function refuse() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$`)
    await a.db.query(`create trigger refuse before update of renewal on node for each row when (new.id = 'poor' and new.renewal > 0) execute function refuse()`)
    await fails('poor', {}, /the lease of this node could not be renewed/)
  })
  t.test('after that it starts', async (t) => {
    const node = await start('large')
    t.match(await state('large'), { gone: false, reaper: null })
    await node.stop()
    t.match(await state('large'), { gone: true })
  })
})
