// One owner for a data folder, and a door to it: a Unix socket in the folder is the lock of the embedded database (two
// processes on one PGlite folder lose rows) and the way in which `user` and `doctor` reach a running server.
//
// The lock without native code: sockets are named control.1.sock, control.2.sock …, and the highest name is the owner's.
// A newcomer that finds the highest one dead (nobody accepts) hard-links its own, already listening, to the next name;
// link(2) is atomic and fails where the name is taken. Names only grow and the highest is never removed, not even at a
// regular end, so a slow newcomer cannot take a name a second time; whoever holds a name that is not the highest lets go.
import { randomBytes } from 'node:crypto'
import { link, mkdir, open, readdir, unlink } from 'node:fs/promises'
import { createConnection, createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { join, relative, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { UsageError } from '../base/errors.js'
import { answer, ask, WHO } from './control-protocol.js'
import type { Handlers, Owner } from './control-protocol.js'

export interface ControlServer {
  /** Until this is called, commands wait. */
  serve(handlers: Handlers): void
  /** Gives the folder free. */
  close(): Promise<void>
}

export interface ControlOptions {
  readonly data: string
  readonly handlers?: Handlers
  /** false: a command that wants the folder for a moment and obeys nobody. */
  readonly serves?: boolean
}

// sockaddr_un.sun_path has 108 bytes on Linux, 104 elsewhere, with a zero at the end
const LONGEST_PATH = process.platform === 'linux' ? 107 : 103
const NAME = /^control\.(\d{1,15})\.sock$/
const ATTEMPTS = 20
const ANSWER_TIMEOUT = 2000

/**
 * Become the owner of the data folder, which is made if need be (mode 700).
 * Throws UsageError where another process owns it, or its path is too long for a socket.
 */
export const controlServer = async ({ data, handlers, serves = true }: ControlOptions): Promise<ControlServer> => {
  await makeFolder(data)
  const waiting: ((handlers: Handlers) => void)[] = []
  let present = handlers ?? null
  const ready = (): Promise<Handlers> =>
    present === null ? new Promise(resolved => waiting.push(resolved)) : Promise.resolve(present)
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    answer(socket, { pid: process.pid, serves }, ready)
  })
  const name = `control.${randomBytes(8).toString('hex')}.new`
  const own = join(data, name)
  await reachable(data, name, path => listen(server, path))
  try {
    await claim(data, own)
  } catch (error) {
    await shut(server, sockets)
    throw error
  } finally {
    await unlink(own).catch(() => {}) // the link under its number stays
  }
  return {
    serve: given => {
      present = given
      for (const resolved of waiting.splice(0)) resolved(given)
    },
    close: () => shut(server, sockets),
  }
}

/** Who owns the data folder; null: nobody. Throws UsageError where the owner does not answer. */
export const ownerOf = async (data: string): Promise<Owner | null> => {
  const found = await findOwner(data)
  if (found === null) return null
  const owner = await whoIs(found)
  if (owner === 'closing') return null
  if (owner === null) throw new UsageError(`the jidway that runs on the data folder ${resolve(data)} does not answer; is it stopped?`)
  return owner
}

/**
 * Ask the owner of the data folder to do something; `onLine` gets what it says on the way.
 * Answers `running: false` where nobody owns the folder. Throws the owner's error (UsageError where it is one).
 */
export const controlCall = async (
  data: string, command: string, args: unknown, onLine: (line: unknown) => void = () => {},
): Promise<{ readonly running: false } | { readonly running: true; readonly result: unknown }> => {
  const found = await findOwner(data)
  if (found === null) return { running: false }
  return { running: true, result: await ask(found, command, args, onLine) }
}

const makeFolder = async (data: string): Promise<void> => {
  try {
    await mkdir(data, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new UsageError(`the data folder ${data} cannot be made: ${(error as Error).message}`)
  }
}

const claim = async (data: string, own: string): Promise<void> => {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const numbers = await numbersIn(data)
    const highest = numbers[0] ?? 0
    const owner = highest === 0 ? null : await connect(data, highest)
    if (owner !== null) throw await taken(data, owner)
    const mine = highest + 1
    if (!(await linked(own, pathOf(data, mine)))) continue // somebody was quicker; see who
    const [top, ...below] = await numbersIn(data)
    if (top === mine) {
      for (const number of below) await unlink(pathOf(data, number)).catch(() => {})
      return
    }
    // we had looked at an old state: names between were given, used and removed since
    await unlink(pathOf(data, mine))
  }
  throw new UsageError(`the data folder ${data} is being fought over; try again`)
}

const linked = async (from: string, to: string): Promise<boolean> => {
  try {
    await link(from, to)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

const taken = async (data: string, socket: Socket): Promise<UsageError> => {
  const owner = await whoIs(socket)
  const who = owner === null || owner === 'closing' ? 'which does not answer' : `pid ${owner.pid}`
  return new UsageError(`another jidway (${who}) runs on the data folder ${resolve(data)}; stop it first, or give this one another folder (--data)`)
}

/** null: it does not say. 'closing': it was there and went. */
const whoIs = async (socket: Socket): Promise<Owner | 'closing' | null> => {
  const said = await Promise.race([ask(socket, WHO, null, () => {}).catch(() => 'closing'), sleep(ANSWER_TIMEOUT, null, { ref: false })])
  socket.destroy()
  return said as Owner | 'closing' | null
}

/** A connection to the owner; null: none. */
const findOwner = async (data: string): Promise<Socket | null> => {
  for (const number of (await numbersIn(data)).slice(0, 1)) return connect(data, number)
  return null
}

/** null: nobody listens there any more. Whoever lets us wait (a stopped process, a full backlog) is alive. */
const connect = async (data: string, number: number): Promise<Socket | null> => {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const outcome = await reachable(data, nameOf(number), tryConnect)
    if (typeof outcome === 'object') return outcome
    if (outcome === 'ECONNREFUSED' || outcome === 'ENOENT') return null
    if (outcome !== 'ECONNRESET') throw new UsageError(`the data folder ${data} seems to be in use: its control socket answers ${outcome}`)
    await sleep(5) // its owner is just closing it
  }
  throw new UsageError(`the data folder ${data} is being fought over; try again`)
}

const tryConnect = (path: string): Promise<Socket | string> =>
  new Promise(done => {
    const socket = createConnection(path)
    socket.once('connect', () => done(socket))
    socket.once('error', error => done(codeOf(error)))
  })

/** Highest first. */
const numbersIn = async (data: string): Promise<number[]> => {
  const names = await readdir(data).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return []
    throw error
  })
  return names.flatMap(name => Number(NAME.exec(name)?.[1] ?? NaN) || []).toSorted((a, b) => b - a)
}

const nameOf = (number: number): string => `control.${number}.sock`
const pathOf = (data: string, number: number): string => join(data, nameOf(number))

/**
 * `act` with a path that is short enough for the system: relative or absolute, else through the folder's descriptor.
 * Throws UsageError where there is none.
 */
const reachable = async <T>(data: string, name: string, act: (path: string) => Promise<T>): Promise<T> => {
  const absolute = resolve(data, name)
  const short = [relative(process.cwd(), absolute), absolute].find(path => Buffer.byteLength(path) <= LONGEST_PATH)
  if (short !== undefined) return act(short)
  if (process.platform !== 'linux') {
    throw new UsageError(`the path of the data folder is too long for a control socket in it (${absolute}); choose a shorter one, or start jidway near it`)
  }
  const folder = await open(data, 'r')
  try {
    return await act(`/proc/self/fd/${folder.fd}/${name}`)
  } finally {
    await folder.close()
  }
}

const listen = (server: Server, path: string): Promise<void> =>
  new Promise((done, failed) => {
    server.once('error', failed)
    server.listen(path, () => {
      server.off('error', failed)
      done()
    })
  })

const shut = (server: Server, sockets: ReadonlySet<Socket>): Promise<void> =>
  new Promise(done => {
    server.close(() => done())
    for (const socket of sockets) socket.destroy()
  })

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error)
