// What of an archived message can be searched (XEP-0431): the words of its bodies, in every language that it has one in.
import { NS } from '../base/namespaces.js'
import { wordsOf } from '../base/words.js'
import { frameOf } from '../wire/framer.js'
import { treeOf } from '../wire/tree.js'

/** @param xml octets of a stanza */
export const wordsIn = (xml: string): readonly string[] => wordsOf(frameOf(xml).children
  .filter(({ ns, name }) => ns === NS.client && name === 'body')
  .map(({ start, end }) => treeOf(xml.slice(start, end)).getText()).join('\n'))
