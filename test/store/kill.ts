// kill -9 in the middle of the work: what was promised is there afterwards. And the folder has one owner at a time.
// (A power cut is another matter: durability.md. A killed process leaves its writes with the operating system.)
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { extname } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { addAccounts, credentialsOf, listAccounts } from '../../lib/store/accounts.js'
import { openDatabase } from '../../lib/store/db.js'
import type { Database } from '../../lib/store/db.js'
import { logAppender } from '../helpers/appender.js'
import { testFolder } from '../helpers/database.js'

const ROUNDS = 6
const MOST_LINES = 60
/** ms. About what it takes to open the folder. */
const OPENING = 600
const JULIET = 'juliet@capulet.example'

const random = (from: number, to: number): number => from + Math.floor(Math.random() * (to - from + 1))
const script = (path: string): string => fileURLToPath(new URL(`${path}${extname(import.meta.url)}`, import.meta.url))
const run = (path: string, args: readonly string[]): ChildProcess =>
  spawn(process.execPath, [...process.execArgv, script(path), ...args], { stdio: ['ignore', 'pipe', 'pipe'] })

/** All that it said after 'opening', killed with SIGKILL so many ms after so many lines of that. */
const killedAfter = async (lines: number, ms: number, data: string, round: string): Promise<string[]> => {
  const child = run('../helpers/append-until-killed', [data, round])
  child.stderr?.resume()
  const said: string[] = []
  // what it had written before it died still comes out of the pipe, and counts
  for await (const line of createInterface({ input: child.stdout! })) {
    said.push(line)
    if (said.length === lines + 1) setTimeout(() => child.kill('SIGKILL'), ms)
  }
  if (said[0] !== 'opening') throw new Error(`it said ${said[0] ?? 'nothing'}`)
  return said.slice(1)
}

const messages = async (db: Database): Promise<string[]> =>
  (await (await logAppender(db)).store.pull(JULIET, 0, 1e6, 1e6)).map((message) => message.xml)

t.test('nothing that was promised is missing after kill -9, time and again on the same folder', async (t) => {
  const data = await testFolder(t)
  const promised: string[] = []
  for (let round = 0; round < ROUNDS; round++) {
    // one round dies in its work, the next on opening what the first left behind, or soon after
    const [lines, ms] = round % 2 === 0 ? [random(1, MOST_LINES), 0] : [0, random(0, OPENING)]
    const said = await killedAfter(lines, ms, data, `r${round}`)
    t.ok(said.length >= lines, `round ${round}: killed ${ms} ms after ${lines} lines, ${said.length} came`)
    t.same(said.filter((line) => !/^(message|account) r/.test(line)), [], 'it did nothing else')
    promised.push(...said)
    if (round % 2 === 0) continue // the next round opens it as it was left

    const db = await openDatabase({ url: null, data, connections: 1 })
    const stored = await messages(db)
    const wanted = promised.flatMap((line) => (line.startsWith('message ') ? [line.slice('message '.length)] : []))
    t.same(stored.filter((xml) => wanted.includes(xml)), wanted, 'every message is there, in the order promised')
    t.ok(stored.length - wanted.length <= round + 1, 'at most one a round was stored and not yet told')
    t.equal(new Set(stored).size, stored.length, 'none twice')
    const accounts = await listAccounts(db, '', 1e6)
    const made = promised.flatMap((line) => (line.startsWith('account ') ? [line.slice('account '.length)] : []))
    t.same(made.filter((account) => !accounts.includes(account)), [], 'every account is there')
    const keys = await Promise.all(accounts.map((account) => credentialsOf(db, account)))
    t.ok(keys.every((list) => list?.length === 2), 'each with all its keys')
    await db.close()
  }
  t.ok(promised.length >= ROUNDS / 2)
})

t.test('a second process on the folder is refused with what to do, and the first goes on', async (t) => {
  const data = await testFolder(t)
  const first = run('../helpers/append-until-killed', [data, 'first'])
  t.teardown(() => first.kill('SIGKILL'))
  first.stderr?.resume()
  const lines = createInterface({ input: first.stdout! })[Symbol.asyncIterator]()
  t.match(await lines.next(), { value: 'opening' })
  t.match(await lines.next(), { value: 'message first-0' })

  const refusal = new RegExp(
    `another jidway \\(pid ${first.pid}\\) runs on the data folder .*; stop it first, or give this one another folder \\(--data\\)`)
  const second = run('../helpers/append-until-killed', [data, 'second'])
  second.stderr?.resume()
  const said: string[] = []
  for await (const line of createInterface({ input: second.stdout! })) said.push(line)
  t.equal(said.length, 1)
  t.match(said[0], refusal)

  // the real starter, on the same folder
  const ports = ['c2s', 'c2s-tls', 'http', 'https'].flatMap((port) => [`--${port}-port`, '0'])
  const starter = run('../../routes/main', ['start', '--data', data, ...ports])
  const ended = once(starter, 'exit')
  starter.stdout?.resume()
  let error = ''
  for await (const part of starter.stderr!) error += String(part)
  t.match(error, refusal)
  t.not((await ended)[0], 0)

  t.match(await lines.next(), { value: 'message first-1' }, 'the first is as it was')
  const gone = once(first, 'exit')
  first.kill('SIGKILL')
  await gone
  const db = await openDatabase({ url: null, data, connections: 1 })
  t.teardown(() => db.close())
  t.ok((await messages(db)).includes('first-1'))
  t.notOk((await messages(db)).some((xml) => xml.startsWith('second')))
  t.same(await addAccounts(db, [{ account: 'after@capulet.example', credentials: [] }]), [true])
})
