import type { Kind } from '../base/stanza.js';
import type { Rule } from './ending.js';
/**
 * deliver: to the most available sessions · all: to every session fit for the kind · exact: to the one session ·
 * store: keep until somebody is there · refuse: service-unavailable · answer: handled here on the account's behalf ·
 * otherwise: the rule by which the stanza is ignored.
 */
export type Action = 'deliver' | 'all' | 'exact' | 'store' | 'refuse' | 'answer' | Rule;
export declare const MESSAGE_TYPES: readonly ["normal", "chat", "groupchat", "headline", "error"];
export type MessageType = (typeof MESSAGE_TYPES)[number];
export declare const IQ_TYPES: readonly ["get", "set", "result", "error"];
export type IqType = (typeof IQ_TYPES)[number];
/** '' is available presence. */
export declare const PRESENCE_TYPES: readonly ["", "unavailable", "subscribe", "subscribed", "unsubscribe", "unsubscribed", "probe", "error"];
export type PresenceType = (typeof PRESENCE_TYPES)[number];
/**
 * Where the stanza goes. server: a domain of ours (any resource) · nobody: no such account ·
 * bare: an account, `reachable` with a session of priority ≥ 0, `unreachable` without ·
 * match: a full JID bound now · other: a full JID that is not bound, `reachable` and `unreachable` as above.
 */
export type Target = 'server' | 'nobody' | 'bare reachable' | 'bare unreachable' | 'match' | 'other reachable' | 'other unreachable';
/** RFC 6121 §8.5.1, §8.5.2, §8.5.3 and its summary, Table 1 in §8.5.4. Where it leaves a choice, the sender hears. */
export declare const MESSAGE: Record<Target, Record<MessageType, Action>>;
/** RFC 6121 §8.5. Subscriptions are the account's, whatever resource they name (§3.1.3); their state machine comes later. */
export declare const PRESENCE: Record<Target, Record<PresenceType, Action>>;
/** RFC 6121 §8.5.1, §8.5.2.1.3, §8.5.2.2.3, §8.5.3: every request gets exactly one answer (RFC 6120 §8.2.3). */
export declare const IQ: Record<Target, Record<IqType, Action>>;
/** Which rule says that nobody there to take a stanza is no error, for actions that found nobody. */
export declare const NOBODY_TOOK: Record<Kind, Rule>;
