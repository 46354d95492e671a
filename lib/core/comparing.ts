// That no session stands behind its account's log without knowing it (durability.md D6): a hand-over is a hint, and may be lost. And
// that none goes on here which is not this node's: of a change of the table its own answer may be lost as well as another
// node's word, and a bind that was given up may even be written late, in place of its successor. Every few seconds the
// sessions' positions, and what is known of their accounts, are compared with the table, in a few look-ups by key.
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
 * @param doubt has the account's sessions here looked up; null: there are no other nodes
 */
export const makeComparing = (
  store: LogStore, sessions: Sessions, every: number, follow: (session: Session) => void, doubt: ((account: string) => void) | null, report: (error: unknown) => void,
): Comparing => {
  /** What differed at the last look, and how: what has just been committed may be about to be known. */
  let behind = new Map<Session, number>()
  let strange = new Map<string, number>()
  let next = 0
  let looking = false

  const isFollowing = ({ open, behind: reads }: Session): boolean => open && !reads

  const look = async (): Promise<void> => {
    const following = [...sessions.all()].filter(isFollowing)
    const accounts = [...new Set(following.map((s) => s.account))]
    const [nowBehind, nowStrange] = [new Map<Session, number>(), new Map<string, number>()]
    for (let i = 0; i < accounts.length; i += SOME) {
      for (const [account, { seq, generation }] of await store.lasts(accounts.slice(i, i + SOME))) {
        const { all } = sessions.of(account)
        for (const session of all) {
          if (!isFollowing(session) || session.position >= seq) continue
          if (behind.get(session) === session.position) follow(session)
          else nowBehind.set(session, session.position)
        }
        if (doubt === null || all[0] === undefined || all[0].member.generation === generation) continue
        if (strange.get(account) === generation) doubt(account)
        else nowStrange.set(account, generation)
      }
    }
    behind = nowBehind
    strange = nowStrange
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
