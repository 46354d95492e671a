// `start` as a process: banner, demo accounts, the door for other commands, and signals.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { extname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { Test } from 'tap'
import { ownerOf } from '../../lib/cli/control.js'
import { depsWith, jidway, memory } from '../helpers/commands.js'

const PROGRAM = fileURLToPath(new URL(`../helpers/command-line${extname(import.meta.url)}`, import.meta.url))

interface Started {
  readonly child: ChildProcess
  out(): string
  until(pattern: RegExp): Promise<void>
  readonly ended: Promise<{ code: number | null; signal: string | null }>
}

const start = (t: Test, args: readonly string[], env: Record<string, string> = {}): Started => {
  const child = spawn(process.execPath, [...process.execArgv, PROGRAM, 'start', ...args], { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  t.teardown(() => child.kill('SIGKILL'))
  let text = ''
  const ended = new Promise<{ code: number | null; signal: string | null }>(done => child.on('close', (code, signal) => done({ code, signal })))
  const waiting = new Set<() => void>()
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (part: Buffer) => {
      text += part.toString()
      for (const look of waiting) look()
    })
  }
  const until = (pattern: RegExp): Promise<void> => new Promise((done, failed) => {
    const look = (): void => {
      if (pattern.test(text)) done()
    }
    waiting.add(look)
    look()
    void ended.then(() => failed(new Error(`it ended without ${String(pattern)}: ${text}`)))
  })
  return { child, out: () => text, until, ended }
}

t.test('the first start on localhost makes two accounts with new passwords and tells them once', async t => {
  const data = join(t.testdir({}), 'data')
  const first = start(t, ['--data', data])
  await first.until(/Try it:[^]*$/)
  const [, romeo, juliet] = /romeo@localhost +password +(\w{20})\n +juliet@localhost +password +(\w{20})\n/.exec(first.out()) ?? []
  t.not(romeo, juliet)
  t.equal(readFileSync(join(data, 'demo-accounts.txt'), 'utf8'), `romeo@localhost ${romeo}\njuliet@localhost ${juliet}\n`)
  t.equal(statSync(join(data, 'demo-accounts.txt')).mode & 0o777, 0o600)

  await t.test('other commands work beside it', async t => {
    const away = depsWith(memory(), { openDatabase: () => Promise.reject(new Error('not here')) })
    t.equal((await jidway(['user', 'list', '--data', data], away)).out, 'juliet@localhost\nromeo@localhost\n')
    const { out } = await jidway(['doctor', '--data', data], away)
    t.match(out, new RegExp(`runs with pid ${first.child.pid}`))
    t.match(out, /c2s_port +5222, open in the running server/)
  })

  await t.test('a second start on the folder is refused', async t => {
    const second = start(t, ['--data', data])
    t.same(await second.ended, { code: 2, signal: null })
    t.match(second.out(), new RegExp(`another jidway \\(pid ${first.child.pid}\\)`))
  })

  first.child.kill('SIGTERM')
  t.same(await first.ended, { code: 0, signal: null }, 'told to stop, it stops in order')
  const again = start(t, ['--data', data])
  await again.until(/Try it:[^]*$/)
  t.match(again.out(), /Demo accounts, made at the first start: see .*demo-accounts\.txt/)
  t.notMatch(again.out(), new RegExp(`${romeo}`))
  again.child.kill('SIGINT')
  t.same(await again.ended, { code: 0, signal: null })
})

t.test('a real domain gets no accounts that nobody asked for', async t => {
  const server = start(t, ['--data', t.testdir({}), '--domain', 'capulet.example'])
  await server.until(/Try it:[^]*$/)
  t.match(server.out(), /user add you@capulet\.example/)
  t.notMatch(server.out(), /Demo accounts/)
  server.child.kill('SIGTERM')
  await server.ended
})

t.test('--demo makes demo1 and demo2 with their names as passwords, loudly, and only on loopback', async t => {
  const server = start(t, ['--data', t.testdir({}), '--demo'])
  await server.until(/!! demo is on/)
  t.match(server.out(), /demo1@localhost +password +demo1\n +demo2@localhost +password +demo2\n/)
  server.child.kill('SIGTERM')
  await server.ended
  const refused = start(t, ['--data', t.testdir({}), '--demo', '--host', '0.0.0.0'])
  t.match(await refused.ended, { code: 2 })
  t.match(refused.out(), /only with a loopback host, not with 0\.0\.0\.0/)
})

t.test('settings not in effect are named at the start', async t => {
  const server = start(t, ['--data', t.testdir({})], { JIDWAY_ADMIN: 'romeo@localhost' })
  await server.until(/!! admin = romeo@localhost \(from JIDWAY_ADMIN\) is not in effect in this version/)
  server.child.kill('SIGTERM')
  await server.ended
})

t.test('SIGHUP reads the certificate again and the server goes on', async t => {
  const server = start(t, ['--data', t.testdir({})])
  await server.until(/Try it:[^]*$/)
  server.child.kill('SIGHUP')
  await server.until(/certificate read again/)
  server.child.kill('SIGTERM')
  t.same(await server.ended, { code: 0, signal: null })
})

t.test('a terminal that is closed stops the server in order', { skip: existsSync('/usr/bin/script') && process.platform === 'linux' ? false : 'needs script(1) of util-linux' }, async t => {
  const data = t.testdir({})
  const command = [process.execPath, ...process.execArgv, PROGRAM, 'start', '--data', data].map(word => `'${word}'`).join(' ')
  const terminal = spawn('/usr/bin/script', ['-qfc', `exec ${command}`, '/dev/null'], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => terminal.kill('SIGKILL'))
  let text = ''
  for await (const part of terminal.stdout) if ((text += String(part)).includes('Try it:')) break
  const { pid } = await ownerOf(data) as { pid: number }
  t.teardown(() => { try { process.kill(pid, 'SIGKILL') } catch { /* it is over */ } })
  terminal.kill('SIGKILL')
  const end = Date.now() + 20_000
  while (existsSync(`/proc/${pid}`) && Date.now() < end) await sleep(50)
  t.notOk(existsSync(`/proc/${pid}`))
  t.ok(existsSync(join(data, 'closed')), 'the server was closed, not just gone')
})
