// What recorded servers sent, played to a client that says that nobody looks at it (XEP-0352).
import { toOctets } from '../../lib/base/octets.js'
import { makeHold } from '../../lib/core/hold.js'
import type { HoldLimits } from '../../lib/core/hold.js'
import { trace } from './traces.js'

export interface Traffic {
  stanzas: number
  bytes: number
  /** Separate writes: stanzas of one millisecond are one. Each may wake a phone. */
  wakeUps: number
}

const nothing = (): Traffic => ({ stanzas: 0, bytes: 0, wakeUps: 0 })

/** Answers to a client's own requests. An idle one asks for nothing. */
const ANSWER = /^<iq\s(?:[^>]*\s)?type=["'](?:result|error)/

/** Stanzas that a client was sent between binding its resource and the end of each of its connections. */
const afterBind = (client: string, answers: boolean): { at: string; octets: string }[] => {
  const bound = new Set<number>()
  return trace(client).flatMap(({ t, s, dir, xml }) => {
    if (dir !== 'out' || !/^<(?:message|presence|iq)[\s/>]/.test(xml)) return []
    if (bound.has(s)) return !answers && ANSWER.test(xml) ? [] : [{ at: `${s} ${t}`, octets: toOctets(xml) }]
    if (xml.includes('urn:ietf:params:xml:ns:xmpp-bind')) bound.add(s)
    return []
  })
}

/**
 * As it was, and as it would be were the client inactive all the time and active at the very end (of that, the bytes
 * count, but not the wake-up: somebody has woken the client already).
 * @param answers with the answers to what the client asked
 */
export const playInactive = (client: string, answers: boolean, limits: HoldLimits): { active: Traffic; inactive: Traffic } => {
  const active = nothing()
  const inactive = nothing()
  let now = ''
  let woken = ''
  const outlet = {
    write: (octets: string, declared: boolean): boolean => {
      if (hold.take(octets, declared, false)) return true
      inactive.stanzas++
      inactive.bytes += octets.length
      if (woken !== now) inactive.wakeUps++
      woken = now
      return true
    },
    flushed: () => Promise.resolve(true), close: () => {}, drop: () => {},
  }
  const hold = makeHold(outlet, limits)
  for (const { at, octets } of afterBind(client, answers)) {
    if (at !== now) active.wakeUps++
    now = at
    active.stanzas++
    active.bytes += octets.length
    outlet.write(octets, octets.includes("xmlns='jabber:client'"))
  }
  woken = now
  hold.release()
  return { active, inactive }
}
