// Subscription stanzas under way (RFC 6121 §3): the state machine of subscriptions.ts applied to both rosters, then told to
// both sides in the order that the RFC gives, with the presence that follows from it.
import { parseJid } from '../base/jid.js'
import type { Jid } from '../base/jid.js'
import type { Stanza } from '../base/stanza.js'
import { frameOf } from '../wire/framer.js'
import { attribute } from '../wire/writer.js'
import type { Blocklists } from './blocklists.js'
import type { Elsewhere, Listeners } from './elsewhere.js'
import { ignored } from './ending.js'
import type { Ending } from './ending.js'
import { orWait } from './or-wait.js'
import type { Acting, Contact, ContactChange } from './ports.js'
import type { Presence } from './presence.js'
import type { Push, Rosters } from './rosters.js'
import type { Session, Sessions } from './sessions.js'
import { inbound, outbound, stateOf, withState } from './subscriptions.js'
import type { State, SubscriptionType } from './subscriptions.js'

export interface Subscribing {
  /** A subscription stanza of an account's session, for another account. */
  handle(from: Jid, to: Jid, stanza: Stanza, by: Acting | null): Promise<Ending>
  /** Another node has this for sessions of the account. */
  heard(account: string, to: Listeners, octets: string): void
  /** §2.5: take a contact off the roster, with all that is between the two. False: it is not on it. */
  remove(account: string, contact: string, by: Acting | null): Promise<boolean>
}

/** Octets of a request that are kept; of a longer one only that it was made (XEP-0172 and the like add little). */
const LONGEST_REQUEST = 4096

/** What happened to the two sides. */
interface Outcome {
  /** The contact's clients see it. */
  readonly delivered: boolean
  /** The contact's server answered by itself, and the sender's clients see the answer. */
  readonly replied: boolean
  /** One side saw the other's presence until now. Who did not is not told who was there (§3.2.2, §3.3.3). */
  readonly saw: boolean
}

const NOTHING: Outcome = { delivered: false, replied: false, saw: false }

export const makeSubscribing = (rosters: Rosters, presence: Presence, sessions: Sessions, blocklists: Blocklists, elsewhere: Elsewhere | null): Subscribing => {
  /** To sessions here. Returns how many took it. */
  const heard = (account: string, to: Listeners, octets: string, declared: boolean): number => {
    let taken = 0
    for (const session of to === 'available' ? sessions.of(account).available : listeners(account)) if (session.outlet.write(octets, declared)) taken++
    return taken
  }
  const say = (account: string, to: Listeners, octets: string, declared: boolean): number => {
    elsewhere?.word(account, ['say', to, octets])
    return heard(account, to, octets, declared)
  }
  /** §3.1.6: answers are for those who asked for the roster. Some clients never do, and see them all the same. */
  const listeners = (account: string): readonly Session[] => sessions.of(account).all.filter((s) => s.interested || s.wanted !== null)
  const blocks = async (account: string, other: Jid): Promise<boolean> =>
    (await orWait(blocklists.of(account), 'the contact cannot be looked up now'))?.blocks(other) === true
  const said = (type: SubscriptionType, from: string, to: string): string => `<presence${attribute('from', from)}${attribute('to', to)} type='${type}'/>`

  const tell = (type: SubscriptionType, user: string, contact: string, octets: string, declared: boolean, outcome: Outcome, push: Push): Ending => {
    switch (type) {
      case 'subscribe': {
        // §3.1.3 case 2, §3.1.6
        if (outcome.replied) say(user, 'listening', said('subscribed', contact, user), false)
        push.own()
        if (outcome.replied) {
          push.theirs()
          presence.show(contact, user)
          return 'answered'
        }
        if (!outcome.delivered) return ignored('RFC 6121 §3.1.3')
        // §3.1.3 cases 3 and 4: to all that are available; again at each log-in until it is answered
        return say(contact, 'available', octets, declared) > 0 ? 'delivered' : 'stored'
      }
      case 'subscribed': // §3.1.5, §3.1.6
        push.own()
        if (!outcome.delivered) return ignored('RFC 6121 §3.1.6')
        say(contact, 'listening', octets, declared)
        push.theirs()
        presence.show(user, contact)
        return 'delivered'
      case 'unsubscribe': // §3.3.2, §3.3.3
        push.own()
        if (outcome.delivered) say(contact, 'listening', octets, declared)
        push.theirs()
        if (outcome.saw) presence.show(contact, user, 'gone')
        return outcome.delivered ? 'delivered' : ignored('RFC 6121 §3.3.3')
      case 'unsubscribed': // §3.2.2: first that nobody is there any more, while it may still be said
        if (outcome.saw) presence.show(user, contact, 'gone')
        if (outcome.delivered) say(contact, 'listening', octets, declared)
        push.theirs()
        push.own()
        return outcome.delivered ? 'delivered' : ignored('RFC 6121 §3.2.3')
    }
  }

  return {
    heard: (account, to, octets) => void heard(account, to, octets, frameOf(octets).declared),
    handle: async (from, to, stanza, by) => {
      const type = stanza.type as SubscriptionType
      // §4.2.2: everybody is subscribed to oneself
      if (from.bare === to.bare) return ignored('RFC 6121 §4.2.2')
      // §3.1.2: between accounts, so both addresses are bare
      const octets = bareStamped(stanza, from.bare, to.bare)
      const blocked = await blocks(to.bare, from)
      const hidden = await blocks(from.bare, to)
      let outcome = NOTHING
      return rosters.change(from.bare, to.bare, (own, theirs) => {
        const sent = outbound(type, stateOf(own))
        let mine = sent.state
        let other: State | null = null
        // XEP-0191 §2.2: a blocked contact's request comes to nothing; its answers count, unheard
        if (sent.route && theirs !== undefined && !(blocked && type === 'subscribe')) {
          const got = inbound(type, stateOf(theirs))
          other = got.state
          let replied = false
          if (got.reply !== null) {
            const back = inbound(got.reply, mine)
            mine = back.state
            replied = back.deliver
          }
          outcome = { delivered: got.deliver && !blocked, replied, saw: !blocked && !hidden && stateOf(type === 'unsubscribe' ? theirs : own).from }
        }
        return {
          ...written('own', to.bare, own, mine, null),
          ...(other === null ? {} : written('theirs', from.bare, theirs ?? null, other, octets.length <= LONGEST_REQUEST ? octets : said('subscribe', from.bare, to.bare))),
        }
      }, (push) => tell(type, from.bare, to.bare, octets, stanza.declared, outcome, push), by)
    },
    remove: async (account, contact, by) => {
      const blocked = await blocks(contact, parseJid(account))
      const hidden = blocked || await blocks(account, parseJid(contact))
      let there = false
      let gave = false
      let got = false
      const told: SubscriptionType[] = []
      return rosters.change(account, contact, (own, theirs) => {
        there = own?.listed === true
        if (!there) return {}
        const state = stateOf(own)
        gave = state.from && !hidden
        got = state.to && !hidden
        // §2.5.2: with the contact goes what each has of the other
        let other: State | null = theirs === undefined ? null : stateOf(theirs)
        for (const type of ['unsubscribe', 'unsubscribed'] as const) {
          if (other === null || !(type === 'unsubscribe' ? state.to || state.out : state.from || state.in)) continue
          const { state: after, deliver } = inbound(type, other)
          other = after
          if (deliver && !blocked) told.push(type)
        }
        return {
          own: { jid: contact, name: '', groups: [], subscription: 'none', ask: false, approved: false, request: null, listed: false },
          ...(other === null ? {} : written('theirs', account, theirs ?? null, other, null)),
        }
      }, (push) => {
        if (gave) presence.show(account, contact, 'gone')
        for (const type of told) say(contact, 'listening', said(type, account, contact), false)
        push.theirs()
        push.own()
        if (got) presence.show(contact, account, 'gone')
        return there
      }, by)
    },
  }
}

/** The row of one side where its state makes a difference to it. */
const written = <Side extends 'own' | 'theirs'>(side: Side, jid: string, before: Contact | null, state: State, request: string | null): { [S in Side]?: ContactChange } => {
  const was = stateOf(before)
  const same = (Object.keys(was) as (keyof State)[]).every((key) => was[key] === state[key])
  return same ? {} : { [side]: withState(jid, before, state, request) } as { [S in Side]?: ContactChange }
}

/** With bare addresses, whatever the sender wrote. */
const bareStamped = (stanza: Stanza, from: string, to: string): string => {
  const { xml, nameEnd } = stanza
  // the addresses stand in the start tag alone; `to` is written anew, for it may name a resource. Attribute by attribute,
  // for a value may hold what looks like one
  const open = xml.slice(nameEnd, stanza.openEnd).replace(/\s+([^\s=]+)\s*=\s*(?:'[^']*'|"[^"]*")/g, (all, name) => (name === 'to' || name === 'from' ? '' : all))
  return `${xml.slice(0, nameEnd)}${attribute('from', from)}${attribute('to', to)}${open}${xml.slice(stanza.openEnd)}`
}
