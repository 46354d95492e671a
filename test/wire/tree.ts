// Trees of stanzas and what is written from them: the same content as in the octets, whatever characters it holds.
import fc from 'fast-check'
import { Element } from 'ltx'
import t from 'tap'
import { toText } from '../../lib/base/octets.js'
import { treeOf, withoutPrefixes } from '../../lib/wire/tree.js'
import { attribute, escapeAttribute, escapeText, serialize } from '../../lib/wire/writer.js'
import { contentOf } from '../helpers/oracle.js'

t.test('a tree has the text before, in and behind CDATA sections', async (t) => {
  t.equal(treeOf('<a>1<![CDATA[<2&amp;]]>3<![CDATA[]]>4</a>').getText(), '1<2&amp;34')
  t.equal(treeOf('<a><![CDATA[<![CDATA[ ]]]]><![CDATA[>]]></a>').getText(), '<![CDATA[ ]]>')
})

t.test('a tree has line breaks and white space in values as XML 1.0 §2.11 and §3.3.3 say', async (t) => {
  const tree = treeOf('<a b="1\r\n2\t3\n4&#10;5>"\n c=\'"\n\'>x\r\ny\rz&#13;\t"="\n"</a>')
  t.equal(tree.attrs['b'], '1 2 3 4\n5>')
  t.equal(tree.attrs['c'], '" ')
  t.equal(tree.getText(), 'x\ny\nz\r\t"="\n"')
})

t.test('what is written is read again as it was, in text and in values', async (t) => {
  const text = fc.string({ unit: 'binary' }).map((s) => s.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '')) // oxlint-disable-line no-control-regex
  fc.assert(fc.property(text, text, (value, content) => {
    const octets = serialize(new Element('é', { xmlns: 'urn:ü', b: value }).t(content))
    const node = contentOf(octets)
    const tree = treeOf(octets)
    return node.attrs['{}b'] === value && (node.children[0] ?? '') === content && tree.attrs['b'] === value && tree.getText() === content && node.ns === 'urn:ü' && node.name === 'é'
  }), { seed: 3, numRuns: 2000 })
  t.equal(escapeAttribute('<&>"\'\t\n\r'), '&lt;&amp;&gt;&quot;&apos;&#9;&#10;&#13;')
  t.equal(attribute('to', ''), '')
  t.equal(attribute('to', "o'"), " to='o&apos;'")
})

t.test('what is no character in XML is replaced, not written', async (t) => {
  for (const bad of ['\u0000', '\u001b', '\ufffe', '\uffff', '\ud800', '\udc00', 'a\udbffb']) {
    t.match(toText(escapeText(bad)), /\ufffd/, JSON.stringify(bad))
    t.match(toText(escapeAttribute(`'${bad}`)), /\ufffd/)
  }
  t.equal(toText(escapeText('😀')), '😀')
})

t.test('without prefixes an element says the same and stands by itself', async (t) => {
  const plain = (octets: string, outer: string, around: string): string => serialize(withoutPrefixes(treeOf(octets), outer, around))
  t.equal(plain("<c:a xmlns:c='u' xmlns='v'><b c:d=''/><c:e/></c:a>", 'u', 'w'), "<a xmlns:c='u'><b xmlns='v' c:d=''/><e/></a>")
  t.equal(plain('<a/>', 'u', 'w'), "<a xmlns='w'/>")
  t.equal(plain("<a xmlns='u'><b xmlns=''><c/></b><xml:d><e/></xml:d></a>", 'u', ''), "<a><b xmlns=''><c/></b><xml:d><e/></xml:d></a>")
  t.throws(() => withoutPrefixes(treeOf(`<a xmlns:q='${'x'.repeat(100)}'><q:b/><q:b/></a>`), '', '', 150))
})
