// XEP-0049 over the wire: what Gajim waits for before it comes online, and others keep their bookmarks in.
import type { Element } from 'ltx'
import t from 'tap'
import { testServer } from '../helpers/server.js'

const shared = testServer(t)
const NS = 'jabber:iq:private'
const query = (inner: string): string => `<query xmlns='${NS}'>${inner}</query>`
const condition = (answer: Element): string => answer.getChild('error')?.getChildElements()[0]?.name ?? answer.attrs['type'] as string

t.test('what was never stored comes back empty (§3.2); what was stored as it was, for every session of the account and nobody else', async (t) => {
  const server = await shared
  const romeo = await server.login('romeo')
  const delimiter = '<roster xmlns=\'roster:delimiter\'/>'
  const empty = (await romeo.iq('get', query(delimiter))).getChild('query', NS)?.getChildElements() as Element[]
  t.same(empty.map((e) => [e.name, e.attrs['xmlns'], e.children.length]), [['roster', 'roster:delimiter', 0]])
  const stored = '<storage xmlns=\'storage:bookmarks\'><conference name=\'☾ &amp; ☼ &lt;&#13;\' autojoin=\'true\' jid=\'a@b\'><nick>&#10;r</nick></conference><x xmlns=\'urn:x\' xml:lang=\'it\'/></storage>'
  t.equal(condition(await romeo.iq('set', query(stored))), 'result')
  t.equal(condition(await romeo.iq('set', query('<roster xmlns=\'roster:delimiter\'>::</roster>'))), 'result')
  for (const to of [undefined, 'romeo@localhost']) {
    const back = (await (await server.login('romeo')).iq('get', query('<storage xmlns=\'storage:bookmarks\'/>'), to)).getChild('query', NS)?.getChild('storage', 'storage:bookmarks')
    t.equal(back?.getChild('conference')?.attrs['name'], '☾ & ☼ <\r')
    t.equal(back?.getChild('conference')?.getChildText('nick'), '\nr')
    t.equal(back?.getChild('x', 'urn:x')?.attrs['xml:lang'], 'it')
    t.equal((await romeo.iq('get', query(delimiter), to)).getChild('query', NS)?.getChildText('roster', 'roster:delimiter'), '::')
  }
  const juliet = await server.login('juliet')
  t.equal((await juliet.iq('get', query('<storage xmlns=\'storage:bookmarks\'/>'))).getChild('query')?.getChild('storage')?.children.length, 0)
})

t.test('one element with a namespace of its own, or bad-request; too much is resource-constraint and leaves what was there', async (t) => {
  const server = await testServer(t, { privateMaxBytes: 2048 })
  const romeo = await server.login('romeo')
  for (const bad of ['', '<a xmlns=\'urn:a\'/><b xmlns=\'urn:b\'/>', '<a/>', '<a xmlns=\'jabber:client\'/>']) {
    for (const type of ['get', 'set'] as const) t.equal(condition(await romeo.iq(type, query(bad))), 'bad-request', bad)
  }
  t.equal(condition(await romeo.iq('set', query('<a xmlns=\'urn:a\'>first</a>'))), 'result')
  t.equal(condition(await romeo.iq('set', query(`<a xmlns='urn:a'>${'x'.repeat(3000)}</a>`))), 'resource-constraint')
  t.equal(condition(await romeo.iq('set', query(`<b xmlns='urn:b'>${'x'.repeat(2048)}</b>`))), 'resource-constraint')
  t.equal((await romeo.iq('get', query('<a xmlns=\'urn:a\'/>'))).getChild('query')?.getChildText('a'), 'first')
})
