// A stanza as the server carries it: its octets and what the router needs to know of them, found in one pass by the
// framer. Nothing here is changed after it is made; what passes through is spliced, not rebuilt (design.md §3).

/** A child of the stanza's root element. `start` and `end` are offsets in `Stanza.xml`, end exclusive. */
export interface Child {
  readonly ns: string
  readonly name: string
  readonly start: number
  readonly end: number
}

export type Kind = 'message' | 'presence' | 'iq'

/** Octets of a stanza's id; ids are remembered where answers, refusals and resends have to be known by them. */
export const LONGEST_ID = 1024

/** One top-level element of a stream. `kind` is '' for what is not a stanza (`<auth/>`, `<starttls/>`, `<r/>` …). */
export interface Frame {
  readonly kind: Kind | ''
  readonly ns: string
  readonly name: string
  /** Attributes of the root, decoded; '' where absent. */
  readonly type: string
  readonly id: string
  readonly to: string
  readonly from: string
  readonly lang: string
  readonly children: readonly Child[]
  /** The element in canonical form, as octets (octets.ts): jabber:client, every declaration that it needs inside. */
  readonly xml: string
  /** Offset just behind the root's name, where attributes are spliced in. */
  readonly nameEnd: number
  /** The `from` attribute with the white space before it; -1, -1 where absent. */
  readonly fromStart: number
  readonly fromEnd: number
  /** Offset just behind the root's start tag. For an empty-element tag: the offset just behind it, and `empty`. */
  readonly openEnd: number
  readonly empty: boolean
  /** The root declares its default namespace itself. */
  readonly declared: boolean
}

export interface Stanza extends Frame {
  readonly kind: Kind
}

/** The octets with `attributes` (octets, each with a space before it) spliced in and the sender's own `from` cut out. */
export const stamp = (stanza: Frame, attributes: string): string => {
  const { xml, nameEnd, fromStart } = stanza
  if (fromStart < 0) return xml.slice(0, nameEnd) + attributes + xml.slice(nameEnd)
  return xml.slice(0, nameEnd) + attributes + xml.slice(nameEnd, fromStart) + xml.slice(stanza.fromEnd)
}

/** The octets with one more child, octets, behind the others. */
export const withChild = ({ xml, empty, name }: Frame, child: string): string => {
  if (empty) return `${xml.slice(0, xml.lastIndexOf('/'))}>${child}</${name}>`
  const end = xml.lastIndexOf('</')
  return xml.slice(0, end) + child + xml.slice(end)
}
