// Runs of several kinds: a mix, a rhythm, resumption, TLS; and a server that does not let anybody in, or is not there.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createSecureContext } from 'node:tls'
import t from 'tap'
import { timed } from '../../lib/replay/pace.js'
import { loadTrace } from '../../lib/replay/trace.js'
import { chat, names, replayed } from '../helpers/replay.js'
import { ROOT } from '../helpers/root.js'
import { scripted } from '../helpers/scripted.js'
import { addUsers, testServer } from '../helpers/server.js'

const strophe = (): ReturnType<typeof loadTrace> => loadTrace(join(ROOT, 'test', 'data', 'traces', 'strophe.jsonl'))

const server = await testServer(t, {}, { users: names(2) })

t.test('a mix is spread over the accounts, and each copy goes through its trace again and again', async (t) => {
  const users = names(8).map((name) => `mix-${name}`)
  await addUsers(server.db, users)
  const { outcome, result } = await replayed([await strophe(), chat(5)], server.c2s, users, { seconds: 6 })
  t.ok(result.held, result.text)
  t.equal(outcome.copies, 4)
  t.ok(outcome.measures.counts.passes > 4, result.text)
  t.ok(outcome.seconds >= 6 && outcome.seconds < 9)
})

t.test('what is measured begins after the warm-up, when every copy has settled: rates and latencies are of that time, losses of the whole run', async (t) => {
  const users = names(6).map((name) => `warm-${name}`)
  await addUsers(server.db, users)
  const { outcome: { measures: { counts, latencies, buckets }, measured, seconds }, result } = await replayed([chat(5)], server.c2s, users, { seconds: 2, warmUp: 1, joins: 3 })
  t.ok(result.held, result.text)
  t.ok(seconds >= 2 && seconds < 3, `${seconds}`)
  t.match(result.text, /closed loop, 2\.\d s after 1 s to warm up\n/)
  t.ok(measured.delivered > 0 && measured.delivered < counts.delivered, `${measured.delivered} of ${counts.delivered}`)
  t.ok(latencies.message.count < counts.delivered, 'what was said before is in no histogram')
  t.ok((buckets[0]?.at ?? -1) >= 0 && (buckets.at(-1)?.at ?? 0) < 3)
})

t.test('a run that ends before it is warm measures nothing, and says so', async (t) => {
  const stop = new AbortController()
  setTimeout(() => stop.abort(), 1000)
  const { outcome: { measured }, result } = await replayed([chat(5)], server.c2s, names(2), { seconds: 2, warmUp: 60, signal: stop.signal })
  t.equal(measured.delivered, 0)
  t.match(result.text, /NOTE: it was interrupted/)
})

t.test('too few accounts are refused before anything is sent', async (t) => {
  await t.rejects(replayed([await strophe(), chat(5)], server.c2s, names(3)), { name: 'UsageError', message: /3 accounts are too few: one copy of each trace needs 4/ })
})

t.test('in the recorded rhythm, twice as fast: it takes half the time', async (t) => {
  const { outcome, result } = await replayed([chat(10, 400)], server.c2s, names(2), { pace: timed(2) })
  t.ok(result.held, result.text)
  t.ok(outcome.seconds > 2.1 && outcome.seconds < 4.4, `${outcome.seconds}`) // 4.4 as recorded
})

t.test('one who comes back in the middle of a resumption is resumed, with the counts of this run', async (t) => {
  const first = chat(3).items
  const NS = 'xmlns=\'urn:xmpp:sm:3\''
  const items = first.flatMap((item) => {
    if (item.kind === 'end') return []
    return item.xml === '<presence/>' ? [
      { ...item, xml: `<enable ${NS} resume='true'/>` }, { ...item, dir: 'out' as const, xml: `<enabled ${NS} resume='true' id='recorded'/>` }, item,
    ] : [item]
  })
  const t0 = items.at(-1)?.t ?? 0
  const more = [
    ...first.slice(0, 1).map((item) => ({ ...item, s: 2, t: t0 + 10 })),
    { line: 100, t: t0 + 11, s: 2, dir: 'in' as const, kind: 'element' as const, xml: `<resume ${NS} previd='recorded' h='7'/>` },
    { line: 101, t: t0 + 12, s: 2, dir: 'out' as const, kind: 'element' as const, xml: `<resumed ${NS} previd='recorded' h='5'/>` },
    { line: 102, t: t0 + 13, s: 2, dir: 'in' as const, kind: 'element' as const, xml: '<message id=\'after\' to=\'peer@chat.test\' type=\'chat\'><body>back</body></message>' },
    { line: 103, t: t0 + 14, s: 2, dir: 'in' as const, kind: 'end' as const, xml: '</stream:stream>' },
  ]
  const { outcome: { measures: { counts } }, result } = await replayed([{ name: 'resuming.jsonl', items: [...items, ...more] }], server.c2s, names(2))
  t.ok(result.held, result.text)
  t.equal(counts.delivered, 7)
  t.equal(counts.repeated, 0)
  t.equal(counts.requests, 2, 'the session was not bound again: one request of the client, one of its contact')
})

t.test('a server that wants TLS gets it; a certificate that is not trusted is not taken', async (t) => {
  const strict = await testServer(t, { insecureLoopback: false }, { users: names(2) })
  const where = { host: '127.0.0.1', port: strict.c2s }
  const trusting = createSecureContext({ ca: readFileSync(strict.ca) })
  const { result } = await replayed([chat(3)], strict.c2s, names(2), { where: { ...where, offered: { context: trusting, verify: true, clear: true } } })
  t.ok(result.held, result.text)
  const direct = await replayed([chat(3)], strict.c2s, names(2), { where: { host: '127.0.0.1', port: strict.ports.c2sTls as number, tls: trusting, offered: { context: trusting, verify: true, clear: false } } })
  t.ok(direct.result.held, direct.result.text)
  await t.rejects(replayed([chat(3)], strict.c2s, names(2), { where: { ...where, offered: { context: createSecureContext(), verify: true, clear: true } } }), /UNABLE_TO_VERIFY|self.signed/i)
})

t.test('a server that offers no TLS gets no password in clear, unless that is allowed', async (t) => {
  const plain = await scripted(t)
  await t.rejects(replayed([chat(3)], plain.port, names(2), { where: { host: '127.0.0.1', port: plain.port, offered: { context: createSecureContext(), verify: true, clear: false } } }), /no STARTTLS, and a password goes in clear only to this machine/)
})

t.test('a refused log-in ends the run at once, and says whose it was', async (t) => {
  await t.rejects(replayed([chat(3)], server.c2s, ['nobody0', 'nobody1']), /nobody1@localhost: log-in refused: not-authorized/)
})

t.test('nobody listens', async (t) => {
  await t.rejects(replayed([chat(3)], 1, names(2)), /ECONNREFUSED/)
})
