// The shape of a carbon copy (XEP-0280 §7, §8): a message around a message (XEP-0297). Written by splicing, for the original
// goes in as it is; read again by who must know what a copy is a copy of.
import type { Jid } from '../base/jid.js'
import { NS } from '../base/namespaces.js'
import { stamp } from '../base/stanza.js'
import type { Child, Frame, Stanza } from '../base/stanza.js'
import { treeOf } from '../wire/tree.js'
import { MESSAGE_TYPES } from './rules.js'
import type { Session } from './sessions.js'

export const CARBONS = 'urn:xmpp:carbons:2'

/** Of what one of the account's other sessions sent, or received. */
export type Direction = 'sent' | 'received'

const OPEN: Record<Direction, string> = {
  sent: `<sent xmlns='${CARBONS}'><forwarded xmlns='urn:xmpp:forward:0'>`,
  received: `<received xmlns='${CARBONS}'><forwarded xmlns='urn:xmpp:forward:0'>`,
}
const CLOSE: Record<Direction, string> = { sent: '</forwarded></sent>', received: '</forwarded></received>' }

export const isCopy = ({ ns, name }: Child): boolean => ns === CARBONS && (name === 'sent' || name === 'received')

/** §6.1: payloads typical of instant messaging: receipts (XEP-0184), chat states (XEP-0085), markers (XEP-0333). */
const CHATTING: readonly string[] = ['urn:xmpp:receipts', 'http://jabber.org/protocol/chatstates', 'urn:xmpp:chat-markers:0']
const DIRECT_INVITATION = 'jabber:x:conference'
const MUC_USER = 'http://jabber.org/protocol/muc#user'

const isInvitation = (xml: string, { ns, start, end }: Child): boolean =>
  ns === DIRECT_INVITATION || (ns === MUC_USER && treeOf(xml.slice(start, end)).getChild('invite') !== undefined)

/** §6.1: which messages are copied, with the rules for group chats (MUC) there. */
export const isEligible = ({ type, children, xml }: Frame, from: Jid, direction: Direction): boolean => {
  if (type === 'groupchat' || type === 'headline') return false
  // §9, and XEP-0334 §4.3; and a copy is not copied
  if (children.some((c) => (c.ns === CARBONS && c.name === 'private') || (c.ns === NS.hints && c.name === 'no-copy') || isCopy(c))) return false
  if (children.some((c) => isInvitation(xml, c))) return true
  // the group chat has sent it to every session that is in it already
  if (direction === 'received' && from.resource !== '' && children.some((c) => c.ns === MUC_USER)) return false
  return type === 'chat' || children.some((c) => CHATTING.includes(c.ns) || (c.ns === NS.client && c.name === 'body'))
}

/**
 * A message under way as octets that may stand inside another element: stamped with its sender, and in jabber:client by
 * its own declaration (XEP-0297 §3.2: the namespace must be preserved).
 * @param sender null where the message bears its `from` already
 */
export const enclosable = (stanza: Stanza, sender: Session | null): string => {
  const declaration = stanza.declared ? '' : " xmlns='jabber:client'"
  if (sender !== null) return stamp(stanza, declaration + (stanza.lang === '' ? sender.fromWithLang : sender.from))
  return stanza.xml.slice(0, stanza.nameEnd) + declaration + stanza.xml.slice(stanza.nameEnd)
}

/** The same of a message that bears its `from`. @param nameEnd as Frame's */
export const enclosed = (octets: string, nameEnd: number, declared: boolean): string =>
  (declared ? octets : `${octets.slice(0, nameEnd)} xmlns='jabber:client'${octets.slice(nameEnd)}`)

const TYPES: readonly string[] = MESSAGE_TYPES
export const isType = (type: string): boolean => TYPES.includes(type)

/**
 * The copy for one session, as octets: from its own bare JID, to its full JID, of the original's type (XEP-0280 §7, §8).
 * @param type the original's; one that RFC 6121 §5.2.2 does not know means 'normal', as does none
 * @param original from `enclosable`
 */
export const carbonCopy = (direction: Direction, { from, fromBare }: Session, type: string, original: string): string => {
  const to = ` to${from.slice(' from'.length)}`
  return `<message${fromBare}${to}${isType(type) ? ` type='${type}'` : ''}>${OPEN[direction]}${original}${CLOSE[direction]}</message>`
}

/** What a message from `carbonCopy` is a copy of, as octets; null for any other. */
export const originalOf = ({ xml, children }: Frame): string | null => {
  const [child] = children
  if (child === undefined || children.length > 1 || !isCopy(child)) return null
  const direction = child.name as Direction
  const octets = xml.slice(child.start, child.end)
  if (!octets.startsWith(OPEN[direction]) || !octets.endsWith(CLOSE[direction])) return null
  return octets.slice(OPEN[direction].length, -CLOSE[direction].length)
}
