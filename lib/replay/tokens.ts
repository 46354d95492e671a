// What in a trace belongs to the one who was recorded, and has to be another's in each copy: addresses, ids that the client
// gave, and what the server made up and the client repeats.
import { NS } from '../base/namespaces.js'
import type { Frame } from '../base/stanza.js'
import type { Cast, Said } from './cast.js'
import { tokenKey, versionKey } from './template.js'
import type { Slots } from './template.js'

/** Taken from what came with an event: the first group of the pattern goes into the slot. */
export interface Capture {
  readonly pattern: RegExp
  readonly slot: number
}

export const DELAY = NS.delay

/** Requests by id: of the server and of others (`out`), and of a connection (its number). */
export const requestsIn = (said: readonly Said[]): Map<string, Said> => new Map(said.flatMap((item): [string, Said][] => {
  const { frame, dir, s } = item
  return frame?.kind === 'iq' && (frame.type === 'get' || frame.type === 'set') ? [[`${dir === 'out' ? dir : s} ${frame.id}`, item]] : []
}))

/** Every address of the cast, as it stands in the trace, longest first. */
export const addressSlots = ({ parts, accounts }: Cast, slots: Slots): [string, number][] => {
  const fulls = parts.filter(({ full, recorded }) => recorded && full.includes('/'))
  return [
    ...fulls.map(({ full, account }): [string, number] => [full, slots.slot(`full ${full}`, { is: 'full', account, recorded: full })]),
    ...accounts.map((bare, account): [string, number] => [bare, slots.slot(`bare ${bare}`, { is: 'bare', account })]),
  ].toSorted(([a], [b]) => b.length - a.length)
}

/** Ids that the clients gave, which each copy gives anew: of stanzas, origins (XEP-0359) and archive queries (XEP-0313). */
export const noteTokens = ({ said, partOf }: Cast, idSlot: (id: string) => number): void => {
  for (const { dir, frame, s } of said) {
    if (frame === null || frame.kind === '' || !partOf.has(s)) continue
    const own = dir === 'in' ? !(frame.kind === 'iq' && (frame.type === 'result' || frame.type === 'error')) : frame.kind === 'message'
    if (own && frame.id !== '') idSlot(frame.id)
    if (dir === 'in') for (const [, , id = ''] of frame.xml.matchAll(/\s(?:queryid|sid|(?<=<origin-id[^>]*)id)\s*=\s*(["'])([^"']*)\1/g)) if (id !== '') idSlot(id)
  }
}

/**
 * What the server made up and the client repeats: stanza-ids, places in the archive, roster versions. By line of the trace
 * (of the message that brought it, or of the request that asked): what is to be found in what comes in its place.
 */
export const noteGiven = ({ said, partOf }: Cast, requests: ReadonlyMap<string, Said>, slots: Slots): Map<number, Capture[]> => {
  const captures = new Map<number, Capture[]>()
  const sentLater = new Set(said.filter(({ dir }) => dir === 'in').flatMap(({ xml }) => [...xml.matchAll(/(["'])([^"']*)\1|>([^<>]+)</g)].map((m) => m[2] ?? m[3] ?? '')))
  for (const { dir, frame, s, line, xml } of said) {
    if (dir !== 'out' || frame === null || !partOf.has(s)) continue
    const place = frame.kind === 'message' ? line : requests.get(`${s} ${frame.id}`)?.line
    if (place === undefined) continue
    for (const { pattern, key } of GIVEN) {
      const value = pattern.exec(xml)?.[1]
      if (value === undefined || value === '' || !sentLater.has(value)) continue
      const slot = slots.slot(key(value), { is: 'given', recorded: value })
      captures.set(place, [...(captures.get(place) ?? []), { pattern, slot }])
    }
  }
  return captures
}

const GIVEN: readonly { pattern: RegExp; key: (value: string) => string }[] = [
  { pattern: /<stanza-id(?=[^>]*urn:xmpp:sid:0)[^>]*\sid=["']([^"']+)["']/, key: tokenKey },
  { pattern: /<last>([^<]+)<\/last>/, key: tokenKey },
  { pattern: /<first(?:\s[^>]*)?>([^<]+)<\/first>/, key: tokenKey },
  { pattern: /<query(?=[^>]*jabber:iq:roster)[^>]*\sver=["']([^"']+)["']/, key: (value) => versionKey('ver', value) },
]

/** What a contact's server and the client's own added on the way is taken off again (RFC 6120 §8.1.2.1, XEP-0203, XEP-0359). */
export const stripped = ({ xml, children, fromStart, fromEnd }: Frame): string => {
  let octets = xml
  for (const { ns, name, start, end } of children.toReversed()) {
    if (ns === DELAY || (ns === NS.stanzaId && name === 'stanza-id')) octets = octets.slice(0, start) + octets.slice(end)
  }
  return fromStart < 0 ? octets : octets.slice(0, fromStart) + octets.slice(fromEnd)
}
