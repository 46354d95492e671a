// The command line run inside the test, with accounts in memory in place of a database; everything else is the real thing.
import { PassThrough } from 'node:stream'
import { run } from '../../lib/cli/commands.js'
import type { ExitCode } from '../../lib/cli/commands.js'
import type { Traced } from '../../lib/core/trace.js'
import type { Accounts, ClusterFacts, DatabaseFacts, Deps, Surroundings } from '../../lib/cli/deps.js'

export interface Memory {
  readonly kept: Map<string, unknown>
  readonly accounts: Accounts
  /** How often a database was opened and closed. */
  opened: number
  closed: number
  /** The most that were open at once. */
  atOnce: number
  reloads: number
}

export const memory = (): Memory => {
  const kept = new Map<string, unknown>()
  const accounts: Accounts = {
    add: async list => list.map(({ jid, credentials }) => {
      if (kept.has(jid)) return false
      kept.set(jid, credentials)
      return true
    }),
    setPassword: async (jid, credentials) => {
      if (!kept.has(jid)) return false
      kept.set(jid, credentials)
      return true
    },
    remove: async jid => kept.delete(jid),
    list: async (after, limit) => [...kept.keys()].toSorted().filter(jid => jid > after).slice(0, limit),
  }
  return { kept, accounts, opened: 0, closed: 0, atOnce: 0, reloads: 0 }
}

export const CLUSTER: ClusterFacts = {
  mayAct: true, renewed: 2000, connected: true, largest: 1_044_480, bus: { accepted: 990, gone: 5, busy: 5 },
  routes: { entries: 10, most: 100, hits: 980, misses: 20, lookups: 20, evicted: 0, stanzas: 4000, stalest: 0 },
}

export const FACTS: DatabaseFacts = {
  kind: 'embedded', version: 'Postgres 18', schemaWanted: 3, schemaFound: 3, fsync: true, fullPageWrites: true, synchronousCommit: 'on',
  standbys: 0, synchronousStandbyNames: '', tcpUserTimeout: null, now: 0, nodes: [],
}

const NOTHING: Traced = { messages: [], more: false, ring: null, searched: null, away: '' }

export const depsWith = (store: Memory, more: Partial<Deps> = {}): Deps => ({
  version: '1.2.3',
  account: text => (/^[^@/\s]+@[^@/\s]+$/.test(text) ? text.toLowerCase() : null),
  derive: async (password, iterations) => {
    if (password.includes('\uFEFF')) throw new Error('it holds U+FEFF')
    return [{ key: Buffer.from(`${password}/${iterations}`) }]
  },
  openDatabase: async () => {
    store.opened++
    store.atOnce = Math.max(store.atOnce, store.opened - store.closed)
    return { accounts: store.accounts, close: async () => void store.closed++ }
  },
  inspectNats: async () => 1_044_480,
  inspectDatabase: async () => ({ ...FACTS, now: Date.now() }),
  startServer: async () => ({
    accounts: store.accounts,
    ports: { c2s: 5222, c2sTls: null, http: 5280, https: null },
    tls: { cert: 'data/tls/server.crt', key: 'data/tls/server.key', ca: 'data/tls/ca.crt' },
    facts: async () => ({ ...FACTS, now: Date.now() }),
    cluster: () => null,
    trace: async () => NOTHING,
    reload: async () => void store.reloads++,
    close: async () => void store.closed++,
  }),
  trace: async () => NOTHING,
  certificateFiles: async ({ data }) => ({ cert: `${data}/tls/server.crt`, key: `${data}/tls/server.key`, ca: `${data}/tls/ca.crt` }),
  ...more,
})

export interface Outcome {
  readonly code: ExitCode
  readonly out: string
  readonly err: string
}

/** What `jidway ARGS` does, with `input` on standard input. */
export const jidway = async (args: readonly string[], deps: Deps, input = '', env: Record<string, string> = {}): Promise<Outcome> => {
  const { around, out, err } = surroundings(input, env)
  const code = await run(args, deps, around)
  return { code, out: out(), err: err() }
}

export const surroundings = (input: string, env: Record<string, string>): { around: Surroundings; out: () => string; err: () => string } => {
  const stdin = new PassThrough()
  stdin.end(input)
  const [stdout, out] = collected()
  const [stderr, err] = collected()
  return { around: { env, stdin: stdin as unknown as NodeJS.ReadStream, stdout, stderr }, out, err }
}

const collected = (): [NodeJS.WriteStream, () => string] => {
  const stream = new PassThrough()
  let text = ''
  stream.on('data', (part: Buffer) => (text += part.toString()))
  return [stream as unknown as NodeJS.WriteStream, () => text + String((stream.read() as Buffer | null) ?? '')]
}
