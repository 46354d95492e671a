// Rewriting: a recorded stanza is cut once into what stays and slots for what each copy has of its own (addresses, ids,
// tokens); saying it again is joining. The same recorded value is the same slot wherever it stands, so what belonged
// together in the recording does so in every copy.

export interface Template {
  /** One more than slots. Octets. */
  readonly literals: readonly string[]
  readonly slots: readonly number[]
}

/** What a slot holds. Accounts are numbered, the recorded ones first. */
export type Slot =
  | { readonly is: 'domain' }
  | { readonly is: 'bare'; readonly account: number }
  /** A full JID, whose resource the server may have given. */
  | { readonly is: 'full'; readonly account: number; readonly recorded: string }
  /** An id: new in each pass. */
  | { readonly is: 'id' }
  /** What the server gave in its place (stanza-id, roster version); until it gives one, as recorded. */
  | { readonly is: 'given'; readonly recorded: string }

export interface Slots {
  readonly all: readonly Slot[]
  /** The same slot for the same key. */
  slot(key: string, what: Slot): number
  has(key: string): number | undefined
}

export const makeSlots = (): Slots => {
  const all: Slot[] = []
  const byKey = new Map<string, number>()
  return {
    all,
    has: (key) => byKey.get(key),
    slot: (key, what) => {
      const known = byKey.get(key)
      if (known !== undefined) return known
      byKey.set(key, all.length)
      return all.push(what) - 1
    },
  }
}

export const render = ({ literals, slots }: Template, values: readonly string[]): string => {
  let out = literals[0] as string
  for (let i = 0; i < slots.length; i++) out += (values[slots[i] as number] as string) + (literals[i + 1] as string)
  return out
}

/** Addresses as they stand in the octets, longest first, each with its slot. */
export type Addresses = readonly (readonly [octets: string, slot: number])[]

/** An attribute with its value, or text between two tags. */
const VALUES = /(\s([\w:.-]+)\s*=\s*)(?:"([^"]*)"|'([^']*)')|>([^<>]+)</g
/** A token shorter than this is known only where it is called an id: `1` may be anything. */
const TELLING = 8

/**
 * @param addresses what is replaced wherever it stands by itself
 * @param domain the recorded domain, also at the end of others (conference.…), and its slot
 */
export const cutter = (slots: Slots, addresses: Addresses, domain: readonly [octets: string, slot: number]): (octets: string) => Template => {
  const bySpelling = new Map<string, number>([...addresses, domain])
  const spelled = addresses.map(([octets]) => escaped(octets)).join('|')
  const ADDRESS = new RegExp(`${spelled === '' ? '' : `(?<![\\w.@+-])(?:${spelled})(?![\\w.-])|`}(?<![\\w-])${escaped(domain[0])}(?![\\w.-])`, 'g')
  return (octets) => {
    const literals: string[] = []
    const found: number[] = []
    let from = 0
    const put = (start: number, end: number, slot: number): void => {
      literals.push(octets.slice(from, start))
      found.push(slot)
      from = end
    }
    for (const match of octets.matchAll(VALUES)) {
      const [, before = '', name = '', double, single, text] = match
      if (name.startsWith('xmlns')) continue
      const value = text ?? double ?? single ?? ''
      const start = match.index + (text === undefined ? before.length + 1 : 1)
      const token = slots.has(versionKey(name, value)) ?? (value.length >= TELLING || /id$/i.test(name) ? slots.has(tokenKey(value)) : undefined)
      if (token !== undefined) {
        put(start, start + value.length, token)
        continue
      }
      // a look that costs little, where there are hundreds of addresses
      if (!value.includes('@') && !value.includes(domain[0])) continue
      for (const address of value.matchAll(ADDRESS)) put(start + address.index, start + address.index + address[0].length, bySpelling.get(address[0]) as number)
    }
    literals.push(octets.slice(from))
    return { literals, slots: found }
  }
}

export const tokenKey = (value: string): string => `token ${value}`
/** A roster version (RFC 6121 §2.6) is short, and means something only in this attribute. */
export const versionKey = (name: string, value: string): string => (name === 'ver' ? `version ${value}` : '')

const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
