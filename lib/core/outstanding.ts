// Requests of sessions here that another node has taken, and that were not answered (durability.md D15): when that node is over, or
// has the session no more, whoever asked is told that there will be no answer. The owner is asked, while there are such requests,
// whether it still owes the answer. What was given up and is answered all the same goes no further: nobody is answered twice.
import { LRUCache } from 'lru-cache'
import type { Bus, Clock, HandOver, Location } from './ports.js'
import { hasAsked } from './sessions.js'
import type { Asked, Sessions } from './sessions.js'

export interface Outstanding {
  /** @param to who has it, and answers or says that it does not owe an answer; null: not known, or nobody any more */
  sent(request: Asked, to: Location | null): void
  /** Who has it is known now. */
  located(request: Asked, to: Location): void
  /** The bus did not say what has become of it, and who asked is told so. */
  giveUp(request: Asked): void
  /** An answer has come. True: it was given up, and is not to be delivered. @param from, to as of the answer */
  answered(from: string, to: string, id: string): boolean
  /** The session is another node's, and so is what it has asked. @param full its address */
  moved(full: string): void
  /** Call once a second. */
  tick(): void
}

interface Open {
  readonly request: Asked
  to: Location | null
  readonly since: number
  /** When its node was found to be over, or not to owe it; 0: it was not. */
  missing: number
}

/** Requests remembered, the oldest first to go; and those given up. */
const MOST = 20_000
/** ms after which the owner is asked, and between two questions; and how many at a time. */
const EVERY = 2000
const SOME = 200
/** ms: a client that has the request may be on its way to another node, and answer there. */
const PATIENCE = 30_000
const OWES = '<owes '
const NOT_OWED: HandOver = { generation: null }

export const owes = ({ from, id }: Asked): string => `${OWES}${JSON.stringify([from, id])}/>`
/** null: it is another word. */
export const readOwes = (xml: string): { readonly from: string; readonly id: string } | null => {
  if (!xml.startsWith(OWES)) return null
  const [from, id] = JSON.parse(xml.slice(OWES.length, -2)) as [string, string]
  return { from, id }
}

const bare = (full: string): string => full.slice(0, full.indexOf('/'))

/** @param failed told of a request that nobody is going to answer */
export const makeOutstanding = (bus: Bus, sessions: Sessions, clock: Clock, failed: (request: Asked) => void): Outstanding => {
  const open = new LRUCache<string, Open>({ max: MOST })
  const over = new LRUCache<string, true>({ max: MOST })
  let next = 0
  const keyOf = (by: string, of: string, id: string): string => `${by} ${of} ${id}`

  const learn = (key: string, one: Open, answer: HandOver): void => {
    if (open.peek(key) !== one) return
    const isMissing = answer === 'gone' || typeof answer === 'object'
    if (!isMissing) {
      // no answer is no news
      if (answer === 'accepted') one.missing = 0
      return
    }
    const now = clock.monotonic()
    if (one.missing === 0) one.missing = now
    // once is not enough: a node comes back to a bus that was away a moment after others
    if (now - one.missing < (answer === 'gone' ? EVERY : PATIENCE)) return
    open.delete(key)
    failed(one.request)
    over.set(key, true)
  }
  const isHere = (full: string): boolean => sessions.of(bare(full)).all.some(({ jid }) => jid.full === full)
  const ask = (key: string, one: Open): void => {
    const { request, to } = one
    if (!isHere(request.from)) {
      open.delete(key)
      return
    }
    const account = bare(request.to)
    // it may have come to this node meanwhile, or gone from it
    const session = sessions.of(account).all.find(({ jid }) => jid.full === request.to)
    if (session !== undefined && hasAsked(session, request)) one.missing = 0
    else if (to === null || session !== undefined) learn(key, one, NOT_OWED)
    else void bus.send(to, account, owes(request)).then((answer) => learn(key, one, answer))
  }
  return {
    sent: (request, to) => {
      const key = keyOf(request.to, request.from, request.id)
      open.set(key, { request, to, since: clock.monotonic(), missing: 0 })
      over.delete(key)
    },
    located: (request, to) => {
      const one = open.peek(keyOf(request.to, request.from, request.id))
      if (one !== undefined) one.to = to
    },
    giveUp: ({ from, to, id }) => {
      open.delete(keyOf(to, from, id))
      over.set(keyOf(to, from, id), true)
    },
    answered: (from, to, id) => {
      const key = keyOf(from, to, id)
      if (open.size > 0) open.delete(key)
      return over.size > 0 && over.delete(key)
    },
    moved: (full) => {
      for (const [key, { request }] of open) if (request.from === full) open.delete(key)
    },
    tick: () => {
      const now = clock.monotonic()
      if (open.size === 0 || now < next || !bus.up) return
      next = now + EVERY
      let asked = 0
      for (const [key, one] of [...open].toReversed()) { // who was asked longest ago first
        if (now - one.since < EVERY) continue
        if (++asked > SOME) break
        // some may be owed for ever: their turn comes again when all others were asked
        open.get(key)
        ask(key, one)
      }
    },
  }
}
