// What is kept back from a client that nobody looks at (XEP-0352 §3.2), or that is slow to read (lib/net/connection.ts):
// presence and stand-alone chat states, of which only the last counts. Everything else goes out at once, and what is held
// goes out before it; so what a client gets is what it was sent, in that order, with nothing missing but what something
// newer of the same sender has replaced.
import { ownCopy } from '../base/octets.js'
import type { Frame } from '../base/stanza.js'
import { NS } from '../base/namespaces.js'
import { frameOf } from '../wire/framer.js'
import { originalOf } from './carbon-copy.js'
import type { Hold, Outlet } from './sessions.js'

export interface HoldLimits {
  readonly stanzas: number
  readonly bytes: number
}

export interface Holding extends Hold {
  /** Write what is held, oldest first. */
  release(): void
}

/** What a stanza may be held as. A held stanza goes when one of the same key comes, or one whose `ends` names it. */
interface Slot {
  readonly key: string
  readonly ends: string | null
}

interface Held {
  readonly octets: string
  readonly declared: boolean
}

const CHAT_STATES = 'http://jabber.org/protocol/chatstates'
const MUC_USER = 'http://jabber.org/protocol/muc#user'
/** What comes with a chat state and says nothing by itself; <thread/> is one more (XEP-0085 §5.6). */
const ACCOMPANYING: readonly string[] = [CHAT_STATES, NS.hints, NS.stanzaId, 'urn:xmpp:occupant-id:0']
/** Something happened in a group chat: one's own coming and going, a kick, a new nick, its end (XEP-0045 §7.2, §7.6, §8.2, §10.9). */
const MUC_EVENT = /[<:](?:status|destroy)[\s/>]/

/** At a limit everything goes out, which costs the client one wake-up and nothing else. */
export const makeHold = (outlet: Pick<Outlet, 'write'>, limits: HoldLimits): Holding => {
  /** In the order they came: a Map keeps it, as long as what is replaced is deleted first. */
  const held = new Map<string, Held>()
  let bytes = 0
  /** What is being written now comes back to `take`, for the outlet asks about all that it writes. */
  let releasing = false

  const forget = (key: string): void => {
    bytes -= held.get(key)?.octets.length ?? 0
    held.delete(key)
  }

  const release = (): void => {
    if (held.size === 0) return
    const all = [...held.values()]
    held.clear()
    bytes = 0
    releasing = true
    for (const { octets, declared } of all) if (!outlet.write(octets, declared)) break
    releasing = false
  }

  return {
    release,
    take: (octets, declared, ofLog) => {
      if (releasing || !isStanza(octets)) return false
      const slot = ofLog ? null : slotOf(octets)
      if (slot !== null) {
        forget(slot.key)
        if (slot.ends !== null) forget(slot.ends)
        if (held.size < limits.stanzas && bytes + octets.length <= limits.bytes) {
          bytes += octets.length
          held.set(slot.key, { octets: ownCopy(octets), declared })
          return true
        }
      }
      release()
      return false
    },
  }
}

/** Acknowledgements (XEP-0198) are part of no conversation: they pass by what is held. */
const isStanza = (octets: string): boolean => octets.startsWith('<message') || octets.startsWith('<presence') || octets.startsWith('<iq')

const slotOf = (octets: string): Slot | null => {
  if (octets.startsWith('<presence')) return presenceSlot(frameOf(octets))
  if (octets.startsWith('<iq') || octets.includes('<body')) return null
  return chatStateSlot(frameOf(octets))
}

/**
 * The last presence of each full JID, and before it the last unavailable one: it ends what was tied to that session, calls
 * and directed presence (RFC 6121 §4.6), and the next one to come under this address in a group chat may be somebody else.
 */
const presenceSlot = ({ type, from, xml, children }: Frame): Slot | null => {
  // requests and answers want attention (RFC 6121 §3), errors too
  if (from === '' || (type !== '' && type !== 'unavailable')) return null
  if (children.some((c) => c.ns === MUC_USER && MUC_EVENT.test(xml.slice(c.start, c.end)))) return null
  return type === '' ? { key: `here ${from}`, ends: null } : { key: `gone ${from}`, ends: `here ${from}` }
}

/** The last chat state of each sender; where it is a carbon copy, of its sender to each receiver. */
const chatStateSlot = (frame: Frame): Slot | null => {
  const original = originalOf(frame)
  if (original === null) return isChatState(frame) ? { key: `state ${frame.from}`, ends: null } : null
  const inside = frameOf(original)
  return isChatState(inside) ? { key: `copied ${frame.from} ${inside.from} ${inside.to}`, ends: null } : null
}

/** XEP-0085 §5.6: a stand-alone one, which comes with nothing to read. */
const isChatState = ({ type, children }: Frame): boolean => type !== 'error' && children.some((c) => c.ns === CHAT_STATES) &&
  children.every((c) => c.name === 'thread' || ACCOMPANYING.includes(c.ns))
