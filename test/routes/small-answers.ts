// Routes of one answer each: XEP-0199 ping, XEP-0092 version, XEP-0202 time.
import type { Element } from 'ltx'
import t from 'tap'
import { VERSION } from '../../lib/base/version.js'
import { testServer } from '../helpers/server.js'

const shared = testServer(t)
const condition = (answer: Element): string => answer.getChild('error')?.getChildElements()[0]?.name ?? answer.attrs['type'] as string

t.test('XEP-0199 §4: the server and one\'s own account answer a ping, with nothing in it; another account does not', async (t) => {
  const romeo = await (await shared).login('romeo')
  for (const to of [undefined, 'localhost', 'romeo@localhost']) {
    const answer = await romeo.iq('get', '<ping xmlns=\'urn:xmpp:ping\'/>', to)
    t.equal(answer.attrs['type'], 'result')
    t.equal(answer.getChildElements().length, 0)
  }
  t.equal(condition(await romeo.iq('get', '<ping xmlns=\'urn:xmpp:ping\'/>', 'juliet@localhost')), 'service-unavailable')
})

t.test('XEP-0199 §4.3: a ping of one client reaches the other, and its answer comes back', async (t) => {
  const server = await shared
  const juliet = await server.login('juliet', 'balcony')
  const romeo = await server.login('romeo', 'orchard')
  const answer = romeo.iq('get', '<ping xmlns=\'urn:xmpp:ping\'/>', 'juliet@localhost/balcony')
  const ping = await juliet.next((e) => e.name === 'iq' && e.attrs['type'] === 'get')
  t.equal(ping.attrs['from'], 'romeo@localhost/orchard')
  juliet.send(`<iq type='result' id='${ping.attrs['id']}' to='${ping.attrs['from']}'/>`)
  t.match((await answer).attrs, { type: 'result', from: 'juliet@localhost/balcony' })
})

t.test('XEP-0092: name and version, and nothing of the machine (§5)', async (t) => {
  const romeo = await (await shared).login('romeo')
  const query = (await romeo.iq('get', '<query xmlns=\'jabber:iq:version\'/>', 'localhost')).getChild('query', 'jabber:iq:version')
  t.same(query?.getChildElements().map((e) => [e.name, e.getText()]), [['name', 'jidway'], ['version', VERSION]])
})

t.test('XEP-0202 §2: UTC and the zone, in the form of XEP-0082', async (t) => {
  const romeo = await (await shared).login('romeo')
  const time = (await romeo.iq('get', '<time xmlns=\'urn:xmpp:time\'/>', 'localhost')).getChild('time', 'urn:xmpp:time')
  t.match(time?.getChildText('tzo'), /^(Z|[+-]\d\d:\d\d)$/)
  const utc = time?.getChildText('utc') ?? ''
  t.match(utc, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/)
  t.ok(Math.abs(Date.parse(utc) - Date.now()) < 60_000)
})
