import t from 'tap'
import { decoyCredential, deriveCredentials, preparePassword, verifyPlain } from '../../lib/wire/scram-keys.js'

t.test('keys for both hashes, each with a salt of its own, and never the same twice', async (t) => {
  const [a, b] = await Promise.all([deriveCredentials('secret', 4096), deriveCredentials('secret', 4096)])
  t.same(a.map((c) => [c.mechanism, c.iterations, c.salt.length, c.storedKey.length, c.serverKey.length]),
    [['SCRAM-SHA-1', 4096, 16, 20, 20], ['SCRAM-SHA-256', 4096, 16, 32, 32]])
  const salts = [...a, ...b].map((c) => c.salt.toString('hex'))
  t.equal(new Set(salts).size, 4)
})

t.test('verifyPlain says yes to the password and to nothing else, for both hashes', async (t) => {
  for (const credential of await deriveCredentials('wherefore', 4096)) {
    t.ok(await verifyPlain('wherefore', credential))
    for (const wrong of ['Wherefore', 'wherefore ', '', 'no password', 'x'.repeat(2000), 'wherefore\u0000']) t.notOk(await verifyPlain(wrong, credential), JSON.stringify(wrong.slice(0, 20)))
  }
})

t.test('a password that no client can send never becomes one: not even the text that stands in for it', async (t) => {
  const [credential] = await deriveCredentials('no password', 4096)
  t.ok(await verifyPlain('no password', credential as NonNullable<typeof credential>))
  t.notOk(await verifyPlain('\u0007', credential as NonNullable<typeof credential>))
})

t.test('passwords are prepared by SASLprep (RFC 4013 §3: the RFC\'s examples)', async (t) => {
  t.equal(preparePassword('I\u00adX'), 'IX', 'soft hyphen mapped to nothing')
  t.equal(preparePassword('user'), 'user')
  t.equal(preparePassword('USER'), 'USER', 'case preserved')
  t.equal(preparePassword('\u00aa'), 'a', 'NFKC')
  t.equal(preparePassword('\u2168'), 'IX', 'NFKC')
  t.equal(preparePassword('\u0007'), null, 'prohibited')
  t.equal(preparePassword('\u0627\u0031'), null, 'bidirectional check')
  t.equal(preparePassword('a\u00a0b'), 'a b', 'non-ASCII space')
  t.equal(preparePassword('\ufeffab'), preparePassword('\ufeffab'), 'U+FEFF throws in the library and not here')
  t.equal(preparePassword('🗝️ and key'), '🗝 and key', 'unassigned in Unicode 3.2, all the same allowed; the variation selector maps to nothing')
  t.equal(preparePassword(''), null)
  t.equal(preparePassword('\u00ad'), null, 'nothing is left')
  t.equal(preparePassword('x'.repeat(1024)), null)
})

t.test('what cannot be a password is refused when it is set', async (t) => {
  for (const bad of ['', '\u0007', 'x'.repeat(1024)]) await t.rejects(async () => deriveCredentials(bad, 4096), /cannot be used/)
})

t.test('a decoy has the salt of its name and keys that nobody knows', async (t) => {
  const secret = Buffer.alloc(32, 3)
  const a = decoyCredential(secret, 'nobody', 'SCRAM-SHA-1', 5000)
  const b = decoyCredential(secret, 'nobody', 'SCRAM-SHA-1', 5000)
  t.same(a.salt, b.salt)
  t.notSame(a.storedKey, b.storedKey)
  t.same([a.iterations, a.salt.length, a.storedKey.length], [5000, 16, 20])
})
