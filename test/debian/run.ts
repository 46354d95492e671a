// Debian's clients, unmodified, against a jidway started as a user starts it: slixmpp and go-sendxmpp log in over TLS with
// the certificate checked, and exchange messages with somebody online and offline; slixmpp resumes by its own code after the
// server was killed; then each driver of drivers/ walks its client through a day of messaging with a contact. CI runs it:
//   node dist/test/debian/run.js
// A client that is missing is a failure, with the name of its package. Ends with the line "N passed, N failed".
import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { judge, threeKills } from '../helpers/kills.js'
import { ROOT } from '../helpers/root.js'

let passed = 0
let failed = 0
const claim = (ok: boolean, what: string, evidence = ''): void => {
  if (ok) passed++
  else failed++
  console.log(`${ok ? 'ok' : 'NOT OK'} - ${what}${ok || evidence === '' ? '' : `\n${evidence}`}`)
}

const freePort = (): Promise<number> => new Promise((resolve, reject) => {
  const server = createServer()
  server.once('error', reject)
  server.listen(0, '127.0.0.1', () => {
    const { port } = server.address() as AddressInfo
    server.close(() => resolve(port))
  })
})

interface Driver {
  readonly name: string
  /** Debian packages, with something of each. */
  readonly needs: Readonly<Record<string, string>>
}

const SLIXMPP = { 'python3-slixmpp': '/usr/lib/python3/dist-packages/slixmpp' }

/** What drivers/NAME_client.py drives. */
const DRIVERS: readonly Driver[] = [
  { name: 'slixmpp', needs: SLIXMPP },
  { name: 'nbxmpp', needs: { ...SLIXMPP, 'python3-nbxmpp': '/usr/lib/python3/dist-packages/nbxmpp' } },
  { name: 'aioxmpp', needs: { ...SLIXMPP, 'python3-aioxmpp': '/usr/lib/python3/dist-packages/aioxmpp' } },
  { name: 'profanity', needs: { ...SLIXMPP, profanity: '/usr/bin/profanity', tmux: '/usr/bin/tmux' } },
  { name: 'mcabber', needs: { ...SLIXMPP, mcabber: '/usr/bin/mcabber', tmux: '/usr/bin/tmux' } },
]

/** Steps that fail for now, with what the driver says of each. One that passes, or fails otherwise, is a failure. */
const EXPECTED_FAILURES: Readonly<Record<string, string>> = {
  'slixmpp iq-pep-bookmarks': 'error service-unavailable',
  'nbxmpp iq-bookmarks': 'error service-unavailable',
}

const JIDWAY = join(ROOT, 'dist/routes/main.js')
const folder = mkdtempSync(join(tmpdir(), 'jidway-debian-'))
const started: ChildProcess[] = []

/** All that a program prints, until it ends or its time is over. */
const output = (command: string, args: string[], env: Record<string, string>, ms: number, input = ''): Promise<{ code: number | null; text: string }> => new Promise((resolve) => {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'], timeout: ms })
  let text = ''
  const hear = (data: Buffer): void => {
    text += data.toString()
  }
  child.stdout.on('data', hear)
  child.stderr.on('data', hear)
  child.on('error', (error) => resolve({ code: -1, text: error.message }))
  child.on('close', (code) => resolve({ code, text }))
  child.stdin.on('error', () => {})
  child.stdin.end(input)
})

const until = async (holds: () => boolean, ms: number): Promise<boolean> => {
  const end = Date.now() + ms
  while (!holds() && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 50))
  return holds()
}

const main = async (): Promise<void> => {
  const port = await freePort()
  const settings = {
    JIDWAY_DATA: join(folder, 'data'), JIDWAY_DOMAIN: 'localhost', JIDWAY_HOST: '127.0.0.1', JIDWAY_C2S_PORT: String(port),
    JIDWAY_C2S_TLS_PORT: '', JIDWAY_HTTP_PORT: '', JIDWAY_HTTPS_PORT: '', JIDWAY_LOG_LEVEL: 'debug', HOME: folder,
  }
  for (const user of ['romeo', 'juliet']) {
    const added = spawnSync(process.execPath, [JIDWAY, 'user', 'add', `${user}@localhost`, '--password', user], { env: { ...process.env, ...settings }, encoding: 'utf8' })
    claim(added.status === 0, `jidway user add ${user}@localhost`, added.stdout + added.stderr)
  }
  const file = join(folder, 'accounts.csv')
  writeFileSync(file, DRIVERS.map(({ name }) => `${name}@localhost,secret\n${name}-peer@localhost,secret\n`).join(''))
  const imported = spawnSync(process.execPath, [JIDWAY, 'user', 'import', file], { env: { ...process.env, ...settings }, encoding: 'utf8' })
  claim(imported.status === 0, 'jidway user import: two accounts for each driver', imported.stdout + imported.stderr)
  let log = ''
  const server = spawn(process.execPath, [JIDWAY, 'start'], { env: { ...process.env, ...settings }, stdio: ['ignore', 'pipe', 'pipe'] })
  started.push(server)
  server.stdout.on('data', (data: Buffer) => {
    log += data.toString()
  })
  server.stderr.on('data', (data: Buffer) => {
    log += data.toString()
  })
  claim(await until(() => log.includes('XMPP') && log.includes(`:${port} (STARTTLS)`), 30_000), 'jidway start reaches its banner', log)
  const ca = join(settings.JIDWAY_DATA, 'tls/ca.crt')

  await slixmpp(port, ca)
  await goSendxmpp(port, ca)
  for (const driver of DRIVERS) await drive(driver, port, ca)
  for (const step of Object.keys(EXPECTED_FAILURES)) if (!steps.has(step)) claim(false, `${step}, expected to fail, is a step`)

  await slixmppResumes()
  server.kill('SIGTERM')
  claim(await until(() => server.exitCode !== null, 15_000) && server.exitCode === 0, 'SIGTERM ends it with code 0', log.slice(-2000))
}

const slixmpp = async (port: number, ca: string): Promise<void> => {
  const there = spawnSync('/usr/bin/python3', ['-c', 'import slixmpp'])
  if (there.status !== 0) return claim(false, 'slixmpp is installed', 'install it: apt-get install python3-slixmpp')
  const { code, text } = await output('/usr/bin/python3', [join(ROOT, 'test/debian/slixmpp_pair.py'), String(port), ca], {}, 90_000)
  for (const [line, what] of [
    ['online romeo@localhost/slixmpp', 'slixmpp logs in over STARTTLS with its default settings, -PLUS on offer'],
    ['juliet got Neither, fair saint ☺ from romeo@localhost/slixmpp delayed False', 'slixmpp receives what another slixmpp writes'],
    ['disco server/im', 'slixmpp discovers a server/im'],
    ['juliet got while you were away from romeo@localhost/slixmpp delayed True', 'slixmpp receives what was stored while it was away'],
  ] as const) claim(text.includes(line), what, text)
  claim(code === 0 && text.includes('done'), 'slixmpp ends in order', text)
}

/** With a server of its own, which is killed. */
const slixmppResumes = async (): Promise<void> => {
  if (!existsSync(SLIXMPP['python3-slixmpp'])) return claim(false, 'slixmpp is installed, to resume', 'install it: apt-get install python3-slixmpp')
  const ends: (() => void | Promise<void>)[] = []
  try {
    const story = await threeKills({ teardown: (end) => void ends.unshift(end) }, (user, server) => ({
      command: ['/usr/bin/python3', join(ROOT, 'test/debian/slixmpp_resuming.py'), user, user === 'romeo' ? 'juliet' : 'romeo', String(server.c2s), server.ca],
    }))
    judge(story, (holds, what, evidence) => claim(holds, `slixmpp resumes: ${what}`, evidence))
  } catch (error) {
    claim(false, 'slixmpp resumes', (error as Error).message)
  } finally {
    for (const end of ends) await end()
  }
}

const goSendxmpp = async (port: number, ca: string): Promise<void> => {
  if (!existsSync('/usr/bin/go-sendxmpp')) return claim(false, 'go-sendxmpp is installed', 'install it: apt-get install go-sendxmpp')
  const trust = { SSL_CERT_FILE: ca, HOME: folder }
  const as = (user: string): string[] => ['-u', `${user}@localhost`, '-p', user, '-j', `localhost:${port}`, '--timeout', '10']
  const file = join(folder, 'message')
  writeFileSync(file, 'from the command line\n')
  const send = (): ReturnType<typeof output> => output('go-sendxmpp', [...as('romeo'), '-m', file, 'juliet@localhost'], trust, 30_000)
  const first = await send()
  claim(first.code === 0, 'go-sendxmpp logs in with PLAIN inside TLS and sends', first.text)
  const listener = spawn('go-sendxmpp', [...as('juliet'), '-l'], { env: { ...process.env, ...trust }, stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000 })
  started.push(listener)
  let heard = ''
  listener.stdout.on('data', (data: Buffer) => {
    heard += data.toString()
  })
  listener.stderr.on('data', (data: Buffer) => {
    heard += data.toString()
  })
  const times = (): number => heard.split('from the command line').length - 1
  claim(await until(() => times() === 1, 20_000), 'go-sendxmpp listens and gets what was stored', heard)
  const second = await send()
  claim(second.code === 0 && await until(() => times() === 2, 20_000), 'go-sendxmpp gets a live message', second.text + heard)
  listener.kill('SIGTERM')
}

const steps = new Set<string>()

/** Every step of a driver is a claim, and its closing line, without which steps are missing. */
const drive = async ({ name, needs }: Driver, port: number, ca: string): Promise<void> => {
  const missing = Object.keys(needs).filter(of => !existsSync(needs[of]!))
  if (missing.length > 0) return claim(false, `${name} is installed`, `install it: apt-get install ${missing.join(' ')}`)
  const script = join(ROOT, `test/debian/drivers/${name}_client.py`)
  const env = { CA: ca, TMPDIR: folder, PYTHONDONTWRITEBYTECODE: '1' }
  const { text } = await output('/usr/bin/python3', [script, '127.0.0.1', String(port), 'localhost', name, 'secret', `${name}-peer`], env, 120_000)
  let evidence = text // shown once
  const claimed = (ok: boolean, what: string): void => {
    claim(ok, what, evidence)
    if (!ok) evidence = ''
  }
  for (const [, word, what, said = ''] of text.matchAll(/^(PASS|FAIL) (\S+) +[0-9.]+s {2}(.*)$/gm)) {
    const step = `${name} ${what}`
    const expected = EXPECTED_FAILURES[step]
    steps.add(step)
    if (expected === undefined) claimed(word === 'PASS', step)
    else if (word === 'PASS') claimed(false, `${step} passes: the list of expected failures is out of date`)
    else claimed(said === expected, `${step} fails as expected: ${expected}`)
  }
  const closing = new RegExp(`^(PASS|FAIL) ${name}: .* steps, .*$`, 'm').exec(text)?.[0]
  claimed(closing !== undefined, `${name} came to its end${closing === undefined ? '' : ` (${closing.slice(closing.indexOf(':') + 2)})`}`)
}

try {
  await main()
} catch (error) {
  claim(false, 'the run came to its end', String((error as Error).stack))
} finally {
  for (const child of started) if (child.exitCode === null) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
