// What only this server may say: a client's forgeries are cut out, in every spelling (design.md §6, "Identity").
import type { Jid } from '../base/jid.js'
import type { Child, Stanza } from '../base/stanza.js'
import { frameOf } from '../wire/framer.js'
import { treeOf } from '../wire/tree.js'

/** An attribute of a child, decoded; '' where absent. */
export const attributeOf = (stanza: Pick<Stanza, 'xml'>, child: Child, name: string): string =>
  String(treeOf(stanza.xml.slice(child.start, child.end)).attrs[name] ?? '').trim()

/** Without the children for which `forged` says so. Children are cut, nothing else changes; framed anew. */
export const without = (stanza: Stanza, forged: (child: Child) => boolean): Stanza => {
  let xml = ''
  let from = 0
  for (const child of stanza.children) {
    if (!forged(child)) continue
    xml += stanza.xml.slice(from, child.start)
    from = child.end
  }
  return from === 0 ? stanza : frameOf(xml + stanza.xml.slice(from)) as Stanza
}

/** An address of ours, or of this stanza's sender or receiver, whatever its spelling. */
export const isOurs = (address: Jid | null, from: Jid, to: Jid, domains: ReadonlySet<string>): boolean =>
  address !== null && (address.bare === from.bare || address.bare === to.bare || (address.local === '' && domains.has(address.domain)))
