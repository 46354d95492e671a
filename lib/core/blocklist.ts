// A list of blocked addresses (XEP-0191), made to be asked for every stanza.
import type { Jid } from '../base/jid.js'

/** Never empty: an account that blocks nobody has none. */
export interface Blocklist {
  readonly jids: readonly string[]
  /** XEP-0191 §6: an item blocks a full JID, a bare JID with all its resources, a domain with all its users. */
  blocks(jid: Jid): boolean
  /** The same of all that an account's sessions send; its bare JID, normalised. */
  blocksAccount(bare: string): boolean
}

export const makeBlocklist = (jids: readonly string[]): Blocklist | null => {
  if (jids.length === 0) return null
  const items = new Set(jids)
  return {
    jids,
    blocks: (jid) => items.has(jid.bare) || items.has(jid.full) || items.has(jid.domain) ||
      (jid.resource !== '' && items.has(`${jid.domain}/${jid.resource}`)),
    blocksAccount: (bare) => items.has(bare) || items.has(bare.slice(bare.indexOf('@') + 1)),
  }
}
