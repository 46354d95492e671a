// That no session stands behind its account's log without knowing it (durability.md D6): a hand-over is a hint, and may be lost.
// Every few seconds the sessions' positions are compared with the last entries of their accounts, in a few look-ups by key.
import type { LogStore } from './ports.js'
import type { Session, Sessions } from './sessions.js'

export interface Comparing {
  /** Call once a second. @param now ms, monotonic */
  tick(now: number): void
}

/** Accounts in one look-up. */
const SOME = 1000

/**
 * @param every ms between two looks
 * @param follow has the session read the log
 */
export const makeComparing = (store: LogStore, sessions: Sessions, every: number, follow: (session: Session) => void, report: (error: unknown) => void): Comparing => {
  /** Who stood behind at the last look, and where: what is committed may be about to be handed over. */
  let suspects = new Map<Session, number>()
  let next = 0
  let looking = false

  const isFollowing = ({ open, behind }: Session): boolean => open && !behind

  const look = async (): Promise<void> => {
    const following = [...sessions.all()].filter(isFollowing)
    const accounts = [...new Set(following.map((s) => s.account))]
    const found = new Map<Session, number>()
    for (let i = 0; i < accounts.length; i += SOME) {
      for (const [account, last] of await store.lasts(accounts.slice(i, i + SOME))) {
        for (const session of sessions.of(account).all) {
          if (!isFollowing(session) || session.position >= last) continue
          if (suspects.get(session) === session.position) follow(session)
          else found.set(session, session.position)
        }
      }
    }
    suspects = found
  }

  return {
    tick: (now) => {
      if (looking || now < next) return
      next = now + every
      looking = true
      look().catch(report).finally(() => {
        looking = false
      })
    },
  }
}
