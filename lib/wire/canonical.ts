// The canonical form of a stanza inside the server and in its stores: in jabber:client, with every declaration it needs
// inside, names of the root and of its children without prefix (design.md §3). Nearly all stanzas are in it as they come.
import type { Frame } from '../base/stanza.js'
import { NS } from '../base/namespaces.js'
import { toOctets } from '../base/octets.js'
import type { Surroundings } from './namespaces.js'
import { treeOf, withoutPrefixes } from './tree.js'
import { escapeAttribute, serialize } from './writer.js'

/**
 * @param inherited prefixes that the element takes from the stream header, declared there as in `around`
 * @param rebuild the root or a child is written with a prefix
 * @param limit octets that the declarations written instead of prefixes may take; beyond it StreamError policy-violation
 * @returns octets, to be framed anew
 */
export const canonical = (frame: Frame, inherited: ReadonlySet<string> | null, around: Surroundings, rebuild: boolean, limit: number): string => {
  let declarations = ''
  for (const prefix of inherited ?? []) declarations += ` xmlns:${toOctets(prefix)}='${escapeAttribute(around.namespaces.get(prefix) ?? '')}'`
  const xml = frame.xml.slice(0, frame.nameEnd) + declarations + frame.xml.slice(frame.nameEnd)
  return rebuild ? serialize(withoutPrefixes(treeOf(xml), NS.client, around.defaultNs, limit)) : xml
}

const START_TAG = /^<(?:[^"'>]|"[^"]*"|'[^']*')*>/
const ATTRIBUTE = /\s+([^\s=]+)\s*=\s*(?:'([^']*)'|"([^"]*)")/g

/**
 * Without a `to` or xml:lang that is empty: it says nothing, counts as absent (Frame), and whoever splices one in would make
 * two of it, which no receiver takes for well-formed (XML 1.0 §3.1).
 */
export const withoutHollow = (octets: string): string => octets.replace(START_TAG, (tag) =>
  tag.replace(ATTRIBUTE, (all, name, single, double) => ((name === 'to' || name === 'xml:lang') && (single ?? double) === '' ? '' : all)))
