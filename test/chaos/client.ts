// One client against a server that says exactly what the test wants: resumption by XEP-0198, and what it must notice.
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { Test } from 'tap'
import type { Profile } from '../../lib/chaos/cast.js'
import { makeClient } from '../../lib/chaos/client.js'
import { makeLedger, RESENT } from '../../lib/chaos/ledger.js'
import type { Ledger } from '../../lib/chaos/ledger.js'
import { random } from '../../lib/chaos/random.js'
import type { Client } from '../../lib/chaos/self.js'
import { compose } from '../../lib/chaos/talk.js'
import { scripted } from '../helpers/scripted.js'
import type { Scripted } from '../helpers/scripted.js'

const PROFILE: Profile = {
  index: 0, account: 0, bare: 'romeo@localhost', password: 'x', resource: 'orchard', full: 'romeo@localhost/orchard', priority: 0, keeping: 'resume', ids: 'unique',
  carbons: false, cuts: false, ackEvery: 0, askEvery: 1000, pipelines: false, resends: true, patience: 60_000, leads: true,
}
const JULIET: Profile = { ...PROFILE, index: 1, account: 1, bare: 'juliet@localhost', full: 'juliet@localhost/balcony' }
const SM = 'xmlns=\'urn:xmpp:sm:3\''

interface Scene {
  readonly client: Client
  readonly server: Scripted
  readonly ledger: Ledger
  /** A message, sent; its number. */
  say(): number
}

const scene = async (t: Test, more: Partial<Profile> = {}): Promise<Scene> => {
  const server = await scripted(t)
  const profile = { ...PROFILE, ...more }
  const cast = {
    clients: [profile, JULIET],
    accounts: [{ jid: profile.bare, password: 'x', clients: [0], contacts: [1] }, { jid: JULIET.bare, password: 'x', clients: [1], contacts: [0] }],
  }
  const ledger = makeLedger(cast.clients.map(({ account, full, priority }) => ({ account, full, priority, resumes: true })), ['romeo@localhost', 'juliet@localhost'])
  const client = makeClient(profile, { run: 'run', where: { host: '127.0.0.1', port: server.port }, cast, ledger, now: () => performance.now() }, random('x'))
  t.teardown(() => client.quit())
  client.join()
  await server.until(/<bind/)
  server.say(`<iq type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>${profile.full}</jid></bind></iq>`)
  return {
    client, server, ledger,
    say: () => {
      const { octets, message } = compose(client.self)
      client.self.send(octets, message)
      return message
    },
  }
}

/** Stream management agreed on, and the first presence and roster request acknowledged. */
const managed = async (t: Test, more: Partial<Profile> = {}): Promise<Scene> => {
  const s = await scene(t, more)
  await s.server.until(/<enable/)
  s.server.say(`<enabled ${SM} id='s1' resume='true'/>`)
  await s.server.until(/<presence/)
  s.server.say(`<iq type='result' id='1'/><a ${SM} h='2'/>`)
  await until(() => s.client.settled)
  return s
}

const until = async (fits: () => boolean): Promise<void> => {
  for (const end = Date.now() + 10_000; !fits(); await sleep(5)) if (Date.now() > end) throw new Error('it did not come to that')
}

t.test('what was not acknowledged is sent again after resumption, and only that', async (t) => {
  const { client, server, ledger, say } = await managed(t)
  const [a, b, c] = [say(), say(), say()]
  await server.until(new RegExp(`>run\\.${c}<`))
  server.say(`<message from='juliet@localhost/balcony' type='chat'><body>hi</body></message><r ${SM}/>`)
  t.match(await server.until(/<a /), /h='2'/, 'the answer to the roster request and this message')
  server.cut()
  t.match(await server.until(/<resume/), /previd='s1' h='2'/)
  server.say(`<resumed ${SM} previd='s1' h='3'/>`)
  await server.until(new RegExp(`>run\\.${c}<`))
  const again = server.heard.filter((xml) => xml.includes('<message'))
  t.same(again.map((xml) => Number(/>run\.(\d+)</.exec(xml)?.[1])), [a, b, c, b, c])
  server.say(`<a ${SM} h='5'/>`)
  await until(() => client.settled)
  t.equal(ledger.acked, 3)
  t.equal(ledger.lives.length, 1)
  t.same([...ledger.seen], [])
})

t.test('a failed resumption is told; its h counts, and the rest goes into the new session', async (t) => {
  const { client, server, ledger, say } = await managed(t)
  const [a, b] = [say(), say()]
  await server.until(new RegExp(`>run\\.${b}<`))
  server.cut()
  await server.until(/<resume/)
  server.say(`<failed ${SM} h='3'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>`)
  await server.until(/<bind/)
  server.say(`<iq type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>${PROFILE.full}</jid></bind></iq>`)
  await server.until(/<enable/)
  server.say(`<enabled ${SM} id='s2' resume='true'/>`)
  t.match(await server.until(/<message/), new RegExp(`>run\\.${b}<`), 'the first was covered by h')
  server.say(`<a ${SM} h='3'/>`)
  await until(() => client.self.sm.queue.length === 0)
  t.same([...ledger.seen], [['resumption refused', 1]])
  t.equal(ledger.lives.length, 2)
  t.same([a, b].map((m) => ledger.messages.get('flags', m) & RESENT), [0, RESENT])
  t.equal(ledger.acked, 2)
})

for (const [what, h, kind] of [['that falls', 1, 'h fell'], ['above what was sent', 9, 'h above what was sent'], ['that is no number', 'x', 'h malformed']] as const) {
  t.test(`an h ${what} is told`, async (t) => {
    const { server, ledger } = await managed(t)
    server.say(`<a ${SM} h='${h}'/>`)
    await until(() => ledger.seen.size > 0)
    t.same([...ledger.seen], [[kind, 1]])
  })
}

t.test('an h that falls over a resumption is told', async (t) => {
  const { server, ledger } = await managed(t)
  server.cut()
  await server.until(/<resume/)
  server.say(`<resumed ${SM} previd='s1' h='1'/>`)
  await until(() => ledger.seen.size > 0)
  t.same([...ledger.seen], [['h fell', 1]])
})

t.test('a second answer is told, but not across a crash', async (t) => {
  const { client, server, ledger } = await managed(t)
  const id = client.self.ask('ping', '', 'get', '<ping xmlns=\'urn:xmpp:ping\'/>')
  server.say(`<iq type='result' id='${id}'/>`.repeat(2))
  await until(() => ledger.seen.size > 0)
  t.same([...ledger.seen], [['answered twice', 1]])
  ledger.fault('kill', performance.now(), true)
  const other = client.self.ask('ping', '', 'get', '<ping xmlns=\'urn:xmpp:ping\'/>')
  server.say(`<iq type='result' id='${other}'/>`.repeat(2))
  server.say('<iq type=\'result\' id=\'nobody asked\'/>')
  await until(() => ledger.seen.size > 1)
  t.same([...ledger.seen], [['answered twice', 1], ['answer to nobody', 1]])
})

t.test('a message cut in its middle is sent again whole', async (t) => {
  const { client, server } = await managed(t)
  const { octets, message } = compose(client.self)
  client.cutInside(octets, message, 1)
  await server.until(/<resume/)
  t.notOk(server.heard.some((xml) => xml.includes(`>run.${message}<`)), 'only half of it came')
  server.say(`<resumed ${SM} previd='s1' h='2'/>`)
  t.match(await server.until(/<message/), new RegExp(`>run\\.${message}<`))
})

t.test('what a body lost on its way is noticed, and private data that went back', async (t) => {
  const { client, server, ledger, say } = await managed(t)
  const message = say()
  const sent = await server.until(/<message/)
  server.say(sent) // it comes back, whole
  server.say(sent.replace('</body>', '!</body>'))
  await until(() => ledger.seen.size > 0)
  t.same([...ledger.seen], [['garbled', 1]])
  t.equal(ledger.receipts.size, 2)
  t.equal(ledger.receipts.get('message', 0), message)
  const id = client.self.ask('private get 3', '', 'get', '<query/>')
  server.say(`<iq type='result' id='${id}'><query xmlns='jabber:iq:private'><chaos xmlns='x'><v>2</v></chaos></query></iq>`)
  await until(() => ledger.seen.size > 1)
  t.same([...ledger.seen.keys()], ['garbled', 'set lost'])
})

t.test('without stream management, an answer proves what was sent before it', async (t) => {
  const { client, server, ledger, say } = await scene(t, { keeping: 'none' })
  await server.until(/<presence/)
  say()
  client.tick() // asks
  const ping = /id='(\d+)'/.exec(await server.until(/<ping/))?.[1]
  say()
  server.say(`<iq type='result' id='1'/>`)
  t.equal(ledger.acked, 0)
  server.say(`<iq type='result' id='${ping}'/>`)
  await until(() => ledger.acked === 1)
  t.equal(client.self.sm.queue.length, 1)
})
