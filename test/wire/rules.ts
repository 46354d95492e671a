// The rules that the framer enforces, one by one, each with the section it comes from: what is refused and how it is called,
// what stands just this side of it, and what a frame says. Everything here is judged byte by byte too, and by the oracle.
import t from 'tap'
import { dependence, disagreement, everyByte, frame } from '../helpers/agreement.js'

const HEADER = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' xmlns:p='urn:p'>"
const bytes = (text: string | readonly (string | number[])[]): Buffer =>
  typeof text === 'string' ? Buffer.from(text) : Buffer.concat(text.map((part) => Buffer.from(part as string)))

type Case = readonly [rule: string, input: string | readonly (string | number[])[]]

const ACCEPTED: readonly Case[] = [
  ['RFC 6120 §4.2: a header with an XML declaration', `<?xml version='1.0' encoding='UTF-8' standalone="yes" ?>\n${HEADER}`],
  ['XML §2.8: any version 1.x (fifth edition)', `<?xml version='1.9'?>${HEADER}`],
  ['the declared encoding in any case (XML §4.3.3)', `<?xml version='1.0' encoding='utf-8'?>${HEADER}`],
  ['line breaks before the declaration, as clients send after a restart', `\r\n \t<?xml version='1.0'?>${HEADER}`],
  ['RFC 6120 §11.7: white space between stanzas', `${HEADER} \t\r\n<a/>\n\n<a/> `],
  ['RFC 6120 §4.8.5: a header without prefix, with jabber:client on each stanza', "<stream xmlns='http://etherx.jabber.org/streams'><message xmlns='jabber:client'/>"],
  ['XML §2.3: names beyond ASCII', `${HEADER}<é ü='1'/><名前/><𐀀/><a·b/>`],
  ['XML §2.4: "]]>" when it is escaped, ">" alone, "]]" alone', `${HEADER}<a>]]&gt; > ]] ]&#93;></a>`],
  ['XML §2.7: brackets around the end of CDATA', `${HEADER}<a><![CDATA[]]]><![CDATA[]]]]><![CDATA[>]]>></a>`],
  ['XML §2.7: no references in CDATA', `${HEADER}<a><![CDATA[&foo; <!-- ]]></a>`],
  ['XML §4.1: character references', `${HEADER}<a b='&#9;&#x1F600;&#0000065;'>&#xA;&#x10FFFF;</a>`],
  ['XML §4.6: the five entities', `${HEADER}<a b='&amp;&lt;&gt;&quot;&apos;'>&amp;&lt;&gt;&quot;&apos;</a>`],
  ['XML §3.1: white space where it may stand', `${HEADER}<a\n\tb = 'c'\r\nd\t=\n"e" ></a >`],
  ['XML §3.1: the other quote, and ">" in a value', `${HEADER}<a b='">' c="'/>"/>`],
  ['XML §3.1: the same names in neighbours', `${HEADER}<a><b c=''/><b c=''/></a>`],
  ['XML Names §3: xml may be declared as what it is, and need not be', `${HEADER}<a xmlns:xml='http://www.w3.org/XML/1998/namespace' xml:lang='en'/><a xml:lang='de'/>`],
  ['XML Names §6.2: the default namespace may be undeclared', `${HEADER}<message><a xmlns=''><b/></a></message>`],
  ['XML Names §6.3: the default namespace is not that of attributes', `${HEADER}<a xmlns:q='jabber:client' q:b='' b=''/>`],
  ['XML Names §4: an element may be called xmlns', `${HEADER}<xmlns/>`],
  ['RFC 6120 §11.6: U+FEFF is a character like others', `${HEADER}<a>\ufeff</a>`],
  ['RFC 3629 §4: the first and last character of each length', `${HEADER}<a>\u007f\u0080\u07ff\u0800\ud7ff\ue000\ufffd\u{10000}\u{10ffff}</a>`],
  ['RFC 6120 §4.8.4: a stanza may use a prefix of the header', `${HEADER}<message><p:a/></message>`],
  ['the end of the stream, with white space', `${HEADER}<a/></stream:stream >\n`],
  ['a stream that ends where it begins', "<s:stream xmlns:s='http://etherx.jabber.org/streams'/>"],
]

const REFUSED: Readonly<Record<string, readonly Case[]>> = {
  // RFC 6120 §4.9.3.18, §11.1
  'restricted-xml': [
    ['a comment before the header', '<!-- a --><s/>'],
    ['a comment between stanzas', `${HEADER}<!-- a -->`],
    ['a comment in a stanza', `${HEADER}<a>b<!-- c --></a>`],
    ['the beginning of a comment is enough', `${HEADER}<a><!-`],
    ['a DTD before the header', '<!DOCTYPE a><a/>'],
    ['a DTD with a billion laughs', '<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;">]><a>&c;</a>'],
    ['a DTD in a stanza', `${HEADER}<a><!DOCTYPE a></a>`],
    ['a processing instruction before the header', '<?foo bar?><s/>'],
    ['one that looks like an XML declaration', `<?xml-stylesheet href='a'?>${HEADER}`],
    ['a processing instruction between stanzas', `${HEADER}<?foo bar?>`],
    ['a processing instruction in a stanza', `${HEADER}<a><?foo bar?></a>`],
    ['an XML declaration between stanzas', `${HEADER}<?xml version='1.0'?>`],
    ['a second XML declaration', `<?xml version='1.0'?><?xml version='1.0'?>${HEADER}`],
    ['an entity that is not predefined', `${HEADER}<a>&nbsp;</a>`],
    ['such an entity in a value', `${HEADER}<a b='&eacute;'/>`],
    ['an entity with a name beyond ASCII', `${HEADER}<a>&é;</a>`],
    ['entities with names that JavaScript objects know', `${HEADER}<a>&constructor;</a>`],
    ['another of these', `${HEADER}<a b='&__proto__;'/>`],
    ['an entity with a name too long to be predefined', `${HEADER}<a>&${'a'.repeat(40)}`],
  ],
  // RFC 6120 §4.9.3.22, §11.6
  'unsupported-encoding': [
    ['another declared encoding', `<?xml version='1.0' encoding='ISO-8859-1'?>${HEADER}`],
    ['UTF-16 declared', `<?xml version='1.0' encoding='UTF-16'?>${HEADER}`],
    ['the byte order mark of UTF-16, big end first', [[0xfe, 0xff, 0, 0x3c]]],
    ['the byte order mark of UTF-16, little end first', [[0xff, 0xfe, 0x3c, 0]]],
    ['UTF-16 without a mark, little end first', [[0x3c, 0, 0x3f, 0]]],
    ['UTF-16 without a mark, big end first', [[0, 0x3c, 0, 0x3f]]],
    ['a byte that UTF-8 does not have', [`${HEADER}<a>`, [0xff], '</a>']],
    ['ISO 8859-1', [`${HEADER}<a>`, [0xe9], 'e</a>']],
    ['a continuation without a beginning', [`${HEADER}<a b='`, [0x80], `'/>`]],
    ['overlong, two bytes', [`${HEADER}<a>`, [0xc0, 0x80]]],
    ['overlong, three bytes', [`${HEADER}<a>`, [0xe0, 0x9f, 0xbf]]],
    ['overlong, four bytes', [`${HEADER}<a>`, [0xf0, 0x8f, 0xbf, 0xbf]]],
    ['a surrogate', [`${HEADER}<a>`, [0xed, 0xa0, 0x80]]],
    ['beyond U+10FFFF', [`${HEADER}<a>`, [0xf4, 0x90, 0x80, 0x80]]],
    ['an unfinished character in CDATA', [`${HEADER}<a><![CDATA[`, [0xe2, 0x98], ']]></a>']],
    ['an unfinished character in a name', [`${HEADER}<`, [0xc3], '/>']],
    ['an unfinished character in an attribute name', [`${HEADER}<a `, [0xc3], "=''/>"]],
    ['in an end tag', [`${HEADER}<é></`, [0xc3, 0x28], '>']],
    ['in a reference', [`${HEADER}<a>&a`, [0xff], ';']],
    ['between stanzas', [HEADER, [0xc3, 0x28]]],
    ['behind the end of the stream', [`${HEADER}</stream:stream>`, [0xff]]],
  ],
  // RFC 6120 §4.9.3.13, §11.3
  'not-well-formed': [
    ['XML §2.1: text before the root', 'GET / HTTP/1.1\r\n\r\n'],
    ['XML §2.1: a reference before the root', '&amp;'],
    ['XML §2.1: CDATA before the root', '<![CDATA[x]]><s/>'],
    ['RFC 6120 §11.6: a byte order mark of UTF-8 is no mark but text', `\ufeff${HEADER}`],
    ['XML §2.1: something behind the root', `${HEADER}</stream:stream><a/>`],
    ['XML §2.2: a control character in text', `${HEADER}<a>\u0001</a>`],
    ['XML §2.2: a zero byte in text', `${HEADER}<a>\u0000</a>`],
    ['XML §2.2: a control character in a value', `${HEADER}<a b='\u001f'/>`],
    ['XML §2.2: a control character in CDATA', `${HEADER}<a><![CDATA[\u0008]]></a>`],
    ['XML §2.2: a control character between stanzas', `${HEADER}\u0000`],
    ['XML §2.2: U+FFFE', `${HEADER}<a>\ufffe</a>`],
    ['XML §2.2: U+FFFF in a value', `${HEADER}<a b='\uffff'/>`],
    ['XML §2.3: a name that starts with a digit', `${HEADER}<1/>`],
    ['XML §2.3: a name that starts with a combining character', `${HEADER}<\u0301/>`],
    ['XML §2.3: a character that no name has', `${HEADER}<a×/>`],
    ['XML §2.4: "]]>" in text', `${HEADER}<a>]]></a>`],
    ['XML §2.4: "]]>" in text, behind more brackets', `${HEADER}<a>x]]]></a>`],
    ['XML §2.7: CDATA written in small letters', `${HEADER}<a><![cdata[]]></a>`],
    ['XML §2.8: a declaration without version', `<?xml encoding='UTF-8'?>${HEADER}`],
    ['XML §2.8: "<" in a declaration that does not end', `<?xml version='1.0' <s`],
    ['XML §2.8: XML 2.0', `<?xml version='2.0'?>${HEADER}`],
    ['XML §2.8: a declaration in the wrong order', `<?xml encoding='UTF-8' version='1.0'?>${HEADER}`],
    ['XML §2.8: no-break spaces are no white space', `<?xml version='1.0'\u00a0?>${HEADER}`],
    ['XML §3.1: another end tag', `${HEADER}<a></b>`],
    ['XML §3.1: an end tag that goes on', `${HEADER}<a></ab>`],
    ['XML §3.1: an end tag with another prefix', `${HEADER}<p:a></a>`],
    ['XML §3.1: an end tag with attributes', `${HEADER}<a></a b=''>`],
    ['XML §3.1: crossed elements', `${HEADER}<a><b></a></b>`],
    ['XML §3.1: an end tag of the stream in a stanza', `${HEADER}<a></stream:stream>`],
    ['XML §3.1: another end tag of the stream', `${HEADER}</stream:strean>`],
    ['XML §3.1: an end tag before the header', '</stream:stream>'],
    ['XML §3.1: an attribute twice', `${HEADER}<a b='' c='' b=''/>`],
    ['XML §3.1: an attribute twice on the header', "<s a='' a=''>"],
    ['XML §3.1: an attribute without value', `${HEADER}<a b/>`],
    ['XML §3.1: a value without quotes', `${HEADER}<a b=c/>`],
    ['XML §3.1: no white space between attributes', `${HEADER}<a b=''c=''/>`],
    ['XML §3.1: "<" in a value', `${HEADER}<a b='<'/>`],
    ['XML §3.1: white space before a name', `${HEADER}< a/>`],
    ['XML §3.1: "/" that does not end a tag', `${HEADER}<a / >`],
    ['XML §3.1: a tag in a tag', `${HEADER}<a <b/>>`],
    ['XML §4.1: an ampersand alone', `${HEADER}<a>a & b</a>`],
    ['XML §4.1: an empty reference', `${HEADER}<a>&;</a>`],
    ['XML §4.1: a reference without end', `${HEADER}<a>&amp</a>`],
    ['XML §4.1: a character reference in capital X', `${HEADER}<a>&#X41;</a>`],
    ['XML §4.1: an empty character reference', `${HEADER}<a>&#x;</a>`],
    ['XML §4.1: a reference to U+0000', `${HEADER}<a>&#0;</a>`],
    ['XML §4.1: a reference to a surrogate', `${HEADER}<a b='&#xD83D;'/>`],
    ['XML §4.1: a reference to U+FFFF', `${HEADER}<a>&#65535;</a>`],
    ['XML §4.1: a reference beyond Unicode', `${HEADER}<a>&#x110000;</a>`],
    ['XML Names §4: two colons', `${HEADER}<p:a:b/>`],
    ['XML Names §4: a colon at the start', `${HEADER}<:a/>`],
    ['XML Names §4: a colon at the end', `${HEADER}<a p:=''/>`],
    ['XML Names §4: a local name that starts with a digit', `${HEADER}<p:1/>`],
    ['XML Names §5: an undeclared prefix of an element', `${HEADER}<q:a/>`],
    ['XML Names §5: an undeclared prefix deep inside', `${HEADER}<a><b><q:c/></b></a>`],
    ['XML Names §5: an undeclared prefix of an attribute', `${HEADER}<a q:b=''/>`],
    ['XML Names §5: an undeclared prefix on the header', "<q:stream xmlns:stream='http://etherx.jabber.org/streams'>"],
    ['XML Names §6.1: a declaration ends with its element', `${HEADER}<a><b xmlns:q='u'><q:c/></b><q:c/></a>`],
    ['XML Names §6.1: and with an empty element', `${HEADER}<a><b xmlns:q='u'/><q:c/></a>`],
    ['XML Names §5: a prefix undeclared again', `${HEADER}<a xmlns:q=''/>`],
    ['XML Names §6.3: an attribute twice by its namespace', `${HEADER}<a xmlns:q='u' xmlns:r='u' q:b='' r:b=''/>`],
    ['XML Names §6.3: the same among more attributes', `${HEADER}<a xmlns:q='u' xmlns:r='u' p:b='' q:b='' p:c='' r:b=''/>`],
    ['XML Names §6.3: the same with a prefix of the header', `${HEADER}<a xmlns:q='urn:p' q:b='' p:b=''/>`],
    ['XML Names §3: xml bound to something else', `${HEADER}<a xmlns:xml='u'/>`],
    ['XML Names §3: something else bound to xml', `${HEADER}<a xmlns:q='http://www.w3.org/XML/1998/namespace'/>`],
    ['XML Names §3: xml as default namespace', `${HEADER}<a xmlns='http://www.w3.org/XML/1998/namespace'/>`],
    ['XML Names §3: xmlns declared', `${HEADER}<a xmlns:xmlns='http://www.w3.org/2000/xmlns/'/>`],
    ['XML Names §3: bound to xmlns, written with references', `${HEADER}<a xmlns:q='http://www.w3.org/2000/xmlns&#47;'/>`],
    ['XML Names §3: xmlns as prefix of an element', `${HEADER}<xmlns:a/>`],
    ['a bad name behind "!"', `${HEADER}<a><!1></a>`],
  ],
  // RFC 6120 §4.9.3.1: it is XML, but nothing that a stream may hold
  'bad-format': [
    ['text between stanzas', `${HEADER}<a/>text`],
    ['a reference between stanzas', `${HEADER}&#32;`],
    ['CDATA between stanzas', `${HEADER}<![CDATA[]]>`],
    ['U+FEFF between stanzas', `${HEADER}\ufeff<a/>`],
  ],
}

t.test('what the rules allow is accepted', async (t) => {
  for (const [rule, input] of ACCEPTED) {
    const octets = bytes(input)
    t.not(frame(octets).verdict, 'refused', rule)
    t.equal(disagreement(octets), '', `${rule}: as the oracle reads it`)
    t.equal(dependence(octets, everyByte(octets)), '', `${rule}: byte by byte`)
  }
})

for (const [condition, cases] of Object.entries(REFUSED)) {
  t.test(`what is ${condition} is called so`, async (t) => {
    for (const [rule, input] of cases) {
      const octets = bytes(input)
      const told = frame(octets)
      t.equal(told.condition, condition, rule)
      t.ok(told.idle, 'and nothing is kept')
      t.equal(disagreement(octets), '', `${rule}: as the oracle says`)
      t.equal(dependence(octets, everyByte(octets)), '', `${rule}: byte by byte`)
    }
  })
}

t.test('a character reference longer than any needs to be is a policy-violation', async (t) => {
  t.equal(frame(bytes(`${HEADER}<a>&#${'0'.repeat(29)}65;</a>`)).verdict, 'open', 'at the bound')
  for (const cut of [false, true]) {
    const octets = bytes(`${HEADER}<a>&#${'0'.repeat(30)}65;</a>`)
    t.equal(frame(octets, undefined, cut ? everyByte(octets) : []).condition, 'policy-violation')
  }
})

t.test('a frame says what its element is', async (t) => {
  const first = (text: string) => {
    const f = frame(bytes(`${HEADER}${text}`)).frames[0]
    if (f === undefined) throw new Error(`no element in ${text}`)
    return f
  }
  const auth = first("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'/>")
  t.match(auth, { kind: '', ns: 'urn:ietf:params:xml:ns:xmpp-sasl', name: 'auth', empty: true, declared: true })
  t.match(first('<stream:error><reset/></stream:error>'), { kind: '', ns: 'http://etherx.jabber.org/streams', name: 'error', children: [{ ns: 'jabber:client', name: 'reset' }] })
  t.match(first("<message xmlns='jabber:server'/>"), { kind: '', ns: 'jabber:server' })
  t.match(first("<message xmlns='jabber&#58;client'/>"), { kind: 'message', ns: 'jabber:client' }, 'namespaces are compared decoded')
  t.match(first("<é><ü xmlns='urn:ö'/></é>"), { name: 'é', children: [{ ns: 'urn:ö', name: 'ü' }] }, 'names and namespaces are text')
  t.match(first("<iq type='get' id='&lt;1>' to='é&#x20;b' from=\"a\tb&#10;\r\nc\" xml:lang='de'/>"), { type: 'get', id: '<1>', to: 'é b', from: 'a b\n c', lang: 'de' }, 'values are decoded and normalised')
  t.match(first("<iq tp='' form='' xmllang='' p:to='x' p:id='y'/>"), { type: '', id: '', to: '', from: '', lang: '' }, 'other attributes are not taken for these')
  t.equal(first("<message p:a='1'><p:b/></message>").xml, "<message xmlns:p='urn:p' p:a='1'><b xmlns='urn:p'/></message>")
  t.equal(first("<message><x><p:b/></x></message>").xml, "<message xmlns:p='urn:p'><x><p:b/></x></message>", 'only the declaration is spliced in where it is enough')
  for (const text of ["<presence to='' xml:lang=''/>", "<presence xmlns='jabber:client' id='1' to = ''><show/></presence>", '<message xml:lang="" id=\'&amp;\'/>']) {
    t.notMatch(first(text).xml, /to|lang/, 'an empty attribute that counts as absent is absent, or a stamp would be a second one')
  }
  t.equal(first("<message><xml:b/></message>").xml, '<message><xml:b/></message>', 'the xml prefix cannot be replaced')
  t.equal(first("<c:message xmlns:c='jabber:client' c:a='&#10;'><c:body>&#13;&lt;</c:body></c:message>").xml, "<message xmlns:c='jabber:client' c:a='&#10;'><body>&#13;&lt;</body></message>")
})

t.test('prefixes on the children cannot make a stanza many times as long', async (t) => {
  const text = `${HEADER}<message xmlns:q='${'x'.repeat(10_000)}'>${'<q:a/>'.repeat(2000)}</message>`
  t.equal(frame(bytes(text)).condition, 'policy-violation')
})
