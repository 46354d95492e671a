// What follows for presence when an account blocks others than before (XEP-0191 §3.3, §3.4): who may not see it any more
// hears of its end, who may again sees it as it is now.
import { parseJid } from '../base/jid.js'
import type { Jid } from '../base/jid.js'
import { attribute } from '../wire/writer.js'
import type { BlockChange } from './blocklists.js'
import type { Elsewhere } from './elsewhere.js'
import { cutOf, give, isBlocked, lastWord, mayPass } from './presence.js'
import type { Broadcast, Session, Sessions } from './sessions.js'

export const reblocked = (sessions: Sessions, elsewhere: Elsewhere | null, account: string, { before, after }: BlockChange): void => {
  /** Of all its resources; on other nodes nothing else is told apart. */
  const becomes = (contact: string): 'blocked' | 'free' | null => {
    const [was, is] = [before?.blocksAccount(contact) === true, after?.blocksAccount(contact) === true]
    return was === is ? null : is ? 'blocked' : 'free'
  }
  const isFree = (jid: Jid): boolean => isBlocked(before, jid) && !isBlocked(after, jid)
  for (const session of sessions.of(account).all) {
    for (const other of watchers(sessions, session)) {
      if (isBlocked(other.member.blocks, session.jid)) continue // to it, the session has been away all the time
      if (isBlocked(after, other.jid) && !isBlocked(before, other.jid)) give(other, lastWord(session))
      else if (isFree(other.jid) && session.presence !== null && session.member.from.has(other.account)) give(other, session.presence)
    }
    if (elsewhere === null || session.wanted === null) continue
    for (const contact of session.member.from) {
      const now = becomes(contact)
      if (now !== null) elsewhere.tell(parseJid(contact), now === 'blocked' ? lastWord(session) : session.presence as Broadcast, session)
    }
  }
  // The other way round, too: nothing of the contact came through meanwhile, so what its clients show may be old
  const own = sessions.of(account).available
  for (const contact of own[0]?.member.to ?? []) {
    let shown = 0
    for (const other of sessions.of(contact).available) {
      if (!other.member.from.has(account)) continue
      for (const session of own) {
        if (!mayPass(other, session)) continue
        shown++
        if (isFree(other.jid)) give(session, other.presence as Broadcast)
      }
    }
    if (becomes(contact) !== 'free') continue
    // as a probe is answered where nobody is there (RFC 6121 §4.3.2)
    const nobody = (session: Session): void => give(session, { head: `<presence${attribute('from', contact)}`, tail: " type='unavailable'/>", declared: false })
    for (const session of own) {
      if (elsewhere === null) {
        if (shown === 0) nobody(session)
        continue
      }
      // what the store cannot tell now is told at the next log-in
      elsewhere.said([contact], session).then((said) => {
        for (const { presence } of said) give(session, cutOf(presence))
        if (shown === 0 && said.length === 0) nobody(session)
      }, () => {})
    }
  }
}

/** Who sees this session's presence: its subscribers, and whom it was sent directly (RFC 6121 §4.6). */
const watchers = (sessions: Sessions, { wanted, member, directed }: Session): ReadonlySet<Session> => {
  const all = new Set<Session>()
  if (wanted !== null) for (const contact of member.from) for (const other of sessions.of(contact).available) all.add(other)
  for (const to of directed?.values() ?? []) {
    for (const other of sessions.of(to.bare).available) if (to.resource === '' || other.jid.resource === to.resource) all.add(other)
  }
  return all
}
