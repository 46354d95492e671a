// What the server knows of an account while it has sessions here, loaded once at its first log-in and shared by all of its
// sessions: who may see its presence, whose presence it sees, whom it blocks. So presence goes to a thousand contacts, and a
// message past a block list, without a question to the store. Gone with the last session.
import type { Blocklist } from './blocklist.js'
import { makeBlocklist } from './blocklist.js'
import { makeBatcher } from './batcher.js'
import type { MemberRows, MemberStore } from './ports.js'

export interface Member {
  readonly account: string
  /** Bare JIDs whose presence it gets (subscription 'to' or 'both'). This and the others are replaced, never changed. */
  to: readonly string[]
  /** Bare JIDs that get its presence (subscription 'from' or 'both'). */
  from: ReadonlySet<string>
  /** Subscription requests that wait for an answer: bare JID → the stanza as octets. */
  requests: ReadonlyMap<string, string>
  /** Whom it blocks (XEP-0191); null: nobody. */
  blocks: Blocklist | null
  /** How many of its sessions here want copies of messages (XEP-0280). */
  copies: number
  /** Number of the last entry of its log that is known here. */
  seq: number
  /** At which its sessions here are known to be this node's (durability.md D2); NO_GENERATION: it is not known. */
  generation: number
  /** SHA-1 of its avatar in hexadecimal (XEP-0153); '' where it has none. */
  photo: string
}

export interface Members {
  /** The member, loaded where it is not here yet; held until as many `release` were called. Rejects where the store does not answer. */
  acquire(account: string): Promise<Member>
  release(member: Member): void
  /** undefined: no sessions here. */
  get(account: string): Member | undefined
  /** Something of the account has changed in the store. Applied to the member if there is one, now or when it is loaded. */
  change(account: string, apply: (member: Member) => void): void
  /** Read members anew, for their changes on other nodes may have been missed; returns what was read. Who is blocked is not applied: more follows from it. */
  reload(accounts: readonly string[], store: MemberStore): Promise<ReadonlyMap<string, MemberRows>>
}

/** `Member.generation`: not known. */
export const NO_GENERATION = -1

const NOBODY: readonly string[] = []
const NO_SET: ReadonlySet<string> = new Set()
const NO_REQUESTS: ReadonlyMap<string, string> = new Map()

export const NO_MEMBER: MemberRows = { to: NOBODY, from: NOBODY, requests: NO_REQUESTS, blocked: NOBODY, photo: '' }

const memberOf = ({ to, from, requests, photo }: MemberRows): Pick<Member, 'to' | 'from' | 'requests' | 'photo'> => ({
  to: to.length === 0 ? NOBODY : to,
  from: from.length === 0 ? NO_SET : new Set(from),
  requests: requests.size === 0 ? NO_REQUESTS : requests,
  photo,
})

export const makeMember = (account: string, rows: MemberRows = NO_MEMBER): Member => ({
  account, ...memberOf(rows), blocks: makeBlocklist(rows.blocked), copies: 0, seq: 0, generation: NO_GENERATION,
})

interface Held {
  readonly member: Member
  sessions: number
}

export const makeMembers = (store: MemberStore): Members => {
  const held = new Map<string, Held>()
  /** Loads under way; `stale` when something changed since they began, so that what they read may be old. */
  /** While they are read anew: who has changed since. */
  let changed: Set<string> | null = null
  const loading = new Map<string, { promise: Promise<void>; stale: boolean }>()
  const read = makeBatcher<string, MemberRows | undefined>(async (accounts) => {
    const found = await store.load([...new Set(accounts)])
    return accounts.map((account) => found.get(account))
  }, 200, 100_000)

  const load = async (account: string): Promise<void> => {
    for (;;) {
      const flight = loading.get(account) as { stale: boolean }
      flight.stale = false
      const rows = await read(account)
      if (flight.stale) continue
      held.set(account, { member: makeMember(account, rows), sessions: 0 })
      return
    }
  }

  return {
    acquire: async (account) => {
      for (;;) {
        const found = held.get(account)
        if (found !== undefined) {
          found.sessions++
          return found.member
        }
        let flight = loading.get(account)
        if (flight === undefined) {
          flight = { promise: Promise.resolve(), stale: false }
          loading.set(account, flight)
          flight.promise = load(account).finally(() => loading.delete(account))
        }
        await flight.promise
      }
    },
    release: ({ account }) => {
      const found = held.get(account)
      if (found !== undefined && --found.sessions === 0) held.delete(account)
    },
    get: (account) => held.get(account)?.member,
    change: (account, apply) => {
      const found = held.get(account)
      if (found !== undefined) apply(found.member)
      const flight = loading.get(account)
      if (flight !== undefined) flight.stale = true
      changed?.add(account)
    },
    reload: async (accounts, from) => {
      const since = changed = new Set<string>()
      const rows = await from.load(accounts)
      for (const [account, row] of rows) {
        // what was read may be older than what has changed meanwhile
        const found = since.has(account) ? undefined : held.get(account)
        if (found !== undefined) Object.assign(found.member, memberOf(row))
      }
      if (changed === since) changed = null
      return rows
    },
  }
}
