// Delivery: octets to sessions. Sessions here are reached through their outlets; sessions on other nodes by one directed
// request each, which the owner accepts or refuses (routing.md, step 5).
import type { Jid } from '../base/jid.js'
import type { Bus, HandOver, Location } from './ports.js'
import { bestElsewhere } from './route-cache.js'
import type { Resolution, RouteCache } from './route-cache.js'
import type { Counters } from './counters.js'
import { post } from './deferred.js'
import type { Outstanding } from './outstanding.js'
import type { Asked, Here, Session } from './sessions.js'

/** To each of these sessions. Returns how many took it. @param after behind this entry of their account's log */
export const toSessions = (sessions: readonly Session[], octets: string, declared: boolean, after = 0): number => {
  let taken = 0
  for (let i = 0; i < sessions.length; i++) if (post(sessions[i] as Session, octets, declared, after)) taken++
  return taken
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
   * What was not answered is not tried again, for it may have been done.
   * @returns how many took it; 'unknown' when none did and the store does not answer, or a request did not come through
   */
  across(to: Jid, found: Here, choice: Choice, what: Across): Promise<number | 'unknown'>
  /** To the one session of a route, of what is no request. @param told of its owner's answer; must not throw */
  alone(location: Location, account: string, text: string, declared: boolean, told: (answer: HandOver) => void): void
  /** The route was wrong, as an owner has answered (isWrong): once more, to those that have not been served. As `across`. */
  again(to: Jid, found: Here, choice: Choice, what: Across, served: Set<string>): Promise<number | 'unknown'>
}

/** What goes to other nodes. */
export interface Across {
  readonly octets: string
  readonly declared: boolean
  /** A request is remembered until it is answered; null: it is none. */
  readonly request: Asked | null
  /** The entry of the receiver's log that it must not overtake (durability.md D11), in words among nodes; '': none. */
  readonly behind: string
  /** To sessions that have come here meanwhile. Returns how many took it. */
  here(sessions: readonly Session[]): number
}

/** A request that did not come through to who is there by the table is no request to nobody: who asked may try again. */
const outcome = ({ request }: Across, tried: readonly Location[], taken: number): number | 'unknown' =>
  (request !== null && taken === 0 && tried.length > 0 ? 'unknown' : taken)

/** Of too much for the bus, or no answer, nothing follows for the route. */
export const isWrong = (answer: HandOver): boolean => answer !== 'accepted' && answer !== 'busy' && answer !== 'too large' && answer !== 'unknown'

export const makeDelivery = (cache: RouteCache, bus: Bus, counters: Counters, outstanding: Outstanding): Delivery => {
  const hand = async (to: Jid, locations: readonly Location[], { octets, declared, request, behind }: Across, served: Set<string>): Promise<boolean> => {
    // its answer may come before what is said here
    if (request !== null) for (const location of locations) outstanding.sent(request, location)
    const answers = await Promise.all(locations.map((location) => bus.send(location, to.bare, behind + octets, declared)))
    answers.forEach((answer, i) => {
      if (answer === 'accepted') served.add((locations[i] as Location).sessionId)
      else if (request !== null && answer === 'unknown') outstanding.giveUp(request)
      else if (request !== null) outstanding.answered(request.to, request.from, request.id)
    })
    return answers.some(isWrong)
  }

  const again: Delivery['again'] = async (to, found, choice, what, served) => {
    cache.stale(to.bare)
    counters.route.retries++
    const now: Resolution = await cache.resolve(to)
    if (now === 'unknown') return served.size > 0 ? served.size : now
    // a session may have moved here meanwhile; what was here before was served by the caller
    const before = new Set(choice.here(found))
    const here = what.here(choice.here(now).filter((s) => !before.has(s)))
    const others = choice.elsewhere(now).filter((l) => !served.has(l.sessionId))
    await hand(to, others, what, served)
    return outcome(what, others, served.size + here)
  }

  return {
    again, alone: (location, account, text, declared, told) => bus.hand(location, account, text, declared, told),
    across: async (to, found, choice, what) => {
      const locations = choice.elsewhere(found)
      if (locations.length === 0) return 0
      const served = new Set<string>()
      return await hand(to, locations, what, served) ? again(to, found, choice, what, served) : outcome(what, locations, served.size)
    },
  }
}
