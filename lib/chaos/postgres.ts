// A Postgres of our own, from the installed programs, in the scratch folder: to be stopped and started at will. Postgres
// refuses to run as root, so then it runs as an unprivileged user.
import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, openSync, readdirSync, realpathSync } from 'node:fs'
import { connect } from 'node:net'
import { delimiter, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { UsageError } from '../base/errors.js'

export interface Postgres {
  readonly url: string
  /** Of the postmaster, while it runs: for measuring. */
  readonly pid: number | undefined
  /** Ended as by `pg_ctl stop`: immediate without a checkpoint, as in a crash; fast in order. */
  stop(mode: 'immediate' | 'fast'): Promise<void>
  start(): Promise<void>
  /** Without waiting: this process ends. */
  abandon(): void
}

export interface User {
  readonly uid: number
  readonly gid: number
}

const PROGRAMS = ['initdb', 'postgres']
/** ms to start, recovery included. */
const PATIENCE = 60_000

export const makePostgres = async (folder: string, port: number, env: Readonly<Record<string, string | undefined>>): Promise<Postgres> => {
  const programs = findPrograms(env)
  const user = process.getuid?.() === 0 ? unprivileged('Postgres', ['postgres', 'nobody']) : null
  const data = join(folder, 'pg')
  mkdirSync(data, { mode: 0o700 })
  if (user !== null) chownSync(data, user.uid, user.gid)
  const made = spawnSync(join(programs, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-locale'], { cwd: '/', encoding: 'utf8', ...user })
  if (made.status !== 0) throw new Error(`initdb failed: ${made.error?.message ?? `${made.stdout}${made.stderr}`}`)
  const log = openSync(join(folder, 'postgres.log'), 'a', 0o644)
  let child: ChildProcess | null = null
  let ended: Promise<void> = Promise.resolve()

  const postgres: Postgres = {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    get pid() { return child?.pid },
    start: async () => {
      const started = spawn(join(programs, 'postgres'), [
        '-D', data, '-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=', '-c', 'max_connections=60',
      ], { cwd: '/', stdio: ['ignore', log, log], detached: true, ...user }) // Ctrl+C is for us alone
      child = started
      ended = new Promise((done) => {
        started.once('error', () => done())
        started.once('exit', () => done())
      })
      const over = ended.then(() => 'over')
      for (const until = Date.now() + PATIENCE; Date.now() < until;) {
        if (await takesQueries(port)) return
        if (await Promise.race([over, sleep(50)]) === 'over') throw new Error(`Postgres ended while starting; see ${join(folder, 'postgres.log')}`)
      }
      throw new Error(`Postgres did not start; see ${join(folder, 'postgres.log')}`)
    },
    stop: async (mode) => {
      child?.kill(mode === 'immediate' ? 'SIGQUIT' : 'SIGINT') // what pg_ctl sends
      await ended
      child = null
    },
    abandon: () => void child?.kill('SIGQUIT'),
  }
  await postgres.start()
  return postgres
}

/**
 * The folder of one installation. What a package or pg_config names goes before PATH, where wrappers, links and the
 * remains of another version may stand; a link is followed, for initdb looks for its postgres, and both for what they share,
 * where they are themselves.
 */
export const findPrograms = (env: Readonly<Record<string, string | undefined>>, packaged: readonly string[] = PACKAGED): string => {
  const configured = spawnSync('pg_config', ['--bindir'], { encoding: 'utf8', env: { ...env } })
  const versions = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder).toSorted((a, b) => Number(b) - Number(a)).map((name) => join(folder, name, 'bin')) : [])
  for (const folder of [...packaged.flatMap(versions), ...(configured.status === 0 ? [configured.stdout.trim()] : []), ...(env['PATH'] ?? '').split(delimiter), '/usr/local/pgsql/bin', '/opt/homebrew/bin']) {
    if (folder === '' || !PROGRAMS.every((name) => existsSync(join(folder, name)))) continue
    const [home, ...others] = new Set(PROGRAMS.map((name) => dirname(realpathSync(join(folder, name)))))
    if (home !== undefined && others.length === 0) return home
  }
  throw new UsageError('--database postgres needs the programs of Postgres (initdb, postgres), both of one installation, which were not found; install them, put their folder into PATH, or use --database embedded')
}

/** A folder a version in each. */
const PACKAGED = ['/usr/lib/postgresql', '/usr/local/lib/postgresql']

/** The first of these users that there is: what `program` runs as where we are root. */
export const unprivileged = (program: string, names: readonly string[]): User => {
  for (const name of names) {
    const [uid, gid] = ['-u', '-g'].map((what) => Number(spawnSync('id', [what, name], { encoding: 'utf8' }).stdout.trim() || NaN))
    if (uid !== undefined && gid !== undefined && uid > 0 && gid > 0) return { uid, gid }
  }
  throw new UsageError(`${program} does not run as root, and there is none of the users ${names.join(', ')} to run it as`)
}

/** A start-up packet (protocol 3.0) is answered with R (authentication) by one that takes connections, with E while it recovers. */
const takesQueries = (port: number): Promise<boolean> => new Promise((done) => {
  const socket = connect(port, '127.0.0.1')
  const answer = (yes: boolean): void => {
    socket.destroy()
    done(yes)
  }
  socket.setTimeout(2000, () => answer(false))
  socket.on('error', () => answer(false))
  socket.on('close', () => answer(false))
  socket.on('connect', () => {
    const words = Buffer.from('user\0postgres\0database\0postgres\0\0')
    const head = Buffer.alloc(8)
    head.writeInt32BE(8 + words.length, 0)
    head.writeInt32BE(196_608, 4)
    socket.write(Buffer.concat([head, words]))
  })
  socket.once('data', (data) => answer(data[0] === 0x52)) // 'R': authentication; 'E': not yet
})
