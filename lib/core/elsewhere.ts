// Presence among nodes: to the sessions that accounts have elsewhere, and what those said last, which is in the presence table.
import { StanzaError } from '../base/errors.js'
import { parseJid } from '../base/jid.js'
import type { Jid } from '../base/jid.js'
import { attribute } from '../wire/writer.js'
import { makeBatcher } from './batcher.js'
import type { Blocklists } from './blocklists.js'
import { AVAILABLE, exactly } from './delivery.js'
import type { Insisting } from './insisting.js'
import type { Bus, Location, Owner, PresenceStore, RosterRow, Said } from './ports.js'
import { byNode } from './route-cache.js'
import type { RouteCache } from './route-cache.js'
import type { Broadcast, Here, Session } from './sessions.js'

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
  /** What the session says, to whoever has this address on other nodes: of an account the available ones. */
  tell(to: Jid, said: Broadcast, session: Session): void
  /** Its resource is available on another node, which tells its contacts so: what is over here says nothing any more. Rejects where that cannot be told. */
  isAnothers(session: Session): Promise<boolean>
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
  readonly insisting: Insisting
}

/** No stanza begins like this. */
export const WORD = '<word '

/** Of words that say how something is only the last counts. */
const replaces = (account: string, word: Word, n: number): string =>
  (word[0] === 'roster' ? `roster ${account} ${word[1]}` : word[0] === 'blocks' || word[0] === 'photo' ? `${word[0]} ${account}` : `word ${n}`)

export const makeElsewhere = ({ cache, bus, store, blocklists, node, insisting }: ElsewhereParts): Elsewhere => {
  /** To those that the account has by now. False: not all have it. */
  const all = async (to: Jid, choose: (found: Here) => readonly Location[], octets: string): Promise<boolean> => {
    const found = await cache.resolve(to)
    // without the bus it is not even known who has come meanwhile
    if (found === 'unknown' || !bus.up) return false
    const answers = await Promise.all(choose(found).map((location) => bus.send(location, to.bare, octets)))
    // of a node that is over, who takes its sessions tells them all anew
    const wrong = answers.filter((answer) => answer === 'gone' || typeof answer === 'object')
    if (wrong.length > 0) cache.stale(to.bare)
    return answers.every((answer) => answer === 'accepted' || answer === 'gone' || answer === 'too large')
  }
  let words = 0
  const saidBy = makeBatcher<readonly string[], readonly Said[]>(async (lists) => {
    const found = new Map<string, Said[]>()
    for (const said of await store.said([...new Set(lists.flat())], node)) {
      const one = found.get(said.account)
      if (one === undefined) found.set(said.account, [said])
      else one.push(said)
    }
    return lists.map((accounts) => accounts.flatMap((account) => found.get(account) ?? []))
  }, 200, 100_000)
  const isAnothers: Elsewhere['isAnothers'] = async ({ account, jid }) => (await saidBy([account])).some(({ resource }) => resource === jid.resource)

  return {
    isAnothers,
    tell: (to, { head, tail }, session) => {
      // most have nobody elsewhere
      const found = cache.resolve(to)
      const isNobody = !(found instanceof Promise) && found !== 'unknown' && found.elsewhere.length === 0 && bus.up
      if (isNobody && insisting.isIdle) return
      const key = `presence ${/ from=(?:'[^']*'|"[^"]*")/.exec(head)?.[0] ?? ''} ${to.full}`
      if (isNobody) {
        insisting.forget(key)
        return
      }
      const { elsewhere } = to.resource === '' ? AVAILABLE : exactly(to)
      let tries = 0
      insisting.insist(key, async () => (++tries > 1 && !session.open && await isAnothers(session)) || all(to, elsewhere, head + attribute('to', to.bare) + tail))
    },
    word: (account, word) => {
      const octets = WORD + JSON.stringify(word)
      insisting.insist(replaces(account, word, ++words), () => all(parseJid(account), ({ elsewhere }) => [...byNode(elsewhere)].map(([first]) => first as Location), octets))
    },
    isAvailable: async (account) => {
      const found = await cache.of(account)
      if (found === 'unknown') throw new StanzaError('resource-constraint', 'the account cannot be looked up now', { type: 'wait' })
      return AVAILABLE.elsewhere(found).length > 0
    },
    said: async (accounts, { account, jid, member }) => {
      const all = await saidBy(accounts)
      const lists = await Promise.all(all.map(async (said) => (said.account === account ? null : blocklists.of(said.account))))
      return all.filter((said, i) => member.blocks?.blocksAccount(said.account) !== true && lists[i]?.blocks(jid) !== true)
    },
  }
}
