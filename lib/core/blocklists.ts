// Whom accounts block (XEP-0191). The list of an account with sessions here is its member's, so that a stanza
// between two of them pays one comparison; other lists are read when needed, in batches, and remembered for a while.
import { LRUCache } from 'lru-cache'
import { makeBatcher } from './batcher.js'
import { makeBlocklist } from './blocklist.js'
import type { Blocklist } from './blocklist.js'
import type { Members } from './members.js'
import type { BlockStore } from './ports.js'

export interface Blocklists {
  /** null: it blocks nobody. A promise where the store must be asked. Rejects where it does not answer. */
  of(account: string): Blocklist | null | Promise<Blocklist | null>
  /** @returns null when the list would grow longer than `most` */
  add(account: string, jids: readonly string[], most: number): Promise<readonly string[] | null>
  /** @param jids null: all */
  remove(account: string, jids: readonly string[] | null): Promise<void>
}

/** Lists remembered of accounts without sessions here. */
const REMEMBERED = 20_000
/** ms; another node may change a list that is remembered here. */
const FOR = 60_000

export const makeBlocklists = (members: Members, store: BlockStore): Blocklists => {
  const remembered = new LRUCache<string, { readonly list: Blocklist | null }>({ max: REMEMBERED, ttl: FOR })
  const load = makeBatcher<string, Blocklist | null>(async (accounts) => {
    const found = await store.load([...new Set(accounts)])
    return accounts.map((account) => makeBlocklist(found.get(account) ?? []))
  }, 500, 100_000)
  /** Raised by each change, so that what was read before it is not remembered after it. */
  let changes = 0

  const set = (account: string, jids: readonly string[]): void => {
    changes++
    const list = makeBlocklist(jids)
    remembered.set(account, { list })
    members.change(account, (member) => {
      member.blocks = list
    })
  }

  const ask = async (account: string): Promise<Blocklist | null> => {
    for (;;) {
      const before = changes
      const list = await load(account)
      if (changes !== before) continue
      remembered.set(account, { list })
      return list
    }
  }

  return {
    of: (account) => {
      const member = members.get(account)
      if (member !== undefined) return member.blocks
      const known = remembered.get(account)
      return known === undefined ? ask(account) : known.list
    },
    add: async (account, jids, most) => {
      const after = await store.add(account, jids, most)
      if (after !== null) set(account, after)
      return after
    },
    remove: async (account, jids) => set(account, await store.remove(account, jids)),
  }
}
