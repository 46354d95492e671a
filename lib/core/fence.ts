// That no message is committed for a session which is another node's by now (durability.md D2, D10): this node may have stood
// still while the client resumed elsewhere. Each group commit compares the generations of its senders' accounts behind their
// locks; where one is not as known here, the owners are read in a later statement, and who has moved is told so.
import type { Fence } from './message-log.js'
import { NO_GENERATION } from './members.js'
import type { Member } from './members.js'
import type { Owner, PresenceStore } from './ports.js'
import type { Logging } from './router.js'
import type { Session, Sessions } from './sessions.js'

/**
 * A change of this node's own has raised the account's generation. Had another node raised it in between, the number would be
 * higher: then it is not known whose the other sessions are. With nothing known there are no others.
 */
export const raisedTo = (member: Member | undefined, generation: number): void => {
  if (member !== undefined && (member.generation === NO_GENERATION || member.generation + 1 === generation)) member.generation = generation
}

export interface SessionFence extends Fence<Logging> {
  /** It has ended here, and may have sent what is not committed yet. */
  over(session: Session): void
}

/** Its row may not be there yet. */
const isBeingBound = ({ boundAt, stream }: Session): boolean => boundAt === -Infinity && stream === null

/** @param moved told of each session that is not this node's any more: another's, or (gone) nobody's, for one of its resource came later */
export const makeFence = (store: PresenceStore, sessions: Sessions, node: Owner, moved: (session: Session, gone: boolean) => void): SessionFence => {
  /** Ended here, and messages of theirs are not committed yet. */
  const leaving = new Set<Session>()
  return {
    over: (session) => {
      for (const before of leaving) if (before.uncommitted === 0) leaving.delete(before)
      if (session.uncommitted > 0) leaving.add(session)
    },
    of: (items, streams) => {
      const found = new Map<string, number>()
      // what the journal says of a session is read by who takes it, behind the same lock: it is in there, or is not said at all
      for (const { fence } of streams) if (fence !== null) found.set(...fence)
      for (const { routed: { session } } of items) if (session !== null) found.set(session.account, session.member.generation)
      return found
    },
    hasMoved: ({ routed: { session } }) => session?.moved === true,
    check: async (items, accounts) => {
      // as of now: what is bound or taken while the question is under way may not be in its answer
      const suspects = new Set(items.flatMap(({ routed: { session } }) => (session !== null && accounts.includes(session.account) ? [session] : [])))
      for (const account of accounts) for (const session of sessions.of(account).all) if (!isBeingBound(session)) suspects.add(session)
      for (const session of leaving) {
        if (session.uncommitted === 0) leaving.delete(session)
        else if (accounts.includes(session.account)) suspects.add(session)
      }
      const found = await store.owners(accounts)
      for (const session of suspects) {
        const owners = found.get(session.account)
        session.member.generation = owners?.generation ?? NO_GENERATION
        const owner = owners?.sessions.get(session.id)
        const isOurs = owner?.id === node.id && owner.epoch === node.epoch
        // one that has ended here may have no row any more; what it sent before that counts, unless its client has come back elsewhere,
        // and may have sent it again there (D14)
        const isBack = owners !== undefined && [...owners.sessions.values()].some(({ resource }) => resource === session.jid.resource)
        const counts = !session.open && owner === undefined && (session.parted || (session.stream === null && !isBack))
        if (owners === undefined || (!isOurs && !counts)) moved(session, owner === undefined)
      }
    },
  }
}
