// Resource binding (RFC 6120 §7): a session for an account, under the resource that the client asked for or one made here.
import { randomBytes } from 'node:crypto'
import { StanzaError, StreamError } from '../base/errors.js'
import { JidError, withResource } from '../base/jid.js'
import type { Jid } from '../base/jid.js'
import { makeSession } from '../core/sessions.js'
import type { Member } from '../core/members.js'
import type { Outlet, Session } from '../core/sessions.js'
import type { Host } from './host.js'

/** RFC 6120 §7.6: a resource made by the server. Not to be guessed: who knows a full JID can send to it. */
const madeHere = (account: Jid): Jid => withResource(account, randomBytes(9).toString('base64url'))

const asked = (account: Jid, wanted: string): Jid => {
  try {
    return withResource(account, wanted)
  } catch (error) {
    if (error instanceof JidError) throw new StanzaError('bad-request', `resource: ${error.message}`, { cause: error }) // §7.7.2.1
    throw error
  }
}

/**
 * @param wanted the resource asked for; '' lets the server choose
 * @param tell told of the session before anything else is written to it: who does not know yet that it is bound (§7.6.1) may
 *   take nothing that comes before
 */
export const bindResource = async (host: Host, outlet: Outlet, account: Jid, wanted: string, lang: string, tell: (session: Session) => void): Promise<Session> => {
  const { members, rows } = host
  const jid = wanted === '' ? madeHere(account) : asked(account, wanted)
  let member: Member
  try {
    member = await members.acquire(account.bare)
  } catch (error) {
    throw new StanzaError('resource-constraint', 'the account cannot be read now; try again later', { type: 'wait', cause: error })
  }
  const over: Promise<void>[] = []
  const session = makeSession(claim(host, member, jid, over), randomBytes(16).toString('hex'), lang, outlet, member)
  host.sessions.add(session)
  // D16: what contacts hear of the one that it replaces comes before anything of its own
  await Promise.all(over)
  let last: number | null
  try {
    last = await rows.bind(session)
  } catch (error) {
    // it may stand in the table all the same, in place of one whose client sends again what it has sent (D14)
    void host.sessionOver(session, false)
    throw new StanzaError('resource-constraint', 'sessions cannot be stored now; try again later', { type: 'wait', cause: error })
  }
  if (last !== null) {
    // also of what another node had (durability.md D14)
    session.suspect = host.resends.suspects(account.bare)
    tell(session)
    if (session.open) host.feed.bound(session, last)
    return session
  }
  // removed between the log-in and this, when it had no session that could be ended
  void host.sessionOver(session, true)
  throw new StreamError('not-authorized', 'the account is gone')
}

/** The full JID that the session gets, which ends others of it or is another one. From here to the session's entry nothing may be waited for. */
const claim = ({ sessions, members, settings, sessionOver, ending }: Host, member: Member, jid: Jid, over: Promise<void>[]): Jid => {
  // several, where connections bind the same one at once and the older are not gone yet
  const { all } = sessions.of(jid.bare)
  const others = all.filter((s) => s.jid.resource === jid.resource)
  const replaces = others.length > 0 && settings.resourceConflict === 'replace'
  const refusal = !replaces && all.length >= settings.maxSessionsPerAccount
    ? new StanzaError('resource-constraint', 'too many resources of this account are online') // §7.6.2.1
    : others.length > 0 && settings.resourceConflict === 'reject' ? new StanzaError('conflict') : null
  if (refusal !== null) {
    members.release(member)
    throw refusal
  }
  // RFC 6120 §7.7.2.2 leaves the choice to us: by default the newer one wins, for the older is often a dead socket
  for (const other of replaces ? others : []) {
    other.outlet.close(new StreamError('conflict', 'replaced by a new connection'))
    // now, and not when its stream is done with what it waits for: contacts would take its end for that of the new one
    const end = sessionOver(other, false)
    if (end instanceof Promise) over.push(end)
  }
  // one that ended a moment ago, too
  const last = ending(jid.full)
  if (last !== undefined) over.push(last)
  return others.length > 0 && !replaces ? madeHere(jid) : jid
}
