// XEP-0115 §5: the verification string, a hash over what an entity tells of itself. Whoever knows the hash need not ask.
import { createHash } from 'node:crypto'
import type { Element } from 'ltx'
import { toOctets } from '../base/octets.js'

/** XEP-0115 §9.1: SHA-1 must be known, others may be. By IANA's name → by OpenSSL's. */
const ALGORITHMS: ReadonlyMap<string, string> = new Map([['sha-1', 'sha1'], ['sha-256', 'sha256'], ['sha-512', 'sha512']])

export const isKnownHash = (hash: string): boolean => ALGORITHMS.has(hash)

export interface Verification {
  /** Base64. */
  readonly ver: string
  /** Nothing is told twice in two ways (§5.4, 3.3 to 3.5); otherwise a hash says nothing about it. */
  readonly wellFormed: boolean
}

/**
 * Octets, which compare as "i;octet" wants it (§5.1). '<' stays escaped, as §5.1 warns: it separates, and nobody may bring
 * separators of his own into the string.
 */
const factor = (text: string | undefined): string => toOctets((text ?? '').replace(/</g, '&lt;'))
const byOctets = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
const lines = (factors: readonly string[]): string => factors.map((f) => `${f}<`).join('')
const differ = (all: readonly string[]): boolean => new Set(all).size === all.length

/** Sorted by category, type, language; the slashes are no part of the order. */
const identities = (info: readonly Element[]): string[] => info.filter((e) => e.getName() === 'identity')
  .map(({ attrs }) => [factor(attrs['category']), factor(attrs['type']), factor(attrs['xml:lang']), factor(attrs['name'])] as const)
  .sort((a, b) => byOctets(a[0], b[0]) || byOctets(a[1], b[1]) || byOctets(a[2], b[2]) || byOctets(a[3], b[3]))
  .map((parts) => parts.join('/'))

interface Form {
  readonly types: readonly string[]
  readonly fields: readonly string[]
}

const valuesOf = (field: Element): string[] => field.getChildren('value').map((v) => factor(v.getText())).sort(byOctets)

/** §5.4, 3.6: null for a form that does not say what it is by a hidden FORM_TYPE; it is left out. */
const formOf = (x: Element): Form | null => {
  const fields = x.getChildren('field')
  const type = fields.find((f) => f.attrs['var'] === 'FORM_TYPE')
  if (type?.attrs['type'] !== 'hidden') return null
  return {
    types: valuesOf(type),
    fields: fields.filter((f) => f.attrs['var'] !== 'FORM_TYPE')
      .map((f) => ({ name: factor(f.attrs['var']), values: valuesOf(f) }))
      .sort((a, b) => byOctets(a.name, b.name))
      .flatMap(({ name, values }) => [name, ...values]),
  }
}

/** The children of a disco#info → their hash. @param hash one for which `isKnownHash` */
export const verification = (info: readonly Element[], hash: string): Verification => {
  const who = identities(info)
  const features = info.filter((e) => e.getName() === 'feature').map((e) => factor(e.attrs['var'] as string | undefined)).sort(byOctets)
  const forms = info.filter((e) => e.getName() === 'x' && e.getNS() === 'jabber:x:data').map(formOf).filter((f) => f !== null)
    .sort((a, b) => byOctets(a.types[0] ?? '', b.types[0] ?? ''))
  const said = lines([...who, ...features, ...forms.flatMap(({ types, fields }) => [types[0] ?? '', ...fields])])
  return {
    ver: createHash(ALGORITHMS.get(hash) as string).update(said, 'latin1').digest('base64'),
    wellFormed: differ(who) && differ(features) && differ(forms.map((f) => f.types[0] ?? '')) && forms.every((f) => new Set(f.types).size <= 1),
  }
}
