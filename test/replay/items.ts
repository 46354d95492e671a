// Streams are cut into items however they come, and put together again they are what they were.
import t from 'tap'
import { kindOf, splitter } from '../../lib/replay/items.js'
import type { ItemKind } from '../../lib/replay/items.js'
import { clients, trace } from '../helpers/traces.js'

const cut = (chunks: Iterable<string>, most = Infinity): [ItemKind, string][] => {
  const found: [ItemKind, string][] = []
  const one = splitter((kind, octets) => void found.push([kind, octets]), most)
  for (const chunk of chunks) one.write(chunk)
  return found
}

t.test('every recorded stream, octet by octet and in one piece, falls into the items that were recorded', async (t) => {
  for (const client of clients()) {
    for (const dir of ['in', 'out'] as const) {
      const items = trace(client).filter((item) => item.s === 1 && item.dir === dir).map(({ xml }) => Buffer.from(xml).latin1Slice())
      // white space that follows white space is one run on the wire
      const whole = items.join('')
      t.equal(cut([whole]).map(([, octets]) => octets).join(''), whole)
      t.same(cut(whole).map(([, octets]) => octets).filter((octets) => octets.trim() !== ''), items.filter((octets) => octets.trim() !== ''), `${client} ${dir}`)
    }
  }
})

t.test('what looks like a tag and is none', async (t) => {
  const element = '<a x="1 > 0" y=\'</a>\'><![CDATA[</a><b>]]><c/>text &lt; </a >'
  t.same(cut([`<?xml version='1.0'?>\n<stream:stream to='x'>`, element, ' \n', '<s:stream xmlns:s=\'again\'>', '</s:stream>']), [
    ['header', '<?xml version=\'1.0\'?>\n<stream:stream to=\'x\'>'], ['element', element], ['white', ' \n'], ['header', '<s:stream xmlns:s=\'again\'>'], ['end', '</s:stream>'],
  ])
})

t.test('what is no stream is refused, and says why', async (t) => {
  const cases: [string, RegExp][] = [
    ['<a><b></a>', /<\/a> closes <b>/], ['hello<a/>', /text between elements/], ['<!-- x --><a/>', /a comment/], ['<a><!DOCTYPE x></a>', /DOCTYPE/],
    ['<a <b/>', /a tag inside a tag/], ['<>', /a tag without a name/], ['<![CDATA[x]]>', /where none may stand/], ['<a><?pi?></a>', /where none may stand/],
  ]
  for (const [text, why] of cases) t.throws(() => cut([text]), why, text)
  t.throws(() => cut(['<a>', 'x'.repeat(50)], 40), /more than 40 octets/)
  t.throws(() => kindOf('<a>'), /in the middle of an element/)
  t.throws(() => kindOf('<a/><b/>'), /2 items in one line/)
})
