// The recorder: a client that goes through it sees the server it knows, what it does is a trace that replays, and no secret
// is in the file.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { createSecureContext } from 'node:tls'
import t from 'tap'
import type { Test } from 'tap'
import { startRecorder } from '../../lib/replay/recorder.js'
import type { Recorder, RecorderPlan } from '../../lib/replay/recorder.js'
import { compile } from '../../lib/replay/script.js'
import { readTrace } from '../../lib/replay/trace.js'
import { addAccounts } from '../../lib/store/accounts.js'
import { deriveCredentials } from '../../lib/wire/scram-keys.js'
import { tlsOptions } from '../../lib/wire/tls-context.js'
import { rawClient } from '../helpers/client.js'
import { replayed } from '../helpers/replay.js'
import { ROOT } from '../helpers/root.js'
import { addUsers, testServer } from '../helpers/server.js'
import type { TestServer } from '../helpers/server.js'

const SECRET = '-geheim-4711'

interface Recording {
  readonly recorder: Recorder
  readonly text: () => string
  readonly told: string[]
}

const recording = async (t: Test, server: Pick<TestServer, 'c2s'>, more: Partial<RecorderPlan> = {}): Promise<Recording> => {
  let text = ''
  const told: string[] = []
  const recorder = await startRecorder({
    listen: { host: '127.0.0.1', port: 0 }, server: { host: '127.0.0.1', port: server.c2s }, offer: null,
    trust: { context: createSecureContext(), verify: false }, write: (line) => (text += line), tell: (words) => told.push(words), ...more,
  })
  t.teardown(() => recorder.close())
  return { recorder, told, text: () => text }
}

const strict = await testServer(t, { insecureLoopback: false }, { users: ['a', 'b', 'c', 'd'] })
const relaxed = await testServer(t, {}, { users: ['romeo', 'juliet', 'a', 'b'] })
for (const { db } of [strict]) {
  await addAccounts(db, await Promise.all(['romeo', 'juliet'].map(async (user) => ({ account: `${user}@localhost`, credentials: await deriveCredentials(user + SECRET, 4096) }))))
}

/** Two @xmpp/client clients write to each other, by way of this port. */
const pair = (port: number, ca: string, more: string): Promise<{ code: number | null; out: string; errors: string }> => new Promise((resolve, reject) => {
  const child = spawn(process.execPath, [join(ROOT, 'test/clients/xmpp-js-pair.mjs'), 'xmpp', String(port), more], { env: { ...process.env, NODE_EXTRA_CA_CERTS: ca }, stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000 })
  let out = ''
  let errors = ''
  child.stdout.on('data', (data: Buffer) => (out += data.toString()))
  child.stderr.on('data', (data: Buffer) => (errors += data.toString()))
  child.on('error', reject)
  child.on('close', (code) => resolve({ code, out, errors }))
})

t.test('@xmpp/client through the recorder, TLS on both sides: it works, nothing secret is written, and the trace replays', async (t) => {
  const offer = tlsOptions({ cert: readFileSync(strict.ca.replace(/ca\.crt$/, 'server.crt'), 'utf8'), key: readFileSync(strict.ca.replace(/ca\.crt$/, 'server.key'), 'utf8') })
  const { recorder, text, told } = await recording(t, strict, { offer, trust: { context: createSecureContext({ ca: readFileSync(strict.ca) }), verify: true } })
  const { code, out, errors } = await pair(recorder.port, strict.ca, SECRET)
  t.equal(code, 0, errors)
  t.match(out, /"juliet":"Neither, fair saint ☺".*\n.*"juliet":"while you were away"/)
  t.equal(recorder.connections, 3)
  t.same(told, [])

  const lines = text()
  t.notMatch(lines, SECRET)
  for (const { xml } of readTrace('x.jsonl', lines).items) {
    const payload = /<(?:auth|response|challenge|success)[^>]*>([^<]+)</.exec(xml)?.[1]
    if (payload !== undefined) t.match(payload, /^\[(?:client-first: gs2=n,,|server-first: r= s= i=4096|client-final: c= r= p=|server-final: v=)\]$/)
    for (const [, id] of xml.matchAll(/<enabled[^>]*\sid=['"]([^'"]*)/g)) t.match(id, /^\[session \d\]$/)
  }
  t.notMatch(lines, /-PLUS/, 'what cannot work through a proxy is not offered')
  t.match(lines, /"tls":false,"dir":"in","xml":"<starttls/)
  t.match(lines, /"tls":true,"dir":"in","xml":"<auth/)

  const trace = readTrace('pair.jsonl', lines)
  const script = compile(trace)
  t.equal(script.accounts, 2, 'both are recorded; nobody has to be played')
  t.equal(script.parts.length, 3)
  await addUsers(relaxed.db, ['c', 'd'])
  const { outcome: { measures: { counts } }, result } = await replayed([trace], relaxed.c2s, ['a', 'b', 'c', 'd'])
  t.ok(result.held, result.text)
  t.equal(counts.delivered, 4)
  t.equal(counts.passes, 2)
})

t.test('a client that talks in clear to the recorder, which talks TLS to the server', async (t) => {
  const { recorder, text } = await recording(t, strict)
  const client = await rawClient(recorder.port)
  t.teardown(() => client.destroy())
  await client.login('a', 'a', 'x')
  client.send('<presence/>')
  await client.iq('get', '<ping xmlns=\'urn:xmpp:ping\'/>')
  await client.close()
  const said = readTrace('x.jsonl', text()).items
  t.equal(said.filter(({ kind, dir }) => kind === 'header' && dir === 'out').length, said.filter(({ kind, dir }) => kind === 'header' && dir === 'in').length, 'one header for each: that of the stream without TLS is not seen')
  t.notOk(said.some(({ xml }) => xml.includes('<starttls')), 'its offer was taken up by the recorder')
  t.match(said.find(({ xml }) => xml.startsWith('<auth'))?.xml, /\[PLAIN: authzid='' authcid NUL password\]/)
  t.equal(said.at(-1)?.kind, 'end')
})

t.test('what crosses is what was said, however it was cut', async (t) => {
  const { recorder, text } = await recording(t, relaxed)
  const client = await rawClient(recorder.port)
  t.teardown(() => client.destroy())
  await client.login('romeo', 'romeo', 'x')
  const odd = '<message  to="romeo@localhost/x" id=\'1\'><body>größer &lt; 😀 <![CDATA[</body>]]></body><x xmlns=\'y\' a="\'>"/></message>'
  for (const byte of Buffer.from(`${odd}\n`)) client.send(Buffer.from([byte]))
  t.equal((await client.next((e) => e.name === 'message')).getChildText('body'), 'größer < 😀 </body>')
  t.ok(text().includes(JSON.stringify(odd)))
  t.match(text(), /"xml":"\\n"/)
})

t.test('what is no stream ends the connection, and is told; a server that is not there, too', async (t) => {
  const { recorder, told } = await recording(t, relaxed)
  const socket = connect(recorder.port, '127.0.0.1')
  socket.write('GET / HTTP/1.1\r\n\r\n')
  await new Promise((done) => socket.on('close', done).resume())
  t.match(told[0], /the client sent no stream that can be recorded: text between elements/)
  const nowhere = await recording(t, { c2s: 1 })
  const lost = connect(nowhere.recorder.port, '127.0.0.1')
  await new Promise((done) => lost.on('close', done).resume())
  t.match(nowhere.told[0], /the server: .*ECONNREFUSED/)
})

t.test('more connections than a trace can hold at once are refused', async (t) => {
  const { recorder, told } = await recording(t, relaxed)
  const sockets = Array.from({ length: 101 }, () => connect(recorder.port, '127.0.0.1').on('error', () => {}))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
  })
  await Promise.race(sockets.map((socket) => new Promise((done) => socket.on('close', done))))
  t.match(told, [/more than 100 connections at once: one is refused/])
})
