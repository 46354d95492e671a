// Delivery: octets to sessions. Sessions here are reached through their outlets; sessions on other nodes by one directed
// request each, which the owner accepts or refuses (routing.md, step 5).
import type { Jid } from '../base/jid.js'
import type { Stanza } from '../base/stanza.js'
import type { Bus, Location } from './ports.js'
import { bestElsewhere } from './route-cache.js'
import type { Resolution, RouteCache } from './route-cache.js'
import type { Counters } from './counters.js'
import { post } from './deferred.js'
import type { Here, Session } from './sessions.js'

/** A session is about to be given something that came behind this entry of its account's log: Feed.reaches. */
export type Reaches = (session: Session, entry: number) => void

/** To each of these sessions. Returns how many took it. @param after behind this entry of their account's log (D11) */
export const toSessions = (sessions: readonly Session[], octets: string, declared: boolean, after: number, reaches: Reaches): number => {
  let taken = 0
  for (let i = 0; i < sessions.length; i++) {
    const session = sessions[i] as Session
    if (after > 0) reaches(session, after)
    if (post(session, octets, declared, after)) taken++
  }
  return taken
}

/** Between nodes it stands behind the stanza: no stanza ends like this. */
const AFTER = /<!after (\d+)>$/
const withAfter = (octets: string, after: number): string => (after === 0 ? octets : `${octets}<!after ${after}>`)
export const cutAfter = (octets: string): { readonly octets: string; readonly after: number } => {
  const found = AFTER.exec(octets)
  return found === null ? { octets, after: 0 } : { octets: octets.slice(0, found.index), after: Number(found[1]) }
}

/** Requests that wait for one session's answer. */
const MOST_ASKED = 1000

/** A request goes to this session: who asks is told when it ends before it has answered (durability.md D15). False: it has too many to answer. */
export const mayAsk = (session: Session, from: Jid, { id, to }: Stanza): boolean => {
  session.asked ??= new Map()
  if (session.asked.size >= MOST_ASKED) return false
  session.asked.set(`${from.full} ${id}`, { from: from.full, to, id })
  return true
}

/** Which sessions a stanza is for. */
export interface Choice {
  here(sessions: Here): readonly Session[]
  elsewhere(sessions: Here): readonly Location[]
}

/** RFC 6121 §8.5.2.1.1: the most available resources, on whatever node they are. */
export const MOST_AVAILABLE: Choice = {
  here: ({ best, elsewhere }) => {
    const top = best[0]?.priority ?? -1
    return elsewhere.some((l) => (l.priority ?? -1) > top) ? [] : best
  },
  elsewhere: ({ best, elsewhere }) => bestElsewhere(elsewhere, best[0]?.priority ?? 0),
}
/** RFC 6121 §8.5.2.1.1, headlines: every resource that is not negative. */
export const REACHABLE: Choice = {
  here: ({ reachable }) => reachable,
  elsewhere: ({ elsewhere }) => elsewhere.filter((l) => (l.priority ?? -1) >= 0),
}
/** RFC 6121 §8.5.2.1.2, presence: every available resource. */
export const AVAILABLE: Choice = {
  here: ({ available }) => available,
  elsewhere: ({ elsewhere }) => elsewhere.filter((l) => l.priority !== null),
}
/** The one resource of a full JID. */
export const exactly = (to: Jid): Choice => ({
  here: ({ all }) => all.filter((s) => s.jid.resource === to.resource),
  elsewhere: ({ elsewhere }) => elsewhere.filter((l) => l.resource === to.resource),
})

export interface Delivery {
  /**
   * To the chosen sessions on other nodes. A refusal means that the cache was stale: the entry is dropped, the account is
   * looked up once more, and those not yet served are tried once more.
   * @param retry false for an IQ, which must not be done twice (routing.md, step 5)
   * @param after behind this entry of the account's log (D11)
   * @returns how many took it; 'unknown' when none did and the store does not answer
   */
  across(to: Jid, found: Here, choice: Choice, octets: string, declared: boolean, retry: boolean, after: number): Promise<number | 'unknown'>
}

export const makeDelivery = (cache: RouteCache, bus: Bus, counters: Counters, reaches: Reaches): Delivery => {
  const hand = async (to: Jid, locations: readonly Location[], octets: string, served: Set<string>): Promise<boolean> => {
    const answers = await Promise.all(locations.map((location) => bus.send(location, to.bare, octets)))
    let refused = false
    answers.forEach((answer, i) => {
      if (answer === 'accepted') served.add((locations[i] as Location).sessionId)
      // too much for the bus, or no answer: nothing is wrong with the route
      else if (answer !== 'busy' && answer !== 'too large' && answer !== 'unknown') refused = true
    })
    return refused
  }

  return {
    across: async (to, found, choice, stanza, declared, retry, after) => {
      const octets = withAfter(stanza, after)
      const served = new Set<string>()
      const locations = choice.elsewhere(found)
      if (locations.length === 0 || !await hand(to, locations, octets, served)) return served.size
      cache.stale(to.bare)
      if (!retry) return served.size
      counters.route.retries++
      const again: Resolution = await cache.resolve(to)
      if (again === 'unknown') return served.size > 0 ? served.size : again
      // a session may have moved here meanwhile; what was here before was served by the caller
      const before = new Set(choice.here(found))
      const here = toSessions(choice.here(again).filter((s) => !before.has(s)), stanza, declared, after, reaches)
      await hand(to, choice.elsewhere(again).filter((l) => !served.has(l.sessionId)), octets, served)
      return served.size + here
    },
  }
}
