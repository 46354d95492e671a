// One @xmpp/client that resumes by its own code; run by resuming-xmpp-js.ts. The orders it takes and what it tells: test/helpers/kills.ts.
// It asks nothing by <iq/>: @xmpp/client does not count the answers to its own requests among what it has handled (its iqCaller
// takes them before its stream management sees them), so that ever after its h is too low, and it is given stanzas again.
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { client, xml } from '@xmpp/client'

const [username, to, port] = process.argv.slice(2)
const tell = (event) => console.log(JSON.stringify(event))

// all that it has to be told: its connection's patience is 2 s, and one that is open and silent for so long it gives up for good
const xmpp = client({ service: `xmpp://127.0.0.1:${port}`, domain: 'localhost', username, password: username, timeout: 30_000 })
xmpp.streamManagement.requestAckDebounce = 20 // ms; to be quick in a test
xmpp.on('error', (error) => console.error(error.message)) // while the server is away
xmpp.streamManagement.on('ack', (stanza) => {
  if (stanza.is('message')) tell({ acked: 1 })
})
let answer = null
xmpp.on('nonza', (element) => {
  if (element.is('resumed', 'urn:xmpp:sm:3')) answer = element
})
xmpp.streamManagement.on('resumed', () => tell({ resumed: Number(answer.attrs.h) }))
xmpp.on('online', async (jid) => {
  tell({ bound: jid.toString() })
  await xmpp.send(xml('presence'))
})
xmpp.on('stanza', (stanza) => {
  if (stanza.is('message')) tell({ got: stanza.getChildText('body') })
  else if (stanza.is('presence') && stanza.attrs.from.startsWith(`${to}@`)) tell({ presence: stanza.attrs.type ?? 'available', from: stanza.attrs.from })
})

const say = async (body) => {
  while (xmpp.status !== 'online' || !xmpp.streamManagement.enabled) await sleep(10)
  try {
    await xmpp.send(xml('message', { to: `${to}@localhost`, type: 'chat' }, xml('body', {}, body)))
    tell({ said: body })
  } catch {
    tell({ doubtful: body }) // its stream management has not heard of it
  }
}

let talk = Promise.resolve()
createInterface({ input: process.stdin }).on('line', (line) => {
  const { say: bodies = [], pace = 0, leave } = JSON.parse(line)
  talk = talk.then(async () => {
    for (const body of bodies) {
      await say(body)
      if (pace > 0) await sleep(pace)
    }
    if (leave) {
      await xmpp.stop()
      tell({ left: true })
      process.exit()
    }
  })
})
await xmpp.start()
