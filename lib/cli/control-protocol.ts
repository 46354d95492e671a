// What is said on the control socket: one request, one JSON line {"command", "args"}; answers are JSON lines {"line": …}
// on the way and one {"done": …} or {"error": …} at the end. One request a connection. The folder's mode 700 keeps
// other users out; whoever can open the socket could read the database, too.
import type { Socket } from 'node:net'
import { UsageError } from '../base/errors.js'

/** What a running server does for a command: `tell` sends a line on the way; the result ends it. Values are JSON. */
export type Handler = (args: unknown, tell: (line: unknown) => void) => Promise<unknown>
export type Handlers = Readonly<Record<string, Handler>>

/** Who owns the folder: a server that obeys commands, or a command that will soon be over. */
export interface Owner {
  readonly pid: number
  readonly serves: boolean
}

const LONGEST_LINE = 4 * 1024 * 1024

/** The one command that every owner answers, with Owner. */
export const WHO = 'who'

/** The server's side of one connection. */
export const answer = (socket: Socket, owner: Owner, ready: () => Promise<Handlers>): void => {
  const say = (line: unknown): void => {
    if (socket.writable) socket.write(`${JSON.stringify(line)}\n`)
  }
  const obey = async (line: string): Promise<void> => {
    try {
      const { command, args } = parse(line) as { command: string; args: unknown }
      say({ done: (await run(owner, ready, command, args, part => say({ line: part }))) ?? null })
    } catch (error) {
      say({ error: error instanceof Error ? error.message : String(error), usage: error instanceof UsageError })
    }
    socket.end()
  }
  onLines(socket, line => void obey(line), () => socket.end())
}

const run = async (
  owner: Owner, ready: () => Promise<Handlers>, command: string, args: unknown, tell: (line: unknown) => void,
): Promise<unknown> => {
  if (command === WHO) return owner // also while the server starts
  const handlers = await ready()
  const handler = Object.hasOwn(handlers, command) ? handlers[command] : undefined
  if (handler === undefined) throw new UsageError(`the running server knows no command '${command}'; is it another version?`)
  return handler(args, tell)
}

/** The client's side: asks once and closes. */
export const ask = (socket: Socket, command: string, args: unknown, onLine: (line: unknown) => void): Promise<unknown> =>
  new Promise((done, failed) => {
    const over = (act: () => void): void => {
      act()
      socket.destroy()
    }
    onLines(socket, line => {
      const said = parse(line) as { line?: unknown; done?: unknown; error?: string; usage?: boolean } | null
      if (said === null) over(() => failed(new Error('what answers on the control socket is no jidway')))
      else if ('line' in said) onLine(said.line)
      else if ('done' in said) over(() => done(said.done))
      else over(() => failed(said.usage === true ? new UsageError(said.error) : new Error(said.error)))
    }, () => over(() => failed(new Error('the running server ended in the middle of the command'))))
    socket.write(`${JSON.stringify({ command, args })}\n`)
  })

/** Buffers (keys of passwords) survive the way through JSON. */
const parse = (line: string): unknown => {
  try {
    return JSON.parse(line, (_, value: unknown) => (isBuffer(value) ? Buffer.from(value.data) : value))
  } catch {
    return null
  }
}

const isBuffer = (value: unknown): value is { data: number[] } =>
  typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer' && 'data' in value && Array.isArray(value.data)

const onLines = (socket: Socket, onLine: (line: string) => void, onEnd: () => void): void => {
  let rest = ''
  socket.setEncoding('utf8')
  socket.on('error', onEnd)
  socket.on('end', onEnd)
  socket.on('close', onEnd)
  socket.on('data', (part: string) => {
    const lines = (rest + part).split('\n')
    rest = lines.pop()!
    if (rest.length > LONGEST_LINE) socket.destroy()
    for (const line of lines) onLine(line)
  })
}
