// What the clients do of their own accord: the mix of messages, chat states, presence and requests of durability.md.
import { NS } from '../base/namespaces.js'
import { escapeAttribute } from '../wire/writer.js'
import type { Client, Self } from './self.js'
import type { Profile } from './cast.js'
import { CHAT, NAMED, STATE } from './ledger.js'
import { chatStateOf, textOf, uniqueId } from './speech.js'

const PRIVATE = 'urn:jidway:chaos'
/** Stanzas not acknowledged, requests not answered, octets not taken by the kernel: whoever has more waits. */
const WINDOW = 64
const ASKING = 16
const BACKLOG = 64 * 1024

/** Parts of a hundred; what is left goes into messages. */
const MIX = { chatState: 8, ping: 8, roster: 4, private: 4, presence: 3 } as const

export const isFree = ({ self }: Client): boolean =>
  self.phase === 'up' && self.sm.queue.length < WINDOW && self.requests.pending.size < ASKING && (self.wire?.backlog ?? BACKLOG) < BACKLOG

/** One thing that a client does. True: it sent a message with a body. */
export const act = (client: Client): boolean => {
  const { self } = client
  const { random } = self
  let dice = random.next() * 100
  if ((dice -= MIX.chatState) < 0) chatState(self)
  else if ((dice -= MIX.ping) < 0) ping(self)
  else if ((dice -= MIX.roster) < 0) roster(self)
  else if ((dice -= MIX.private) < 0) privateData(self)
  else if ((dice -= MIX.presence) < 0) client.presence()
  else {
    const { octets, message } = compose(self)
    self.send(octets, message)
    return true
  }
  return false
}

/** A message with a body, entered into the ledger as sent. */
export const compose = (self: Self): { readonly octets: string; readonly message: number } => {
  const { profile, world: { run, ledger, now }, random } = self
  const { account, client, to } = receiver(self)
  // without an id nobody could say which one was refused, and a normal one may be (RFC 6121 §8.5.3.2.1)
  const type = profile.ids !== 'none' && random.chance(0.15) ? '' : 'chat'
  const named = profile.ids === 'unique' || profile.ids === 'long' || profile.ids === 'origin'
  const message = ledger.sent(self.life as NonNullable<Self['life']>, account, client, now(), (type === 'chat' ? CHAT : 0) | (named ? NAMED : 0))
  const id = idFor(self, message)
  return { message, octets: textOf(run, message, { to, type, id, originId: profile.ids === 'origin' ? `${run}-origin-${message}` : '' }) }
}

const chatState = (self: Self): void => {
  const { world: { run, ledger, now } } = self
  const { account, client, to } = receiver(self)
  const message = ledger.sent(self.life as NonNullable<Self['life']>, account, client, now(), STATE)
  self.send(chatStateOf(run, message, { to, type: 'chat', id: idFor(self, message), originId: '' }), message)
}

const idFor = (self: Self, message: number): string => {
  const { profile: { ids, index }, world: { run } } = self
  if (ids === 'none') return ''
  if (ids === 'unique') return uniqueId(run, index, message)
  self.ids++
  return ids === 'long' ? `message-${String(self.ids).padStart(10, '0')}` : String(self.ids)
}

/** Another account: its bare JID, or one of its clients. */
const receiver = ({ profile, world: { cast }, random }: Self): { readonly account: number; readonly client: number; readonly to: string } => {
  const account = random.chance(0.3) ? random.pick(own(profile, cast.accounts).contacts) : (profile.account + 1 + random.below(cast.accounts.length - 1)) % cast.accounts.length
  const { jid, clients } = cast.accounts[account] as (typeof cast.accounts)[number]
  if (random.chance(0.7)) return { account, client: -1, to: jid }
  const client = random.pick(clients)
  return { account, client, to: (cast.clients[client] as Profile).full }
}

const own = <T>({ account }: Profile, accounts: readonly T[]): T => accounts[account] as T

const ping = (self: Self): void => {
  const { profile, world: { cast }, random } = self
  const payload = `<ping xmlns='${NS.ping}'/>`
  if (random.chance(0.3)) return void self.ask('ping', '', 'get', payload)
  if (random.chance(0.4)) return void self.ask('ping', escapeAttribute(profile.bare), 'get', payload)
  self.ask('ping', escapeAttribute(random.pick(cast.clients).full), 'get', payload, true)
}

const roster = (self: Self): void => {
  const { profile, world: { cast }, random } = self
  if (random.chance(0.5)) return void self.ask('roster get', '', 'get', `<query xmlns='${NS.roster}'/>`)
  const contact = cast.accounts[random.pick(own(profile, cast.accounts).contacts)] as (typeof cast.accounts)[number]
  self.ask('roster set', '', 'set', `<query xmlns='${NS.roster}'><item jid='${escapeAttribute(contact.jid)}' name='friend ${random.below(1000)}'/></query>`)
}

const privateData = (self: Self): void => {
  // a namespace of its own: the account's other clients write theirs
  const ns = `${PRIVATE}:${self.profile.index}`
  if (self.random.chance(0.5)) {
    self.privateSet++
    return void self.ask(`private set ${self.privateSet}`, '', 'set', `<query xmlns='jabber:iq:private'><chaos xmlns='${ns}'><v>${self.privateSet}</v></chaos></query>`)
  }
  self.ask(`private get ${self.privateSure}`, '', 'get', `<query xmlns='jabber:iq:private'><chaos xmlns='${ns}'/></query>`)
}
