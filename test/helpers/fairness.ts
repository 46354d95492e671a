// One client that does a lot, and a bystander who wants to be served meanwhile (design.md §6).
import type { RawClient } from './client.js'
import type { TestServer } from './server.js'

/** The longest that a bystander waited for a ping's answer while `work` went on. */
export const bystander = async (server: TestServer, work: Promise<unknown>): Promise<{ worst: number; pings: number }> => {
  const client = await server.login('mercutio')
  let going = true
  void work.finally(() => (going = false))
  let worst = 0
  let pings = 0
  while (going) {
    const start = performance.now()
    await client.iq('get', '<ping xmlns=\'urn:xmpp:ping\'/>')
    worst = Math.max(worst, performance.now() - start)
    pings++
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  client.destroy()
  return { worst, pings }
}

/** Read what comes without building trees, and say so when asked (durability.md D18). Returns the messages' ids, in order. */
export const reads = (client: RawClient): readonly string[] => {
  const ids: string[] = []
  let tail = ''
  client.socket.removeAllListeners('data')
  client.socket.on('data', (data) => {
    const text = tail + data.toString('latin1')
    const cut = text.lastIndexOf('>') + 1
    tail = text.slice(cut)
    for (const [, message, proof, from] of text.slice(0, cut).matchAll(/<message[^>]* id='([^']*)'|<iq type='get' id='(proof-[^']*)' from='([^']*)'/g)) {
      if (message !== undefined) ids.push(message)
      else client.socket.write(`<iq type='result' id='${proof}' to='${from}'/>`)
    }
  })
  return ids
}

/** Write all of it, as fast as the socket takes it, and count what comes back without building trees. */
export const flood = async (client: RawClient, stanza: (i: number) => string, n: number, last: string): Promise<void> => {
  client.socket.removeAllListeners('data')
  const over = new Promise<void>((resolve) => {
    let tail = ''
    client.socket.on('data', (data) => {
      tail = (tail + data.toString('latin1')).slice(-20_000)
      if (tail.includes('id=\'last\'')) resolve()
    })
  })
  for (let i = 0; i < n; i += 500) {
    let chunk = ''
    for (let j = i; j < Math.min(n, i + 500); j++) chunk += stanza(j)
    if (!client.socket.write(chunk)) await new Promise((resolve) => client.socket.once('drain', resolve))
  }
  client.socket.write(last)
  await over
}
