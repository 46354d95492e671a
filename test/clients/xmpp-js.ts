// @xmpp/client over TCP: SCRAM inside STARTTLS with the certificate checked. In a process of its own, because node reads
// NODE_EXTRA_CA_CERTS only at start.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { testServer } from '../helpers/server.js'
import { ROOT } from '../helpers/root.js'

const SCRIPT = join(ROOT, 'test/clients/xmpp-js-pair.mjs')

/** Run the script with the CA trusted; its standard output is JSON lines. */
const run = (ca: string, args: string[]): Promise<{ code: number | null; lines: Record<string, unknown>[]; errors: string }> => new Promise((resolve, reject) => {
  const child = spawn(process.execPath, [SCRIPT, ...args], { env: { ...process.env, NODE_EXTRA_CA_CERTS: ca }, stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000 })
  let out = ''
  let errors = ''
  child.stdout.on('data', (data: Buffer) => {
    out += data.toString()
  })
  child.stderr.on('data', (data: Buffer) => {
    errors += data.toString()
  })
  child.on('error', reject)
  child.on('close', (code) => resolve({ code, errors, lines: out.split('\n').filter((l) => l !== '').map((l) => JSON.parse(l) as Record<string, unknown>) }))
})

t.test('@xmpp/client logs in with SCRAM over STARTTLS, writes to somebody online and to somebody offline', async (t) => {
  const server = await testServer(t, { insecureLoopback: false })
  const { code, lines, errors } = await run(server.ca, ['xmpp', String(server.c2s)])
  t.equal(code, 0, errors)
  t.same(lines, [
    { online: 'romeo@localhost/orchard' },
    { online: 'juliet@localhost/balcony' },
    { juliet: 'Neither, fair saint ☺', from: 'romeo@localhost/orchard', delayed: false },
    { juliet: 'while you were away', from: 'romeo@localhost/orchard', delayed: true },
  ])
})

t.test('@xmpp/client logs in over TLS from the first byte', async (t) => {
  const server = await testServer(t, { insecureLoopback: false })
  const { code, lines, errors } = await run(server.ca, ['xmpps', String(server.ports.c2sTls)])
  t.equal(code, 0, errors)
  t.match(lines[2], { juliet: 'Neither, fair saint ☺' })
})

t.test('@xmpp/client refuses a certificate that it does not trust', async (t) => {
  const server = await testServer(t, { insecureLoopback: false })
  const { code } = await run('', ['xmpp', String(server.c2s)])
  t.not(code, 0)
})
