// The server under test: jidway itself as a child process, or somebody else's by its commands. It is killed without a
// warning, frozen and thawed, and started again; one that ends by itself is noticed.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { openSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Proxy } from './proxy.js'
import type { Random } from './random.js'
import type { Where } from '../client/wire.js'

export interface Node {
  readonly where: Where
  /** Of the process, where it runs and is ours: for measuring. */
  readonly pid: number | undefined
  readonly canKill: boolean
  readonly canFreeze: boolean
  /** Ends when it takes connections; a start that fails (its database may be away) is tried again. */
  start(): Promise<void>
  /** SIGKILL; ends when the process is gone. */
  kill(): Promise<void>
  /** Resolves when it stands still. @param asked not before it has asked the database for something with these words in it, if it does so within a second */
  freeze(asked?: string | null): Promise<void>
  thaw(): void
  /** It, or one of several, hears and reaches this server no more, until what is returned is called. undefined: it cannot be parted. */
  part?(from: keyof Needs): (broken: boolean) => void
  /** In order, at the very end. */
  stop(): Promise<void>
  /** Without waiting: this process ends. */
  abandon(): void
  /** Called when it ended and nobody had told it to. */
  onDeath(heard: (how: string) => void): void
}

/** ms in which it must be up again, whatever is away. */
const PATIENCE = 120_000
const STOPPING = 20_000
/** ms in which a node that clients talk to asks its database for something. */
const ASKS = 1000

/** What a node needs, and what stands between. */
export interface Needs {
  readonly nats: Proxy
  readonly postgres: Proxy
}

export interface OwnNode {
  /** null: nothing stands between. */
  readonly needs?: Needs | null
  /** The program, and what it is started with. */
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly folder: string
  readonly log: string
  readonly port: number
}

export const ownNode = ({ command, env, folder, log, port, needs = null }: OwnNode): Node => {
  const where = { host: '127.0.0.1', port }
  const out = openSync(log, 'a', 0o600)
  let child: ChildProcess | null = null
  let latest: ChildProcess | null = null
  let gone: Promise<void> = Promise.resolve()
  let expected = false
  let hear: (how: string) => void = () => {}

  const launch = (): ChildProcess => {
    const [program = '', ...args] = command
    const started = spawn(program, args, { cwd: folder, env: { ...env }, stdio: ['ignore', out, out], detached: true }) // Ctrl+C is for us alone
    latest = started
    expected = false
    gone = new Promise((done) => {
      started.once('error', () => done())
      started.once('exit', () => done())
    })
    return started
  }
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    expected = true
    child?.kill('SIGCONT') // a stopped process takes no other signal but SIGKILL
    child?.kill(signal)
    await gone
    child = null
  }
  return {
    where, canKill: true, canFreeze: true,
    get pid() { return child?.pid },
    start: async () => {
      for (const until = Date.now() + PATIENCE; Date.now() < until; await sleep(200)) {
        const started = launch()
        let over = false
        void gone.then(() => {
          over = true
        })
        if (!(await reachable(where, () => over || Date.now() > until))) continue
        child = started
        started.once('exit', (code, signal) => {
          if (!expected) hear(signal ?? `code ${code}`)
        })
        return
      }
      throw new Error(`the server did not come up in ${PATIENCE / 1000} s; see ${log}`)
    },
    kill: () => end('SIGKILL'),
    freeze: async (asked = null) => {
      if (asked !== null && needs !== null) {
        await new Promise<void>((resolve) => {
          const late = setTimeout(() => {
            forget()
            resolve()
          }, ASKS)
          const forget = needs.postgres.whenAsked(Buffer.from(asked), () => {
            child?.kill('SIGSTOP')
            clearTimeout(late)
            resolve()
          })
        })
      }
      child?.kill('SIGSTOP')
    },
    thaw: () => void child?.kill('SIGCONT'),
    ...(needs === null ? {} : {
      part: (from: keyof Needs) => {
        needs[from].part()
        return (broken: boolean) => needs[from].join(broken)
      },
    }),
    stop: async () => {
      const late = setTimeout(() => void child?.kill('SIGKILL'), STOPPING)
      await end('SIGTERM')
      clearTimeout(late)
      needs?.nats.close()
      needs?.postgres.close()
    },
    abandon: () => {
      expected = true
      latest?.kill('SIGKILL')
      needs?.nats.close()
      needs?.postgres.close()
    },
    onDeath: (heard) => {
      hear = heard
    },
  }
}

/** Another server, with shell commands that kill and start it; without them its process is left alone. */
export const foreignNode = (where: Where, kill: string | null, start: string | null): Node => ({
  where, pid: undefined, canKill: kill !== null && start !== null, canFreeze: false,
  start: async () => {
    if (start !== null && !(await takesConnections(where))) await shell(start)
    const until = Date.now() + PATIENCE
    if (!(await reachable(where, () => Date.now() > until))) throw new Error(`nobody takes connections at ${where.host}:${where.port}`)
  },
  kill: async () => {
    if (kill !== null) await shell(kill)
  },
  freeze: () => Promise.resolve(),
  thaw: () => {},
  stop: () => Promise.resolve(),
  abandon: () => {},
  onDeath: () => {},
})

const shell = (command: string): Promise<void> => new Promise((done, failed) => {
  const child = spawn('/bin/sh', ['-c', command], { stdio: 'ignore' })
  child.once('error', failed)
  child.once('exit', (code) => (code === 0 ? done() : failed(new Error(`\`${command}\` ended with ${code ?? 'a signal'}`))))
})

const reachable = async (where: Where, isOver: () => boolean): Promise<boolean> => {
  while (!isOver()) {
    if (await takesConnections(where)) return true
    await sleep(20)
  }
  return false
}

export const takesConnections = ({ host, port }: Where): Promise<boolean> => new Promise((done) => {
  const socket = connect(port, host)
  const answer = (yes: boolean): void => {
    socket.destroy()
    done(yes)
  }
  socket.once('connect', () => answer(true))
  socket.once('error', () => answer(false))
})

/**
 * Ports that are free now, below those that systems give to outgoing connections: while the server is down, a client's
 * connection could take its port, or even connect to itself.
 */
export const freePorts = async (count: number, random: Random): Promise<number[]> => {
  const found: number[] = []
  for (let tries = 0; found.length < count; tries++) {
    if (tries > 1000) throw new Error('no free ports from 15000 to 31999')
    const port = 15_000 + random.below(17_000)
    if (!found.includes(port) && await isFree(port)) found.push(port)
  }
  return found
}

const isFree = (port: number): Promise<boolean> => new Promise((done) => {
  const server = createServer()
  server.once('error', () => done(false))
  server.listen(port, '127.0.0.1', () => server.close(() => done(true)))
})
