// What the clients of the benchmark do, as traces that `replay` multiplies: written here, not recorded, so that each says what its
// case measures and nothing else. In a trace a client's next stanza waits for what came to it before; that makes the windows.
import { random } from '../../../lib/chaos/random.js'
import { compile } from '../../../lib/replay/script.js'
import type { Script } from '../../../lib/replay/script.js'
import { readTrace } from '../../../lib/replay/trace.js'

/** Of the body of each message. */
export const BODY = 100
const TEXT = 'x'.repeat(BODY)
const DOMAIN = 'bench.test'
const BIND = 'urn:ietf:params:xml:ns:xmpp-bind'

/** One trace while it is written; connections are numbered from 1. */
interface Writer {
  /** Log in: all of these at the same time. */
  enter(connections: readonly { readonly s: number; readonly user: number }[]): void
  /** A message; its id. @param to number of the user */
  message(s: number, to: number): string
  /** It comes: to this connection, from that one. */
  hear(s: number, from: number, id: string): void
  /** A request to the server, and its answer: what was said before it has been dealt with. */
  ping(s: number): void
  say(s: number, xml: string): void
  end(s: number): void
  compile(): Script
  /** Everything from here on is this much later, in ms: only for what is replayed in its own rhythm. */
  wait(ms: number): void
}

const bare = (user: number): string => `user${user}@${DOMAIN}`
const full = (user: number): string => `${bare(user)}/bench`

const writer = (name: string): Writer => {
  const lines: string[] = []
  const users = new Map<number, number>()
  let t = 0
  let ids = 0
  const put = (s: number, dir: 'in' | 'out', xml: string): void => void lines.push(JSON.stringify({ t, s, dir, xml }))
  const jid = (s: number): string => full(users.get(s) as number)
  const made: Writer = {
    enter: (connections) => {
      for (const { s, user } of connections) {
        users.set(s, user)
        put(s, 'in', `<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='${DOMAIN}' version='1.0'>`)
      }
      for (const { s } of connections) {
        put(s, 'in', `<iq type='set' id='bind${s}'><bind xmlns='${BIND}'><resource>bench</resource></bind></iq>`)
        put(s, 'out', `<iq type='result' id='bind${s}'><bind xmlns='${BIND}'><jid>${jid(s)}</jid></bind></iq>`)
      }
      for (const { s } of connections) put(s, 'in', '<presence/>')
      for (const { s } of connections) put(s, 'out', `<presence from='${jid(s)}' to='${jid(s)}'/>`)
    },
    message: (s, to) => {
      const id = `message${ids++}`
      put(s, 'in', `<message to='${bare(to)}' type='chat' id='${id}'><body>${TEXT}</body></message>`)
      return id
    },
    hear: (s, from, id) => put(s, 'out', `<message from='${jid(from)}' to='${jid(s)}' type='chat' id='${id}'><body>${TEXT}</body></message>`),
    ping: (s) => {
      const id = `ping${ids++}`
      put(s, 'in', `<iq type='get' id='${id}' to='${DOMAIN}'><ping xmlns='urn:xmpp:ping'/></iq>`)
      put(s, 'out', `<iq type='result' id='${id}' from='${DOMAIN}'/>`)
    },
    say: (s, xml) => put(s, 'in', xml),
    end: (s) => put(s, 'in', '</stream:stream>'),
    wait: (ms) => void (t += ms),
    compile: () => compile(readTrace(name, lines.join('\n'))),
  }
  return made
}

const numbered = (count: number): { s: number; user: number }[] => Array.from({ length: count }, (_, user) => ({ s: user + 1, user }))

/** Two who write to each other, each with so many messages on their way; Infinity: as a rate says, without waiting. */
export const chat = (window: number, messages: number): Script => {
  const w = writer(`chat, window ${window}`)
  w.enter(numbered(2))
  w.ping(1)
  w.ping(2)
  const flying: string[][] = [[], []]
  for (let i = 0; i < messages / 2; i++) {
    for (const [me, other] of [[0, 1], [1, 0]] as const) {
      if (i >= window) w.hear(me + 1, other + 1, (flying[other] as string[]).shift() as string)
      ;(flying[me] as string[]).push(w.message(me + 1, other))
    }
  }
  return w.compile()
}

/** Each message goes to a random one of so many; whoever gets one writes the next. */
export const scattered = (users: number, messages: number): Script => {
  const w = writer('random receivers')
  const chance = random(`receivers ${users}`)
  w.enter(numbered(users))
  for (let user = 0; user < users; user++) w.ping(user + 1)
  const flying: { id: string; from: number; to: number }[] = []
  const write = (from: number): void => {
    const to = (from + 1 + chance.below(users - 1)) % users
    flying.push({ id: w.message(from + 1, to), from, to })
  }
  for (let user = 0; user < users; user++) write(user)
  for (let i = users; i < messages; i++) {
    const { id, from, to } = flying.shift() as (typeof flying)[number]
    w.hear(to + 1, from + 1, id)
    write(to)
  }
  return w.compile()
}

/** Contacts 1 to n ask to see the presence of user 0, who agrees: once for each server. A message behind each says that it has come. */
export const subscribing = (contacts: number): Script => {
  const w = writer('subscriptions')
  const all = numbered(contacts + 1)
  const others = all.slice(1)
  w.enter(all)
  for (const { s } of all) w.ping(s)
  const asked = others.map(({ s, user }) => {
    w.say(s, `<presence type='subscribe' to='${bare(0)}'/>`)
    return { s, user, id: w.message(s, 0) }
  })
  for (const { s, id } of asked) w.hear(1, s, id)
  const agreed = others.map(({ s, user }) => {
    w.say(1, `<presence type='subscribed' to='${bare(user)}'/>`)
    return { s, id: w.message(1, user) }
  })
  for (const { s, id } of agreed) w.hear(s, 1, id)
  for (const { s } of all.toReversed()) w.end(s)
  return w.compile()
}

/** User 0 says another presence again and again, each when one of the contacts has answered what was said behind the one before. */
export const fanOut = (contacts: number, changes: number): Script => {
  const w = writer('presence')
  const all = numbered(contacts + 1)
  w.enter(all)
  for (const { s } of all) w.ping(s)
  for (let i = 0; i < changes; i++) {
    const contact = 1 + i % contacts
    w.say(1, `<presence><show>${i % 2 === 0 ? 'away' : 'dnd'}</show><status>change ${i}</status></presence>`)
    w.hear(contact + 1, 1, w.message(1, contact))
    w.hear(1, contact + 1, w.message(contact + 1, 0))
  }
  return w.compile()
}

/** In and out again. */
export const loggingIn = (): Script => {
  const w = writer('log-ins')
  w.enter(numbered(1))
  w.end(1)
  return w.compile()
}

/** One who stays, and says nothing. */
export const idle = (ms: number): Script => {
  const w = writer('idle')
  w.enter(numbered(1))
  w.wait(ms)
  w.end(1)
  return w.compile()
}

/** User 0 writes to user 1 while that one is away; when the server has answered for all, user 1 comes, gets them, says so, and goes. */
export const keeping = (batch: number, rounds: number): Script => {
  const w = writer('offline')
  w.enter([{ s: 1, user: 0 }])
  w.ping(1)
  for (let round = 0; round < rounds; round++) {
    const ids = Array.from({ length: batch }, () => w.message(1, 1))
    // the second waits for the answer to the first, and user 1 comes behind it
    w.ping(1)
    w.ping(1)
    const s = round + 2
    w.enter([{ s, user: 1 }])
    for (const id of ids) w.hear(s, 1, id)
    // it answers what it is asked first: a server may want to know whether they came, and else gives them to the next session, too
    w.ping(s)
    w.say(s, '<presence type=\'unavailable\'/>')
    const gone = w.message(s, 0)
    w.end(s)
    w.hear(1, s, gone)
  }
  return w.compile()
}
