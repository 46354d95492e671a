// What the clients say: messages that can be known again wherever they turn up, and reading what comes. Every message bears
// its number in the ledger in <thread/> (RFC 6121 §5.2.5), which servers carry and archive and do not look at.
import { toOctets } from '../base/octets.js'
import type { Child, Frame } from '../base/stanza.js'
import { escapeAttribute } from '../wire/writer.js'
import { hash } from './random.js'

export const CHAT_STATES = 'http://jabber.org/protocol/chatstates'
export const CARBONS = 'urn:xmpp:carbons:2'
export const MAM = 'urn:xmpp:mam:2'
const SID = 'urn:xmpp:sid:0'
const DELAY = 'urn:xmpp:delay'

/** Bodies of all sizes, with what is easily garbled: octets above ASCII, beyond the BMP, references. */
const FILLERS: readonly string[] = ['ok', 'neither, fair saint, if either thee dislike', 'größer &amp; schöner &lt;3 – 漢字 😀 &gt;', ...[80, 80, 150, 150, 300, 300, 600, 1200, 4000]
  .map((length) => 'But soft! what light through yonder window breaks? '.repeat(Math.ceil(length / 51)).slice(0, length).trim())].map(toOctets)

const body = (message: number): string => `<body>${message} ${FILLERS[message % FILLERS.length] as string}</body>`

/** `run` tells the messages of one run from those of another in the same archive. */
const thread = (run: string, message: number): string => `<thread>${run}.${message}</thread>`

export interface Wording {
  readonly to: string
  /** '' means normal. */
  readonly type: string
  readonly id: string
  readonly originId: string
}

export const textOf = (run: string, message: number, { to, type, id, originId }: Wording): string =>
  `<message to='${escapeAttribute(to)}'${type === '' ? '' : ` type='${type}'`}${id === '' ? '' : ` id='${id}'`}>${body(message)}${thread(run, message)}${
    message % 3 === 0 ? `<active xmlns='${CHAT_STATES}'/>` : ''}${originId === '' ? '' : `<origin-id xmlns='${SID}' id='${originId}'/>`}</message>`

/** A chat state by itself (XEP-0085 §5.1). */
export const chatStateOf = (run: string, message: number, { to, id }: Wording): string =>
  `<message to='${escapeAttribute(to)}' type='chat'${id === '' ? '' : ` id='${id}'`}><${message % 2 === 0 ? 'composing' : 'paused'} xmlns='${CHAT_STATES}'/>${thread(run, message)}</message>`

/** An id that is never used twice and says by itself which message it is. */
export const uniqueId = (run: string, client: number, message: number): string => `${run}-${client}-message-${message}`

/** The message of an id from `uniqueId`; null: another kind of id. */
export const messageOfId = (run: string, id: string): number | null => {
  const number = /-message-(\d+)$/.exec(id)?.[1]
  return id.startsWith(run) && number !== undefined ? Number(number) : null
}

/** The number of a message of this run, wherever in the octets it stands; -1: none of ours. */
export const numberIn = (run: string, octets: string): number => {
  const mark = `<thread>${run}.`
  const at = octets.indexOf(mark)
  if (at < 0) return -1
  const start = at + mark.length
  const number = Number(octets.slice(start, octets.indexOf('<', start)))
  return Number.isSafeInteger(number) ? number : -1
}

/** Does the message hold its body, octet for octet? */
export const isWhole = (message: number, octets: string): boolean => octets.includes(body(message))

export interface Heard {
  readonly message: number
  readonly form: 'original' | 'received' | 'sent'
  readonly delayed: boolean
  /** Hash of the stanza-id by this account (XEP-0359); 0: none. */
  readonly name: number
  /** It has a body. */
  readonly text: boolean
}

/** null: no message of this run. */
export const hear = (run: string, frame: Frame, bare: string): Heard | null => {
  const message = numberIn(run, frame.xml)
  if (message < 0) return null
  let form: Heard['form'] = 'original'
  let delayed = false
  let name = 0
  for (const child of frame.children) {
    if (child.ns === CARBONS && (child.name === 'received' || child.name === 'sent')) form = child.name
    else if (child.ns === DELAY) delayed = true
    else if (child.ns === SID && child.name === 'stanza-id' && attributeIn(frame, child, 'by') === bare) name = hash(attributeIn(frame, child, 'id'))
  }
  return { message, form, delayed, name, text: frame.xml.includes('<body>') }
}

/** An attribute of a child as it stands there; '' where absent. What servers put into ids needs no decoding. */
const attributeIn = ({ xml }: Frame, { start, end }: Child, name: string): string => attributeOf(xml.slice(start, end), name)

/** An attribute of the first tag in the octets, as it stands there. */
export const attributeOf = (octets: string, name: string): string => {
  const tag = octets.slice(0, octets.indexOf('>') + 1)
  const found = new RegExp(`\\s${name}\\s*=\\s*(?:'([^']*)'|"([^"]*)")`).exec(tag)
  return found?.[1] ?? found?.[2] ?? ''
}

/** The text of a child without elements, as octets; '' where there is none such. */
export const textIn = ({ xml, children }: Frame, name: string): string => {
  const child = children.find((c) => c.name === name)
  if (child === undefined) return ''
  const octets = xml.slice(child.start, child.end)
  const open = octets.indexOf('>') + 1
  return octets.slice(open, Math.max(open, octets.lastIndexOf('</')))
}

/** The status of a presence: who says it, and how often it has said something. */
export const statusOf = (run: string, client: number, serial: number): string => `${run}/${client}/${serial}`

/** The serial of a presence of this run; -1: none of ours. */
export const serialIn = (run: string, frame: Frame): number => {
  const [said, , serial] = textIn(frame, 'status').split('/')
  return said === run && serial !== undefined ? Number(serial) : -1
}
