// XEP-0030: what is told is generated from the routes. Clients do not come online without these answers (clients.md §3).
import type { Element } from 'ltx'
import t from 'tap'
import { ROUTES } from '../../routes/index.js'
import { testServer } from '../helpers/server.js'

const shared = testServer(t)
const INFO = 'http://jabber.org/protocol/disco#info'
const ITEMS = 'http://jabber.org/protocol/disco#items'
const query = (ns: string, node = ''): string => `<query xmlns='${ns}'${node === '' ? '' : ` node='${node}'`}/>`
const features = (answer: Element): string[] => answer.getChild('query', INFO)?.getChildren('feature').map((e) => String(e.attrs['var'])) ?? []
const condition = (answer: Element): string => answer.getChild('error')?.getChildElements()[0]?.name ?? answer.attrs['type'] as string

t.test('the server says that it is one, and each feature of each route once', async (t) => {
  const romeo = await (await shared).login('romeo')
  const answer = await romeo.iq('get', query(INFO), 'localhost')
  t.match(answer.getChild('query', INFO)?.getChild('identity')?.attrs, { category: 'server', type: 'im' })
  const told = features(answer)
  for (const feature of [INFO, ITEMS, ...ROUTES.flatMap((r) => r.features ?? [])]) t.ok(told.includes(feature), feature)
  t.equal(new Set(told).size, told.length)
  t.equal(condition(await romeo.iq('get', query(ITEMS), 'localhost')), 'result')
})

t.test('one\'s own account is answered with and without `to`; that of others, and of nobody, is service-unavailable alike', async (t) => {
  const romeo = await (await shared).login('romeo')
  for (const to of [undefined, 'romeo@localhost']) {
    const answer = await romeo.iq('get', query(INFO), to)
    t.match(answer.getChild('query', INFO)?.getChild('identity')?.attrs, { category: 'account', type: 'registered' })
    t.ok(features(answer).includes(INFO))
    t.equal(condition(await romeo.iq('get', query(ITEMS), to)), 'result')
  }
  for (const ns of [INFO, ITEMS]) for (const to of ['juliet@localhost', 'nobody@localhost']) t.equal(condition(await romeo.iq('get', query(ns), to)), 'service-unavailable')
})

t.test('a node that is not there is item-not-found (§3.2); a set is nothing that we know', async (t) => {
  const romeo = await (await shared).login('romeo')
  for (const ns of [INFO, ITEMS]) {
    for (const to of ['localhost', 'romeo@localhost']) t.equal(condition(await romeo.iq('get', query(ns, 'urn:no-such-node'), to)), 'item-not-found')
    t.equal(condition(await romeo.iq('set', query(ns), 'localhost')), 'service-unavailable')
  }
})

t.test('every unknown request is answered with service-unavailable, to whomever it goes', async (t) => {
  const romeo = await (await shared).login('romeo', 'orchard')
  for (const to of [undefined, 'localhost', 'localhost/x', 'romeo@localhost', 'juliet@localhost', 'nobody@localhost', 'romeo@localhost/gone']) {
    for (const type of ['get', 'set'] as const) t.equal(condition(await romeo.iq(type, '<odd xmlns=\'urn:odd\'/>', to)), 'service-unavailable', `${type} to ${to}`)
  }
})
