// The recorded streams of real clients (test/data/traces/README.md).
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './root.js'

/** One top-level item as it crossed the wire: a stream header or end, an element, or a run of white space. */
export interface TraceItem {
  /** ms since the first item of the file */
  readonly t: number
  /** Connection: 1 = first log-in, 2 = after coming back */
  readonly s: number
  readonly tls?: boolean
  readonly ws?: boolean
  readonly dir: 'in' | 'out'
  readonly xml: string
}

const FOLDER = join(ROOT, 'test', 'data', 'traces')

/** The clients that were recorded. */
export const clients = (): string[] => readdirSync(FOLDER).filter((name) => name.endsWith('.jsonl')).map((name) => name.slice(0, -6)).sort()

/** All items of one client, in order of time. */
export const trace = (client: string): TraceItem[] =>
  readFileSync(join(FOLDER, `${client}.jsonl`), 'utf8').split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as TraceItem)

/** What a client sent on a TCP stream, one entry for each stream header: from the header to the next, as text. */
export const sentStreams = (client: string): string[] => {
  const streams: string[] = []
  for (const item of trace(client)) {
    if (item.dir !== 'in' || item.ws === true) continue
    if (/^(<\?xml[^>]*>\s*)?<stream:stream/.test(item.xml)) streams.push(item.xml)
    else if (streams.length > 0) streams[streams.length - 1] += item.xml
  }
  return streams
}

/** Every element that clients sent, stanzas or not, without headers, ends and white space. */
export const sentElements = (client: string): string[] =>
  trace(client).filter(({ dir, xml }) => dir === 'in' && /^<[^/?]/.test(xml) && !xml.startsWith('<stream:stream')).map(({ xml }) => xml)
