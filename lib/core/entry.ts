// An entry of the message log as a session gets it: the message, or a copy of what another session got or sent (XEP-0280).
import type { Jid } from '../base/jid.js'
import { withChild } from '../base/stanza.js'
import type { Frame } from '../base/stanza.js'
import { NS } from '../base/namespaces.js'
import { attribute } from '../wire/writer.js'
import { carbonCopy, enclosed, isEligible } from './carbon-copy.js'
import { idOf } from './log-id.js'
import type { LogId } from './log-id.js'
import type { Form } from './given.js'
import type { Session } from './sessions.js'

/** XEP-0203: says when the message was first handled. Spliced in as the last child. */
export const withDelay = (frame: Frame, domain: string, at: number): string =>
  withChild(frame, `<delay xmlns='${NS.delay}' from='${domain}' stamp='${new Date(at).toISOString()}'/>`)

/** XEP-0359 §3: how the account's archive names it. `xml` is a whole message that is not empty. */
export const withStanzaId = (xml: string, account: string, id: LogId): string => {
  const end = xml.lastIndexOf('</')
  return `${xml.slice(0, end)}<stanza-id xmlns='${NS.stanzaId}'${attribute('by', account)} id='${idOf(id)}'/>${xml.slice(end)}`
}

/** A message as octets, with its `from`, and what is known of it. */
export interface Message {
  readonly octets: string
  readonly nameEnd: number
  readonly declared: boolean
  readonly type: string
}

/** @param frame null where it is known that it may be copied */
export const inForm = (form: Form, session: Session, { octets, nameEnd, declared, type }: Message): string =>
  (form === 'original' ? octets : carbonCopy(form, session, type, enclosed(octets, nameEnd, declared)))

/** Whether a session that wants copies gets one of this. */
export const isCopied = (session: Session, stanza: Frame, from: Jid, form: 'received' | 'sent'): boolean => session.carbons && isEligible(stanza, from, form)
