// Order between two nodes (durability.md D11): a stanza that is not of the log says which entry of the receiver's log its stream has
// put there last, and its owner holds it until the session has that. A hint may be lost; this shows that it was.
import type { Routed } from './route.js'
import type { Session } from './sessions.js'

/** Accounts remembered of one session, those longest unused first to go: a message put into their logs is long delivered. */
const MOST = 64
const BEHIND = '<behind '

/** Stands for all accounts of which it is not known. */
const ANYWHERE = '*'

/** The session has put this entry into the account's log. */
export const hasPut = (session: Session, account: string, seq: number): void => {
  const put = session.put ??= new Map<string, number>()
  put.delete(account)
  put.set(account, seq)
  if (put.size <= MOST) return
  for (const [key] of put) {
    if (key === ANYWHERE) continue
    put.delete(key)
    return
  }
}

/** What it has put while it was another node's is not known here. */
export const hasPutElsewhere = (session: Session): void => {
  session.put = new Map([[ANYWHERE, 0]])
}

/** Presence says how things are, and waits for nothing; what is of the log has its order there. */
const isConcerned = ({ stanza, logged }: Routed): boolean => stanza.kind !== 'presence' && !logged

/**
 * Its sender may have put something into the receiver's log while it was another node's: the last entry there is to be looked up, once
 * for each account, and `hasPut` told. Its stream waits, so what comes next on it comes behind that in the log, too.
 */
export const isUnsure = (routed: Routed): boolean => {
  const put = routed.session?.put ?? null
  return put !== null && put.has(ANYWHERE) && isConcerned(routed) && !put.has(routed.to.bare)
}

/** The entry of the receiver's log that it must not overtake; null: none is known. */
export const lastBefore = (routed: Routed): number | null => {
  const put = routed.session?.put ?? null
  return put !== null && isConcerned(routed) ? put.get(routed.to.bare) ?? null : null
}

/** What goes before the octets of a stanza to another node. */
export const written = (after: number | null): string => (after === null ? '' : `${BEHIND}${after}>`)

export const readBehind = (text: string): { readonly after: number | null; readonly xml: string } => {
  if (!text.startsWith(BEHIND)) return { after: null, xml: text }
  const end = text.indexOf('>')
  return { after: Number(text.slice(BEHIND.length, end)), xml: text.slice(end + 1) }
}
