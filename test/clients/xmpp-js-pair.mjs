// Two @xmpp/client clients that write to each other, whose passwords are their names and what is given; run by xmpp-js.ts and
// by test/replay/recorder.ts with the CA trusted. Prints JSON lines.
import { client, xml } from '@xmpp/client'

const [scheme, port, more = ''] = process.argv.slice(2)
const say = (line) => console.log(JSON.stringify(line))
// its stream management asks for an acknowledgement a quarter of a second after a stanza, also of a stream that it has closed by then
const leaving = new Set()
const leave = (one) => {
  leaving.add(one)
  return one.stop()
}
const make = (username, resource) => {
  const made = client({ service: `${scheme}://127.0.0.1:${port}`, domain: 'localhost', username, password: username + more, resource })
  made.reconnect.stop()
  made.on('error', (error) => {
    if (leaving.has(made)) return
    console.error(error)
    process.exit(1)
  })
  return made
}
// @xmpp/client counts no answer to a request of its own among what it has handled (its iqCaller takes them before its stream
// management sees them), so that its h is too low after the ping below: then it is given again what it has not acknowledged
const message = (to, after = null) => new Promise((resolve) => {
  to.on('stanza', (stanza) => {
    if (stanza.is('message') && stanza.getChild('body') !== undefined && stanza.getChildText('body') !== after) {
      resolve({ juliet: stanza.getChildText('body'), from: stanza.attrs.from, delayed: stanza.getChild('delay', 'urn:xmpp:delay') !== undefined })
    }
  })
})

const romeo = make('romeo', 'orchard')
const juliet = make('juliet', 'balcony')
await romeo.start()
say({ online: romeo.jid.toString() })
await romeo.send(xml('presence'))
await juliet.start()
say({ online: juliet.jid.toString() })
await juliet.send(xml('presence'))
// a ping answered proves that the presence before it was handled
await juliet.iqCaller.get(xml('ping', 'urn:xmpp:ping'))
const live = message(juliet)
await romeo.send(xml('message', { to: 'juliet@localhost', type: 'chat' }, xml('body', {}, 'Neither, fair saint ☺')))
say(await live)
await leave(juliet)
await romeo.send(xml('message', { to: 'juliet@localhost', type: 'chat' }, xml('body', {}, 'while you were away')))
await romeo.iqCaller.get(xml('ping', 'urn:xmpp:ping'))
const again = make('juliet', 'balcony')
const stored = message(again, 'Neither, fair saint ☺')
await again.start()
await again.send(xml('presence'))
say(await stored)
await leave(again)
await leave(romeo)
