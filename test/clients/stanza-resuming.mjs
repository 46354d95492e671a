// One `stanza` that resumes by its own code over WebSocket; run by resuming-stanza.ts. The orders it takes and what it tells:
// test/helpers/kills.ts. (strophe.js, which speaks WebSocket too, has no stream management.)
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

const { createClient } = createRequire(import.meta.url)('stanza')
const [user, to, port] = process.argv.slice(2)
const tell = (event) => console.log(JSON.stringify(event))

// all that it has to be told: to connect again, and not to wait half a minute before it does
const agent = createClient({
  jid: `${user}@localhost`, password: user, transports: { websocket: `ws://127.0.0.1:${port}/xmpp-websocket`, bosh: false }, autoReconnect: true, maxReconnectBackoff: 1,
})
let up = false
// what it writes to a socket that has just closed is kept for the resumption, and rejects where no program can catch it: a
// browser says so on its console and goes on
process.on('unhandledRejection', (error) => {
  if (error?.message !== 'Socket closed') throw error
})
agent.on('session:started', () => {
  up = true
  tell({ bound: agent.jid })
  agent.sendPresence()
})
// the server's count (its session starts, and its presence goes, before it enables stream management): stanza does not keep
// what it has sent again, so that it neither says of that that it was acknowledged, nor would send it a third time
let acked = 0
const count = (handled) => {
  tell({ acked: handled - acked })
  acked = handled
}
agent.on('stream:management:ack', ({ handled }) => count(handled))
agent.on('stream:management:resumed', ({ handled }) => {
  up = true
  tell({ resumed: handled })
  count(handled)
})
agent.on('disconnected', () => {
  up = false
})
// A write between the end of its socket and the event of it makes Node destroy the library's stream with an error, and it then
// waits for an 'end' that does not come: it never connects again. Its user would reload the page; this does what he would.
setInterval(() => {
  if (up && agent.transport?.errored) agent.transport.disconnect(false)
}, 500).unref()
agent.on('message:failed', ({ body }) => tell({ doubtful: body }))
agent.on('message:sent', ({ body }) => tell({ said: body }))
agent.on('chat', ({ body }) => tell({ got: body }))
agent.on('presence', ({ type = 'available', from }) => {
  if (from.startsWith(`${to}@`)) tell({ presence: type, from })
})

let talk = Promise.resolve()
createInterface({ input: process.stdin }).on('line', (line) => {
  const { say = [], pace = 0, leave } = JSON.parse(line)
  talk = talk.then(async () => {
    for (const body of say) {
      while (!up) await sleep(10)
      agent.sendMessage({ to: `${to}@localhost`, type: 'chat', body })
      if (pace > 0) await sleep(pace)
    }
    if (leave) {
      agent.on('disconnected', () => {
        tell({ left: true })
        process.exit()
      })
      agent.disconnect()
    }
  })
})
agent.connect()
