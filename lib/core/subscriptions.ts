// Presence subscriptions (RFC 6121 §3 and Appendix A): what a subscription stanza makes of the two rosters that it
// concerns. Pure: rows in, rows out. A subscription is symmetric between two accounts of this server, because both rows are
// written in one transaction.
import type { Contact, ContactChange } from './ports.js'

export type SubscriptionType = 'subscribe' | 'subscribed' | 'unsubscribe' | 'unsubscribed'

/** Appendix A.1's nine states; "pending in" is a request that waits for an answer, "pending out" is `ask`. */
export interface State {
  /** Gets the contact's presence. */
  readonly to: boolean
  /** The contact gets this account's presence. */
  readonly from: boolean
  readonly out: boolean
  readonly in: boolean
  /** §3.4: the contact's request is granted before it was made. */
  readonly approved: boolean
}

export const NOTHING: State = { to: false, from: false, out: false, in: false, approved: false }

/** Who sends. @returns the new state, and whether the stanza goes on to the contact (RFC 6121 Appendix A.2). */
export const outbound = (type: SubscriptionType, state: State): { readonly state: State; readonly route: boolean } => {
  switch (type) {
    // A.2.1: routed in every state, for the other side may have forgotten
    case 'subscribe': return { route: true, state: state.to || state.out ? state : { ...state, out: true } }
    // A.2.2
    case 'unsubscribe': return { route: true, state: { ...state, to: false, out: false } }
    // A.2.3: an answer to a request; without one it is a pre-approval (§3.4.2), and stays here
    case 'subscribed': return state.in ? { route: true, state: { ...state, in: false, from: true, approved: false } }
      : { route: false, state: state.from ? state : { ...state, approved: true } }
    // A.2.4: also takes a pre-approval back (§3.4.2)
    case 'unsubscribed': return { route: state.in || state.from, state: { ...state, in: false, from: false, approved: false } }
  }
}

/**
 * Who gets. `deliver`: the account's clients see the stanza. `reply`: its server answers instead (A.3.1, footnotes).
 */
export const inbound = (type: SubscriptionType, state: State): { readonly state: State; readonly deliver: boolean; readonly reply: 'subscribed' | null } => {
  const stays = { state, deliver: false, reply: null }
  switch (type) {
    case 'subscribe': // A.3.1
      if (state.from) return { ...stays, reply: 'subscribed' } // §3.1.3 case 1: it was granted before
      if (state.approved) return { ...stays, state: { ...state, from: true, approved: false }, reply: 'subscribed' } // §3.4.2
      return state.in ? stays : { ...stays, state: { ...state, in: true }, deliver: true }
    case 'unsubscribe': // A.3.2
      return state.from || state.in ? { ...stays, state: { ...state, from: false, in: false }, deliver: true } : stays
    case 'subscribed': // A.3.3
      return state.out ? { ...stays, state: { ...state, out: false, to: true }, deliver: true } : stays
    case 'unsubscribed': // A.3.4
      return state.to || state.out ? { ...stays, state: { ...state, to: false, out: false }, deliver: true } : stays
  }
}

export const stateOf = (row: Contact | null): State => row === null ? NOTHING : {
  to: row.subscription === 'to' || row.subscription === 'both',
  from: row.subscription === 'from' || row.subscription === 'both',
  out: row.ask,
  in: row.request !== null,
  approved: row.approved,
}

export const subscriptionOf = ({ to, from }: State): Contact['subscription'] => (to ? (from ? 'both' : 'to') : from ? 'from' : 'none')

/** A row in another state. Everything but a request that waits puts the contact on the list (§3.1.2, §3.4.2, A.1). @param request their stanza, kept while it waits */
export const withState = (jid: string, row: Contact | null, state: State, request: string | null): ContactChange => ({
  jid,
  name: row?.name ?? '',
  groups: row?.groups ?? [],
  subscription: subscriptionOf(state),
  ask: state.out,
  approved: state.approved,
  request: state.in ? row?.request ?? request : null,
  listed: row?.listed === true || state.to || state.from || state.out || state.approved,
})
