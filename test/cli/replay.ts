// `replay` and `record` on the command line: what they refuse, what they write, and how they end.
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { SaxesParser } from 'saxes'
import { runRecord } from '../../lib/cli/record.js'
import { readFlags, whereOf } from '../../lib/cli/replay.js'
import { defaultSettings } from '../../lib/base/config.js'
import { rawClient } from '../helpers/client.js'
import { depsWith, jidway, memory, surroundings } from '../helpers/commands.js'
import { chat, names } from '../helpers/replay.js'
import { addUsers, testServer } from '../helpers/server.js'

const server = await testServer(t, {}, { users: names(4) })
const TARGET = ['--server', `127.0.0.1:${server.c2s}`]

/** A conversation in a file. */
const fileIn = (folder: string): string => {
  const file = join(folder, 'chat.jsonl')
  writeFileSync(file, chat(10).items.map(({ t: at, s, dir, xml }) => JSON.stringify({ t: at, s, dir, xml })).join('\n'))
  return file
}

t.test('paces, and how to connect', async (t) => {
  t.match(readFlags({}), { pace: { words: 'as recorded' }, seconds: null, warmUp: null, joins: 200, patience: 30, serverPids: [] })
  t.match(readFlags({ factor: '2.5' }), { pace: { words: '2.5 × as fast as recorded' } })
  t.match(readFlags({ rate: '300', seconds: '5' }), { pace: 300, seconds: 5 })
  t.match(readFlags({ seconds: '5', warmUp: '2' }), { seconds: 5, warmUp: 2 })
  t.match(whereOf({ host: '127.0.0.1', port: 1 }, {}), { offered: { verify: false, clear: true } })
  t.match(whereOf({ host: 'example.org', port: 1 }, {}), { offered: { verify: true, clear: false } })
  t.match(whereOf({ host: 'example.org', port: 1 }, { insecure: true }), { offered: { verify: false, clear: false } })
  t.match(whereOf({ host: '127.0.0.1', port: 1 }, { tls: 'starttls', ca: server.ca }), { tls: undefined, offered: { verify: true, clear: false } })
  t.ok(whereOf({ host: '127.0.0.1', port: 1 }, { tls: 'direct' }).tls)
})

t.test('wrong usage ends with 2 and says what is right', async (t) => {
  const folder = t.testdir({})
  const file = fileIn(folder)
  const broken = join(folder, 'broken.jsonl')
  writeFileSync(broken, '{"t":0,"s":1,"dir":"in","xml":"<stream:stream>"}\n{"t":0}')
  const few = join(folder, 'few.csv')
  writeFileSync(few, 'romeo@localhost,secret\nhello\n')
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['replay', ...TARGET], /missing required argument 'trace'/],
    [['replay', file], /--server HOST:PORT is missing: which server\?/],
    [['replay', file, '--server', 'localhost'], /--server is 'localhost'; it must be HOST:PORT/],
    [['replay', file, ...TARGET], /--password is missing: the password of the accounts/],
    [['replay', file, ...TARGET, '--password', 'x', '--factor', '2', '--flat-out'], /--factor and --flat-out exclude each other/],
    [['replay', file, ...TARGET, '--password', 'x', '--rate', '-1'], /--rate is '-1'; it must be a number from 0\.01/],
    [['replay', file, ...TARGET, '--password', 'x', '--factor', 'fast'], /--factor is 'fast'/],
    [['replay', file, ...TARGET, '--password', 'x', '--seconds', '0'], /--seconds is '0'; it must be a number from 1/],
    [['replay', file, ...TARGET, '--password', 'x', '--warm-up', '5'], /--warm-up goes with --seconds/],
    [['replay', file, ...TARGET, '--password', 'x', '--accounts', '20001'], /--accounts is '20001'; it must be a number from 1 to 20000/],
    [['replay', file, ...TARGET, '--password', 'x', '--accounts', '1'], /1 accounts are too few: one copy of each trace needs 2/],
    [['replay', file, ...TARGET, '--password', 'x', '--user', 'same'], /--user is 'same'; it must hold %d/],
    [['replay', file, ...TARGET, '--password', 'x', '--user', '%d@'], /--user: '0@@localhost' is no account/],
    [['replay', file, ...TARGET, '--password', 'x', '--tls', 'maybe'], /--tls is 'maybe'; it must be needed, starttls or direct/],
    [['replay', file, ...TARGET, '--password', 'x', '--ca', '/nowhere'], /--ca: \/nowhere cannot be read/],
    [['replay', file, ...TARGET, '--password', 'x', '--html', '/nowhere/x.html'], /--html: \/nowhere\/x\.html cannot be written/],
    [['replay', file, ...TARGET, '--accounts', few], /few\.csv, line 2: it must be jid,password/],
    [['replay', file, ...TARGET, '--accounts', '/nowhere'], /\/nowhere cannot be read/],
    [['replay', file, ...TARGET, '--accounts', few, '--password', 'x'], /--password is for numbered accounts/],
    [['replay', broken, ...TARGET, '--password', 'x'], /broken\.jsonl, line 2: s is undefined; it must be the number/],
    [['replay', '/nowhere.jsonl', ...TARGET, '--password', 'x'], /\/nowhere\.jsonl cannot be read/],
    [['replay', file, ...TARGET, '--secnods', '1'], /unknown option '--secnods'; did you mean --seconds\?/],
    [['replya', file], /unknown command 'replya'; did you mean replay\?/],
    [['record', ...TARGET, '--listen', '0'], /required option '--out <file>' not specified/],
    [['record', ...TARGET, '--listen', 'x', '--out', join(folder, 'new.jsonl')], /--listen is 'x'; it must be a number from 0 to 65535/],
    [['record', ...TARGET, '--listen', '0', '--out', file], /chat\.jsonl is there already; a trace is not written over/],
    [['record', ...TARGET, '--listen', '0', '--out', '/nowhere/x.jsonl'], /--out: \/nowhere\/x\.jsonl cannot be written/],
    [['record', ...TARGET, '--listen', '0', '--tls', '--data', folder, '--out', join(folder, 'new.jsonl')], /--tls: there is no certificate in .*; `jidway start` makes one/],
  ]
  for (const [args, message] of cases) {
    const { code, err, out } = await jidway(args, depsWith(memory()))
    t.equal(code, 2, `${args.join(' ')}: ${err}`)
    t.match(err, message)
    t.equal(out, '')
  }
  t.notOk(existsSync(join(folder, 'new.jsonl')))
})

t.test('the accounts, as `user import` takes them', async (t) => {
  const file = fileIn(t.testdir({}))
  const { code, out } = await jidway(['replay', file, '--accounts', '3', '--user', 'u%d', '--password', 'a"b%d', '--domain', 'chat.example', '--print-accounts'], depsWith(memory()))
  t.equal(code, 0)
  t.equal(out, 'u0@chat.example,"a""b0"\nu1@chat.example,"a""b1"\nu2@chat.example,"a""b2"\n')
})

t.test('a run: figures for eyes, for programs, and in a page that needs nothing else', async (t) => {
  const folder = t.testdir({})
  const html = join(folder, 'report.html')
  const args = ['replay', fileIn(folder), ...TARGET, '--accounts', '4', '--password', 'replay%d', '--flat-out']
  const { code, out } = await jidway([...args, '--html', html, '--server-pid', String(process.pid)], depsWith(memory()))
  t.equal(code, 0, out)
  t.match(out, /^chat\.jsonl → 127\.0\.0\.1:\d+: 2 copies, 4 accounts, as fast as possible, closed loop, /)
  t.match(out, / 40 {2}messages delivered, [\d.]+ a second, of 40 sent/)
  t.match(out, / 0 {2}messages lost/)
  t.match(out, /message, until it arrives +\d+\.\d\d +\d+\.\d\d .* 40\n/)
  if (process.platform === 'linux') t.match(out, /CPU: replay \d+ % of a core \([\d.]+ µs a message delivered\); the server \d+ %/)

  const json = await jidway([...args, '--json'], depsWith(memory()))
  t.equal(json.code, 0)
  t.equal(json.out.trim().split('\n').length, 1)
  t.match(JSON.parse(json.out), {
    held: true, copies: 2, accounts: 4, counts: { messages: 40, delivered: 40, lost: 0, duplicated: 0, outOfOrder: 0, unanswered: 0 },
    latencyMs: { message: { count: 40, p50: Number, p99: Number, max: Number }, login: { count: 4 } }, errors: {}, cpu: { own: Number },
  })

  const page = readFileSync(html, 'utf8')
  const parser = new SaxesParser()
  const errors: string[] = []
  parser.on('error', (error) => errors.push(error.message))
  // but for its doctype and the two elements without an end it is XML, too
  parser.write(page.replace('<!DOCTYPE html>', '').replace('<meta charset="utf-8">', '')).close()
  t.same(errors, [])
  t.equal(page.split('<svg').length - 1, 3)
  t.notMatch(page, /NaN|undefined|Infinity/)
  t.notMatch(page, /<script|<link|<img|@import|url\(|(?:src|href)=/, 'nothing is fetched')
  t.ok(page.includes('Nothing was lost, doubled or out of order.'))
})

t.test('a log-in that is refused ends with 1, and says how to make the accounts', async (t) => {
  const file = fileIn(t.testdir({}))
  const { code, err, out } = await jidway(['replay', file, ...TARGET, '--user', 'nobody%d', '--password', 'x'], depsWith(memory()))
  t.equal(code, 1)
  t.equal(out, '')
  t.match(err, /^nobody1@localhost: log-in refused: not-authorized\nThe accounts must be there, with these passwords\. Make them: the same command with --print-accounts > accounts\.csv, then jidway user import accounts\.csv/)
})

t.test('nobody listens; another domain', async (t) => {
  const file = fileIn(t.testdir({}))
  const free = createServer()
  await new Promise<void>((done) => free.listen(0, '127.0.0.1', done))
  const { port } = free.address() as AddressInfo
  await new Promise((done) => free.close(done))
  const nobody = await jidway(['replay', file, '--server', `127.0.0.1:${port}`, '--password', 'x'], depsWith(memory()))
  t.equal(nobody.code, 1)
  t.match(nobody.err, new RegExp(`ECONNREFUSED\nNobody takes connections at 127.0.0.1:${port}`))
  const elsewhere = await jidway(['replay', file, ...TARGET, '--password', 'x', '--domain', 'other.example'], depsWith(memory()))
  t.equal(elsewhere.code, 1)
  t.match(elsewhere.err, /host-unknown\nThe server does not serve this domain: --domain says which/)
})

t.test('record writes a trace that only its owner may read, and that replays', async (t) => {
  const folder = t.testdir({})
  mkdirSync(join(folder, 'traces'))
  const out = join(folder, 'traces', 'romeo.jsonl')
  await addUsers(server.db, ['romeo'])
  const { around, err } = surroundings('', {})
  let stop: () => void = () => {}
  const end = new Promise<void>((done) => {
    stop = done
  })
  const recording = runRecord({ flags: { listen: '0', server: `127.0.0.1:${server.c2s}`, out }, settings: defaultSettings({}), deps: depsWith(memory()), around, json: false }, end)
  while (!err().includes('Ctrl+C')) await new Promise((done) => setTimeout(done, 10))
  const port = Number(/recording 127\.0\.0\.1:(\d+) →/.exec(err())?.[1])
  const client = await rawClient(port)
  await client.login('romeo', 'romeo', 'x')
  await client.presence()
  await client.close()
  stop()
  await recording
  t.match(err(), /\d+ items of 1 connections are in .*romeo\.jsonl/)
  t.equal(statSync(out).mode & 0o777, 0o600)
  const again = await jidway(['replay', out, ...TARGET, '--accounts', '2', '--password', 'replay%d', '--flat-out', '--json'], depsWith(memory()))
  t.equal(again.code, 0, again.err + again.out)
  t.match(JSON.parse(again.out), { copies: 2, counts: { passes: 2, answered: 4 } })
})
