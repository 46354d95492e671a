// Messages kept for accounts that no session could take (XEP-0160), behind one interface: the message log replaces it.
// The race between a message that is just being stored and a log-in that is just reading is closed by order (routing.md,
// step 7): the sender stores, then looks again who is there; the log-in becomes visible, then reads until nothing is left.
import { StanzaError } from '../base/errors.js'
import { NS } from '../base/namespaces.js'
import type { Frame } from '../base/stanza.js'
import { frameOf } from '../wire/framer.js'
import { makeBatcher } from './batcher.js'
import type { OfflineEntry, OfflineOutcome, OfflineStore } from './ports.js'
import type { Session } from './sessions.js'

export interface Mailbox {
  append(entry: OfflineEntry): Promise<OfflineOutcome>
  /** One of these sessions of the account is being given what is stored, or will be: what comes for it now has to go behind that. */
  isDraining(account: string, sessions: readonly Session[]): boolean
  /** Give a session all that is stored for its account, in order, then call `live` in the same turn. */
  drain(session: Session, live: () => void): Promise<void>
}

/** XEP-0203: says when the message was first handled. Spliced in as the last child. */
export const withDelay = (frame: Frame, domain: string, at: number): string => {
  const delay = `<delay xmlns='${NS.delay}' from='${domain}' stamp='${new Date(at).toISOString()}'/>`
  if (frame.empty) return `${frame.xml.slice(0, frame.xml.lastIndexOf('/'))}>${delay}</${frame.name}>`
  const end = frame.xml.lastIndexOf('</')
  return frame.xml.slice(0, end) + delay + frame.xml.slice(end)
}

/** Stanzas in one transaction, and waiting for one. Senders wait for their stanza, so this is a bound on senders. */
const BATCH = 500
const WAITING = 100_000

export const makeMailbox = (store: OfflineStore, pageSize: number): Mailbox => {
  const append = makeBatcher<OfflineEntry, OfflineOutcome>((entries) => store.append(entries), BATCH, WAITING)
  /** Accounts being read, one session at a time; `again` when something was stored meanwhile. */
  const drains = new Map<string, { readonly session: Session; again: boolean; done: Promise<void> }>()
  /** How many wait for their turn. */
  const waiting = new Map<string, number>()

  const read = async (session: Session, state: { again: boolean }, live: () => void): Promise<void> => {
    const { domain } = session.jid
    for (;;) {
      state.again = false
      const page = await store.page(session.account, '', pageSize)
      if (!session.open) return
      if (page.length === 0) {
        if (state.again) continue
        live()
        return
      }
      for (const { xml, at } of page) {
        const frame = frameOf(xml)
        if (!session.outlet.write(withDelay(frame, domain, at), frame.declared)) return
      }
      // Reading and removing are two steps on purpose: a message leaves the table only after the socket took it, so a
      // crash may repeat a message but never loses one
      if (!await session.outlet.flushed()) return
      await store.remove(session.account, (page.at(-1) as { id: string }).id)
    }
  }

  return {
    isDraining: (account, sessions) => {
      if (drains.size === 0) return false
      const reading = drains.get(account)
      return reading !== undefined && (waiting.has(account) || sessions.includes(reading.session))
    },
    append: async (entry) => {
      const outcome = await append(entry)
      const reading = drains.get(entry.account)
      if (reading !== undefined) reading.again = true
      return outcome
    },
    drain: async (session, live) => {
      // two sessions of one account at a time would both get everything
      const { account } = session
      if (drains.has(account)) {
        waiting.set(account, (waiting.get(account) ?? 0) + 1)
        for (let other = drains.get(account); other !== undefined; other = drains.get(account)) await other.done
        const left = (waiting.get(account) as number) - 1
        if (left > 0) waiting.set(account, left)
        else waiting.delete(account)
      }
      const state = { session, again: false, done: Promise.resolve() }
      drains.set(account, state)
      const reading = read(session, state, live)
      state.done = reading.then(() => {}, () => {}).finally(() => {
        if (drains.get(account) === state) drains.delete(account)
      })
      try {
        await reading
      } catch (error) {
        throw error instanceof StanzaError ? error : new StanzaError('resource-constraint', 'stored messages cannot be read now', { cause: error, type: 'wait' })
      }
    },
  }
}
