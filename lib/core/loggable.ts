// Which messages are of the log (durability.md, "The promises"): what is worth keeping until it has arrived. A message that
// only says something about now is not, nor what its sender does not want stored.
import { NS } from '../base/namespaces.js'
import type { Frame, Stanza } from '../base/stanza.js'

/** Payloads that say nothing by themselves: stand-alone chat states (XEP-0085 §5.5), and what comes with them. */
const FLEETING: ReadonlySet<string> = new Set(['http://jabber.org/protocol/chatstates', NS.hints, NS.stanzaId, NS.delay, 'urn:xmpp:occupant-id:0'])

const hints = ({ children }: Frame, name: string): boolean => {
  for (let i = 0; i < children.length; i++) {
    const child = children[i] as { ns: string; name: string }
    if (child.ns === NS.hints && child.name === name) return true
  }
  return false
}

/** Chat and normal messages with a body or another payload that XEP-0313 §5.1.1 would archive; XEP-0334 §4 has a say. */
export const isLoggable = (stanza: Stanza): boolean => {
  const { type, children } = stanza
  // RFC 6121 §5.2.2: an unknown type means 'normal'
  if (type === 'groupchat' || type === 'headline' || type === 'error') return false
  let lasting = false
  for (let i = 0; i < children.length; i++) {
    const { ns, name } = children[i] as { ns: string; name: string }
    if (ns === NS.hints) {
      if (name === 'no-store') return false
      if (name === 'store') lasting = true
    } else if (!FLEETING.has(ns) && (name !== 'thread' || ns !== NS.client)) lasting = true
  }
  return lasting
}

/** XEP-0334 §4.1 */
export const mayBeArchived = (stanza: Frame): boolean => !hints(stanza, 'no-permanent-store') && !hints(stanza, 'no-store')
