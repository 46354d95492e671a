// Prefixes in scope while an element is read (XML Names 1.0): those of the element itself, and around it the declarations
// of the stream header (RFC 6120 §4.8).
import { NS } from '../base/namespaces.js'
import { toText } from '../base/octets.js'
import { intern } from './intern.js'
import { decodeValue } from './references.js'
import { attrs, DECLARATION, isDeclaration, needsDecoding, TAG, WIDTH } from './start-tag.js'
import { notWellFormed } from './violations.js'

/** What the stream declares for all its elements. */
export interface Surroundings {
  readonly defaultNs: string
  /** prefix → namespace, '' for the default namespace. */
  readonly namespaces: ReadonlyMap<string, string>
}

/** Prefixes of one element that is being read. */
export interface Prefixes {
  /** Declarations in scope, innermost last; `at` = depth of the declaring element. */
  readonly declared: { readonly at: number; readonly prefix: string; readonly ns: string }[]
  /** Those taken from the stream header: they must be declared in the element itself before it is passed on. */
  inherited: Set<string> | null
}

/** The decoded value of an attribute. */
export const attrValue = (buf: Buffer, a: number): string => {
  const start = attrs[a + 3] as number
  const end = attrs[a + 4] as number
  return needsDecoding(a) ? decodeValue(buf.latin1Slice(start, end)) : intern(buf, start, end)
}

/** The prefix that the declaration declares; '' for the default namespace. */
const declaredPrefix = (buf: Buffer, a: number): string =>
  (attrs[a + 2] as number) < 0 ? '' : intern(buf, (attrs[a + 2] as number) + 1, attrs[a + 1] as number)

/** XML Names 1.0 §3 (reserved prefixes) and §5 (a prefix cannot be undeclared): what may not be declared. */
const checkDeclaration = (prefix: string, ns: string): void => {
  if (prefix === 'xmlns' || ns === NS.xmlns || (prefix === 'xml') !== (ns === NS.xml) || (prefix !== '' && ns === '')) {
    throw notWellFormed('a namespace declaration that is not allowed')
  }
}

/** Note the declarations of the tag read last. Returns its default namespace, null where it declares none. */
export const declare = (buf: Buffer, prefixes: Prefixes, depth: number): string | null => {
  let defaultNs: string | null = null
  const A = attrs
  for (let a = 0, last = TAG.count * WIDTH; a < last; a += WIDTH) {
    if (((A[a + 5] as number) & DECLARATION) === 0) continue
    const ns = attrValue(buf, a)
    const prefix = declaredPrefix(buf, a)
    checkDeclaration(prefix, ns)
    if (prefix === '') defaultNs = ns
    else prefixes.declared.push({ at: depth, prefix, ns })
  }
  return defaultNs
}

/** The declarations go out of scope that are deeper than `depth`. */
export const undeclare = (prefixes: Prefixes, depth: number): void => {
  const { declared } = prefixes
  while (declared.length > 0 && (declared[declared.length - 1] as { at: number }).at > depth) declared.pop()
}

/** The namespace of the prefix between `start` and `end`. XML Names 1.0 §5: it must be declared. */
export const resolve = (buf: Buffer, start: number, end: number, prefixes: Prefixes, around: Surroundings): string => {
  const prefix = intern(buf, start, end)
  if (prefix === 'xml') return NS.xml
  const { declared } = prefixes
  for (let i = declared.length - 1; i >= 0; i--) {
    const one = declared[i] as { prefix: string; ns: string }
    if (one.prefix === prefix) return one.ns
  }
  const inherited = around.namespaces.get(prefix)
  // RFC 6120 §4.9.3.13: violations of XML Names too are not-well-formed
  if (inherited === undefined) throw notWellFormed('a prefix that is not declared')
  ;(prefixes.inherited ??= new Set()).add(prefix)
  return inherited
}

/** Attributes with a prefix: it must be declared, and no two may have the same namespace and local name (XML Names 1.0 §6.3). */
export const checkAttributes = (buf: Buffer, prefixes: Prefixes, around: Surroundings): void => {
  const A = attrs
  let first = ''
  let seen: Set<string> | null = null
  let firstAt = -1
  for (let i = 0, a = 0; i < TAG.count; i++, a += WIDTH) {
    const colon = A[a + 2] as number
    if (colon < 0 || isDeclaration(a)) continue
    const ns = resolve(buf, A[a] as number, colon, prefixes, around)
    if (firstAt < 0) {
      // mostly the only one
      firstAt = a
      first = ns
      continue
    }
    seen ??= new Set([expanded(buf, firstAt, first)])
    const name = expanded(buf, a, ns)
    if (seen.has(name)) throw notWellFormed('an attribute given twice')
    seen.add(name)
  }
}

/** Namespace and local name of an attribute; no name holds a space. */
const expanded = (buf: Buffer, a: number, ns: string): string => `${intern(buf, (attrs[a + 2] as number) + 1, attrs[a + 1] as number)} ${ns}`

/** All attributes of the stream header, by their names as written, and its declarations. */
export const headerAttributes = (buf: Buffer): { attributes: Map<string, string>; declared: Map<string, string> } => {
  const attributes = new Map<string, string>()
  const declared = new Map<string, string>()
  for (let a = 0; a < TAG.count * WIDTH; a += WIDTH) {
    const value = attrValue(buf, a)
    if (isDeclaration(a)) declared.set(declaredPrefix(buf, a), value)
    else attributes.set(toText(buf.latin1Slice(attrs[a], attrs[a + 1])), value)
  }
  for (const [prefix, ns] of declared) checkDeclaration(prefix, ns)
  return { attributes, declared }
}
