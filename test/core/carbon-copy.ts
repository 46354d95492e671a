import t from 'tap'
import { toOctets } from '../../lib/base/octets.js'
import { carbonCopy, enclosable, originalOf } from '../../lib/core/carbon-copy.js'
import { frameOf } from '../../lib/wire/framer.js'
import { frame, recordingSession } from '../helpers/core.js'

const sessionOf = (jid: string, lang = '') => recordingSession(jid, { lang })

t.test('an original stands inside another element with its namespace declared once and its sender named', async (t) => {
  const sender = sessionOf('romeo@localhost/garden')
  const found = "<message from='romeo@localhost/garden' to='juliet@localhost'><body>é &amp; ü</body></message>"
  t.equal(enclosable(frame("<message from='romeo@localhost' to='juliet@localhost'><body>é &amp; ü</body></message>"), sender),
    toOctets(found.replace('<message', "<message xmlns='jabber:client'")))
  t.equal(enclosable(frame("<message xmlns='jabber:client' to='j@localhost'/>"), sender), "<message from='romeo@localhost/garden' xmlns='jabber:client' to='j@localhost'/>")
})

t.test('what bears its sender already keeps it', async (t) => {
  t.equal(enclosable(frame("<message from='a@localhost/x' to='b@localhost'/>"), null), "<message xmlns='jabber:client' from='a@localhost/x' to='b@localhost'/>")
  t.equal(enclosable(frame("<message xmlns='jabber:client' from='a@localhost/x'/>"), null), "<message xmlns='jabber:client' from='a@localhost/x'/>")
})

t.test('the language of the sender\'s stream goes along, unless the message names its own', async (t) => {
  const sender = sessionOf('romeo@localhost/garden', 'it')
  t.match(enclosable(frame('<message/>'), sender), / xml:lang='it'/)
  t.notMatch(enclosable(frame("<message xml:lang='de'/>"), sender), /'it'/)
})

t.test('a copy is well-formed whatever the names in it, and gives its original back octet by octet', async (t) => {
  const sender = sessionOf('oneill@localhost/<&"')
  const receiver = sessionOf('oneill@localhost/büro \'2\'')
  for (const xml of ["<message to='x@localhost'><body>é</body></message>", '<message><x:y xmlns:x="urn:x" z="\'"/></message>', '<message/>']) {
    const original = enclosable(frame(xml), sender)
    for (const direction of ['sent', 'received'] as const) {
      const copy = frameOf(carbonCopy(direction, receiver, 'chat', original))
      t.equal(copy.from, 'oneill@localhost')
      t.equal(copy.to, 'oneill@localhost/büro \'2\'')
      t.equal(copy.type, 'chat')
      t.equal(originalOf(copy), original)
      t.equal(frameOf(originalOf(copy) as string).from, 'oneill@localhost/<&"')
    }
  }
})

t.test('a type that does not exist is not passed on', async (t) => {
  t.equal(frameOf(carbonCopy('sent', sessionOf('a@localhost/x'), "'><evil/>", '<message/>')).type, '')
})

t.test('what is no copy, or not one of ours, has no original', async (t) => {
  for (const inner of [
    '', '<body>x</body>', "<received xmlns='urn:xmpp:receipts' id='1'/>", "<received xmlns='urn:xmpp:carbons:2'/>",
    "<sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><delay/></forwarded></sent><body/>",
  ]) t.equal(originalOf(frame(`<message>${inner}</message>`)), null)
})
