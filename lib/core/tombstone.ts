// What is left of a retracted message (XEP-0424 §4): who wrote it to whom, under which id, and which message retracted it.
import { createElement as el } from 'ltx'
import { frameOf } from '../wire/framer.js'
import { serialize } from '../wire/writer.js'

export const RETRACT = 'urn:xmpp:message-retract:1'

/** The id in the start tag of a stanza, octets. */
export const idIn = (head: string): string => frameOf(head.endsWith('/>') ? head : `${head.slice(0, -1)}/>`).id

/**
 * A message, octets, as a tombstone. null where it has to stay: a retraction, or a tombstone already (§5: clients learn of
 * a retraction by it).
 * @param by id of the message that retracts it
 */
export const tombstone = (xml: string, by: string, at: Date): string | null => {
  const { type, id, from, to, children } = frameOf(xml)
  if (children.some((child) => child.ns === RETRACT)) return null
  const attributes = Object.entries({ type, id, from, to }).filter(([, value]) => value !== '')
  return serialize(el('message', Object.fromEntries(attributes), el('retracted', { xmlns: RETRACT, id: by, stamp: at.toISOString() })))
}
