// Every recorded client is replayed against a running server, several at once: everything arrives, once, in order, and every
// request is answered; also with accounts that were used before.
import { join } from 'node:path'
import t from 'tap'
import { closes, loadTrace } from '../../lib/replay/trace.js'
import { names, replayed } from '../helpers/replay.js'
import { ROOT } from '../helpers/root.js'
import { addUsers, testServer } from '../helpers/server.js'
import { clients } from '../helpers/traces.js'

const recorded = (client: string): ReturnType<typeof loadTrace> => loadTrace(join(ROOT, 'test', 'data', 'traces', `${client}.jsonl`))

/** Messages that each trace has, of the client and of its contact. */
const MESSAGES: Readonly<Record<string, number>> = {
  aioxmpp: 3, converse: 6, dino: 8, finch: 3, gajim: 5, 'go-sendxmpp': 6, mcabber: 3, nbxmpp: 3, poezio: 6, profanity: 3, psi: 4, slixmpp: 4, stanzajs: 3, strophe: 3, xmppjs: 3,
}
const COPIES = 3

const server = await testServer(t)

t.same(Object.keys(MESSAGES), clients())
for (const [i, client] of clients().entries()) {
  t.test(`${client}, three at once: nothing is lost, doubled or out of order, and everything is answered`, async (t) => {
    const users = names(COPIES * 2).map((name) => `${client}-${name}`)
    await addUsers(server.db, users)
    const trace = await recorded(client)
    const { outcome: { measures: { counts, latencies } }, result } = await replayed([trace], server.c2s, users)
    const messages = MESSAGES[client] as number
    t.ok(result.held, result.text)
    t.equal(counts.passes, COPIES)
    t.equal(counts.messages, COPIES * messages)
    t.equal(counts.delivered, COPIES * messages)
    t.equal(latencies.message.count + latencies.kept.count, counts.delivered)
    t.equal(latencies.kept.count, COPIES, 'each has one message that waited for the client to come back')
    t.equal(counts.answered, counts.requests)
    const said = trace.items.filter(({ dir }) => dir === 'in')
    const acknowledges = said.some(({ xml }) => xml.startsWith('<a ')) && said.filter(closes).length === new Set(said.map(({ s }) => s)).size
    if (acknowledges) t.equal(counts.repeated, 0, 'one that acknowledges when it leaves gets nothing again')
    t.equal(counts.gaveUpSubscription + counts.gaveUpOwn, 0, 'fresh accounts see what the recorded one saw')
    if (i % 4 !== 0) return
    // the same accounts once more, which are contacts now: no copy waits for a subscription in vain, or not twice
    const again = await replayed([trace], server.c2s, users)
    t.ok(again.result.held, again.result.text)
    t.ok(again.outcome.measures.counts.gaveUpSubscription <= COPIES, again.result.text)
  })
}
t.equal(server.counters.bugs, 0)
