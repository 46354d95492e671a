// Whom accounts block (XEP-0191). The list of an account with sessions here is its member's, so that a stanza
// between two of them pays one comparison; other lists are read when needed, in batches, and remembered for a while.
import { LRUCache } from 'lru-cache'
import { StanzaError } from '../base/errors.js'
import { makeBatcher } from './batcher.js'
import { makeBlocklist } from './blocklist.js'
import type { Blocklist } from './blocklist.js'
import { makeInTurn } from './in-turn.js'
import type { Members } from './members.js'
import type { Acting, BlockStore } from './ports.js'

export interface Blocklists {
  /** null: it blocks nobody. A promise where the store must be asked. Rejects with a StanzaError (wait) where it does not answer. */
  of(account: string): Blocklist | null | Promise<Blocklist | null>
  /** False: the list would grow longer than `most`, and is left as it is. */
  add(account: string, jids: readonly string[], most: number, by: Acting | null): Promise<boolean>
  /** Another node has changed the account's list. */
  heard(account: string, jids: readonly string[]): void
  /** The account is gone: who gets its name blocks nobody. */
  forget(account: string): void
  /** @param jids null: all */
  remove(account: string, jids: readonly string[] | null, by: Acting | null): Promise<void>
}

/** An account's list before and after a change. */
export interface BlockChange {
  readonly before: Blocklist | null
  readonly after: Blocklist | null
}

/** Lists remembered of accounts without sessions here. */
const REMEMBERED = 20_000
/** ms; another node may change a list that is remembered here. */
const FOR = 60_000

/** @param changed what follows from a change, before the next one of the account @param told called for those that this node has made */
export const makeBlocklists = (
  members: Members, store: BlockStore, changed: (account: string, change: BlockChange) => void, told: (account: string, jids: readonly string[]) => void,
): Blocklists => {
  const remembered = new LRUCache<string, { readonly list: Blocklist | null }>({ max: REMEMBERED, ttl: FOR })
  const load = makeBatcher<string, Blocklist | null>(async (accounts) => {
    const found = await store.load([...new Set(accounts)])
    return accounts.map((account) => makeBlocklist(found.get(account) ?? []))
  }, 500, 100_000)

  const inTurn = makeInTurn()

  const set = (account: string, jids: readonly string[]): void => {
    const after = makeBlocklist(jids)
    const before = members.get(account)?.blocks ?? null
    remembered.set(account, { list: after })
    members.change(account, (member) => {
      member.blocks = after
    })
    changed(account, { before, after })
  }

  const ask = async (account: string): Promise<Blocklist | null> => {
    let list
    try {
      list = await load(account)
    } catch (error) {
      // neither let through nor refused as if nobody were there: the sender may try again
      throw new StanzaError('resource-constraint', 'the receiver cannot be looked up now', { type: 'wait', cause: error })
    }
    // changed meanwhile: what was read may be older
    const now = remembered.get(account)
    if (now !== undefined) return now.list
    remembered.set(account, { list })
    return list
  }

  return {
    of: (account) => {
      const member = members.get(account)
      if (member !== undefined) return member.blocks
      const known = remembered.get(account)
      return known === undefined ? ask(account) : known.list
    },
    forget: (account) => set(account, []),
    add: (account, jids, most, by) => inTurn([account], async () => {
      const after = await store.add(account, jids, most, by)
      if (after !== null) {
        set(account, after)
        told(account, after)
      }
      return after !== null
    }),
    remove: (account, jids, by) => inTurn([account], async () => {
      const after = await store.remove(account, jids, by)
      set(account, after)
      told(account, after)
    }),
    heard: set,
  }
}
