// RFC 6121 §2 over the wire: get, set, remove, and pushes to every session that asked for the roster.
import type { Element } from 'ltx'
import t from 'tap'
import type { RawClient } from '../helpers/client.js'
import { testServer } from '../helpers/server.js'

const NS = 'jabber:iq:roster'
const query = (inner = ''): string => `<query xmlns='${NS}'>${inner}</query>`
const condition = (answer: Element): string => answer.getChild('error')?.getChildElements()[0]?.name ?? answer.attrs['type'] as string
const items = (iq: Element): Element[] => iq.getChild('query', NS)?.getChildElements() ?? []
const push = (client: RawClient): Promise<Element> => client.next((e) => e.name === 'iq' && e.attrs['type'] === 'set')

t.test('a contact is set, pushed to each interested session with the sender\'s, changed and removed (§2.1.6, §2.3–2.5)', async (t) => {
  const server = await testServer(t)
  const [one, two, deaf] = [await server.login('romeo', 'one'), await server.login('romeo', 'two'), await server.login('romeo', 'deaf')] as const
  for (const client of [one, two]) t.same(items(await client.iq('get', query())), [])
  t.equal(condition(await one.iq('set', query('<item jid=\'Juliet@LOCALHOST\' name=\'J &amp; ☾\'><group>A</group><group>B</group></item>'))), 'result')
  for (const client of [one, two]) {
    const pushed = await push(client)
    t.match(pushed.attrs, { to: client.jid, id: /./ })
    t.ok(['romeo@localhost', undefined].includes(pushed.attrs['from'] as string | undefined), 'from one\'s own account, or nobody (§2.1.6)')
    const [item] = items(pushed) as [Element]
    t.match(item.attrs, { jid: 'juliet@localhost', name: 'J & ☾', subscription: 'none' })
    t.same(item.getChildren('group').map((g) => g.getText()).sort(), ['A', 'B'])
    client.send(`<iq type='result' id='${pushed.attrs['id']}'/>`)
  }
  await one.iq('set', query('<item jid=\'juliet@localhost\'/>'))
  const [changed] = items(await push(two)) as [Element]
  t.equal(changed.attrs['name'], undefined)
  t.equal(changed.getChildren('group').length, 0, 'a set replaces name and groups (§2.4.1)')
  t.same(items(await deaf.iq('get', query())).map((e) => e.attrs['jid']), ['juliet@localhost'])
  t.equal(condition(await one.iq('set', query('<item jid=\'juliet@localhost\' subscription=\'remove\'/>'))), 'result')
  t.match(items(await push(two))[0]?.attrs, { jid: 'juliet@localhost', subscription: 'remove' })
  t.same(items(await two.iq('get', query())), [])
  await deaf.nothing((e) => e.name === 'iq' && e.attrs['type'] === 'set' && items(e)[0]?.attrs['subscription'] === 'none')
})

t.test('what a push is answered with does not matter: results, errors, results with a query (clients.md §5)', async (t) => {
  const server = await testServer(t)
  const romeo = await server.login('romeo')
  await romeo.iq('get', query())
  for (const [i, answer] of [' type=\'result\'/>', ' type=\'error\'><error type=\'cancel\'><service-unavailable xmlns=\'urn:ietf:params:xml:ns:xmpp-stanzas\'/></error></iq>', ` type='result'>${query()}</iq>`].entries()) {
    await romeo.iq('set', query(`<item jid='c${i}@localhost'/>`))
    romeo.send(`<iq id='${(await push(romeo)).attrs['id']}'${answer}`)
    await romeo.nothing((e) => e.attrs['type'] === 'error')
  }
})

t.test('each wrong set has its condition and changes nothing (§2.3.3, §2.5.3)', async (t) => {
  const romeo = await (await testServer(t)).login('romeo')
  for (const [inner, expected] of [
    ['', 'bad-request'], ['<item jid=\'a@localhost\'/><item jid=\'b@localhost\'/>', 'bad-request'], ['<item/>', 'bad-request'], ['<what jid=\'a@localhost\'/>', 'bad-request'],
    ['<item jid=\'a b@localhost\'/>', 'jid-malformed'], ['<item jid=\'a@localhost\'><group>x</group><group>x</group></item>', 'bad-request'],
    [`<item jid='a@localhost' name='${'x'.repeat(2000)}'/>`, 'not-acceptable'], ['<item jid=\'a@localhost\' subscription=\'remove\'/>', 'item-not-found'],
  ] as const) t.equal(condition(await romeo.iq('set', query(inner))), expected, inner.slice(0, 60))
  t.equal(condition(await romeo.iq('set', query('<item jid=\'a@localhost\' subscription=\'both\' ask=\'subscribe\'/>'))), 'result')
  t.match(items(await romeo.iq('get', query()))[0]?.attrs, { subscription: 'none', ask: undefined }, 'a client cannot give itself a subscription (§2.1.2.5)')
})
