// What is printed at the start.
import t from 'tap'
import { banner } from '../../lib/cli/banner.js'
import type { BannerFacts } from '../../lib/cli/banner.js'

const FACTS: BannerFacts = {
  version: '1.2.3', domains: ['localhost'], host: '127.0.0.1', ports: { c2s: 5222, c2sTls: 5223, http: 5280, https: 5443 },
  database: 'embedded Postgres in ./data', cert: 'data/tls/server.crt', ca: 'data/tls/ca.crt',
  demo: [{ jid: 'romeo@localhost', password: 'abc' }, { jid: 'juliet@localhost', password: 'def' }],
  demoFile: 'data/demo-accounts.txt', demoIsFixed: false, insecureLoopback: false, routed: [], strange: [], archive: true, idle: [],
}

t.test('a first start says what runs where, who may log in and what to type', async t => {
  const text = banner(FACTS)
  for (const part of [
    'jidway 1.2.3 serves localhost', '127.0.0.1:5222 (STARTTLS)', '127.0.0.1:5223 (TLS)', 'http://127.0.0.1:5280/', 'https://127.0.0.1:5443/',
    'romeo@localhost    password  abc', 'juliet@localhost   password  def', 'kept in data/demo-accounts.txt', 'embedded Postgres in ./data',
    'Gajim       log in as romeo@localhost; under Advanced Settings: hostname 127.0.0.1, port 5222, STARTTLS',
    'openssl s_client -connect 127.0.0.1:5222 -starttls xmpp -xmpphost localhost -servername localhost -CAfile data/tls/ca.crt',
  ]) t.ok(text.includes(part), part)
  t.notMatch(text, /!!/)
})

t.test('ports that are off are not told, nor what needs them', async t => {
  const text = banner({ ...FACTS, ports: { c2s: null, c2sTls: 7001, http: null, https: null } })
  t.notMatch(text, /STARTTLS|starttls|Pages|http:\/\/127/)
  t.match(text, /XMPP +127\.0\.0\.1:7001 \(TLS\)\n/)
  t.match(text, /port 7001, Direct TLS/)
  t.match(text, /-connect 127\.0\.0\.1:7001 -servername localhost/)
  t.notMatch(banner({ ...FACTS, ports: { c2s: null, c2sTls: null, http: 1, https: null } }), /Try it/)
})

t.test('later starts name the file and no password', async t => {
  const text = banner({ ...FACTS, demo: [] })
  t.match(text, /Demo accounts, made at the first start: see data\/demo-accounts\.txt/)
  t.notMatch(text, /password {2}|user add/)
  t.match(text, /log in as one of these accounts/)
})

t.test('without demo accounts it says how to make one', async t => {
  const text = banner({ ...FACTS, demo: [], demoFile: null, domains: ['capulet.example'], ca: null, host: '::' })
  t.match(text, /user add you@capulet\.example/)
  t.match(text, /-connect localhost:5222 -starttls xmpp -xmpphost capulet\.example/)
  t.notMatch(text, /CAfile|Demo/)
})

t.test('an IPv6 address stands in brackets, a path with spaces in quotes', async t => {
  const text = banner({ ...FACTS, host: '::1', ca: "my data's/ca.crt" })
  t.match(text, /-connect \[::1\]:5222 /)
  t.ok(text.includes("-CAfile 'my data'\\''s/ca.crt'"))
})

t.test('what is dangerous or not in effect is loud', async t => {
  const text = banner({
    ...FACTS, insecureLoopback: true, demoIsFixed: true,
    idle: [{ key: 'archive', value: 'off', source: 'JIDWAY_ARCHIVE' }, { key: 's2s_port', value: '5269', source: '--s2s-port' }],
  })
  t.match(text, /!! insecure_loopback is on/)
  t.match(text, /!! demo is on/)
  t.match(text, /fixed passwords that everybody knows/)
  t.match(text, /!! archive = off \(from JIDWAY_ARCHIVE\) is not in effect in this version/)
  t.match(text, /!! s2s_port = 5269 \(from --s2s-port\) is not in effect/)
})

t.test('where an acknowledgement does not mean committed, it says in plain words what is given up', async t => {
  const text = banner({ ...FACTS, routed: ['a.example', 'b.example'], strange: ['c.example'] })
  t.match(text, /!! durability is routed for a\.example, b\.example: .* routed, not that it is committed\.\n +A crash loses what is on its way/)
  t.match(text, /the archive follows when it can/)
  t.match(banner({ ...FACTS, routed: ['a.example'], archive: false }), /there is no archive/)
  t.match(text, /!! durability names c\.example, which is not served here/)
})
