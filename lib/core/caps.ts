// What the clients of this server's users can do (XEP-0115): announced as a hash in their presence, asked for once a hash,
// and remembered. Notifications (XEP-0163) go by it. Presence never waits for any of this.
import { LRUCache } from 'lru-cache'
import { createElement as el } from 'ltx'
import type { Element } from 'ltx'
import { StanzaError } from '../base/errors.js'
import { NS } from '../base/namespaces.js'
import type { Stanza } from '../base/stanza.js'
import { treeOf } from '../wire/tree.js'
import type { Asking } from './asking.js'
import type { Capabilities, Session } from './sessions.js'
import { isKnownHash, verification } from './verification.js'

export const CAPS = 'http://jabber.org/protocol/caps'

export interface Caps {
  /** A session's available presence: learn what its client can do, where it says so and that is not known. */
  note(session: Session, presence: Stanza): void
  /** Hashes whose meaning is known. */
  readonly size: number
}

/** What a presence announces (§4). */
interface Claim {
  readonly hash: string
  readonly node: string
  readonly ver: string
}

interface Announced {
  readonly claim: Claim
  readonly pending: Capabilities
  readonly presence: Stanza
}

/**
 * Questions to one client at a time, of what it announces meanwhile the last counts: or one client alone could have all
 * that may be under way (asking.ts), and keep a stanza alive with each.
 */
const AT_ONCE = 4
/** Characters of `node` and `ver` together; those of clients have a hundred. */
const LONGEST_CLAIM = 1024
/** Characters of all features of a client together; those of clients have three thousand. What tells more is not kept. */
const LONGEST_FEATURES = 16_384

/** A copy that keeps nothing else alive: a piece of a string keeps the whole stanza. */
const own = (text: string): string => Buffer.from(text).toString()

const claimOf = ({ xml, children }: Stanza): Claim | null => {
  const child = children.find((c) => c.ns === CAPS && c.name === 'c')
  if (child === undefined) return null
  const { hash = '', node = '', ver = '' } = treeOf(xml.slice(child.start, child.end)).attrs as Partial<Record<string, string>>
  // §5.4, 1: what has no hash is of the format before 1.4, which nobody can verify
  return hash === '' || node === '' || ver === '' || hash.length + node.length + ver.length > LONGEST_CLAIM ? null : { hash, node, ver }
}

const featuresOf = (info: readonly Element[]): ReadonlySet<string> | null => {
  const features = info.filter((e) => e.getName() === 'feature').map((e) => String(e.attrs['var'] ?? ''))
  if (features.length === 0) return new Set()
  // U+0000 is in no XML
  const all = features.join('\0')
  return all.length > LONGEST_FEATURES ? null : new Set(own(all).split('\0'))
}

/** @param entries hashes remembered @param bug told of what is neither an answer nor a refusal */
export const makeCaps = (ask: Asking['ask'], entries: number, bug: (error: unknown, stanza: Stanza) => void): Caps => {
  /** Verified (§5.4, 3.8): true of every client that announces it. */
  const known = new LRUCache<string, Capabilities>({ max: entries })
  /** Sessions that are asked on behalf of all that announce the same; at most as many as questions under way. */
  const flights = new Map<string, Promise<Capabilities | null>>()

  /** Ask one session. Throws StanzaError where it does not answer. */
  const examine = async (session: Session, { hash, node, ver }: Claim, key: string): Promise<Capabilities> => {
    // §6.2: `node` for those that do not know the hash by itself
    const answer = await ask(session, 'get', el('query', { xmlns: NS.discoInfo, node: `${node}#${ver}` }))
    if (answer?.getName() !== 'query' || answer.getNS() !== NS.discoInfo) return { key, features: null }
    const info = answer.getChildElements()
    const capabilities = { key, features: featuresOf(info) }
    if (capabilities.features !== null && isKnownHash(hash)) {
      const made = verification(info, hash)
      if (made.wellFormed && made.ver === ver) known.set(key, capabilities)
    }
    // what does not match is still what this client says of itself, and counts for it alone (§5.4, 2.3)
    return capabilities
  }

  /** Questions under way to a session; and what one that has enough of them has announced since. */
  const busy = new Map<Session, number>()
  const later = new Map<Session, Announced>()

  const study = async (session: Session, first: Announced): Promise<void> => {
    busy.set(session, (busy.get(session) ?? 0) + 1)
    for (let said: Announced | undefined = first; said !== undefined; said = later.get(session)) {
      later.delete(session)
      try {
        await learn(session, said)
      } catch (error) {
        // A client that refuses or is silent can do nothing that we know of; it is not asked again
        if (!(error instanceof StanzaError)) bug(error, said.presence)
      }
    }
    const left = (busy.get(session) as number) - 1
    if (left > 0) busy.set(session, left)
    else busy.delete(session)
  }

  const learn = async (session: Session, { claim, pending }: Announced): Promise<void> => {
    if (session.caps !== pending) return
    const { key } = pending
    // Somebody who announces the same is being asked. Where the answer is no proof, each is asked itself (§5.4, 3.9)
    const flight = isKnownHash(claim.hash) ? flights.get(key) : undefined
    if (flight !== undefined) await flight
    const asked = known.get(key) ?? await single(key, () => examine(session, claim, key))
    // it may have announced something else meanwhile
    if (session.caps === pending) session.caps = asked
  }

  /** The first to ask is waited for by others; those who ask while it does are behind its answer already. */
  const single = (key: string, work: () => Promise<Capabilities>): Promise<Capabilities> => {
    const answer = work()
    if (!flights.has(key)) flights.set(key, answer.catch(() => null).finally(() => flights.delete(key)))
    return answer
  }

  return {
    note: (session, presence) => {
      const claim = claimOf(presence)
      if (claim === null) return
      const key = own(`${claim.hash} ${claim.ver}`)
      const found = known.get(key)
      if (found !== undefined) session.caps = found
      if (session.caps?.key === key) return
      const pending = session.caps = { key, features: null }
      const said = { claim, pending, presence }
      if ((busy.get(session) ?? 0) < AT_ONCE) void study(session, said)
      else later.set(session, said)
    },
    get size() {
      return known.size
    },
  }
}
