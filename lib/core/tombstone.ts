// What is left of a retracted message (XEP-0424 §4): who wrote it to whom, under which id, and which message retracted it.
import { createElement as el } from 'ltx'
import { NS } from '../base/namespaces.js'
import type { Frame } from '../base/stanza.js'
import { frameOf } from '../wire/framer.js'
import { serialize } from '../wire/writer.js'
import { attributeOf } from './forgery.js'

export const RETRACT = 'urn:xmpp:message-retract:1'

/** The id in the start tag of a stanza, octets. */
export const idIn = (head: string): string => frameOf(head.endsWith('/>') ? head : `${head.slice(0, -1)}/>`).id

/** Whether this is what is left of a message, and nothing of its content. */
export const isTombstone = ({ children }: Frame): boolean =>
  children.some((child) => child.ns === RETRACT && child.name === 'retracted') && children.every((child) => child.ns === RETRACT || child.ns === NS.stanzaId)

/**
 * A message, octets, as a tombstone. Both ids that its sender gave it stay: by them it is known when it is sent again (D14). null where it has to stay: a retraction, or a tombstone already (§5: clients learn of
 * a retraction by it).
 * @param by id of the message that retracts it
 */
export const tombstone = (xml: string, by: string, at: Date): string | null => {
  const frame = frameOf(xml)
  const { type, id, from, to, children } = frame
  if (children.some((child) => child.ns === RETRACT)) return null
  const attributes = Object.entries({ type, id, from, to }).filter(([, value]) => value !== '')
  const child = children.find(({ ns, name }) => ns === NS.stanzaId && name === 'origin-id')
  const origin = child === undefined ? '' : attributeOf(frame, child, 'id')
  return serialize(el('message', Object.fromEntries(attributes), el('retracted', { xmlns: RETRACT, id: by, stamp: at.toISOString() }),
    ...(origin === '' ? [] : [el('origin-id', { xmlns: NS.stanzaId, id: origin })])))
}
