// The route cache against the failures of prior art (routing.md): each is a test, with a clock of its own and a store that
// can be slow, wrong or away; and once with a second node's rows in a real Postgres.
import t from 'tap'
import { makeCounters } from '../../lib/core/counters.js'
import { byNode, makeRouteCache } from '../../lib/core/route-cache.js'
import type { RouteCache, RouteCacheOptions } from '../../lib/core/route-cache.js'
import { EMPTY, makeSessions } from '../../lib/core/sessions.js'
import type { Here } from '../../lib/core/sessions.js'
import type { Location } from '../../lib/core/ports.js'
import { parseJid } from '../../lib/base/jid.js'
import { addAccounts } from '../../lib/store/accounts.js'
import { presenceStore } from '../../lib/store/presence.js'
import { fakeClock, frame, memoryStore, scriptedBus, testCore } from '../helpers/core.js'
import type { FakeClock, MemoryStore } from '../helpers/core.js'
import { testDatabase } from '../helpers/database.js'

const JULIET = parseJid('juliet@localhost')
const there = (resource = 'balcony', sessionId = 's1'): Location => ({ resource, sessionId, node: 'there', epoch: 1, priority: 0 })

const setUp = (options: Partial<RouteCacheOptions> = {}): { cache: RouteCache; store: MemoryStore; clock: FakeClock; counters: ReturnType<typeof makeCounters> } => {
  const store = memoryStore(['juliet@localhost', 'romeo@localhost'])
  const clock = fakeClock()
  const counters = makeCounters()
  const cache = makeRouteCache(makeSessions(), store.presence, clock, counters, {
    entries: 100, ttl: 60_000, negativeEntries: 50, negativeTtl: 3000, node: 'here', epoch: 1, clustered: true, ...options,
  })
  return { cache, store, clock, counters }
}
const where = async (cache: RouteCache, jid = JULIET): Promise<string> => {
  const found = await cache.resolve(jid)
  return found === 'unknown' ? found : (found as Here).elsewhere.map((l) => l.resource).join(' ') || 'none'
}

t.test('three outcomes: locations, none, unknown; an error is neither cached nor "offline"', async (t) => {
  const { cache, store } = setUp()
  store.elsewhere.set('juliet@localhost', [there()])
  store.broken = true
  t.equal(await where(cache), 'unknown')
  store.broken = false
  t.equal(await where(cache), 'balcony', 'asked again at once')
  t.equal(await where(cache, parseJid('romeo@localhost')), 'none')
})

t.test('unknown is answered with "wait", and the message is not treated as for somebody offline', async (t) => {
  const store = memoryStore(['romeo@localhost', 'juliet@localhost'])
  const core = testCore({ store, bus: scriptedBus() })
  const romeo = core.session('romeo@localhost/orchard')
  store.presence.lookup = () => Promise.reject(new Error('the database is away'))
  await core.from(romeo, '<message to=\'juliet@localhost\' type=\'chat\'><body>x</body></message>')
  t.match(romeo.got, [/<error type='wait'><resource-constraint/])
  t.equal(store.messages.length, 0)
})

t.test('an entry lives for its TTL from the write; reading it does not prolong that', async (t) => {
  const { cache, store, clock } = setUp()
  store.elsewhere.set('juliet@localhost', [there()])
  await where(cache)
  for (let i = 0; i < 50; i++) {
    clock.time += 1000
    await where(cache)
  }
  t.equal(store.lookups.length, 1, 'hits for 50 s')
  clock.time += 20_000
  await where(cache)
  t.equal(store.lookups.length, 2, 'expired, though it was read all the time')
})

t.test('the TTL is jittered by at most 15 %', async (t) => {
  const ages = new Set<number>()
  for (let i = 0; i < 30; i++) {
    const { cache, store, clock } = setUp()
    await where(cache)
    let age = 0
    while (store.lookups.length === 1 && age < 80) {
      age++
      clock.time += 1000
      await where(cache)
    }
    t.ok(age >= 51 && age <= 70, `${age} s`)
    ages.add(age)
  }
  t.ok(ages.size > 3, 'not all at once')
})

t.test('at the bound one entry goes at a time, the least recently used', async (t) => {
  const { cache, store, counters } = setUp({ entries: 10 })
  const jid = (i: number) => parseJid(`u${i}@localhost`)
  for (let i = 0; i < 12; i++) store.accounts.add(`u${i}@localhost`)
  for (let i = 0; i < 10; i++) await where(cache, jid(i))
  await where(cache, jid(0)) // used again: not the oldest any more
  await where(cache, jid(10))
  t.equal(cache.size, 10)
  t.equal(counters.route.evicted, 1)
  const before = store.lookups.length
  await where(cache, jid(0))
  t.equal(store.lookups.length, before, 'the one in use stayed')
  await where(cache, jid(1))
  t.equal(store.lookups.length, before + 1, 'the oldest went')
})

t.test('a spray of random addresses crowds out no route', async (t) => {
  const { cache, store, counters } = setUp()
  store.elsewhere.set('juliet@localhost', [there()])
  await where(cache)
  for (let i = 0; i < 20_000; i++) await where(cache, parseJid(`x${i}@localhost`))
  const { hits } = counters.route
  t.equal(await where(cache), 'balcony')
  t.equal(counters.route.hits, hits + 1)
  t.equal(counters.route.evicted, 0)
})

t.test('that there is no such account is known for a few seconds only', async (t) => {
  const { cache, store, clock, counters } = setUp()
  const late = parseJid('late@localhost')
  await where(cache, late)
  await where(cache, late)
  t.equal(store.lookups.length, 1)
  t.equal(counters.route.negativeHits, 1)
  store.accounts.add('late@localhost')
  store.elsewhere.set('late@localhost', [there()])
  clock.time += 4000
  t.equal(await where(cache, late), 'balcony')
})

t.test('fill guard: what was read before an invalidation is used once and not kept', async (t) => {
  const { cache, store } = setUp()
  let release = (): void => {}
  store.hold = new Promise((resolve) => {
    release = resolve
  })
  const slow = where(cache) // reads: nobody elsewhere
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
  store.elsewhere.set('juliet@localhost', [there()])
  cache.invalidate('juliet@localhost', 99)
  release()
  t.equal(await slow, 'none')
  t.equal(await where(cache), 'balcony', 'the old row was not cached')
})

t.test('an invalidation drops older entries only', async (t) => {
  const { cache, store } = setUp()
  await where(cache)
  cache.invalidate('juliet@localhost', -1)
  await where(cache)
  t.equal(store.lookups.length, 1)
  cache.invalidate('juliet@localhost', 1)
  await where(cache)
  t.equal(store.lookups.length, 2)
})

t.test('after a gap in the invalidations everything is looked up again', async (t) => {
  const { cache, store } = setUp()
  await where(cache)
  cache.invalidateAll()
  await where(cache)
  t.equal(store.lookups.length, 2)
})

t.test('one look-up for a key at a time; the misses of a turn go in one query', async (t) => {
  const { cache, store, counters } = setUp()
  for (let i = 0; i < 100; i++) store.accounts.add(`u${i}@localhost`)
  await Promise.all(Array.from({ length: 1000 }, (_, i) => where(cache, parseJid(`u${i % 100}@localhost`))))
  t.equal(store.lookups.length, 1)
  t.equal(store.lookups[0]?.length, 100)
  t.match(counters.route, { lookups: 100, queries: 1 })
})

t.test('without other nodes nothing is looked up', async (t) => {
  const { cache, store } = setUp({ clustered: false })
  t.equal(cache.resolve(JULIET), EMPTY)
  t.equal(store.lookups.length, 0)
})

/** The sessions are in another store than the log. */
const unfenced = (store: MemoryStore): MemoryStore => {
  store.log.unfenced = true
  return store
}

t.test('a second node in the same Postgres: hit, expiry, stale and refused, looked up again, eviction', async (t) => {
  const db = await testDatabase(t)
  const names = ['romeo', 'juliet', ...Array.from({ length: 12 }, (_, i) => `u${i}`)]
  await addAccounts(db, names.map((name) => ({ account: `${name}@localhost`, credentials: [] })))
  // the other nodes, played by this test: their rows are in the same tables
  await db.query('insert into node (id, epoch) values (\'there\', 1), (\'third\', 1)')
  const store = presenceStore(db)
  const row = (account: string, node: string, sessionId: string) => ({ account: `${account}@localhost`, resource: 'r', sessionId, incarnation: 1, node, epoch: 1, priority: 0, presence: '<presence/>', fresh: true })
  await store.save([row('juliet', 'there', 's1')])
  const bus = scriptedBus()
  const clock = fakeClock()
  const core = testCore({
    store: unfenced(memoryStore(names.map((name) => `${name}@localhost`))), stores: { presence: store },
    bus, clock, settings: { routeCacheEntries: 10 },
  })
  const romeo = core.session('romeo@localhost/orchard')
  const say = (to: string): Promise<unknown> => core.from(romeo, `<message to='${to}@localhost' type='chat'><body>x</body></message>`)
  const { route } = core.counters

  t.equal(await say('juliet'), 'delivered')
  t.match(bus.sent, [{ to: { node: 'there', sessionId: 's1' }, xml: /from='romeo@localhost\/orchard'/ }])
  t.equal(await say('juliet'), 'delivered')
  // his own account is asked for, too: other sessions of his may want copies
  t.match(route, { misses: 2, hits: 2 }, 'a hit')

  clock.time += 70_000
  t.equal(await say('juliet'), 'delivered')
  t.match(route, { misses: 4 }, 'expired')

  // juliet moves to the third node; nobody tells us
  await store.remove([row('juliet', 'there', 's1')])
  await store.save([row('juliet', 'third', 's2')])
  bus.sent.length = 0
  bus.answer = (to) => (to.sessionId === 's2' ? 'accepted' : 'refused')
  t.equal(await say('juliet'), 'delivered', 'a stale entry costs one extra hop, never a message')
  t.same(bus.sent.map((s) => s.to.node), ['there', 'third'])
  t.match(route, { refusedStale: 1, retries: 1 })
  t.equal(core.counters.stored, 0)

  // juliet's node is gone, and she with it
  await store.remove([row('juliet', 'third', 's2')])
  bus.sent.length = 0
  bus.answer = () => 'refused'
  t.equal(await say('juliet'), 'stored', 'refused, looked up again, nobody: kept')
  t.equal(bus.sent.length, 1)

  // at the bound
  for (let i = 0; i < 12; i++) await say(`u${i}`)
  t.equal(core.cache.size, 10)
  t.ok(route.evicted >= 2)

  // what was refused was not done: once more, and no more. What was not answered may have been
  await store.save([row('juliet', 'there', 's3')])
  core.cache.invalidate('juliet@localhost', Number.MAX_SAFE_INTEGER)
  bus.sent.length = 0
  bus.answer = () => 'refused'
  await core.from(romeo, '<iq type=\'get\' id=\'1\' to=\'juliet@localhost/r\'><ping xmlns=\'urn:xmpp:ping\'/></iq>')
  t.equal(bus.sent.length, 2)
  t.match(romeo.got.at(-1), /resource-constraint/, 'by the table he is there: who asks may try again')
  bus.answer = () => 'unknown'
  await core.from(romeo, '<iq type=\'get\' id=\'2\' to=\'juliet@localhost/r\'><ping xmlns=\'urn:xmpp:ping\'/></iq>')
  t.equal(bus.sent.length, 3)
})

const at = async (cache: RouteCache, generation: number): Promise<string> => {
  const found = await cache.at('juliet@localhost', generation)
  return found === 'unknown' ? found : `${found.generation}: ${found.elsewhere.map((l) => l.resource).join(' ')}`
}
/** The store says so, at each look-up; returns how many there were. */
const scripted = (store: MemoryStore, answers: readonly (() => Promise<{ generation: number; resource: string }>)[]): { count: number } => {
  const asked = { count: 0 }
  store.presence.lookup = async () => {
    const { generation, resource } = await (answers[Math.min(asked.count++, answers.length - 1)] as () => Promise<{ generation: number; resource: string }>)()
    return new Map([['juliet@localhost', { generation, elsewhere: [there(resource)] }]])
  }
  return asked
}

t.test('a commit says how an entry stands: of its generation it is used however old it is, and lives on; an older one is not used', async (t) => {
  const { cache, store, clock, counters } = setUp()
  const asked = scripted(store, [async () => ({ generation: 3, resource: 'balcony' }), async () => ({ generation: 4, resource: 'garden' })])
  t.equal(await at(cache, 3), '3: balcony')
  for (let i = 0; i < 20; i++) {
    clock.time += 50_000
    t.equal(await at(cache, 3), '3: balcony')
  }
  clock.time += 3_600_000
  t.equal(await at(cache, 3), '3: balcony', 'expired, and right')
  t.equal(asked.count, 1)
  t.equal(await where(cache), 'balcony', 'it counts as written anew')
  cache.invalidateAll()
  t.equal(await at(cache, 3), '3: balcony', 'after a gap, too')
  t.equal(await where(cache), 'balcony')
  t.equal(asked.count, 1)
  t.equal(await at(cache, 4), '4: garden')
  t.equal(await at(cache, 3), '4: garden', 'somebody logged in since that commit, and has read the log')
  t.equal(asked.count, 2)
  t.match(counters.route, { outdated: 1, lookups: 2 })
})

t.test('the longest staleness: how old an entry was that a commit, or who refused, showed to be wrong', async (t) => {
  const { cache, store, clock, counters } = setUp()
  let generation = 3
  const asked = scripted(store, Array.from({ length: 9 }, () => async () => ({ generation, resource: 'balcony' })))
  const older = async (ms: number): Promise<void> => {
    await at(cache, generation)
    clock.time += ms
    await at(cache, ++generation)
  }
  await older(2000)
  t.equal(counters.stalest, 2000)
  await older(1000)
  t.equal(counters.stalest, 2000)
  clock.time += 3000
  cache.stale(JULIET.bare)
  t.equal(counters.stalest, 3000)
  await at(cache, generation)
  clock.time += 40_000
  await at(cache, generation) // it counts as written anew
  clock.time += 4000
  cache.stale(JULIET.bare)
  t.equal(counters.stalest, 4000)
  cache.stale(JULIET.bare)
  await older(3_600_000)
  t.equal(counters.stalest, 4000, 'it had expired, and would have been looked up again')
  await at(cache, generation)
  clock.time += 10_000
  cache.invalidateAll()
  await at(cache, ++generation)
  t.equal(counters.stalest, 4000, 'after a gap, too')
  t.equal(asked.count, 7)
})

t.test('a look-up that began before the commit is not enough', async (t) => {
  const { cache, store } = setUp()
  let answer = (): void => {}
  const asked = scripted(store, [
    () => new Promise((resolve) => {
      answer = () => resolve({ generation: 3, resource: 'balcony' })
    }),
    async () => ({ generation: 4, resource: 'garden' }),
  ])
  const first = where(cache)
  await new Promise((resolve) => setImmediate(resolve))
  const second = at(cache, 4)
  answer()
  t.equal(await first, 'balcony')
  t.equal(await second, '4: garden')
  t.equal(asked.count, 2)
})

t.test('an entry that only reads used is looked up again once it has expired, although a commit could have confirmed it', async (t) => {
  const { cache, store, clock } = setUp()
  const asked = scripted(store, [async () => ({ generation: 3, resource: 'balcony' })])
  await where(cache)
  clock.time += 120_000
  await where(cache)
  t.equal(asked.count, 2)
})

t.test('of an account with several sessions on a node, each node is told once: what they share, and the hint of a message', async (t) => {
  const store = memoryStore(['juliet@localhost', 'romeo@localhost'])
  const at = (node: string, epoch: number, sessionId: string): Location => ({ resource: sessionId, sessionId, node, epoch, priority: 0 })
  const route = [at('b', 1, 's1'), at('c', 1, 's2'), at('b', 1, 's3'), at('b', 2, 's4')]
  store.elsewhere.set('juliet@localhost', route)
  const bus = scriptedBus()
  const core = testCore({ store, bus })
  const nodes = (): string[] => bus.sent.splice(0).map(({ to }) => `${to.node} ${to.epoch}`).toSorted()
  t.same([...byNode(route)].map((some) => some.map((l) => l.sessionId)), [['s1', 's3'], ['s2'], ['s4']])
  core.services.presence.show('juliet@localhost', 'romeo@localhost')
  await new Promise((resolve) => setImmediate(resolve))
  t.same(nodes(), ['b 1', 'b 2', 'c 1'])
  const xml = "<message xmlns='jabber:client' from='romeo@localhost/orchard' to='juliet@localhost' type='chat'><body>one</body></message>"
  core.handOver.received({ stanza: frame(xml), from: parseJid('romeo@localhost/orchard'), to: JULIET, sender: null, xml }, { seq: 1, mark: 0, flags: 0, generation: 0 }, route)
  t.same(nodes(), ['b 1', 'b 2', 'c 1'])
})
