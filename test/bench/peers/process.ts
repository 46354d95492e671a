// A server of the benchmark as a process of its own: started with its output in a file, waited for, and ended by its pid.
import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { takesConnections } from '../../../lib/chaos/node.js'
import type { User } from '../../../lib/chaos/postgres.js'

export interface Running {
  readonly pid: number
  /** In order, and by force where that takes too long. */
  stop(): Promise<void>
  /** Without waiting: this process ends. */
  abandon(): void
}

export interface Program {
  /** For people. */
  readonly name: string
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly folder: string
  /** null: as we are. */
  readonly user: User | null
  /** Where its output goes, and other files in which it says what is wrong. */
  readonly log: string
  readonly logs?: readonly string[]
  /** Where it takes connections when it is up. */
  readonly port: number
}

/** ms to start and to stop. */
const STARTING = 60_000
const STOPPING = 20_000
const LOOK = 50

/** Resolves when it takes connections. Throws an Error that names its logs. */
export const launch = async ({ name, command, env, folder, user, log, logs = [], port }: Program, signal: AbortSignal): Promise<Running> => {
  const [program = '', ...args] = command
  const out = openSync(log, 'a', 0o644)
  const child = spawn(program, args, { cwd: folder, env: { ...env }, stdio: ['ignore', out, out], detached: true, ...user }) // Ctrl+C is for us alone
  closeSync(out)
  let over = ''
  const ended = new Promise<void>((done) => {
    child.once('error', (error) => {
      over = error.message
      done()
    })
    child.once('exit', (code, killed) => {
      over = `it ended with ${killed ?? `code ${code}`}`
      done()
    })
  })
  const abandon = (): void => {
    if (over === '') child.kill('SIGKILL')
  }
  process.once('exit', abandon)
  const stop = async (how: NodeJS.Signals): Promise<void> => {
    if (over === '') child.kill(how)
    const late = setTimeout(abandon, STOPPING)
    await ended
    clearTimeout(late)
    process.off('exit', abandon)
  }
  for (const until = Date.now() + STARTING; ; await sleep(LOOK)) {
    if (over === '' && await takesConnections({ host: '127.0.0.1', port })) break
    if (over === '' && Date.now() < until && !signal.aborted) continue
    const why = over || (signal.aborted ? 'interrupted' : `it took no connections within ${STARTING / 1000} s`)
    await stop('SIGKILL')
    throw new Error(`${name} did not come up: ${why}; see ${[log, ...logs].join(', ')}`)
  }
  return { pid: child.pid as number, stop: () => stop('SIGTERM'), abandon }
}
