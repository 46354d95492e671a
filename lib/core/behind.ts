// Order between two nodes (durability.md D11): a stanza that is not of the log says which entry of the receiver's log its stream has
// put there last, and its owner holds it until the session has that. A hint may be lost; this shows that it was.
import type { Routed } from './route.js'
import type { Session } from './sessions.js'

/** Accounts remembered of one session, those longest unused first to go: a message put into their logs is long delivered. */
const MOST = 64
const BEHIND = '<behind '

/** The session has put this entry into the account's log. */
export const hasPut = (session: Session, account: string, seq: number): void => {
  session.put ??= new Map()
  session.put.delete(account)
  session.put.set(account, seq)
  if (session.put.size > MOST) session.put.delete(session.put.keys().next().value as string)
}

/** What another node has put for it before it came here is not known: its first stanza for an account waits for all that is there. */
export const hasPutElsewhere = (session: Session): void => {
  session.put = new Map([[ANYWHERE, Infinity]])
}
const ANYWHERE = '*'

/** The entry of the receiver's log that it must not overtake; null: none. Presence says how things are, and waits for nothing. */
export const lastBefore = ({ session, stanza, to }: Routed): number | null => {
  const { put } = session ?? {}
  if (put === undefined || put === null || stanza.kind === 'presence') return null
  const known = put.get(to.bare)
  if (known !== undefined) return known
  if (!put.has(ANYWHERE)) return null
  hasPut(session as Session, to.bare, 0) // once is enough
  return Infinity
}

/** What goes before the octets of a stanza to another node. */
export const written = (after: number | null): string => (after === null ? '' : `${BEHIND}${after}>`)

export const readBehind = (text: string): { readonly after: number | null; readonly xml: string } => {
  if (!text.startsWith(BEHIND)) return { after: null, xml: text }
  const end = text.indexOf('>')
  return { after: Number(text.slice(BEHIND.length, end)), xml: text.slice(end + 1) }
}
