// The ring in which messages are remembered for `trace`: bounded, told where it has forgotten, and cheap.
import t from 'tap'
import { parseJid } from '../../lib/base/jid.js'
import type { Stanza } from '../../lib/base/stanza.js'
import type { Session } from '../../lib/core/sessions.js'
import { makeTracing, originIdOf } from '../../lib/core/tracing.js'
import { chat, firstLife, turn } from '../helpers/life.js'
import { fakeClock, frame } from '../helpers/core.js'

/** As much of a session as is noted. */
const sessionOf = (full: string, received = 0): Session => {
  const jid = parseJid(full)
  return { jid, account: jid.bare, stream: received === 0 ? null : { received } } as unknown as Session
}
const message = (id: string, more = ''): Stanza => frame(`<message to='juliet@localhost' id='${id}'><body>secret</body>${more}</message>`)
const ACCOUNTS = { receiver: 'juliet@localhost', sender: 'romeo@localhost' }
const logged = (seq: number, mark = 7): Parameters<ReturnType<typeof makeTracing>['committed']>[5] =>
  ({ received: { seq, mark, flags: 3, generation: 0 }, sent: { seq: seq + 100, mark, flags: 5, generation: 0 } })

t.test('the way of a message is found by its own id, by its origin-id, and by either of its entries', async (t) => {
  const clock = fakeClock()
  const ring = makeTracing(100, clock)
  const romeo = sessionOf('romeo@localhost/orchard', 4)
  const juliet = sessionOf('juliet@localhost/balcony')
  const stanza = message('m1', "<origin-id xmlns='urn:xmpp:sid:0' id='o1'/>")
  ring.received(romeo, stanza)
  clock.time += 2
  await turn(1)
  ring.committed(romeo, stanza, 4, ACCOUNTS, 9, logged(12))
  ring.given(juliet, { seq: 12, form: 'original', pulled: false }, 30)
  ring.acknowledged(juliet, 12, 'original')
  t.same(ring.named('m1', 10).map((n) => n.what), ['received'])
  const [origin] = ring.named('o1', 10)
  t.match(origin, { what: 'received', session: 'romeo@localhost/orchard', number: 4, id: 'm1' })
  const commit = ring.outcome(origin!)
  t.match(commit, { what: 'committed', at: 1_000_002, account: 'juliet@localhost', seq: 12, sender: 'romeo@localhost', sentSeq: 112, mark: 7, batch: 9 })
  t.match(ring.arrival(commit!), { what: 'received', at: 1_000_000 })
  t.same(ring.numbered(112, 7, 10), ring.numbered(12, 7, 10))
  t.same(ring.numbered(12, 8, 10), [])
  t.match(ring.of('juliet@localhost', 12, 10), [{ what: 'committed' }, { what: 'given', number: 30, form: 'original' }, { what: 'acknowledged', session: 'juliet@localhost/balcony' }])
  t.match(ring.of('romeo@localhost', 112, 10), [{ what: 'committed' }])
  t.equal(ring.overwritten, false)
  t.equal(ring.since, 1_000_000)
})

t.test('it has its slots and no more: the oldest goes, and it says since when it knows', async (t) => {
  const clock = fakeClock()
  const ring = makeTracing(10, clock)
  for (let i = 0; i < 10; i++) {
    ring.received(null, message(`m${i}`))
    clock.time++
    await turn(1)
  }
  t.equal(ring.overwritten, false)
  t.equal(ring.named('m0', 10).length, 1)
  ring.received(null, message('m10'))
  t.equal(ring.overwritten, true)
  t.equal(ring.since, 1_000_001)
  t.same(ring.named('m0', 10), [])
  t.equal(ring.named('m1', 10).length, 1)
  for (let i = 0; i < 25; i++) ring.received(null, message('x'))
  t.equal(ring.named('x', 100).length, 10, 'never more than there are slots')
  t.equal(ring.named('x', 3).length, 3, 'nor than are asked for')
})

t.test('a name that has lost the message before it is nobody\'s, and none of no size remembers', async (t) => {
  const ring = makeTracing(2, fakeClock())
  ring.received(null, message('m1', "<origin-id xmlns='urn:xmpp:sid:0' id='o1'/>"))
  ring.acknowledged(sessionOf('juliet@localhost/a'), 1, 'original') // over m1
  t.same(ring.named('o1', 10), [])
  const none = makeTracing(0, fakeClock())
  none.received(null, message('m1'))
  none.committed(null, message('m1'), 0, ACCOUNTS, 1, logged(1))
  none.given(sessionOf('juliet@localhost/a'), { seq: 1, form: 'original', pulled: false }, 1)
  none.acknowledged(sessionOf('juliet@localhost/a'), 1, 'original')
  none.ended(null, message('m1'), 0, 'delivered')
  none.expired('juliet@localhost', 1)
  t.same([none.named('m1', 9), none.of('juliet@localhost', 1, 9), none.numbered(1, 7, 9), none.overwritten], [[], [], [], false])
})

t.test('ids that are long are compared by their length and their beginning', async (t) => {
  const ring = makeTracing(10, fakeClock())
  const long = 'x'.repeat(200)
  ring.received(null, message(long))
  t.equal(ring.named(long, 9).length, 1)
  t.same(ring.named(`${long}x`, 9), [])
  t.equal(ring.named(long, 9)[0]?.id, 'x'.repeat(64))
})

t.test('an origin-id is read however it is quoted and escaped', async (t) => {
  const of = (tag: string): string => originIdOf(frame(`<message to='a@b' id='m'><body>x</body>${tag}</message>`))
  t.equal(of("<origin-id xmlns='urn:xmpp:sid:0' id='a'/>"), 'a')
  t.equal(of('<origin-id id="b&lt;" xmlns="urn:xmpp:sid:0"/>'), 'b<')
  t.equal(of("<origin-id xmlns='other' id='a'/>"), '')
  t.equal(of("<origin-id xmlns='urn:xmpp:sid:0'/>"), '')
  const ring = makeTracing(10, fakeClock())
  ring.received(null, message('ид ü', "<origin-id xmlns='urn:xmpp:sid:0' id='源'/>"))
  t.equal(ring.named('源', 9)[0]?.id, 'ид ü')
})

t.test('the server notes what happens: received, committed, given under a number, acknowledged; refused; and what is not of the log', async (t) => {
  const life = firstLife(['romeo@localhost', 'juliet@localhost'])
  const { trace } = life.core
  const romeo = await life.login('romeo@localhost/orchard')
  const juliet = await life.login('juliet@localhost/balcony')
  await juliet.send('<presence/>')
  await life.quiet()
  await romeo.send(chat('juliet@localhost', 'one').replace('<message', "<message id='m1'"))
  await life.quiet()
  const [arrival] = trace.named('m1', 9)
  const commit = trace.outcome(arrival!)
  t.match(commit, { what: 'committed', account: 'juliet@localhost', seq: 1, sender: 'romeo@localhost', sentSeq: 1 })
  t.match(trace.arrival(commit!), { what: 'received', session: 'romeo@localhost/orchard', number: 1 })
  t.match(trace.of('juliet@localhost', 1, 9).map((n) => [n.what, n.session, n.number]), [['committed'], ['given', 'juliet@localhost/balcony', juliet.count]])
  juliet.acknowledge()
  t.equal(trace.of('juliet@localhost', 1, 9).at(-1)?.what, 'acknowledged')

  await romeo.send("<message to='nobody@localhost' type='chat' id='m2'><body>x</body></message>")
  await life.quiet()
  const [refused] = trace.named('m2', 9)
  t.match(refused, { what: 'ended', how: 'refused: service-unavailable' })
  t.match(trace.outcome(trace.arrival(refused!)!), { how: 'refused: service-unavailable' })
  await romeo.send("<message to='juliet@localhost' type='headline' id='m3'><body>x</body></message>")
  t.match(trace.named('m3', 9)[0], { what: 'ended', how: 'delivered' })
  t.notMatch(JSON.stringify(trace.named('m1', 9)), /one/, 'not what it says')
})

t.test('a message costs some 0.3 µs, and never a whole one', async (t) => {
  const ring = makeTracing(20_000, { now: Date.now, monotonic: () => 0 })
  const romeo = sessionOf('romeo@localhost/orchard', 4)
  const juliet = sessionOf('juliet@localhost/balcony')
  const stanza = message('8f14e45f-ceea-467f-a0e6-1d7f3f1a4c2b')
  const entry = logged(1)
  const given = { seq: 1, form: 'original', pulled: false } as const
  const run = (n: number): number => {
    const begun = process.cpuUsage()
    for (let i = 0; i < n; i++) {
      ring.received(romeo, stanza)
      ring.committed(romeo, stanza, 4, ACCOUNTS, 1, entry)
      ring.given(juliet, given, 1)
      ring.acknowledged(juliet, 1, 'original')
    }
    const { user, system } = process.cpuUsage(begun)
    return (user + system) * 1000 / n
  }
  run(100_000)
  const best = Math.min(...Array.from({ length: 5 }, () => run(200_000)))
  t.comment(`${Math.round(best)} ns a message: received, committed, given, acknowledged`)
  t.ok(best < 1000, `${Math.round(best)} ns`) // on a busy machine
})
