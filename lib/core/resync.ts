// After a gap in what other nodes tell: what sessions here were told of their contacts may be old, and what is known of their
// accounts too (durability.md D16). All is read anew, in pieces, and told again. A gap concerns everybody, so it is done once for
// many gaps.
import type { Blocklists } from './blocklists.js'
import type { Members } from './members.js'
import type { MemberStore } from './ports.js'
import type { Session, Sessions } from './sessions.js'

export interface ResyncParts {
  readonly sessions: Sessions
  readonly members: Members
  readonly store: MemberStore
  readonly blocklists: Blocklists
  /** Find out which sessions of these accounts are others' by now, and what siblings elsewhere have left. */
  check(accounts: readonly string[]): Promise<unknown>
  /** Tell it of its contacts, and of what has changed in its roster. */
  tell(session: Session): void
  report(error: unknown): void
}

/** Accounts read at once, and ms between that. */
const SOME = 100
const PAUSE = 100
/** ms from the first gap: those that come together are one. */
const SOON = 500

/** @returns to be called when there was a gap */
export const makeResync = ({ sessions, members, store, blocklists, check, tell, report }: ResyncParts): (() => void) => {
  let wanted = false
  let running = false
  const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms).unref())

  const some = async (accounts: readonly string[]): Promise<void> => {
    await check(accounts)
    const rows = await members.reload(accounts, store)
    for (const [account, { blocked }] of rows) {
      const known = members.get(account)?.blocks?.jids ?? []
      if (known.length !== blocked.length || blocked.some((jid) => !known.includes(jid))) blocklists.heard(account, blocked)
    }
    for (const account of accounts) for (const session of sessions.of(account).all) if (session.open) tell(session)
  }
  const run = async (): Promise<void> => {
    running = true
    while (wanted) {
      await pause(SOON)
      wanted = false
      const accounts = [...new Set([...sessions.all()].map((s) => s.account))]
      for (let i = 0; i < accounts.length; i += SOME) {
        try {
          await some(accounts.slice(i, i + SOME))
        } catch (error) {
          report(error)
          wanted = true // the store is away: all again
          await pause(PAUSE * 10)
          break
        }
        await pause(PAUSE)
      }
    }
    running = false
  }
  return () => {
    wanted = true
    if (!running) void run()
  }
}
