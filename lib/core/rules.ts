// RFC 6120 §10 and RFC 6121 §8 as a table: for every kind and type of stanza, to every kind of address, in every state of
// the receiver, what to do. The router carries it out; there is no rule anywhere else.
import type { Kind } from '../base/stanza.js'
import type { Rule } from './ending.js'

/**
 * deliver: to the most available sessions · all: to every session fit for the kind · exact: to the one session ·
 * store: keep until somebody is there · refuse: service-unavailable · answer: handled here on the account's behalf · subscription, probe: for the server of both accounts ·
 * otherwise: the rule by which the stanza is ignored.
 */
export type Action = 'deliver' | 'all' | 'exact' | 'store' | 'refuse' | 'answer' | 'subscription' | 'probe' | Rule

export const MESSAGE_TYPES = ['normal', 'chat', 'groupchat', 'headline', 'error'] as const
export type MessageType = (typeof MESSAGE_TYPES)[number]
export const IQ_TYPES = ['get', 'set', 'result', 'error'] as const
export type IqType = (typeof IQ_TYPES)[number]
/** '' is available presence. */
export const PRESENCE_TYPES = ['', 'unavailable', 'subscribe', 'subscribed', 'unsubscribe', 'unsubscribed', 'probe', 'error'] as const
export type PresenceType = (typeof PRESENCE_TYPES)[number]

/**
 * Where the stanza goes. server: a domain of ours (any resource) · nobody: no such account ·
 * bare: an account, `reachable` with a session of priority ≥ 0, `unreachable` without ·
 * match: a full JID bound now · other: a full JID that is not bound, `reachable` and `unreachable` as above.
 */
export type Target = 'server' | 'nobody' | 'bare reachable' | 'bare unreachable' | 'match' | 'other reachable' | 'other unreachable'

/** RFC 6121 §8.5.1, §8.5.2, §8.5.3 and its summary, Table 1 in §8.5.4. Where it leaves a choice, the sender hears. */
export const MESSAGE: Record<Target, Record<MessageType, Action>> = {
  // RFC 6120 §10.3.2, §10.5.1–2: the server itself reads no messages
  server: { normal: 'refuse', chat: 'refuse', groupchat: 'refuse', headline: 'RFC 6120 §10.5.2', error: 'RFC 6120 §8.3.1' },
  nobody: { normal: 'refuse', chat: 'refuse', groupchat: 'refuse', headline: 'RFC 6121 §8.5.1', error: 'RFC 6121 §8.5.1' },
  'bare reachable': { normal: 'deliver', chat: 'deliver', groupchat: 'refuse', headline: 'all', error: 'RFC 6121 §8.5.2.1.1' },
  'bare unreachable': { normal: 'store', chat: 'store', groupchat: 'refuse', headline: 'RFC 6121 §8.5.2.2.1', error: 'RFC 6121 §8.5.2.2.1' },
  match: { normal: 'exact', chat: 'exact', groupchat: 'exact', headline: 'exact', error: 'exact' },
  // a chat follows its receiver to another resource; everything else was meant for this one
  'other reachable': { normal: 'refuse', chat: 'deliver', groupchat: 'refuse', headline: 'RFC 6121 §8.5.3.2.1', error: 'RFC 6121 §8.5.3.2.1' },
  'other unreachable': { normal: 'refuse', chat: 'store', groupchat: 'refuse', headline: 'RFC 6121 §8.5.3.2.1', error: 'RFC 6121 §8.5.3.2.1' },
}

const presence = (available: Action, subscription: Action, probe: Action, error: Action): Record<PresenceType, Action> => ({
  '': available, unavailable: available,
  subscribe: subscription, subscribed: subscription, unsubscribe: subscription, unsubscribed: subscription,
  probe, error,
})

/**
 * RFC 6121 §8.5. Subscriptions are the account's, whatever resource they name (§3.1.3), whether it has sessions or not; so
 * are probes (§4.3.2). An unknown user's look like those of one who does not answer.
 */
export const PRESENCE: Record<Target, Record<PresenceType, Action>> = {
  server: presence('RFC 6120 §10.5.2', 'RFC 6120 §10.5.2', 'RFC 6120 §10.5.2', 'RFC 6120 §8.3.1'),
  nobody: presence('RFC 6121 §8.5.1', 'subscription', 'RFC 6121 §8.5.1', 'RFC 6121 §8.5.1'),
  'bare reachable': presence('all', 'subscription', 'probe', 'RFC 6121 §8.5.2.1.2'),
  // negative priorities take presence too: 'all' finds nobody where nobody is available
  'bare unreachable': presence('all', 'subscription', 'probe', 'RFC 6121 §8.5.2.2.2'),
  match: presence('exact', 'subscription', 'probe', 'exact'),
  'other reachable': presence('RFC 6121 §8.5.3.2.2', 'subscription', 'probe', 'RFC 6121 §8.5.3.2.2'),
  'other unreachable': presence('RFC 6121 §8.5.3.2.2', 'subscription', 'probe', 'RFC 6121 §8.5.3.2.2'),
}

/** RFC 6121 §8.5.1, §8.5.2.1.3, §8.5.2.2.3, §8.5.3: every request gets exactly one answer (RFC 6120 §8.2.3). */
export const IQ: Record<Target, Record<IqType, Action>> = {
  // an answer to the server's own request (a ping): that it came is all that mattered
  server: { get: 'answer', set: 'answer', result: 'RFC 6120 §8.2.3', error: 'RFC 6120 §8.2.3' },
  nobody: { get: 'refuse', set: 'refuse', result: 'RFC 6121 §8.5.1', error: 'RFC 6121 §8.5.1' },
  'bare reachable': { get: 'answer', set: 'answer', result: 'RFC 6120 §8.2.3', error: 'RFC 6120 §8.2.3' },
  'bare unreachable': { get: 'answer', set: 'answer', result: 'RFC 6120 §8.2.3', error: 'RFC 6120 §8.2.3' },
  match: { get: 'exact', set: 'exact', result: 'exact', error: 'exact' },
  'other reachable': { get: 'refuse', set: 'refuse', result: 'RFC 6121 §8.5.3.2.3', error: 'RFC 6121 §8.5.3.2.3' },
  'other unreachable': { get: 'refuse', set: 'refuse', result: 'RFC 6121 §8.5.3.2.3', error: 'RFC 6121 §8.5.3.2.3' },
}

/** Which rule says that nobody there to take a stanza is no error, for actions that found nobody. */
export const NOBODY_TOOK: Record<Kind, Rule> = {
  message: 'RFC 6121 §8.5.2.2.1',
  presence: 'RFC 6121 §8.5.2.2.2',
  iq: 'RFC 6120 §8.2.3',
}
