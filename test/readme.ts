// README is the product's front door: what can be checked in it is checked. `node dist/test/readme.js --write` makes its tables.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { settingsTable } from '../lib/base/config.js'
import { VERSION } from '../lib/base/version.js'
import { addAccounts } from '../lib/store/accounts.js'
import { deriveCredentials } from '../lib/wire/scram-keys.js'
import { ROUTES } from '../routes/index.js'
import { ROOT } from './helpers/root.js'
import { testServer } from './helpers/server.js'

/** What is built elsewhere than in a route, and where. */
const ELSEWHERE: readonly [string, string, string][] = [
  ['RFC 6120', 'streams, SASL, binding, routing', 'lib/net/connection.ts'],
  ['RFC 6121 §4, §8', 'availability, delivery', 'lib/core/rules.ts'],
  ['RFC 7622', 'addresses (PRECIS, IDNA2008)', 'lib/base/jid.ts'],
  ['RFC 7395', 'WebSocket', 'lib/net/websocket.ts'],
  ['RFC 5802, RFC 7677', 'SCRAM-SHA-1 and -256, with -PLUS', 'lib/wire/scram.ts'],
  ['RFC 4616', 'PLAIN, inside TLS', 'lib/wire/plain.ts'],
  ['RFC 5929, RFC 9266', 'channel binding: tls-unique, tls-server-end-point, tls-exporter', 'lib/wire/channel-binding.ts'],
  ['RFC 7590', 'TLS 1.2 and newer', 'lib/wire/tls-context.ts'],
  ['XEP-0368 1.1.0', 'TLS from the first byte', 'lib/net/tcp.ts'],
  ['XEP-0198 1.6.3', 'stream management, resumption', 'lib/net/stream-management.ts'],
  ['XEP-0440 1.0.0', 'channel-binding types', 'lib/net/negotiation.ts'],
  ['XEP-0156 1.4.0', 'host-meta', 'lib/web/app.ts'],
]

const specifications = (): string => [
  '| specification | what | where |', '|---|---|---|',
  ...ELSEWHERE.map(([spec, what, file]) => `| ${spec} | ${what} | \`${file}\` |`),
  ...ROUTES.map(({ name, spec }) => `| ${spec} | ${name} | \`routes/${name}.ts\` |`).sort(),
].join('\n')

const FILE = join(ROOT, 'README.md')
const between = (name: string): RegExp => new RegExp(`(<!-- ${name} -->\n)[^]*?(<!-- /${name} -->)`)
const made = (text: string): string => text
  .replace(between('settings'), (_, a: string, b: string) => `${a}\n${settingsTable().trim()}\n\n${b}`)
  .replace(between('specifications'), (_, a: string, b: string) => `${a}\n${specifications()}\n\n${b}`)

if (process.argv.includes('--write')) {
  writeFileSync(FILE, made(readFileSync(FILE, 'utf8')))
  process.exit(0)
}
const readme = readFileSync(FILE, 'utf8')

t.test('the tables of settings and specifications are those of the code', async (t) => t.equal(readme, made(readme), 'run: node dist/test/readme.js --write'))

t.test('a route\'s file has its name', async (t) => {
  for (const { name } of ROUTES) t.ok(existsSync(join(ROOT, `routes/${name}.ts`)), name)
})

t.test('the version is that of package.json', async (t) => {
  t.equal((JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }).version, VERSION)
  t.ok(readme.includes(`version ${VERSION}`))
})

t.test('every file and folder that README names is there', async (t) => {
  const names = [...readme.matchAll(/`((?:lib|routes|test)\/[\w./-]*|\.ci\/run|schema\.sql)`/g)].map((m) => m[1] as string)
  t.ok(names.length > 30)
  for (const name of new Set(names)) t.ok(existsSync(join(ROOT, name)), name)
})

t.test('every command that README names is in --help', async (t) => {
  const help = (...args: string[]): string => spawnSync(process.execPath, [join(ROOT, 'dist/routes/main.js'), ...args, '--help'], { encoding: 'utf8' }).stdout
  for (const command of ['start', 'user', 'doctor', 'trace', 'config', 'replay', 'record', 'chaos']) t.match(help(), new RegExp(`^  ${command}\\b`, 'm'))
  for (const command of ['add', 'passwd', 'del', 'list', 'import']) t.match(help('user'), new RegExp(`^  ${command}\\b`, 'm'))
})

t.test('the session over raw TCP works as it stands there, line by line', async (t) => {
  const [, user = '', password = ''] = /user add (\S+) --password (\S+)\n/.exec(readme) ?? []
  const lines = /```xml\n([^]*?)```/.exec(readme)?.[1]?.trim().split('\n') ?? []
  t.equal(lines.length, 7)
  const server = await testServer(t, { insecureLoopback: false })
  await addAccounts(server.db, [{ account: user, credentials: await deriveCredentials(password, 4096) }])
  const bot = await server.client()
  await bot.open() // this and STARTTLS is what `openssl s_client -starttls xmpp` does
  await bot.startTls({ ca: readFileSync(server.ca) })
  const answers = ['stream:features', 'success', 'stream:features', 'iq', null, null, null]
  for (const [i, line] of lines.entries()) {
    if (line.startsWith('<stream:stream')) bot.restart()
    bot.send(`${line}\n`)
    const answer = answers[i]
    if (typeof answer === 'string') t.not((await bot.next((e) => e.name === answer)).attrs['type'], 'error', line)
  }
  await bot.ended
  t.notOk(bot.elements.some((e) => e.name === 'stream:error'))
  const romeo = await server.client()
  await romeo.open()
  await romeo.startTls({ ca: readFileSync(server.ca) })
  await romeo.login('romeo', 'romeo')
  romeo.send('<presence/>')
  t.equal((await romeo.next((e) => e.name === 'message')).getChildText('body'), 'Neither, fair saint')
})
