// Who takes part, what is done to the server and when: all from the seed.
import t from 'tap'
import { accountsFor, makeCast } from '../../lib/chaos/cast.js'
import type { Cast } from '../../lib/chaos/cast.js'
import { schedule } from '../../lib/chaos/faults.js'
import { random } from '../../lib/chaos/random.js'

const cast = (clients: number, seed = 'x'): Cast =>
  makeCast(clients, Array.from({ length: accountsFor(clients) }, (_, i) => ({ jid: `user${i}@localhost`, password: 'x' })), random(seed))

t.test('the same seed gives the same cast, another one another', async (t) => {
  t.same(cast(50), cast(50))
  t.notSame(cast(50), cast(50, 'y'))
})

t.test('every kind of client of durability.md is among two hundred', async (t) => {
  const { clients, accounts } = cast(200)
  t.equal(clients.length, 200)
  t.same(clients.map(({ index }) => index), clients.map((_, i) => i))
  for (const keeping of ['resume', 'forgetful', 'acks', 'none']) t.ok(clients.some((c) => c.keeping === keeping), keeping)
  for (const ids of ['unique', 'short', 'long', 'origin', 'none']) t.ok(clients.some((c) => c.ids === ids), ids)
  t.equal(clients.filter(({ cuts }) => cuts).length, 100, 'half of them cut their connections')
  t.ok(clients.some(({ priority }) => priority < 0))
  t.ok(clients.some(({ carbons }) => carbons))
  t.ok(clients.some(({ ackEvery }) => ackEvery === 0), 'some acknowledge only when asked')
  t.same(new Set(accounts.map((a) => a.clients.length)), new Set([1, 2, 3]))
  for (const account of accounts) t.ok(account.clients.some((i) => (clients[i]?.priority ?? -1) >= 0), 'somebody takes what comes to the bare JID')
  t.equal(accounts.filter((a) => a.clients.some((i) => clients[i]?.leads)).length, accounts.length)
})

t.test('contacts are mutual, and nobody is his own', async (t) => {
  for (const clients of [4, 10, 200]) {
    const { accounts } = cast(clients)
    for (const [i, { contacts }] of accounts.entries()) {
      t.notOk(contacts.includes(i))
      for (const other of contacts) t.ok(accounts[other]?.contacts.includes(i))
    }
  }
})

t.test('faults are spread over the time, in order, as many as were asked for', async (t) => {
  const plan = schedule({ kill: 50, freeze: 5, database: 3, nats: 2, partition: 4 }, 100_000, random('x'))
  t.same(plan, schedule({ kill: 50, freeze: 5, database: 3, nats: 2, partition: 4 }, 100_000, random('x')))
  t.same(['kill', 'freeze', 'database', 'nats'].map((kind) => plan.filter((p) => p.kind === kind).length), [50, 5, 3, 2])
  t.same(plan.map(({ at }) => at), plan.map(({ at }) => at).toSorted((a, b) => a - b))
  const kills = plan.filter(({ kind }) => kind === 'kill').map(({ at }) => at)
  t.ok(kills.every((at, i) => at >= i * 2000 && at < (i + 1) * 2000), 'one in each part of the time')
  t.ok(plan.filter(({ kind }) => kind === 'freeze').every(({ lasts }) => lasts >= 200 && lasts <= 5000))
})
