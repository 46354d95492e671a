// `trace ID`: real messages between real sessions, asked for through the door of the server that ran them, and from the
// database alone; and what is not known any more.
import t from 'tap'
import type { Test } from 'tap'
import { handlersOf } from '../../lib/cli/access.js'
import { controlServer } from '../../lib/cli/control.js'
import type { Running } from '../../lib/cli/deps.js'
import { traceMessages } from '../../lib/core/trace.js'
import type { TracedMessage } from '../../lib/core/trace.js'
import { traceStore } from '../../lib/store/trace.js'
import { depsWith, jidway, memory } from '../helpers/commands.js'
import type { Outcome } from '../helpers/commands.js'
import type { RawClient } from '../helpers/client.js'
import { logWriter } from '../helpers/log.js'
import { testDatabase } from '../helpers/database.js'
import { addUsers, testServer, USERS } from '../helpers/server.js'
import type { TestServer } from '../helpers/server.js'

const SM = 'urn:xmpp:sm:3'
const named = (name: string) => (e: { name: string }): boolean => e.name === name
const say = (to: string, id: string, body: string, more = ''): string => `<message to='${to}' type='chat' id='${id}'><body>${body}</body>${more}</message>`
const settled = (client: RawClient): Promise<unknown> => client.iq('get', "<ping xmlns='urn:xmpp:ping'/>")

/** The command beside this server. */
const beside = async (t: Test, server: TestServer): Promise<(...args: string[]) => Promise<Outcome>> => {
  const data = t.testdir({})
  const control = await controlServer({ data, handlers: handlersOf({ trace: server.trace } as unknown as Running) })
  t.teardown(() => control.close())
  const deps = depsWith(memory(), { trace: () => Promise.reject(new Error('the database has an owner')) })
  return (...args) => jidway(['trace', ...args, '--data', data], deps)
}

const server = await testServer(t)
const trace = await beside(t, server)

t.test('a message that was delivered and acknowledged, by its own id and by either of its stanza-ids', async (t) => {
  const romeo = await server.login('romeo', 'orchard')
  const juliet = await server.login('juliet', 'balcony')
  await juliet.presence()
  for (const client of [romeo, juliet]) {
    client.send(`<enable xmlns='${SM}' resume='true'/>`)
    await client.next(named('enabled'))
  }
  romeo.send(say('juliet@localhost', 'm-1', 'wherefore art thou', "<origin-id xmlns='urn:xmpp:sid:0' id='o-1'/>"))
  const got = await juliet.next(named('message'))
  const stanzaId = String(got.getChild('stanza-id')?.attrs['id'])
  const unacknowledged = await trace('m-1')
  t.equal(unacknowledged.code, 0, unacknowledged.err)
  t.match(unacknowledged.out, /given +to juliet@localhost\/balcony, stanza \d+ of its stream/)
  t.match(unacknowledged.out, /entry \d+ of juliet@localhost \(received, .*kept: it waits until a client acknowledges it; archived/)
  t.notMatch(unacknowledged.out, /acknowledged {2,}by/)
  juliet.send(`<a xmlns='${SM}' h='1'/>`)
  await settled(juliet)
  await new Promise((resolve) => setTimeout(resolve, 700)) // acknowledgements are written within half a second
  const { out } = await trace('m-1')
  t.match(out, new RegExp([
    '^Message m-1 \\(origin-id o-1\\) from romeo@localhost/orchard to juliet@localhost',
    ' {2}\\S+Z {2}received +from romeo@localhost/orchard, stanza 1 of its stream',
    ' {2}\\S+Z {2}committed +by group commit \\d+',
    ' {2}\\S+Z {2}given +to juliet@localhost/balcony, stanza 1 of its stream',
    ' {2}\\S+Z {2}acknowledged +by juliet@localhost/balcony',
    ` {2}entry \\d+ of juliet@localhost \\(received, stanza-id ${stanzaId}\\): waits no more: it was acknowledged, or has expired; archived`,
    ' {2}entry \\d+ of romeo@localhost \\(sent, stanza-id (\\S+)\\): need not be acknowledged; archived',
  ].join('\n')))
  t.match(out, /The memory of the server reaches back to its start at \S+Z\./)
  t.notMatch(out, /wherefore/, 'never what it says')
  const path = (text: string): string => text.slice(0, text.indexOf('\n\n'))
  t.equal(path((await trace(stanzaId)).out), path(out))
  t.equal(path((await trace('o-1')).out), path(out))
  const sentId = /sent, stanza-id (\S+)\)/.exec(out)?.[1] as string
  t.equal(path((await trace(sentId)).out), path(out))
  t.equal(path((await trace('m-1', '--account', 'Juliet@localhost')).out), path(out))
  t.equal((await trace('m-1', '--account', 'mercutio@localhost')).code, 1, 'no message of his')

  await t.test('the database alone knows less, and says so', async (t) => {
    const deps = depsWith(memory(), { trace: (_, query) => traceMessages(null, traceStore(server.db), query) })
    for (const id of ['m-1', 'o-1', stanzaId]) {
      const alone = await jidway(['trace', id, '--data', t.testdir({})], deps)
      t.equal(alone.code, 0)
      t.match(alone.out, /Message m-1 \(origin-id o-1\) from romeo@localhost\/orchard to juliet@localhost\n {2}\S+Z {2}committed +as the log says/)
      t.match(alone.out, /waits no more: it was acknowledged, or has expired/)
      t.match(alone.out, /No server runs on this data folder: what it had in its memory .* is gone/)
      t.notMatch(alone.out, /wherefore/)
    }
  })
})

t.test('the journal and the rows of streams tell to whom it went, where no memory does', async (t) => {
  const romeo = await server.login('romeo', 'a')
  const juliet = await server.login('juliet', 'window')
  await juliet.presence()
  juliet.send(`<enable xmlns='${SM}' resume='true'/>`)
  await juliet.next(named('enabled'))
  romeo.send(say('juliet@localhost/window', 'm-journal', 'x'))
  await juliet.next(named('message'))
  const traced = await traceMessages(null, traceStore(server.db), { id: 'm-journal', account: null })
  const told = traced.messages[0]?.steps.find((s) => s.what === 'given') ?? traced.messages[0]?.open[0]
  t.match(told, { session: 'juliet@localhost/window', number: 1, form: 'original' })
})

t.test('one that is kept for somebody who is not there', async (t) => {
  const romeo = await server.login('romeo', 'b')
  romeo.send(say('mercutio@localhost', 'm-kept', 'a plague'))
  await settled(romeo)
  const { code, out } = await trace('m-kept')
  t.equal(code, 0)
  t.match(out, /committed .*\n {2}entry \d+ of mercutio@localhost \(received, .*kept: it waits until a client acknowledges it/)
  t.notMatch(out, /given/)
})

t.test('one that was refused, and one that is not of the log', async (t) => {
  const romeo = await server.login('romeo', 'c')
  romeo.send(say('tybalt@localhost', 'm-refused', 'x'))
  await romeo.next(named('message'))
  t.match((await trace('m-refused')).out, /received +from romeo@localhost\/c\n.*ended +refused: service-unavailable\n +It is not in the message log/)
  romeo.send("<message to='romeo@localhost/c' type='headline' id='m-headline'><body>x</body></message>")
  await romeo.next(named('message'))
  t.match((await trace('m-headline')).out, /ended +delivered\n/)
})

t.test('several messages of one id: all of them, newest first', async (t) => {
  const romeo = await server.login('romeo', 'd')
  for (const to of ['juliet', 'mercutio', 'romeo']) {
    romeo.send(say(`${to}@localhost`, '1', to))
    await settled(romeo)
  }
  const { out } = await trace('1')
  t.same([...out.matchAll(/^Message 1 from \S+ to (\w+)@/gm)].map((m) => m[1]), ['romeo', 'mercutio', 'juliet'])
  for (let i = 0; i < 22; i++) romeo.send(say('juliet@localhost', 'many', 'x'))
  await settled(romeo)
  const many = await trace('many')
  t.equal(many.out.match(/^Message many/gm)?.length, 20)
  t.match(many.out, /There are more messages of this id/)
  const lines = (await trace('1', '--json')).out.trimEnd().split('\n').map((line) => JSON.parse(line) as { message?: TracedMessage; ring?: unknown })
  t.equal(lines.filter((l) => l.message !== undefined).length, 3)
  t.match(lines.at(-1), { ring: { overwritten: false }, more: false })
})

t.test('an id that nobody knows, and what is no id', async (t) => {
  const unknown = await trace('never-was')
  t.equal(unknown.code, 1)
  t.match(unknown.out, /^No message with the id never-was is known\.\nAn id is either the id of a <stanza-id\/>[^]*reaches back to its start/)
  t.equal((await trace('zz-1')).code, 1, 'as a stanza-id looks')
  t.match(await trace(' '), { code: 2, err: /an id has 1 to 1024 characters/ })
  t.match(await trace('x'.repeat(1025)), { code: 2 })
  t.match(await trace('m-1', '--account', 'romeo'), { code: 2, err: /'romeo' is no account like romeo@localhost/ })
  t.match(await jidway(['trace', 'x', '--data', t.testdir({})], depsWith(memory(), { trace: async () => null })), { code: 1, err: /there is no database yet/ })
  for (const id of ["it's & <\">", '%_\\', 'ü', '\u0000']) t.equal((await trace(id)).code, 1, JSON.stringify(id))
})

t.test('an own id with characters that are escaped in XML is found in the log', async (t) => {
  const writer = await logWriter(server.db)
  await writer.say('romeo@localhost', 'juliet@localhost', 'x', { xml: "<message from='romeo@localhost/a' to='juliet@localhost' type='chat' id='a&amp;b ü'><body>x</body></message>" })
  t.match((await trace('a&b ü')).out, /^Message a&b ü from romeo@localhost\/a/)
})

t.test('what the memory has lost is told to be forgotten', async (t) => {
  const small = await testServer(t, { traceEntries: 4 })
  const ask = await beside(t, small)
  const romeo = await small.login('romeo', 'a')
  for (const id of ['first', 'second', 'third', 'fourth']) {
    romeo.send(say('mercutio@localhost', id, 'x'))
    await settled(romeo)
  }
  const { out } = await ask('first')
  t.match(out, /Message first from romeo@localhost\/a to mercutio@localhost\n {2}\S+Z {2}committed +as the log says\n {2}The memory of the server does not reach back to its arrival\./)
  t.match(out, /The memory of the server reaches back to \S+Z; what happened before is forgotten \(trace_entries is 4\)\./)
})

t.test('what has waited for longer than offline_max_age has expired', async (t) => {
  const db = await testDatabase(t)
  await addUsers(db, USERS)
  const writer = await logWriter(db)
  await writer.say('romeo@localhost/a', 'mercutio@localhost', 'late', { id: 'm-late', at: Date.now() - 7_200_000 })
  await writer.say('romeo@localhost/a', 'mercutio@localhost', 'soon', { id: 'm-soon' })
  const strict = await testServer(t, { offlineMaxAge: 3600 }, { db })
  const ask = await beside(t, strict)
  for (let i = 0; i < 100 && !/waits no more/.test((await ask('m-late')).out); i++) await new Promise((resolve) => setTimeout(resolve, 50))
  const { out } = await ask('m-late')
  t.match(out, /committed +as the log says\n {2}\S+Z {2}expired +it has waited for longer than offline_max_age; its sender was told/)
  t.match(out, /of mercutio@localhost .*waits no more: it was acknowledged, or has expired/)
  t.match((await ask('m-soon')).out, /kept: it waits/)
})

t.test('while the database is away, what the memory knows is told', async (t) => {
  const { AwayError } = await import('../../lib/base/errors.js')
  const away = (): Promise<never> => Promise.reject(new AwayError('no route'))
  const store = traceStore({ query: away, transaction: away })
  const traced = await traceMessages(null, store, { id: 'm-1', account: null })
  t.match(traced, { messages: [], away: /no route/ })
})
