// jidway inside another program's tests: a real server in this process, on free ports of loopback, with users of fixed
// names, that records what goes over the wire and can be told to fail.
//   import { startServer } from 'jidway'
//   const server = await startServer({ users: { romeo: 'secret' } })
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { defaultSettings } from '../lib/base/config.js'
import type { Settings } from '../lib/base/config.js'
import { StanzaError, UsageError } from '../lib/base/errors.js'
import type { Condition } from '../lib/base/errors.js'
import { makeJid } from '../lib/base/jid.js'
import { toText } from '../lib/base/octets.js'
import type { Kind } from '../lib/base/stanza.js'
import { startServer as start } from '../lib/server.js'
import type { Ports } from '../lib/server.js'
import { addAccounts } from '../lib/store/accounts.js'
import { openDatabase } from '../lib/store/db.js'
import { deriveCredentials } from '../lib/wire/scram-keys.js'
import { developmentCertificate } from '../lib/wire/tls-context.js'
import { ROUTES } from './index.js'

/** A stanza that went over the wire. */
export interface Recorded {
  /** 'in': from the client; 'out': to it. */
  readonly direction: 'in' | 'out'
  /** The client's full JID. */
  readonly jid: string
  readonly xml: string
}

/** What a client sends, for choosing which stanza shall fail. */
export interface Sent {
  readonly jid: string
  readonly kind: Kind
  readonly type: string
  readonly to: string
  readonly xml: string
}

export interface EmbedOptions {
  /** Accounts: local part → password. */
  readonly users?: Readonly<Record<string, string>>
  /** 'localhost' by default. */
  readonly domain?: string
  /** Any setting of the server (README), in camelCase. */
  readonly settings?: Partial<Settings>
  /** Kept after `stop`; by default a temporary folder that goes with it. */
  readonly data?: string
  /** Stanzas that `stanzas` holds; the oldest go first. 10,000 by default. */
  readonly record?: number
}

export interface EmbeddedServer {
  readonly domain: string
  readonly ports: Ports
  /** Path of the CA's certificate, PEM; for NODE_EXTRA_CA_CERTS or a client's `ca` option. */
  readonly ca: string
  /** Addresses as client libraries want them. */
  readonly urls: { readonly xmpp: string; readonly xmpps: string; readonly ws: string; readonly wss: string }
  addUser(name: string, password: string): Promise<void>
  /** What went over the wire, oldest first. */
  readonly stanzas: readonly Recorded[]
  /** Cut the connections of a user (bare JID) or of one session (full JID), without a goodbye. Returns how many. */
  cut(jid: string): number
  /** The next stanza from a client that fits is answered with this error, and goes no further. */
  failNext(condition: Condition, fits?: (sent: Sent) => boolean): void
  stop(): Promise<void>
}

const RECORD = 10_000

export const startServer = async (options: EmbedOptions = {}): Promise<EmbeddedServer> => {
  const { users = {}, domain = 'localhost', record = RECORD } = options
  const data = options.data ?? await mkdtemp(join(tmpdir(), 'jidway-embedded-'))
  const tidy = async (): Promise<void> => {
    if (options.data === undefined) await rm(data, { recursive: true, force: true })
  }
  const settings = defaultSettings({
    host: '127.0.0.1', c2sPort: 0, c2sTlsPort: 0, httpPort: 0, httpsPort: 0, insecureLoopback: true, pbkdf2Iterations: 4096, stopTimeout: 1,
    ...options.settings, domain: [domain], data,
  })
  const stanzas: Recorded[] = []
  const failures: { condition: Condition; fits: (sent: Sent) => boolean }[] = []
  try {
    const tls = await developmentCertificate(join(data, 'tls'), settings.domain)
    const db = await openDatabase({ url: settings.databaseUrl, data, connections: settings.dbConnections })
    const server = await start({
      settings, db, tls, routes: ROUTES, node: 'embedded', log: pino({ level: 'silent' }),
      tap: {
        saw: (direction, session, octets) => {
          if (stanzas.length >= record) stanzas.shift()
          stanzas.push({ direction, jid: session.jid.full, xml: toText(octets) })
        },
        refuse: (session, stanza) => {
          const sent = { jid: session.jid.full, kind: stanza.kind, type: stanza.type, to: stanza.to, xml: toText(stanza.xml) }
          const i = failures.findIndex(({ fits }) => fits(sent))
          const [failure] = i < 0 ? [] : failures.splice(i, 1)
          return failure === undefined ? null : new StanzaError(failure.condition)
        },
      },
    })
    const { ports } = server
    const addUser = async (name: string, password: string): Promise<void> => {
      const { bare } = makeJid(name, domain)
      const [added] = await addAccounts(db, [{ account: bare, credentials: await deriveCredentials(password, settings.pbkdf2Iterations) }])
      if (added !== true) throw new UsageError(`${bare} is there already`)
    }
    for (const [name, password] of Object.entries(users)) await addUser(name, password)
    return {
      domain, ports, ca: tls.ca ?? '', addUser, stanzas,
      urls: {
        xmpp: `xmpp://127.0.0.1:${ports.c2s}`, xmpps: `xmpps://127.0.0.1:${ports.c2sTls}`,
        ws: `ws://127.0.0.1:${ports.http}/xmpp-websocket`, wss: `wss://127.0.0.1:${ports.https}/xmpp-websocket`,
      },
      cut: (jid) => {
        const hit = [...server.sessions.all()].filter((s) => s.jid.full === jid || s.jid.bare === jid)
        for (const session of hit) session.outlet.drop()
        return hit.length
      },
      failNext: (condition, fits = () => true) => void failures.push({ condition, fits }),
      stop: async () => {
        await server.stop()
        await tidy()
      },
    }
  } catch (error) {
    await tidy()
    throw error
  }
}
