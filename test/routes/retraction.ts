// XEP-0424 over the wire: what is left in both archives of a message that was taken back.
import t from 'tap'
import type { Element } from 'ltx'
import { toText } from '../../lib/base/octets.js'
import { RETRACT } from '../../lib/core/tombstone.js'
import { maybeNamed } from '../../lib/store/retraction.js'
import type { RawClient } from '../helpers/client.js'
import { ENGINE } from '../helpers/database.js'
import { logWriter } from '../helpers/log.js'
import type { Writer } from '../helpers/log.js'
import { plansOf, recording } from '../helpers/plans.js'
import { startOver, testServer } from '../helpers/server.js'
import type { TestServer } from '../helpers/server.js'

const MAM = 'urn:xmpp:mam:2'
const R = 'romeo@localhost'
const J = 'juliet@localhost'
const shared = testServer(t)

const fresh = async (): Promise<{ server: TestServer; romeo: RawClient; writer: Writer }> => {
  const server = await shared
  await startOver(server)
  await server.db.query('update account set seq = 0')
  return { server, romeo: await server.login('romeo', 'orchard'), writer: await logWriter(server.db) }
}
/** Bodies of an account's archive; of a tombstone, what it says. What `retract` sends, a message like any other, is left out. */
const archiveOf = async (server: TestServer, user: string): Promise<string[]> => {
  const client = await server.login(user, 'reader')
  await client.iq('set', `<query xmlns='${MAM}'/>`)
  const messages = client.elements.filter((e) => e.name === 'message').map((m) => m.getChild('result')?.getChild('forwarded')?.getChild('message') as Element).filter((m) => m.getChildText('body') !== '/me retracted')
  client.destroy()
  return messages.map((m) => m.getChildText('body') ?? `${m.attrs['id']} by ${m.getChild('retracted', RETRACT)?.attrs['id']}`)
}
const retract = async (client: RawClient, to: string, id: string, { as = 'r1', type = 'chat', hint = '' } = {}): Promise<void> => {
  client.send(`<message to='${to}' type='${type}'${as === '' ? '' : ` id='${as}'`}><retract xmlns='${RETRACT}' id='${id}'/><body>/me retracted</body>${hint === '' ? '' : `<${hint} xmlns='urn:xmpp:hints'/>`}</message>`)
  await client.skip()
}

t.test('a retracted message is a tombstone in both archives, under the id and time it had; it waits as before', async (t) => {
  const { server, romeo, writer } = await fresh()
  await writer.say(`${R}/orchard`, J, 'first', { id: 'a' })
  const at = Date.parse('2026-01-01T00:00:00Z')
  await writer.say(R, J, '', { at, xml: `<message xmlns='jabber:client' type='chat' from='${R}/orchard' to='${J}' id='it&apos;s' xml:lang='it'><body>wrong</body><x xmlns='urn:x'>leak</x></message>` })
  await retract(romeo, J, 'it&apos;s')
  t.same(await archiveOf(server, 'romeo'), ['first', "it's by r1"])
  t.same(await archiveOf(server, 'juliet'), ['first', "it's by r1"])
  const [, entry] = await writer.log.pull(J, 0, 99, 99)
  t.equal(entry?.at, at)
  t.match(toText(entry?.xml ?? ''), /^<message type='chat' id='it&apos;s' from='romeo@localhost\/orchard' to='juliet@localhost'><retracted xmlns='urn:xmpp:message-retract:1' id='r1' stamp='20[^']+Z'\/><\/message>$/)
  await retract(romeo, J, "it&#39;s", { as: 'r2' })
  t.same((await archiveOf(server, 'juliet'))[1], "it's by r1", 'once')
})

t.test('whether the receiver is there or not', async (t) => {
  const { server, romeo, writer } = await fresh()
  await writer.say(`${R}/orchard`, J, 'wrong', { id: 'a' })
  const juliet = await server.login('juliet')
  await juliet.presence()
  await retract(romeo, J, 'a')
  t.same(await archiveOf(server, 'juliet'), ['a by r1'])
  t.ok(await juliet.next((e) => e.name === 'message' && e.getChild('retract', RETRACT) !== undefined), 'and the retraction itself is delivered')
})

t.test('only its sender retracts a message, and only in that conversation', async (t) => {
  const { server, romeo, writer } = await fresh()
  await writer.say(`${J}/balcony`, R, 'hers', { id: 'a' })
  await writer.say(`${R}/orchard`, 'mercutio@localhost', 'to another', { id: 'b' })
  for (const id of ['a', 'b', 'nothing']) await retract(romeo, J, id)
  t.same(await archiveOf(server, 'romeo'), ['hers', 'to another'])
  t.same(await archiveOf(server, 'juliet'), ['hers'])
  const juliet = await server.login('juliet')
  await retract(juliet, R, 'a')
  t.same(await archiveOf(server, 'romeo'), ['a by r1', 'to another'])
})

t.test('of several with the same id the latest; what cannot be told apart, or is a retraction, stays', async (t) => {
  const { server, romeo, writer } = await fresh()
  await writer.say(`${R}/orchard`, J, 'older', { id: '1' })
  await writer.say(`${R}/orchard`, J, 'newer', { id: '1' })
  await writer.say(`${R}/orchard`, J, 'other 1', { id: '11' })
  await writer.say(R, J, '', { xml: `<message from='${R}/orchard' to='${J}' id='r0'><retract xmlns='${RETRACT}' id='x'/><body>/me</body></message>` })
  await retract(romeo, J, '1', { as: '' })
  await retract(romeo, J, '1', { type: 'groupchat' })
  await retract(romeo, J, 'r0')
  t.same(await archiveOf(server, 'juliet'), ['older', 'newer', 'other 1', '/me'])
  await retract(romeo, J, '1')
  t.same(await archiveOf(server, 'juliet'), ['older', '1 by r1', 'other 1', '/me'])
})

t.test('§4: no tombstone where its retraction is not archived: by its hints, its type, or a preference of the account', async (t) => {
  const { server, romeo, writer } = await fresh()
  const juliet = await server.login('juliet')
  for (const there of [false, true]) {
    if (there) await juliet.presence()
    await writer.say(`${R}/orchard`, J, 'stays', { id: 'a' })
    for (const hint of ['no-store', 'no-permanent-store']) await retract(romeo, J, 'a', { as: `${hint} ${there}`, hint })
    await retract(romeo, J, 'a', { as: `headline ${there}`, type: 'headline' })
  }
  await server.db.query('insert into archive_preference (account, fallback, always, never) values ($1, $2, $3, $4)', [J, 'always', [], [R]])
  await retract(romeo, J, 'a')
  t.same(await archiveOf(server, 'juliet'), ['stays', 'stays'])
  t.same(await archiveOf(server, 'romeo'), ['stays', 'a by r1'], 'each archive for itself')
})

t.test('to oneself, and found by its words no more', async (t) => {
  const { server, romeo, writer } = await fresh()
  await writer.say(`${R}/orchard`, R, 'wrong words', { id: 'a' })
  const find = async (): Promise<number> => {
    const before = romeo.elements.length
    await romeo.iq('set', `<query xmlns='${MAM}'><x xmlns='jabber:x:data' type='submit'><field var='{urn:xmpp:fulltext:0}fulltext'><value>words</value></field></x></query>`)
    return romeo.elements.slice(before).filter((e) => e.name === 'message').length
  }
  t.equal(await find(), 1)
  await retract(romeo, R, 'a')
  t.equal(await find(), 0)
  const left = await server.db.query<{ n: number }>("select count(*)::int as n from log where account = $1 and xml like '%wrong words%'", [R])
  t.equal(left[0]?.n, 0, 'neither as received nor as sent')
})

t.test('D14: sent again after the stream broke, with its retraction, it does not come back', async (t) => {
  const { server, romeo } = await fresh()
  const long = (n: number): string => `d1e8f3a0-91c2-4a44-8f37-00000000000${n}`
  const origin = (n: number): string => `<origin-id xmlns='urn:xmpp:sid:0' id='${long(n)}'/>`
  for (const [to, id, more, by] of [[J, long(1), '', long(2)], [J, 'a', origin(3), long(4)], [R, long(5), origin(5), long(6)]] as const) {
    const sendBoth = async (client: RawClient): Promise<void> => {
      client.send(`<message to='${to}' type='chat' id='${id}'><body>wrong</body>${more}</message>`)
      await retract(client, to, id, { as: by })
    }
    const first = romeo.socket.destroyed ? await server.login('romeo', 'orchard') : romeo
    await sendBoth(first)
    first.socket.resetAndDestroy()
    while (server.sessions.size > 0) await new Promise((resolve) => setTimeout(resolve, 5))
    const second = await server.login('romeo', 'orchard')
    await sendBoth(second)
    second.socket.resetAndDestroy()
    while (server.sessions.size > 0) await new Promise((resolve) => setTimeout(resolve, 5))
  }
  const all = [`${long(1)} by ${long(2)}`, `a by ${long(4)}`]
  t.same(await archiveOf(server, 'juliet'), all)
  t.same(await archiveOf(server, 'romeo'), [...all, `${long(5)} by ${long(6)}`])
  const kept = await server.db.query<{ n: number }>("select count(*)::int as n from log where account = $1 and xml like '%/me retracted%'", [J])
  t.equal(kept[0]?.n, 2, 'nor is it retracted twice')
})

t.test('server and account announce it', async (t) => {
  const { romeo } = await fresh()
  const info = async (to: string): Promise<string> => String(await romeo.iq('get', "<query xmlns='http://jabber.org/protocol/disco#info'/>", to))
  t.ok((await info('localhost')).includes(`"${RETRACT}"`))
  t.ok((await info(R)).includes(`"${RETRACT}#tombstone"`))
})

if (ENGINE === 'postgres') {
  t.test('the message is looked for among the latest of the conversation', async (t) => {
    const { db } = await shared
    await db.query(`
      insert into log (account, seq, mark, at, peer, flags, xml)
      select 'big@localhost', g, g, g, 'peer' || g % 10 || '@x.example', 5, '<message id=''m' || g || '''/>' from generate_series(1, 50000) g`)
    await db.query('analyze log')
    const noting = recording(db)
    t.same((await maybeNamed(noting.db, 'big@localhost', 'peer7@x.example', true, 'm49997')).map((row) => row.seq), [49_997])
    t.same(await maybeNamed(noting.db, 'big@localhost', 'peer7@x.example', true, 'm17'), [], 'too long ago')
    for (const plan of await plansOf(db, noting.statements[0] as { text: string; values: unknown[] })) {
      t.same(plan.sequential, [])
      t.ok(plan.looked <= 2100, `${plan.mode}: ${plan.looked}`)
    }
  })
}
