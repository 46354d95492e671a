// Who is who in a trace: the connections that log in, the accounts they belong to, and the contacts: others of the same
// domain, or accounts of other domains, to whom or from whom something went. Contacts are played by accounts of their own.
import { NS } from '../base/namespaces.js'
import { UsageError } from '../base/errors.js'
import type { Frame } from '../base/stanza.js'
import { frameOf } from '../wire/framer.js'
import { closes, opens } from './trace.js'
import type { Item, Trace } from './trace.js'

/** An item and what it says; null: no stanza, or one that only its stream's header makes sense of. */
export interface Said extends Item {
  readonly frame: Frame | null
}

/** A session of the script: of a recorded connection, or the one that plays a contact. */
export interface Part {
  readonly account: number
  /** The recorded full JID; '' where the recording does not tell. */
  readonly full: string
  readonly recorded: boolean
  /** More attributes of the stream's header: prefixes and the language. Octets. */
  readonly header: string
}

export interface Cast {
  readonly domain: string
  /** Bare JIDs as they stand in the trace; those of recorded connections first. */
  readonly accounts: readonly string[]
  readonly parts: readonly Part[]
  /** How many accounts, and parts, are recorded ones. */
  readonly recordedAccounts: number
  readonly recordedParts: number
  /** By connection, the number of its part; a connection that never logs in has none. */
  readonly partOf: ReadonlyMap<number, number>
  readonly said: readonly Said[]
  /** In each part, what comes before this index of `said` is the log-in. */
  readonly loginEnd: readonly number[]
}

/** Contacts of one trace: each costs an account a copy. */
const MOST_CONTACTS = 100

export const bareOf = (jid: string): string => jid.split('/')[0] as string
export const domainOf = (jid: string): string => bareOf(jid).slice(bareOf(jid).indexOf('@') + 1)
const local = (jid: string): boolean => bareOf(jid).includes('@')

export const castOf = ({ name, items }: Trace): Cast => {
  const said = items.map((item): Said => ({ ...item, frame: frameIn(item) }))
  const accounts: string[] = []
  const parts: Part[] = []
  const partOf = new Map<number, number>()
  const loginEnd: number[] = []
  const accountOf = (bare: string): number => (accounts.includes(bare) ? accounts.indexOf(bare) : accounts.push(bare) - 1)

  for (const [s, places] of [...placesOf(said)].toSorted(([a], [b]) => a - b)) {
    const own = places.map((place) => said[place] as Said)
    const full = addressOf(own) ?? (own.some(({ dir, frame }) => dir === 'out' && frame?.name === 'resumed') ? parts.at(-1)?.full : undefined)
    if (full === undefined) continue
    partOf.set(s, parts.length)
    loginEnd.push(places[own.findLastIndex((item) => item.dir === 'in' && (opens(item) || item.frame?.ns === NS.sasl))] ?? -1)
    parts.push({ account: accountOf(bareOf(full)), full, recorded: true, header: headerOf(own.find(({ kind }) => kind === 'header')?.xml ?? '') })
  }
  if (parts.length === 0) {
    throw new UsageError(`${name}: no connection of it logs in: none has a <bind/> and the server's answer to it (RFC 6120 §7); record a client that logs in`)
  }
  const recordedAccounts = accounts.length
  const recordedParts = parts.length
  const domain = domainOf(accounts[0] as string)

  const contacts = new Map<string, string>()
  for (const item of said) {
    const { frame, dir, s } = item
    if (frame === null || frame.kind === '' || !partOf.has(s)) continue
    const other = dir === 'in' ? frame.to : frame.from
    if (!isPerson(frame, other, domain) || accounts.indexOf(bareOf(other)) >= 0 && accounts.indexOf(bareOf(other)) < recordedAccounts) continue
    const known = contacts.get(bareOf(other))
    if (known === undefined || (!known.includes('/') && other.includes('/'))) contacts.set(bareOf(other), other)
  }
  if (contacts.size > MOST_CONTACTS) throw new UsageError(`${name}: ${contacts.size} contacts; each copy of a trace has at most ${MOST_CONTACTS}, for each needs an account`)
  for (const [bare, jid] of contacts) parts.push({ account: accountOf(bare), full: jid, recorded: false, header: '' })
  return { domain, accounts, parts, recordedAccounts, recordedParts, partOf, said, loginEnd }
}

/** Is this address somebody's, and not a room's? Rooms and services of the recorded domain are addressed on the one replayed to. */
const isPerson = (frame: Frame, jid: string, domain: string): boolean => {
  if (!local(jid) || frame.type === 'groupchat' || frame.children.some(({ ns }) => ns.startsWith('http://jabber.org/protocol/muc'))) return false
  return !domainOf(jid).endsWith(`.${domain}`)
}

const frameIn = ({ kind, xml }: Item): Frame | null => {
  if (kind !== 'element') return null
  try {
    return frameOf(xml)
  } catch {
    return null
  }
}

/** By connection, where its items stand. */
const placesOf = (said: readonly Said[]): Map<number, number[]> => {
  const places = new Map<number, number[]>()
  for (const [place, { s }] of said.entries()) {
    const known = places.get(s)
    if (known === undefined) places.set(s, [place])
    else known.push(place)
  }
  return places
}

/** The address that a connection bound (RFC 6120 §7.6). */
const addressOf = (own: readonly Said[]): string | undefined => {
  for (const { dir, frame } of own) {
    if (dir !== 'out' || frame?.kind !== 'iq' || frame.type !== 'result' || frame.children[0]?.ns !== NS.bind) continue
    const jid = /<(?:\w+:)?jid[^>]*>([^<]+)</.exec(frame.xml)?.[1]
    if (jid !== undefined) return jid
  }
  return undefined
}

/** Prefixes that stanzas of the stream may use, and its language. */
const headerOf = (octets: string): string =>
  [...octets.matchAll(/\s(xmlns:[\w.-]+|xml:lang)\s*=\s*(?:"[^"]*"|'[^']*')/g)].filter(([, name]) => name !== 'xmlns:stream').map(([attribute]) => ` ${attribute.trim()}`).join('')

/** The connections that say goodbye. */
export const withEnd = (said: readonly Said[]): ReadonlySet<number> => new Set(said.filter((item) => item.dir === 'in' && closes(item)).map(({ s }) => s))
