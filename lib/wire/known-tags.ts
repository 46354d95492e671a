// Below the root, the same start tags come again and again: <body>, <active xmlns='…'/>. One that was read before is found
// by comparing its bytes with those of then, and is not read a second time. Only tags that mean the same wherever
// they stand are kept: without prefix, with no attribute but a default namespace.

export interface KnownTag {
  /** From '<' to '>'. */
  readonly bytes: Uint8Array
  readonly name: string
  /** Octets of the name. */
  readonly nameLength: number
  /** The default namespace that it declares; null for none. */
  readonly ns: string | null
  readonly empty: boolean
}

const BUCKETS = 256
const WAYS = 8
/** Shorter tags are read as fast, longer ones are rare. With the number of places it bounds the table to 256 KiB. */
const SHORTEST = 6
const LONGEST = 128
const places: KnownTag[] = new Array<KnownTag>(BUCKETS * WAYS).fill({ bytes: new Uint8Array(LONGEST + 1), name: '', nameLength: 0, ns: null, empty: false })
let turn = 0

/** The four bytes behind '<' are in every tag that is long enough. */
const bucket = (buf: Buffer, pos: number): number =>
  (((buf[pos + 1] as number) * 131 + (buf[pos + 2] as number) * 31 + (buf[pos + 3] as number) * 7 + (buf[pos + 4] as number)) & (BUCKETS - 1)) * WAYS

const same = (known: Uint8Array, buf: Buffer, pos: number): boolean => {
  const n = known.length
  const last = n - 3
  let i = 1
  while (i < last && (((known[i] as number) ^ (buf[pos + i] as number)) | ((known[i + 1] as number) ^ (buf[pos + i + 1] as number)) |
    ((known[i + 2] as number) ^ (buf[pos + i + 2] as number)) | ((known[i + 3] as number) ^ (buf[pos + i + 3] as number))) === 0) i += 4
  while (i < n && known[i] === buf[pos + i]) i++
  return i === n
}

/** The tag at `pos`, if it was read before and is all there. */
export const findTag = (buf: Buffer, pos: number, end: number): KnownTag | null => {
  const room = end - pos
  if (room < SHORTEST) return null
  const first = bucket(buf, pos)
  for (let i = first; i < first + WAYS; i++) {
    const known = places[i] as KnownTag
    const n = known.bytes.length
    // the end first: what tells namespaces apart stands there
    if (n <= room && buf[pos + n - 1] === 0x3e && buf[pos + n - 4] === known.bytes[n - 4] && same(known.bytes, buf, pos)) return known
  }
  return null
}

/** Remember a tag; in its bucket the places are taken in turn. */
export const learnTag = (buf: Buffer, pos: number, end: number, name: string, nameLength: number, ns: string | null, empty: boolean): void => {
  const n = end - pos
  if (n < SHORTEST || n > LONGEST) return
  places[bucket(buf, pos) + (turn++ & (WAYS - 1))] = { bytes: Uint8Array.prototype.slice.call(buf, pos, end), name, nameLength, ns, empty }
}
