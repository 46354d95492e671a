import t from 'tap'
import { readSettings } from '../../lib/base/config.js'
import { testServer } from '../helpers/server.js'

const INFO = "<query xmlns='http://jabber.org/protocol/disco#info'/>"

t.test('the addresses of who runs the server are in its disco#info (XEP-0157 §3), and not in an account\'s', async (t) => {
  const contact = ['mailto:abuse@chat.example', 'xmpp:admin@chat.example']
  const server = await testServer(t, { contact })
  const romeo = await server.login('romeo')
  const form = (await romeo.iq('get', INFO, 'localhost')).getChild('query')?.getChild('x', 'jabber:x:data')
  t.equal(form?.attrs['type'], 'result')
  const fields = Object.fromEntries(form?.getChildren('field').map((f) => [f.attrs['var'] as string, f.getChildren('value').map((v) => v.getText())]) ?? [])
  t.same(fields, {
    FORM_TYPE: ['http://jabber.org/network/serverinfo'], 'abuse-addresses': contact, 'admin-addresses': contact, 'security-addresses': contact, 'support-addresses': contact,
  })
  t.equal((await romeo.iq('get', INFO, 'romeo@localhost')).getChild('query')?.getChild('x'), undefined)
})

t.test('without the setting there is no form', async (t) => {
  const server = await testServer(t)
  const romeo = await server.login('romeo')
  t.equal((await romeo.iq('get', INFO, 'localhost')).getChild('query')?.getChild('x'), undefined)
})

t.test('an address is one that can be written to', async (t) => {
  const contact = (text: string): readonly string[] => readSettings({ env: { JIDWAY_CONTACT: text } }).settings.contact
  t.same(contact('mailto:abuse@chat.example, https://chat.example/help'), ['mailto:abuse@chat.example', 'https://chat.example/help'])
  for (const text of ['abuse@chat.example', 'javascript:alert(1)', 'help']) t.throws(() => contact(text), { name: 'UsageError' }, text)
})
