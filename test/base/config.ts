// The table of settings: names, sources and their order, ranges, what is refused and how it is said.
import t from 'tap'
import { defaultSettings, ENTRIES, notInEffect, readSettings, settingsTable, shown } from '../../lib/base/config.js'
import type { SettingSources } from '../../lib/base/config.js'
import { UsageError } from '../../lib/base/errors.js'
import { editDistance, nearest } from '../../lib/base/nearest.js'
import { maskUrl } from '../../lib/base/setting.js'

const refusal = (given: SettingSources): string => {
  try {
    readSettings(given)
  } catch (error) {
    if (error instanceof UsageError) return error.message
    throw error
  }
  throw new Error(`nothing was refused: ${JSON.stringify(given)}`)
}

t.test('nothing given makes the defaults, and each says so', async t => {
  const { settings, sources } = readSettings({})
  t.same(settings, defaultSettings())
  t.equal(settings.c2sPort, 5222)
  t.equal(settings.s2sPort, null)
  t.same(settings.domain, ['localhost'])
  t.same(settings.durability, { '*': 'durable' })
  t.ok(Object.values(sources).every(source => source === 'default'))
  t.equal(Object.keys(settings).length, ENTRIES.length)
})

t.test('each default can be written down and read back as the same value', async t => {
  const settings = defaultSettings()
  for (const entry of ENTRIES) t.same(entry.row.type.read(shown(settings, entry)), settings[entry.name], entry.key)
})

t.test('a flag is stronger than the environment, that than the file, that than the default', async t => {
  const flags = { 'c2s-port': '1' }
  const env = { JIDWAY_C2S_PORT: '2' }
  const toml = { c2s_port: 3 }
  const ports = [{ flags, env, toml }, { env, toml }, { toml }, {}].map(given => {
    const { settings, sources } = readSettings(given)
    return [settings.c2sPort, sources.c2sPort]
  })
  t.same(ports, [[1, '--c2s-port'], [2, 'JIDWAY_C2S_PORT'], [3, 'c2s_port in jidway.toml'], [5222, 'default']])
})

t.test('an unknown name stops the start and the nearest known one is told', async t => {
  t.match(refusal({ flags: { 'c2s-prot': '1' } }), /unknown option --c2s-prot; did you mean --c2s-port\?/)
  t.match(refusal({ env: { JIDWAY_DOMAINS: 'a' } }), /unknown environment variable JIDWAY_DOMAINS; did you mean JIDWAY_DOMAIN\?/)
  t.match(refusal({ env: { JIDWAY_DATABASE_URL: 'postgres://h/d' } }), /did you mean DATABASE_URL\?/)
  t.match(refusal({ toml: { max_dept: 3 }, tomlName: 'my.toml' }), /unknown key in my.toml max_dept; did you mean max_depth\?/)
  t.match(refusal({ toml: { limits: { max_depth: 3 } } }), /unknown key .*limits/)
  t.match(refusal({ toml: Object.fromEntries([['__proto__x', 1]]) }), /unknown key/)
})

t.test('variables of other programs, and of the test suite, are no settings', async t => {
  t.equal(readSettings({ env: { PATH: '/bin', JIDWAY: '/x', C2S_PORT: '1', JIDWAY_TEST_DATABASE_URL: 'x' } }).settings.c2sPort, 5222)
})

t.test('a bad value is refused with value, source and range', async t => {
  t.equal(refusal({ env: { JIDWAY_C2S_PORT: '65536' } }),
    "c2s_port is '65536' (from JIDWAY_C2S_PORT); it must be a port from 0 to 65535 (0 = any free port, empty = off)")
  t.equal(refusal({ toml: { sasl_attempts: 5 } }), "sasl_attempts is '5' (from sasl_attempts in jidway.toml); it must be a whole number from 6 to 1000")
  const cases: readonly SettingSources[] = [
    { flags: { 'max-stanza-bytes': '9999' } }, // RFC 6120 §13.12: never below 10,000
    { flags: { 'max-stanza-bytes': '17 MiB' } },
    { flags: { 'max-stanza-bytes': '1e6' } },
    { flags: { 'max-stanza-bytes': '12 parsecs' } },
    { flags: { 'auth-timeout': '0.5' } },
    { flags: { 'c2s-port': '-1' } },
    { flags: { 'c2s-port': 'http' } },
    { flags: { 'channel-binding': 'Strict' } },
    { flags: { 'insecure-loopback': 'maybe' } },
    { flags: { domain: '' } },
    { flags: { domain: 'a b' } },
    { flags: { domain: 'a.example,A.example' } },
    { flags: { admin: 'romeo@localhost/balcony' } },
    { flags: { durability: 'a b=routed' } },
    { flags: { domain: 'a.example,a.example' } },
    { flags: { host: '' } },
    { flags: { admin: 'romeo' } },
    { flags: { durability: 'a.example=quick' } },
    { flags: { durability: 'routed,routed' } },
    { env: { NATS_URL: 'localhost:4222' } },
    { toml: { domain: ['a.example', 1] } },
    { toml: { c2s_port: new Date(0) } },
    { toml: { c2s_port: true } },
    { flags: { 'tls-cert': 'a.pem' } },
    { flags: { 'max-stanza-bytes': '10000', 'max-stanza-bytes-unauthenticated': '10001' } },
  ]
  const accepted = cases.filter(given => {
    try {
      readSettings(given)
      return true
    } catch (error) {
      return !(error instanceof UsageError)
    }
  })
  t.same(accepted, [])
})

t.test('a number may carry its unit', async t => {
  const { settings } = readSettings({ flags: { 'max-stanza-bytes': '1.5 MiB', 'auth-timeout': '2min' }, toml: { route_ttl: '1 h', write_buffer_bytes: 7_000_000 } })
  t.equal(settings.maxStanzaBytes, 1.5 * 1024 * 1024)
  t.equal(settings.authTimeout, 120)
  t.equal(settings.routeTtl, 3600)
  t.equal(settings.writeBufferBytes, 7_000_000)
  t.throws(() => readSettings({ toml: { write_buffer_bytes: 500_000 } }), { message: /^write_buffer_bytes must be at least twice max_stanza_bytes/ })
})

t.test('an empty port is off, 0 is any free port', async t => {
  const { settings } = readSettings({ env: { JIDWAY_C2S_TLS_PORT: '', JIDWAY_HTTP_PORT: '0' } })
  t.equal(settings.c2sTlsPort, null)
  t.equal(settings.httpPort, 0)
})

t.test('the place where a node is reached is a host, and a port where one is named', async t => {
  const read = (written: string): string | null => readSettings({ env: { JIDWAY_PUBLIC_ADDRESS: written } }).settings.publicAddress
  for (const written of ['chat-1.example.org:5222', 'chat-1.example.org', '192.0.2.1:5223', '[2001:db8::1]:5222', '[2001:db8::1]', 'bücher.example:1']) t.equal(read(written), written)
  t.equal(read(''), null)
  for (const written of ['2001:db8::1', 'a.example:0', 'a.example:65536', 'a.example:', ':5222', '[::1', '[a.example]:1', 'a b:1', 'xmpp://a.example']) {
    t.match(refusal({ env: { JIDWAY_PUBLIC_ADDRESS: written } }), /it must be host or host:port/, written)
  }
})

t.test('a list is written with commas, or as a list in the file', async t => {
  t.same(readSettings({ env: { JIDWAY_DOMAIN: 'a.example, b.example' } }).settings.domain, ['a.example', 'b.example'])
  t.same(readSettings({ env: { JIDWAY_DOMAIN: 'A.Example., xn--bcher-kva.example' } }).settings.domain, ['a.example', 'bücher.example'], 'domains are normalised')
  t.same(readSettings({ toml: { domain: ['a.example', 'b.example'] } }).settings.domain, ['a.example', 'b.example'])
  t.same(readSettings({ flags: { durability: 'routed,a.example=durable' } }).settings.durability, { '*': 'routed', 'a.example': 'durable' })
})

t.test('the server listens on loopback until a real domain and its certificate are configured', async t => {
  const cert = { tls_cert: 'c.pem', tls_key: 'k.pem' }
  t.equal(readSettings({ toml: { domain: 'capulet.example' } }).settings.host, '127.0.0.1')
  t.equal(readSettings({ toml: cert }).settings.host, '127.0.0.1')
  t.equal(readSettings({ toml: { ...cert, domain: 'x.localhost' } }).settings.host, '127.0.0.1')
  t.equal(readSettings({ toml: { ...cert, domain: 'capulet.example' } }).settings.host, '::')
  t.equal(readSettings({ toml: { ...cert, domain: 'capulet.example', host: '10.0.0.1' } }).settings.host, '10.0.0.1')
})

t.test('what was set and is not in effect yet is named; what is in effect is not', async t => {
  const { settings, sources } = readSettings({
    env: { JIDWAY_ADMIN: 'romeo@localhost', JIDWAY_ARCHIVE: 'off', JIDWAY_DURABILITY: 'routed', JIDWAY_REGISTRATION: 'closed', JIDWAY_S2S_PORT: '', NATS_URL: 'nats://u:geheim@h:4222' },
    flags: { 'component-port': '5275', 'c2s-port': '0' },
  })
  t.same(notInEffect(settings, sources), [
    { key: 'component_port', value: '5275', source: '--component-port' },
    { key: 'admin', value: 'romeo@localhost', source: 'JIDWAY_ADMIN' },
  ])
})

t.test('a password in an address is never shown, not even when the address is refused', async t => {
  t.equal(maskUrl('postgres://u:pass@word@h/d?sslmode=x&password=p'), 'postgres://u:***@h/d?sslmode=x&password=***')
  t.equal(maskUrl('postgres://h:5432/d'), 'postgres://h:5432/d')
  const { settings } = readSettings({ env: { DATABASE_URL: 'postgres://u:geheim@h/d' } })
  t.equal(shown(settings, ENTRIES.find(entry => entry.key === 'database_url')!), 'postgres://u:***@h/d')
  t.notMatch(refusal({ env: { DATABASE_URL: 'mysql://u:geheim@h/d' } }), /geheim/)
})

t.test('names are plain and unique in all three spellings', async t => {
  for (const spelling of ['key', 'flag', 'env', 'name'] as const) t.equal(new Set(ENTRIES.map(entry => entry[spelling])).size, ENTRIES.length)
  for (const { key } of ENTRIES) t.match(key, /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/)
})

t.test('README\'s table has one line for each setting, and no cell breaks it', async t => {
  const lines = settingsTable().split('\n').filter(line => line.startsWith('| `'))
  t.equal(lines.length, ENTRIES.length)
  for (const line of lines) t.equal(line.split('|').length, 7, line)
})

t.test('a library may take any value, also ones no operator could set', async t => {
  const settings = defaultSettings({ authTimeout: 0.2, c2sTlsPort: null, c2sPort: 0 })
  t.equal(settings.authTimeout, 0.2)
  t.equal(settings.c2sTlsPort, null)
  t.equal(settings.c2sPort, 0)
})

t.test('the nearest name is found by insertions, deletions, replacements and swaps', async t => {
  t.equal(editDistance('port', 'prot'), 1)
  t.equal(editDistance('port', ''), 4)
  t.equal(editDistance('kitten', 'sitting'), 3)
  t.equal(nearest('strat', ['stop', 'start', 'user']), 'start')
  t.equal(nearest('x', []), '')
  t.equal(nearest('x'.repeat(1e6), ['a', 'xx']), 'xx')
})
