// A run of `replay` inside a test, against a server of the test.
import { createSecureContext } from 'node:tls'
import { accountOf } from '../../lib/replay/accounts.js'
import { flatOut } from '../../lib/replay/pace.js'
import { replay } from '../../lib/replay/replay.js'
import type { Outcome, Plan } from '../../lib/replay/replay.js'
import { report } from '../../lib/replay/report.js'
import type { Report } from '../../lib/replay/report.js'
import { compile } from '../../lib/replay/script.js'
import { readTrace } from '../../lib/replay/trace.js'
import type { Trace } from '../../lib/replay/trace.js'

let runs = 0

/** Names of accounts, whose passwords are the names. */
export const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `replay${i}`)

/** Closed loop, once through, unless `more` says otherwise. */
export const replayed = async (traces: readonly Trace[], port: number, users: readonly string[], more: Partial<Plan> = {}): Promise<{ outcome: Outcome; result: Report }> => {
  const scripts = traces.map(compile)
  const outcome = await replay({
    where: { host: '127.0.0.1', port, offered: { context: createSecureContext(), verify: false, clear: true } },
    domain: 'localhost', scripts, accounts: users.map((user, i) => accountOf(i, `${user}@localhost`, user)),
    pace: flatOut, seconds: null, warmUp: null, joins: 200, patience: 10, serverPids: [], run: `t${++runs}`, progress: () => {}, signal: new AbortController().signal, ...more,
  })
  return { outcome, result: report(outcome, traces.map(({ name }) => name), `127.0.0.1:${port}`, new Map(scripts.flatMap((script) => [...script.leftOut]))) }
}

const NS = 'xmlns=\'jabber:client\''

/** A conversation: log-in, presence, and so many messages, each answered by the contact before the next. */
export const chat = (messages: number, gap = 10): Trace => {
  const lines: unknown[] = []
  let t = 0
  const say = (dir: 'in' | 'out', xml: string): void => void lines.push({ t, s: 1, dir, xml })
  say('in', `<stream:stream ${NS} xmlns:stream='http://etherx.jabber.org/streams' to='chat.test' version='1.0'>`)
  say('in', '<iq type=\'set\' id=\'b\'><bind xmlns=\'urn:ietf:params:xml:ns:xmpp-bind\'/></iq>')
  say('out', '<iq type=\'result\' id=\'b\'><bind xmlns=\'urn:ietf:params:xml:ns:xmpp-bind\'><jid>alice@chat.test/a</jid></bind></iq>')
  say('in', '<presence/>')
  say('out', '<presence from=\'alice@chat.test/a\' to=\'alice@chat.test/a\'/>')
  for (let i = 0; i < messages; i++) {
    t += gap
    say('in', `<message id='m${i}' to='peer@chat.test' type='chat'><body>${i}</body></message>`)
    say('out', `<message id='e${i}' from='peer@chat.test/echo' to='alice@chat.test/a' type='chat'><body>echo ${i}</body></message>`)
  }
  t += gap
  say('in', '</stream:stream>')
  return readTrace('chat.jsonl', lines.map((line) => JSON.stringify(line)).join('\n'))
}
