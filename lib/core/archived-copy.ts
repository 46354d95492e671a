// The shape of a result of the archive (XEP-0313 §4.2): a message around a message (XEP-0297). Written by splicing, for the
// original goes in as it is, with the id that it has in this archive.
import type { Jid } from '../base/jid.js'
import { NS } from '../base/namespaces.js'
import { withChild } from '../base/stanza.js'
import type { Stanza } from '../base/stanza.js'
import { frameOf } from '../wire/framer.js'
import { attribute } from '../wire/writer.js'
import { MAM } from './archive-query.js'
import { enclosable } from './carbon-copy.js'
import { attributeOf, isOurs, without } from './forgery.js'
import { idOf } from './log-id.js'
import type { LogEntry } from './ports.js'
import type { Session } from './sessions.js'

export type ArchivedEntry = Pick<LogEntry, 'seq' | 'mark' | 'at' | 'peer' | 'xml'>

export interface Addresses {
  readonly domains: ReadonlySet<string>
  readonly jid: (text: string) => Jid | null
}

/**
 * XEP-0359 §5: at most one id by this account, its own. The other side's goes too: it names an entry of an archive that is
 * not for this account to read (XEP-0313 §3.4). A group chat's stays.
 */
const identified = (xml: string, account: Jid, peer: Jid, id: string, domains: ReadonlySet<string>, jid: Addresses['jid']): Stanza => {
  const given = frameOf(xml) as Stanza
  const stanza = !given.children.some((c) => c.ns === NS.stanzaId) ? given : without(given, (child) =>
    child.ns === NS.stanzaId && child.name === 'stanza-id' && isOurs(jid(attributeOf(given, child, 'by')), account, peer, domains))
  return { ...stanza, xml: withChild(stanza, `<stanza-id xmlns='${NS.stanzaId}'${attribute('by', account.bare)}${attribute('id', id)}/>`) }
}

/** The result for one session, as octets. @param queryId as the client gave it; '': it gave none */
export const archivedCopy = ({ jid, from, fromBare }: Session, queryId: string, entry: ArchivedEntry, addresses: Addresses): string => {
  const id = idOf(entry)
  const original = enclosable(identified(entry.xml, jid, addresses.jid(entry.peer) ?? jid, id, addresses.domains, addresses.jid), null)
  return `<message${fromBare} to${from.slice(' from'.length)}><result xmlns='${MAM}'${attribute('queryid', queryId)}${attribute('id', id)}>` +
    `<forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='${NS.delay}' stamp='${new Date(entry.at).toISOString()}'/>${original}</forwarded></result></message>`
}

/** The addresses in the start tag of a stanza, octets: `from` and `to`, decoded. */
export const addressesIn = (head: string): readonly string[] => {
  const { from, to } = frameOf(head.endsWith('/>') ? head : `${head.slice(0, -1)}/>`)
  return [from, to]
}
