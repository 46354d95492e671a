// The whole instrument against a real server, which keeps its promises, and with a liar in between, who makes it break them.
import t from 'tap'
import type { Test } from 'tap'
import { chaos } from '../../lib/chaos/chaos.js'
import { accountsFor } from '../../lib/chaos/cast.js'
import { foreignNode } from '../../lib/chaos/node.js'
import type { Report } from '../../lib/chaos/report.js'
import { liar } from '../helpers/liar.js'
import type { Lie } from '../helpers/liar.js'
import { testServer } from '../helpers/server.js'

const CLIENTS = 10

const users = Array.from({ length: accountsFor(CLIENTS) }, (_, i) => `chaos${i}`)
const server = await testServer(t, {}, { users })

const run = async (t: Test, lie: Lie | null): Promise<Report> => {
  const port = lie === null ? server.c2s : await liar(t, server.c2s, lie)
  return chaos({
    seed: 'test', clients: CLIENTS, seconds: 2, messages: 300, faults: new Set(['slow']), counts: { kill: 0, freeze: 0, database: 0, nats: 0, partition: 0 }, over: Infinity,
    credentials: users.map((user) => ({ jid: `${user}@localhost`, password: user })), node: foreignNode({ host: '127.0.0.1', port }, null, null), postgres: null, nats: null,
    server: 'a server in a test', archive: true, progress: () => {}, signal: new AbortController().signal, settling: 10_000,
  })
}

const brokenOf = ({ json }: Report): Record<string, number> => Object.fromEntries(Object.entries(json['broken'] as Record<string, number>).filter(([, n]) => n > 0))

t.test('a server that is left in peace keeps its promises', async (t) => {
  const report = await run(t, null)
  t.same(brokenOf(report), {})
  t.ok(report.held, report.text)
  t.ok(report.json['delivered'] as number >= 300)
  t.match(report.text, /All promises held\./)
})

t.test('what a liar on the way loses, doubles, spoils and turns around is found, and the story told', async (t) => {
  let kept = ''
  const pair = (message: string): string => ['from', 'to'].map((name) => new RegExp(` ${name}='[^']*'`).exec(message)?.[0] ?? '').join()
  const turned = (message: string): string => {
    const both = message + kept
    kept = ''
    return both
  }
  let isKept = false
  const seen = new Map<string, number>()
  const report = await run(t, (message, count) => {
    const before = seen.get(pair(message)) ?? 0
    seen.set(pair(message), before + 1)
    // until the next one of the same sender to the same receiver: of two who talk
    if (!isKept && count >= 20 && before >= 2 && count < 140) {
      isKept = true
      kept = message
      return ''
    }
    if (count === 150) return ''
    if (kept !== '' && pair(message) === pair(kept)) return turned(message)
    return count === 160 ? message + message : count === 170 ? message.replace('</body>', '.</body>') : message
  })
  const broken = brokenOf(report)
  t.match(broken, { duplicated: 1, garbled: 1 }, JSON.stringify(broken))
  t.equal(kept, '', 'two were turned around')
  t.ok(broken['reordered'] === 1, JSON.stringify(broken))
  t.notOk(report.held)
  t.match(report.text, /duplicated in one session: message \d+ in session \d+ .*\n +[\d.]+ s sent by chaos/)
  t.match(report.text, /reordered: message \d+ in session .* behind message \d+/)
  // of an account with several clients another one may have got it
  t.ok((broken['ackedAndLost'] ?? 0) + (broken['astray'] ?? 0) <= 1)
})
