// Channel bindings, the server's against what the client's end of the same TLS connection says (RFC 5929, RFC 9266).
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, createServer } from 'node:tls'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import { generate } from 'selfsigned'
import t from 'tap'
import type { Test } from 'tap'
import { channelBindings } from '../../lib/wire/channel-binding.js'
import { developmentCertificate, loadTls, tlsOptions } from '../../lib/wire/tls-context.js'

/** Both ends of one TLS connection. */
const pair = async (t: Test, material: { cert: string; key: string }, options: ConnectionOptions = {}): Promise<{ client: TLSSocket; server: TLSSocket; again(session: Buffer): Promise<{ client: TLSSocket; server: TLSSocket }> }> => {
  const listener = createServer(tlsOptions(material))
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const open: TLSSocket[] = []
  t.teardown(() => {
    for (const socket of open) socket.destroy()
    listener.close()
  })
  const meet = async (more: ConnectionOptions = {}): Promise<{ client: TLSSocket; server: TLSSocket }> => {
    const arrived = once(listener, 'secureConnection') as Promise<[TLSSocket]>
    const client = connect({ port: (listener.address() as AddressInfo).port, host: '127.0.0.1', servername: 'localhost', rejectUnauthorized: false, ...options, ...more })
    await once(client, 'secureConnect')
    const [server] = await arrived
    for (const socket of [client, server]) socket.on('error', () => {})
    open.push(client, server)
    return { client, server }
  }
  return { ...await meet(), again: (session) => meet({ session }) }
}

const development = async (t: Test): Promise<{ cert: string; key: string }> => {
  const folder = mkdtempSync(join(tmpdir(), 'jidway-test-tls-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return loadTls(await developmentCertificate(folder, ['localhost']))
}

t.test('TLS 1.3: tls-exporter, the same at both ends and another on each connection; no tls-unique', async (t) => {
  const material = await development(t)
  const { client, server, again } = await pair(t, material)
  const bindings = channelBindings(server)
  t.same([...bindings.keys()], ['tls-exporter', 'tls-server-end-point'])
  t.same(bindings.get('tls-exporter'), client.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0)))
  const other = await again(Buffer.alloc(0))
  t.notSame(channelBindings(other.server).get('tls-exporter'), bindings.get('tls-exporter'))
})

t.test('TLS 1.2: tls-unique is the first Finished: the client\'s in a full handshake, the server\'s in a resumed one', async (t) => {
  const { client, server, again } = await pair(t, await development(t), { maxVersion: 'TLSv1.2' })
  t.same([...channelBindings(server).keys()], ['tls-unique', 'tls-server-end-point'])
  t.same(channelBindings(server).get('tls-unique'), client.getFinished())
  const resumed = await again(client.getSession() as Buffer)
  t.ok(resumed.client.isSessionReused())
  t.same(channelBindings(resumed.server).get('tls-unique'), resumed.client.getPeerFinished())
  t.notSame(channelBindings(resumed.server).get('tls-unique'), channelBindings(server).get('tls-unique'))
})

t.test('tls-server-end-point is the certificate\'s hash, by the hash of its signature; SHA-1 counts as SHA-256 (RFC 5929 §4.1)', async (t) => {
  for (const [keyType, algorithm, hash] of [
    ['rsa', 'sha256', 'sha256'], ['rsa', 'sha384', 'sha384'], ['rsa', 'sha512', 'sha512'], ['ec', 'sha256', 'sha256'], ['ec', 'sha384', 'sha384'], ['ec', 'sha512', 'sha512'],
  ] as const) {
    const made = await generate([{ name: 'commonName', value: 'localhost' }], { keyType, algorithm, ...(keyType === 'ec' ? { curve: 'P-256' as const } : { keySize: 2048 as const }) })
    const { client, server } = await pair(t, { cert: made.cert, key: made.private })
    const { raw } = client.getPeerCertificate(true)
    t.same(channelBindings(server).get('tls-server-end-point'), createHash(hash).update(raw).digest(), `${keyType} ${algorithm}`)
  }
})

t.test('with a chain it is the server\'s own certificate, not its CA\'s', async (t) => {
  const material = await development(t)
  t.equal(material.cert.match(/BEGIN CERTIFICATE/g)?.length, 2)
  const { client, server } = await pair(t, material)
  t.same(channelBindings(server).get('tls-server-end-point'), createHash('sha256').update(client.getPeerCertificate().raw).digest())
})
