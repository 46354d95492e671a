// Namespaces that more than one file needs; a feature's own namespace stands in its route.

export const NS = {
  client: 'jabber:client',
  stream: 'http://etherx.jabber.org/streams',
  streams: 'urn:ietf:params:xml:ns:xmpp-streams', // stream error conditions
  stanzas: 'urn:ietf:params:xml:ns:xmpp-stanzas', // stanza error conditions
  tls: 'urn:ietf:params:xml:ns:xmpp-tls',
  sasl: 'urn:ietf:params:xml:ns:xmpp-sasl',
  bind: 'urn:ietf:params:xml:ns:xmpp-bind',
  session: 'urn:ietf:params:xml:ns:xmpp-session',
  framing: 'urn:ietf:params:xml:ns:xmpp-framing', // RFC 7395
  channelBinding: 'urn:xmpp:sasl-cb:0', // XEP-0440
  sm: 'urn:xmpp:sm:3', // XEP-0198
  csi: 'urn:xmpp:csi:0', // XEP-0352
  ping: 'urn:xmpp:ping',
  roster: 'jabber:iq:roster',
  delay: 'urn:xmpp:delay',
  stanzaId: 'urn:xmpp:sid:0',
  hints: 'urn:xmpp:hints',
  discoInfo: 'http://jabber.org/protocol/disco#info',
  discoItems: 'http://jabber.org/protocol/disco#items',
  xml: 'http://www.w3.org/XML/1998/namespace',
  xmlns: 'http://www.w3.org/2000/xmlns/',
} as const
