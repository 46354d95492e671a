// Presence among nodes: to the sessions that accounts have elsewhere, and what those said last, which is in the presence table.
import { StanzaError } from '../base/errors.js'
import { parseJid } from '../base/jid.js'
import type { Jid } from '../base/jid.js'
import { attribute } from '../wire/writer.js'
import type { Blocklists } from './blocklists.js'
import { AVAILABLE, exactly } from './delivery.js'
import type { Bus, Location, Owner, PresenceStore, RosterRow, Said } from './ports.js'
import { byNode } from './route-cache.js'
import type { Resolution, RouteCache } from './route-cache.js'
import type { Broadcast, Session } from './sessions.js'

/** What other nodes that have sessions of an account must hear, for those sessions. */
export type Word =
  /** Of its roster: the row of this contact is such now, or gone (lib/core/rosters.ts). */
  | ['roster', contact: string, row: RosterRow]
  /** A stanza for all of them, or for those that listen to subscriptions (lib/core/subscribing.ts). */
  | ['say', listeners: Listeners, octets: string]
  /** It blocks these now (lib/core/blocklists.ts). */
  | ['blocks', jids: readonly string[]]
  /** A request that the server makes of all that want to hear of this. */
  | ['push', wants: Wants, payload: string]
  /** Show what they say to an account, or (gone) that they are unavailable (lib/core/presence.ts). */
  | ['show', to: string, gone: boolean]
  /** Its avatar has this hash now (lib/core/avatar.ts). */
  | ['photo', hash: string]

/** What a session may have asked to be told of. */
export type Wants = 'blocklist'
export type Listeners = 'available' | 'listening'

export interface Elsewhere {
  /** To whoever has this address on other nodes: of an account the available ones. */
  tell(to: Jid, said: Broadcast): void
  /** To each node that has sessions of this account. */
  word(account: string, word: Word): void
  /** Whether it has an available session on another node. Rejects with a StanzaError (wait) where that cannot be told. */
  isAvailable(account: string): Promise<boolean>
  /** What sessions of these accounts on other nodes said last, which this session may see. */
  said(accounts: readonly string[], session: Session): Promise<readonly Said[]>
}

export interface ElsewhereParts {
  readonly cache: RouteCache
  readonly bus: Bus
  readonly store: PresenceStore
  readonly blocklists: Blocklists
  readonly node: Owner
}

/** No stanza begins like this. */
export const WORD = '<word '

export const makeElsewhere = ({ cache, bus, store, blocklists, node }: ElsewhereParts): Elsewhere => ({
  tell: (to, { head, tail }) => {
    const go = (found: Resolution): void => {
      if (found === 'unknown') return // what they miss they read when they look at their contacts anew
      const choice = to.resource === '' ? AVAILABLE : exactly(to)
      for (const location of choice.elsewhere(found)) void bus.send(location, to.bare, head + attribute('to', to.bare) + tail)
    }
    const found = cache.resolve(to)
    if (found instanceof Promise) void found.then(go)
    else if (found !== 'unknown' && found.elsewhere.length > 0) go(found)
  },
  word: (account, word) => {
    const go = (found: Resolution): void => {
      if (found === 'unknown') return
      for (const [first] of byNode(found.elsewhere)) void bus.send(first as Location, account, WORD + JSON.stringify(word))
    }
    const found = cache.resolve(parseJid(account))
    if (found instanceof Promise) void found.then(go)
    else go(found)
  },
  isAvailable: async (account) => {
    const found = await cache.resolve(parseJid(account))
    if (found === 'unknown') throw new StanzaError('resource-constraint', 'the account cannot be looked up now', { type: 'wait' })
    return AVAILABLE.elsewhere(found).length > 0
  },
  said: async (accounts, { account, jid, member }) => {
    const all = await store.said(accounts, node)
    const lists = await Promise.all(all.map(async (said) => (said.account === account ? null : blocklists.of(said.account))))
    return all.filter((said, i) => member.blocks?.blocksAccount(said.account) !== true && lists[i]?.blocks(jid) !== true)
  },
})
