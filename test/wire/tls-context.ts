// Certificates: the development CA and what it signs, and what is said of files that cannot be used.
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generate } from 'selfsigned'
import t from 'tap'
import type { Test } from 'tap'
import { certificateInfo, developmentCertificate, developmentFiles, loadTls, tlsOptions } from '../../lib/wire/tls-context.js'

const folderOf = (t: Test): string => {
  const folder = mkdtempSync(join(tmpdir(), 'jidway-test-tls-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
const DAY = 86_400_000

t.test('the first certificate: a CA, and a certificate it signed for the domain and its services', async (t) => {
  const folder = join(folderOf(t), 'tls')
  const files = await developmentCertificate(folder, ['localhost', 'capulet.example', 'bücher.example'])
  t.same(files, developmentFiles(folder))
  const ca = new X509Certificate(readFileSync(files.ca as string))
  const own = new X509Certificate(readFileSync(files.cert))
  t.ok(ca.ca)
  t.notOk(own.ca)
  t.ok(own.verify(ca.publicKey))
  t.ok(own.checkIssued(ca))
  const { names, expires } = certificateInfo(readFileSync(files.cert, 'utf8'))
  for (const name of ['localhost', 'capulet.example', 'xn--bcher-kva.example', 'conference.capulet.example', 'upload.capulet.example', '127.0.0.1']) t.ok(names.includes(name), name)
  t.ok(expires.getTime() > Date.now() + 300 * DAY && expires.getTime() < Date.now() + 398 * DAY, 'no longer than libraries take')
  t.ok(own.checkHost('capulet.example'))
  t.notOk(own.checkHost('montague.example'))
})

t.test('keys are for their owner only', async (t) => {
  const folder = join(folderOf(t), 'tls')
  await developmentCertificate(folder, ['localhost'])
  for (const file of ['server.key', 'ca.key']) t.equal(statSync(join(folder, file)).mode & 0o777, 0o600, file)
  t.equal(statSync(folder).mode & 0o777, 0o700)
})

t.test('the next start keeps both; a new domain or a certificate that ends soon gets a new one from the same CA', async (t) => {
  const folder = folderOf(t)
  const files = await developmentCertificate(folder, ['localhost'])
  const read = (): string[] => [readFileSync(files.cert, 'utf8'), readFileSync(files.ca as string, 'utf8')]
  const [cert, ca] = read()
  await developmentCertificate(folder, ['localhost'])
  t.same(read(), [cert, ca])
  await developmentCertificate(folder, ['localhost', 'new.example'])
  const [second, sameCa] = read()
  t.not(second, cert)
  t.equal(sameCa, ca, 'who trusts the CA goes on to')
  t.ok(new X509Certificate(second as string).verify(new X509Certificate(ca as string).publicKey))
  const soon = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec', notAfterDate: new Date(Date.now() + 10 * DAY), extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] }],
  })
  writeFileSync(files.cert, soon.cert)
  writeFileSync(files.key, soon.private)
  await developmentCertificate(folder, ['localhost'])
  t.ok(certificateInfo(read()[0] as string).expires.getTime() > Date.now() + 300 * DAY)
})

t.test('files that are damaged are made anew', async (t) => {
  const folder = folderOf(t)
  const files = await developmentCertificate(folder, ['localhost'])
  writeFileSync(files.key, 'damaged')
  await developmentCertificate(folder, ['localhost'])
  await loadTls(files)
  writeFileSync(join(folder, 'ca.key'), 'damaged')
  writeFileSync(files.cert, 'damaged')
  await developmentCertificate(folder, ['localhost'])
  const { cert } = await loadTls(files)
  t.ok(new X509Certificate(cert).verify(new X509Certificate(readFileSync(files.ca as string)).publicKey))
})

t.test('what is wrong with a file is said with its name', async (t) => {
  const folder = folderOf(t)
  const good = await developmentCertificate(join(folder, 'a'), ['localhost'])
  const other = await developmentCertificate(join(folder, 'b'), ['localhost'])
  const file = (name: string, content: string): string => {
    writeFileSync(join(folder, name), content)
    return join(folder, name)
  }
  await t.rejects(loadTls({ cert: join(folder, 'none.crt'), key: good.key }), { name: 'UsageError', message: /the certificate .*none\.crt cannot be read/ })
  await t.rejects(loadTls({ cert: good.cert, key: join(folder, 'none.key') }), { name: 'UsageError', message: /the key .*none\.key cannot be read/ })
  await t.rejects(loadTls({ cert: file('text.crt', 'hello'), key: good.key }), { name: 'UsageError', message: /text\.crt holds no certificate in PEM form/ })
  await t.rejects(loadTls({ cert: good.cert, key: other.key }), { name: 'UsageError', message: /does not fit the certificate in .*server\.crt/ })
  await t.rejects(loadTls({ cert: good.cert, key: file('text.key', 'hello') }), { name: 'UsageError', message: /text\.key/ })
  const expired = await generate([{ name: 'commonName', value: 'localhost' }], { keyType: 'ec', notBeforeDate: new Date(Date.now() - 10 * DAY), notAfterDate: new Date(Date.now() - DAY) })
  await t.rejects(loadTls({ cert: file('old.crt', expired.cert), key: file('old.key', expired.private) }), { name: 'UsageError', message: /old\.crt expired on .*: put a new one there/ })
})

t.test('options: TLS 1.2 at least', (t) => {
  t.equal(tlsOptions({ cert: '', key: '' }).minVersion, 'TLSv1.2')
  t.end()
})
