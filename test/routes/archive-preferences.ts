// XEP-0441 over the wire.
import t from 'tap'
import type { Element } from 'ltx'
import type { RawClient } from '../helpers/client.js'
import { logWriter } from '../helpers/log.js'
import { startOver, testServer } from '../helpers/server.js'

const MAM = 'urn:xmpp:mam:2'
const shared = testServer(t, { archiveMaxPreferences: 3 })
const prefs = (fallback: string, inner = ''): string => `<prefs xmlns='${MAM}' default='${fallback}'>${inner}</prefs>`
const jids = (name: string, ...all: string[]): string => `<${name}>${all.map((jid) => `<jid>${jid}</jid>`).join('')}</${name}>`

/** `default always… / never…`, or the condition of the error. */
const told = (iq: Element): string => {
  const found = iq.getChild('prefs', MAM)
  if (found === undefined) return iq.getChild('error')?.getChildElements()[0]?.name ?? ''
  const list = (name: string): string => found.getChild(name)?.getChildren('jid').map((e) => e.getText()).join(' ') ?? 'missing'
  return `${found.attrs['default']} ${list('always')} / ${list('never')}`
}
const get = async (client: RawClient): Promise<string> => told(await client.iq('get', `<prefs xmlns='${MAM}'/>`))

t.test('without a preference, what the server does; then what was set, for every session of the account', async (t) => {
  const server = await shared
  await startOver(server)
  const romeo = await server.login('romeo')
  t.equal(await get(romeo), 'always  / ')
  t.equal(told(await romeo.iq('set', prefs('never', jids('always', 'Juliet@LOCALHOST', 'juliet@localhost') + jids('never', 'tybalt@localhost')))), 'never juliet@localhost / tybalt@localhost')
  t.equal(await get(await server.login('romeo')), 'never juliet@localhost / tybalt@localhost')
  t.equal(await get(await server.login('juliet')), 'always  / ')
  t.equal(told(await romeo.iq('set', prefs('roster', jids('always', 'a@b') + jids('never', 'a@b', 'c@d')), 'romeo@localhost')), 'roster a@b / c@d', 'in both: always')
  t.equal(told(await romeo.iq('set', prefs('always'))), 'always  / ', 'missing lists are empty')
  t.equal(told(await romeo.iq('set', prefs('never'), 'juliet@localhost')), 'service-unavailable', 'for oneself only')
})

t.test('they decide on what is archived', async (t) => {
  const server = await shared
  await startOver(server)
  const writer = await logWriter(server.db)
  const romeo = await server.login('romeo')
  await romeo.iq('set', prefs('never', jids('always', 'juliet@localhost')))
  await writer.say('juliet@localhost', 'romeo@localhost', 'yes')
  await writer.say('mercutio@localhost', 'romeo@localhost', 'no')
  await romeo.iq('set', `<query xmlns='${MAM}'/>`)
  t.same(romeo.elements.filter((e) => e.name === 'message').map((m) => m.getChild('result')?.getChild('forwarded')?.getChild('message')?.getChildText('body')), ['yes'])
})

t.test('mode routed: they decide too, for who is there, and nothing else stands still', async (t) => {
  const server = await testServer(t, { durability: { '*': 'routed' } })
  const [romeo, juliet] = [await server.login('romeo'), await server.login('juliet')]
  await juliet.presence()
  await juliet.iq('set', prefs('never'))
  const archive = async (client: RawClient): Promise<number> => {
    const before = client.elements.length
    await client.iq('set', `<query xmlns='${MAM}'/>`)
    return client.elements.slice(before).filter((e) => e.getChild('result', MAM) !== undefined).length
  }
  for (const body of ['one', 'two']) {
    romeo.send(`<message to='juliet@localhost' type='chat'><body>${body}</body></message>`)
    await juliet.next((e) => e.getChildText('body') === body)
  }
  t.equal((await juliet.iq('get', '<ping xmlns=\'urn:xmpp:ping\'/>', 'localhost')).attrs['type'], 'result')
  for (let i = 0; i < 100 && await archive(romeo) < 2; i++) await new Promise((resolve) => setTimeout(resolve, 20))
  t.same([await archive(romeo), await archive(juliet)], [2, 0])
  t.same(server.logged.filter((l) => l.level >= 50), [], 'and nothing is a bug')
})

t.test('what is wrong, too much, or cannot be granted is refused, and changes nothing', async (t) => {
  const server = await shared
  await startOver(server)
  const romeo = await server.login('romeo')
  await romeo.iq('set', prefs('roster', jids('never', 'a@b')))
  for (const [asked, condition] of [
    [prefs('sometimes'), 'bad-request'], [`<prefs xmlns='${MAM}'/>`, 'bad-request'], [prefs('always', jids('never', '@')), 'jid-malformed'],
    [prefs('always', jids('never', 'a@b/c')), 'not-acceptable'], [prefs('always', jids('never', 'a@b', 'b@b') + jids('always', 'c@b', 'd@b')), 'resource-constraint'],
  ] as const) {
    t.equal(told(await romeo.iq('set', asked)), condition, asked)
    t.equal(await get(romeo), 'roster  / a@b')
  }
})

t.test('with the setting "roster" that is the default; with "off" there are none', async (t) => {
  const server = await testServer(t, { archive: 'roster' })
  t.equal(await get(await server.login('romeo')), 'roster  / ')
  const off = await testServer(t, { archive: 'off' })
  t.equal(await get(await off.login('romeo')), 'service-unavailable')
})
