// A NATS server of our own, from the installed program: to be killed and started again at will.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync, openSync, writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { UsageError } from '../base/errors.js'

export interface Nats {
  readonly url: string
  /** SIGKILL; ends when it is gone. */
  kill(): Promise<void>
  freeze(): void
  thaw(): void
  /** On the same port. */
  start(): Promise<void>
  /** Without waiting: this process ends. */
  abandon(): void
}

/** ms to start. */
const PATIENCE = 20_000

type Environment = Readonly<Record<string, string | undefined>>

/** undefined: it is not installed. */
export const natsProgram = (env: Environment): string | undefined =>
  [...(env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/bin'].map((one) => join(one, 'nats-server')).find((file) => existsSync(file))

/** @param more lines of its configuration */
export const makeNats = async (folder: string, port: number, env: Environment, more = ''): Promise<Nats> => {
  const program = natsProgram(env)
  if (program === undefined) throw new UsageError('--nodes needs the program nats-server, which was not found; install it, or put its folder into PATH')
  const configuration = join(folder, 'nats.conf')
  writeFileSync(configuration, `listen: 127.0.0.1:${port}\n${more}\n`)
  const log = openSync(join(folder, 'nats.log'), 'a', 0o600)
  let child: ChildProcess | null = null
  let gone: Promise<void> = Promise.resolve()
  const nats: Nats = {
    url: `nats://127.0.0.1:${port}`,
    start: async () => {
      const started = spawn(program, ['-c', configuration], { stdio: ['ignore', log, log], detached: true }) // Ctrl+C is for us alone
      child = started
      gone = new Promise((done) => {
        started.once('error', () => done())
        started.once('exit', () => done())
      })
      for (const until = Date.now() + PATIENCE; Date.now() < until; await sleep(20)) if (await speaks(port)) return
      throw new Error(`NATS did not start; see ${join(folder, 'nats.log')}`)
    },
    kill: async () => {
      child?.kill('SIGKILL')
      await gone
      child = null
    },
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    abandon: () => void child?.kill('SIGKILL'),
  }
  await nats.start()
  return nats
}

const speaks = (port: number): Promise<boolean> => new Promise((done) => {
  const socket = createConnection(port, '127.0.0.1')
  const answer = (yes: boolean): void => {
    socket.destroy()
    done(yes)
  }
  socket.once('data', () => answer(true)) // it speaks first
  socket.once('error', () => answer(false))
})
