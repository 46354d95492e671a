// The recorded streams of real clients (test/data/traces/README.md).
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

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

/** The folder of package.json: compiled helpers run from dist/, the data stays in the source tree. */
export const repository = (): string => {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json'))) {
    if (folder === dirname(folder)) throw new Error('no package.json above the test helpers')
    folder = dirname(folder)
  }
  return folder
}

const folder = (): string => join(repository(), 'test', 'data', 'traces')

/** The clients that were recorded. */
export const clients = (): string[] => readdirSync(folder()).filter((name) => name.endsWith('.jsonl')).map((name) => name.slice(0, -6)).sort()

/** All items of one client, in order of time. */
export const trace = (client: string): TraceItem[] =>
  readFileSync(join(folder(), `${client}.jsonl`), 'utf8').split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as TraceItem)

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
