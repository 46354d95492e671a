// Requests of recorded clients that jidway answers otherwise than the server they were recorded with, because what they
// ask for is not built yet: "type namespace name: kind of answer". Later work empties this list.
export const EXPECTED_DEVIATIONS: readonly string[] = [
  'get http://jabber.org/protocol/disco#info query: error',
  'get http://jabber.org/protocol/disco#items query: error',
  'get http://jabber.org/protocol/pubsub pubsub: error',
  'get http://jabber.org/protocol/pubsub#owner pubsub: error',
  'get urn:xmpp:extdisco:2 services: error',
  'set http://jabber.org/protocol/pubsub pubsub: error',
  'set http://jabber.org/protocol/pubsub#owner pubsub: error',
  'set urn:xmpp:mam:2 query: error',
]

/** Answered otherwise than recorded for good, each with its reason. */
export const DECIDED_OTHERWISE: readonly string[] = [
  // XEP-0054 1.3.0 §3.3: of another's account without a vCard. The recorded server, of an earlier version, gave an empty one
  'get vcard-temp vCard: error',
]
