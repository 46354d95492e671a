// XEP-0115 §5: the specification's examples, the rules one by one, and what fifteen real clients announced.
import t from 'tap'
import { parse } from 'ltx'
import type { Element } from 'ltx'
import { isKnownHash, verification } from '../../lib/core/verification.js'
import { clients, trace } from '../helpers/traces.js'

const info = (inner: string): Element[] => (parse(`<query xmlns='http://jabber.org/protocol/disco#info'>${inner}</query>`) as Element).getChildElements()
const ver = (inner: string, hash = 'sha-1'): string => verification(info(inner), hash).ver
const isWellFormed = (inner: string): boolean => verification(info(inner), 'sha-1').wellFormed

const BASICS = ['http://jabber.org/protocol/muc', 'http://jabber.org/protocol/disco#items', 'http://jabber.org/protocol/disco#info', 'http://jabber.org/protocol/caps']
  .map((f) => `<feature var='${f}'/>`).join('')
const field = (name: string, values: readonly string[], type = ''): string =>
  `<field var='${name}'${type === '' ? '' : ` type='${type}'`}>${values.map((v) => `<value>${v}</value>`).join('')}</field>`
const form = (...fields: string[]): string => `<x xmlns='jabber:x:data' type='result'>${fields.join('')}</x>`
const softwareInfo = (type: string): string => form(
  field('software', ['Psi']), field('os_version', ['10.5.1']), field('os', ['Mac']), field('software_version', ['0.11']),
  field('ip_version', ['ipv6', 'ipv4'], 'text-multi'), field('FORM_TYPE', ['urn:xmpp:dataforms:softwareinfo'], type))
const PSI = "<identity xml:lang='en' category='client' name='Psi 0.11' type='pc'/><identity xml:lang='el' category='client' name='Ψ 0.11' type='pc'/>"

t.test('the examples of XEP-0115 §5.2 and §5.3', async (t) => {
  t.equal(ver(`<identity category='client' name='Exodus 0.9.1' type='pc'/>${BASICS}`), 'QgayPKawpkPSDYmwT/WM94uAlu0=')
  t.equal(ver(`${softwareInfo('hidden')}${BASICS}${PSI}`), 'q07IKJEyjvHSyhy//CH0CxmKi8w=')
})

/** Announced while not all features were there yet: slixmpp with two of its eighteen; profanity with the next presence put it right. */
const TOO_EARLY: readonly string[] = ['http://slixmpp.com/ver/1.8.3#+cPFgWv3mvw2VpWz4HYH35WV4II=', 'http://profanity-im.github.io#aHGBcRlWCk0moSumGUB9gYUpEU4=']

t.test('every recorded client announced what it answers, but for two that were too early', async (t) => {
  let checked = 0
  for (const client of clients()) {
    const sent = trace(client).filter(({ dir, xml }) => dir === 'in' && /^<(?:iq|presence)/.test(xml)).map(({ xml }) => parse(xml) as Element)
    const announced = new Map(sent.flatMap((e) => {
      const c = e.name === 'presence' ? e.getChild('c', 'http://jabber.org/protocol/caps') : undefined
      return c === undefined ? [] : [[`${String(c.attrs['node'])}#${String(c.attrs['ver'])}`, c.attrs as Record<string, string>]]
    }))
    for (const answer of sent) {
      const query = answer.name === 'iq' && answer.attrs['type'] === 'result' ? answer.getChild('query', 'http://jabber.org/protocol/disco#info') : undefined
      const claim = announced.get(String(query?.attrs['node']))
      if (query === undefined || claim === undefined) continue
      checked++
      const made = verification(query.getChildElements(), claim['hash'] as string)
      t.ok(made.wellFormed)
      t.equal(made.ver === claim['ver'], !TOO_EARLY.includes(String(query.attrs['node'])), client)
    }
  }
  t.ok(checked >= 12, `${checked} answers`)
})

t.test('the order in which something is told does not matter, and is that of octets', async (t) => {
  const [astral, late] = ['𝄞', '\uff5e'] // in UTF-16 the first comes first, in UTF-8 the second
  for (const [one, other] of [['b', 'a'], ['a-b', 'a'], ['Z', 'a'], [astral, late]] as const) {
    t.equal(ver(`<feature var='${one}'/><feature var='${other}'/>`), ver(`<feature var='${other}'/><feature var='${one}'/>`))
    const who = (category: string): string => `<identity category='${category}' type='t'/>`
    t.equal(ver(who(one) + who(other)), ver(who(other) + who(one)))
    const typed = (name: string): string => form(field('FORM_TYPE', [name], 'hidden'), field('x', [one, other]))
    t.equal(ver(typed(one) + typed(other)), ver(typed(other) + typed(one)))
  }
  // category 'a' comes before 'a-b', though '-' comes before the slash
  t.equal(verification(info("<identity category='a-b' type='t'/><identity category='a' type='t'/>"), 'sha-1').ver, '5NE33gDuXrsHcdStlR5JcmJzXME=', 'a/t//<a-b/t//<')
})

t.test('a form that does not say what it is, by a hidden field, does not count (§5.4, 3.6)', async (t) => {
  for (const ignored of [softwareInfo(''), softwareInfo('text-single'), form(field('os', ['Mac'])), "<x xmlns='urn:other'/>"]) {
    t.equal(ver(PSI + BASICS + ignored), ver(PSI + BASICS))
    t.ok(isWellFormed(PSI + BASICS + ignored))
  }
})

t.test('what is told twice is ill-formed (§5.4, 3.3 to 3.5)', async (t) => {
  const typed = (...types: string[]): string => form(field('FORM_TYPE', types, 'hidden'))
  for (const [claim, inner, expected] of [
    ['an identity', "<identity category='a' type='b' name='c'/><identity category='a' type='b' name='c'/>", false],
    ['identities of two names', "<identity category='a' type='b' name='c'/><identity category='a' type='b' name='d'/>", true],
    ['identities in two languages', "<identity category='a' type='b' name='c' xml:lang='en'/><identity category='a' type='b' name='c'/>", true],
    ['a feature', "<feature var='a'/><feature var='b'/><feature var='a'/>", false],
    ['a form', typed('a') + typed('a'), false],
    ['a form\'s type', typed('a', 'a'), true],
    ['a form of two types', typed('a', 'b'), false],
    ['forms of two types', typed('a') + typed('b'), true],
  ] as const) t.equal(isWellFormed(inner), expected, claim)
})

t.test('nobody brings separators into the string: "<" stays escaped (§5.1)', async (t) => {
  t.not(ver("<identity category='client' type='pc' name='x&lt;a'/>"), ver("<identity category='client' type='pc' name='x'/><feature var='a'/>"))
  t.not(ver("<feature var='a&lt;b'/>"), ver("<feature var='a'/><feature var='b'/>"))
})

t.test('other hashes than SHA-1 are known, and nothing that is none', async (t) => {
  t.equal(ver(BASICS, 'sha-256').length, 44)
  t.ok(['sha-1', 'sha-256', 'sha-512'].every(isKnownHash))
  t.notOk(['', 'md5', 'SHA-1', 'sha1', 'constructor', '__proto__'].some(isKnownHash))
})
