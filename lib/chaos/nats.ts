// A NATS server of our own, from the installed program: to be killed and started again at will.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync, openSync } from 'node:fs'
import { createConnection } from 'node:net'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { UsageError } from '../base/errors.js'

export interface Nats {
  readonly url: string
  /** SIGKILL; ends when it is gone. */
  kill(): Promise<void>
  start(): Promise<void>
  /** Without waiting: this process ends. */
  abandon(): void
}

/** ms to start. */
const PATIENCE = 20_000

export const makeNats = async (folder: string, port: number, env: Readonly<Record<string, string | undefined>>): Promise<Nats> => {
  const program = [...(env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/bin'].map((one) => join(one, 'nats-server')).find((file) => existsSync(file))
  if (program === undefined) throw new UsageError('--nodes needs the program nats-server, which was not found; install it, or put its folder into PATH')
  const log = openSync(join(folder, 'nats.log'), 'a', 0o600)
  let child: ChildProcess | null = null
  let gone: Promise<void> = Promise.resolve()
  const nats: Nats = {
    url: `nats://127.0.0.1:${port}`,
    start: async () => {
      const started = spawn(program, ['-a', '127.0.0.1', '-p', String(port)], { stdio: ['ignore', log, log], detached: true }) // Ctrl+C is for us alone
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
