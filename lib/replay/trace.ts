// Traces: what one client said to a server and heard from it, recorded by `jidway record` or anything else that writes this
// format. One JSON object a line, in UTF-8, in order of time:
//
//   {"t": 121, "s": 1, "dir": "in", "xml": "<iq id='b1' type='set'>…</iq>"}
//
//   t     ms since the first item; within one connection it never falls
//   s     the connection, from 1: a client that comes back has another one
//   dir   in: from the client; out: from the server
//   xml   one top-level item exactly as it crossed the wire: the stream's header, its end, one element, or the white space
//         between two
//   tls   true once the connection is encrypted; not needed
//   ws    true for WebSocket (RFC 7395), whose <open/> and <close/> stand for header and end; it is replayed over TCP
//
// Other members are ignored, as are empty lines. The payloads of SASL are never looked at: log-in is replay's own. Secrets
// stand in brackets, [like this]; `secrets.ts` lists them. Of items of the same ms those that are `in` may come first,
// whatever came first on the wire.
import { open } from 'node:fs/promises'
import { basename } from 'node:path'
import { UsageError } from '../base/errors.js'
import { toOctets } from '../base/octets.js'
import { kindOf } from './items.js'
import type { ItemKind } from './items.js'

export interface Item {
  readonly line: number
  readonly t: number
  readonly s: number
  readonly dir: 'in' | 'out'
  readonly kind: ItemKind
  /** Octets. */
  readonly xml: string
}

export interface Trace {
  readonly name: string
  readonly items: readonly Item[]
}

/** Bounds of one trace; a longer recording is cut into several. */
export const BOUNDS = { fileBytes: 64 * 1024 * 1024, lineBytes: 4 * 1024 * 1024, items: 1_000_000, connections: 1000, ms: 30 * 86_400_000 } as const

/** Throws UsageError that names the file, and the line where it is about one. */
export const loadTrace = async (file: string): Promise<Trace> => readTrace(basename(file), await textOf(file))

const textOf = async (file: string): Promise<string> => {
  try {
    const handle = await open(file)
    try {
      const { size } = await handle.stat()
      if (size > BOUNDS.fileBytes) throw new UsageError(`${file} has ${size} bytes; a trace has at most ${BOUNDS.fileBytes}: cut it into several`)
      return await handle.readFile('utf8')
    } finally {
      await handle.close()
    }
  } catch (error) {
    throw error instanceof UsageError ? error : new UsageError(`${file} cannot be read: ${(error as Error).message}`)
  }
}

export const readTrace = (name: string, text: string): Trace => {
  const items: Item[] = []
  /** By connection, the time of its last item. */
  const last = new Map<number, Item>()
  for (const [i, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue
    const item = itemOf(line, i + 1, name)
    const before = last.get(item.s)
    if (before !== undefined && item.t < before.t) throw wrong(name, item.line, `t is ${item.t}, and line ${before.line} of the same connection has ${before.t}; sort the lines by time`)
    if (before === undefined && item.dir === 'in' && !opens(item)) throw wrong(name, item.line, `connection ${item.s} begins with ${item.xml.slice(0, 40)}; the first item of a connection is its stream header`)
    last.set(item.s, item)
    items.push(item)
    if (items.length > BOUNDS.items) throw wrong(name, item.line, `more than ${BOUNDS.items} items; cut the trace into several`)
    if (last.size > BOUNDS.connections) throw wrong(name, item.line, `more than ${BOUNDS.connections} connections; cut the trace into several`)
  }
  if (items.length === 0) throw new UsageError(`${name} is empty; a trace has one JSON object a line, like {"t":0,"s":1,"dir":"in","xml":"<stream:stream …>"}`)
  // connections that overlap may stand one after the other
  return { name, items: items.toSorted((a, b) => a.t - b.t) }
}

const wrong = (name: string, line: number, what: string): UsageError => new UsageError(`${name}, line ${line}: ${what}`)

const itemOf = (text: string, line: number, name: string): Item => {
  if (Buffer.byteLength(text) > BOUNDS.lineBytes) throw wrong(name, line, `more than ${BOUNDS.lineBytes} bytes; leave this item out`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw wrong(name, line, `it is no JSON (${(error as Error).message}); each line is one object, like {"t":0,"s":1,"dir":"in","xml":"<presence/>"}`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(name, line, 'it is no JSON object')
  const { t, s, dir, xml } = value as Record<string, unknown>
  if (typeof t !== 'number' || !(t >= 0 && t <= BOUNDS.ms)) throw wrong(name, line, `t is ${JSON.stringify(t)}; it must be ms since the first item, a number from 0 to ${BOUNDS.ms}`)
  if (typeof s !== 'number' || !Number.isInteger(s) || s < 1) throw wrong(name, line, `s is ${JSON.stringify(s)}; it must be the number of the connection, a whole number from 1`)
  if (dir !== 'in' && dir !== 'out') throw wrong(name, line, `dir is ${JSON.stringify(dir)}; it must be "in" (from the client) or "out" (from the server)`)
  if (typeof xml !== 'string' || xml === '') throw wrong(name, line, `xml is ${JSON.stringify(xml)}; it must be the text of one item`)
  const octets = toOctets(xml)
  try {
    return { line, t, s, dir, kind: kindOf(octets), xml: octets }
  } catch (error) {
    throw wrong(name, line, `xml is not one whole item (${(error as Error).message}); record it again, or leave the line out`)
  }
}

/** A stream's header, or what stands for it in a WebSocket. */
export const opens = ({ kind, xml }: Item): boolean => kind === 'header' || (kind === 'element' && /^<open[\s/>]/.test(xml))

export const closes = ({ kind, xml }: Item): boolean => kind === 'end' || (kind === 'element' && /^<close[\s/>]/.test(xml))
