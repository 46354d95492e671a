// The roof of the library: a server made from its settings and its routes. Everything is composed here and nowhere else;
// no part finds another by itself.
import type { Socket } from 'node:net'
import { createSecureContext } from 'node:tls'
import type { SecureContext } from 'node:tls'
import type { Logger } from 'pino'
import type { Settings } from './base/config.js'
import { durabilities } from './base/durability.js'
import { StreamError, UsageError } from './base/errors.js'
import { jidParser, makeJid, prepDomain } from './base/jid.js'
import type { Jid } from './base/jid.js'
import { NS } from './base/namespaces.js'
import { VERSION } from './base/version.js'
import { openCluster } from './cluster/cluster.js'
import { makeBatcher } from './core/batcher.js'
import { makeCore } from './core/core.js'
import type { Counters } from './core/counters.js'
import { checkFits } from './core/hand-over.js'
import type { Bus, Clock } from './core/ports.js'
import { startRetention } from './core/retention.js'
import type { Route } from './core/route.js'
import type { Sessions } from './core/sessions.js'
import { traceMessages } from './core/trace.js'
import type { Traced, TraceQuery } from './core/trace.js'
import type { Guest, Host, Tap } from './net/host.js'
import { makeGate } from './net/gate.js'
import type { Gate } from './net/gate.js'
import { dismiss } from './net/dismiss.js'
import { listenHttp, listenHttps } from './net/http.js'
import { listenTcp, listenTls, welcome } from './net/tcp.js'
import type { Listener } from './net/tcp.js'
import { WEBSOCKET_PATH, webSocketEntrance } from './net/websocket.js'
import { addAccounts, commonIterations, credentialsOfAll, deleteAccount, setCredentials } from './store/accounts.js'
import { blockStore } from './store/blocking.js'
import type { Database } from './store/db.js'
import { departureStore } from './store/departure.js'
import { fenced } from './store/fenced.js'
import { logStore } from './store/log.js'
import { memberStore } from './store/members.js'
import { RENEW, registerNode, renew, signOff } from './store/node.js'
import { resumptionStore } from './store/resumption.js'
import { presenceStore } from './store/presence.js'
import { retentionStore } from './store/retention.js'
import { rosterStore } from './store/roster.js'
import { applySchema } from './store/schema.js'
import { secret } from './store/secret.js'
import { traceStore } from './store/trace.js'
import { webApp } from './web/app.js'
import { makeMetrics } from './web/metrics.js'
import type { Credential } from './wire/scram-keys.js'
import { deriveCredentials, preparePassword } from './wire/scram-keys.js'
import { loadTls, tlsOptions } from './wire/tls-context.js'
import type { TlsFiles } from './wire/tls-context.js'
import { serialize, attribute } from './wire/writer.js'

/** Ports that are open; null: off. */
export interface Ports {
  readonly c2s: number | null
  readonly c2sTls: number | null
  readonly http: number | null
  readonly https: number | null
}

export interface ServerOptions {
  readonly settings: Settings
  readonly routes: readonly Route[]
  readonly log: Logger
  /** Opened by the caller, who holds the lock on its folder; `stop` closes it. */
  readonly db: Database
  /** Certificate and key; null: no TLS at all (tests). */
  readonly tls: Pick<TlsFiles, 'cert' | 'key'> | null
  readonly node: string
  /** First part of the subjects on NATS; for tests, which share one. */
  readonly natsPrefix?: string
  /** It is one of several workers, whose counts are told together (/metrics). */
  readonly allMetrics?: () => Promise<string>
  /** This node was declared over, and serves nobody any more: it is to be stopped, and may be started again. */
  readonly lost?: () => void
  readonly clock?: Clock
  /** Watches and disturbs; for servers inside a test. */
  readonly tap?: Tap
}

/** How it stands among the others, for `doctor` (lib/cli/deps.ts). */
export interface ClusterState {
  readonly mayAct: boolean
  /** ms since its lease was renewed. */
  readonly renewed: number
  readonly connected: boolean
  readonly largest: number
  readonly bus: Readonly<Record<string, number>>
  readonly routes: Readonly<Record<'entries' | 'most' | 'hits' | 'misses' | 'lookups' | 'evicted' | 'stanzas' | 'stalest', number>>
}

export interface Server {
  readonly ports: Ports
  readonly db: Database
  readonly counters: Counters
  readonly sessions: Sessions
  readonly gate: Gate
  /** A node among others; null: it is alone. */
  cluster(): ClusterState | null
  /** The path of a message (lib/core/trace.ts). */
  trace(query: TraceQuery): Promise<Traced>
  /** Read the certificate again; connections that are there keep theirs. */
  reload(): Promise<void>
  /** Remove an account, tell its contacts, end its sessions. False: there is none. */
  removeAccount(account: string): Promise<boolean>
  /** Take in a connection that came another way than through a port. */
  welcome(socket: Socket): void
  /** Close streams in order, then everything else. */
  stop(): Promise<void>
}

const SYSTEM_CLOCK: Clock = { now: () => Date.now(), monotonic: () => performance.now() }
/** Without other nodes there is nobody to ask or to tell. */
const ALONE: Bus = { connected: false, up: true, send: () => Promise.resolve('refused'), hand: (_to, _account, _xml, _declared, settle) => settle('refused'), invalidate: () => {} }
const databaseOf = ({ databaseUrl }: Settings): string => {
  if (databaseUrl === null) throw new UsageError('NATS_URL connects nodes that share one Postgres: set DATABASE_URL, too')
  return databaseUrl
}
/** ms between looks at deadlines. */
const TICK = 1000

export const startServer = async (options: ServerOptions): Promise<Server> => {
  const undo: (() => Promise<void>)[] = []
  try {
    return await assemble(options, undo)
  } catch (error) {
    // what was started is stopped again, last first
    for (const step of undo.reverse()) await step().catch((err: unknown) => options.log.warn({ err }, 'while giving up'))
    throw error
  }
}

const assemble = async (options: ServerOptions, undo: (() => Promise<void>)[]): Promise<Server> => {
  const { settings, routes, log, db, clock = SYSTEM_CLOCK } = options
  const domains = new Set(settings.domain.map((d) => prepDomain(d) ?? d))
  const defaultDomain = [...domains][0] as string

  undo.push(() => db.close())
  await applySchema(db)
  const connections = new Set<Guest>()
  const strangers = new Set<Guest>()
  const dropAll = (): void => {
    for (const connection of connections) connection.drop()
  }
  let isReady = false
  const cluster = settings.natsUrl === null ? null : await openCluster({
    natsUrl: settings.natsUrl, databaseUrl: databaseOf(settings), db, id: options.node, clock, log, lease: settings.lease * 1000, grace: settings.grace * 1000,
    ...(options.natsPrefix === undefined ? {} : { prefix: options.natsPrefix }),
    handlers: {
      // what comes before there is a core comes again, or is found in the log
      take: (items) => (isReady ? core.handOver.take(items) : items.map(() => 'busy' as const)),
      invalidated: (account, generation) => {
        if (isReady) core.invalidated(account, generation)
      },
      gap: () => {
        if (isReady) core.missed()
      },
    },
    adopted: (left) => core.resumption.adopt(left),
    isHere: (account, sessionId) => sessions.of(account).all.some((s) => s.id === sessionId),
    silent: () => dropAll(),
    resumed: () => {},
    lost: () => {
      dropAll()
      options.lost?.()
    },
  })
  const node = cluster?.node ?? await registerNode(db, options.node)
  const bus: Bus = cluster?.bus ?? ALONE
  const signingOff = (): Promise<void> => (cluster === null ? signOff(db, node) : cluster.close())
  undo.push(signingOff)
  if (cluster !== null) checkFits(settings, cluster.bus.largest)
  // who is alone is judged by nobody, but must be seen by who starts beside it
  const lease = cluster === null ? setInterval(() => {
    renew(db, node).catch((err: unknown) => log.warn({ err }, 'the lease could not be renewed'))
  }, RENEW) : null
  undo.push(async () => {
    if (lease !== null) clearInterval(lease)
  })

  // what sessions do to their accounts: another node may have them by now (D10)
  const guarded = cluster === null ? db : fenced(db, node, (account) => core.doubt(account))
  const jid = jidParser()
  const endSessions = (account: string): void => {
    for (const session of sessions.of(account).all) session.outlet.close(new StreamError('not-authorized', 'the account is gone'))
  }
  const core = makeCore({
    settings, routes, domains, jid, node, db: guarded, bus, clock,
    stores: {
      presence: presenceStore(db), rosters: rosterStore(guarded), members: memberStore(db), blocks: blockStore(guarded), departures: departureStore(db),
      log: logStore(db, node, settings.archive === 'roster' ? 'roster' : 'always'), resumption: resumptionStore(db, node), takeover: cluster?.takeover ?? null,
    },
    bug: (error, stanza) => log.error({ err: error, kind: stanza.kind, id: stanza.id, to: stanza.to }, 'a stanza failed; this is a bug'),
    accounts: {
      isPassword: (text) => preparePassword(text) !== null,
      create: async (account, password) => {
        const [made] = await addAccounts(db, [{ account, credentials: await deriveCredentials(password, settings.pbkdf2Iterations) }])
        if (made === true) log.info({ account }, 'an account was registered')
        return made === true
      },
      setPassword: async (account, password, by) => setCredentials(guarded, account, await deriveCredentials(password, settings.pbkdf2Iterations), by),
      remove: async (account) => {
        const done = await deleteAccount(db, account)
        if (done) log.info({ account }, 'an account was removed')
        // XEP-0077 §3.2: first the result is written, which follows in this turn
        setImmediate(() => endSessions(account))
        return done
      },
    },
  })
  const { router, sessions, members, rows, cache, counters, dispatch, services, feed, resumption, resends } = core
  if (cluster === null) await resumption.restore()
  isReady = true
  await cluster?.begin()

  let tls = options.tls === null ? null : await loadTls(options.tls)
  let context: SecureContext | null = tls === null ? null : createSecureContext(tlsOptions(tls))
  const gate = makeGate({
    unauthenticated: settings.maxUnauthenticated, unauthenticatedPerAddress: settings.maxUnauthenticatedPerAddress,
    connections: settings.maxConnections, failuresPerAddress: settings.loginFailuresPerAddress, failuresPerAccount: settings.loginFailuresPerAccount,
  }, clock)
  let time = clock.monotonic()
  const credentials = makeBatcher<string, readonly Credential[] | null>((accounts) => credentialsOfAll(db, accounts), 500, 100_000)
  const limits = { depth: settings.maxDepth, attributes: settings.maxAttributes, children: settings.maxChildren }
  const host: Host = {
    settings, domains, defaultDomain, log, gate, maySend: cluster === null ? null : () => cluster.lease.mayAct(), router, sessions, members, rows, feed, resumption, resends, connections, strangers, jid,
    time: () => time,
    limits: {
      unauthenticated: { ...limits, bytes: settings.maxStanzaBytesUnauthenticated, depth: Math.min(16, limits.depth), attributes: Math.min(64, limits.attributes) },
      authenticated: { ...limits, bytes: settings.maxStanzaBytes },
      // a header, STARTTLS, and every attempt at SASL that is allowed, each with its answer
      early: settings.maxStanzaBytesUnauthenticated * 4,
    },
    tls: () => context,
    credentials: (domain) => (username) => credentials(makeJid(username, domain).bare),
    decoySecret: await secret(db, 'decoy'),
    decoyIterations: await commonIterations(db) ?? settings.pbkdf2Iterations,
    sameAddress: (text, own) => {
      const parsed: Jid | null = jid(text)
      return parsed !== null && (parsed.full === own.full || parsed.full === own.bare)
    },
    offersStrangers: services.routes.flatMap((r) => r.offersStrangers?.(settings) ?? []).map(serialize).join(''),
    offers: services.routes.flatMap((r) => r.offers?.(settings, services.routes) ?? []).map(serialize).join(''),
    stranger: (type, ns, name) => {
      const found = dispatch.stranger(type, ns, name)
      return found === undefined ? undefined : (request) => found.answer(request, services)
    },
    nonza: (session, ns, name) => {
      const found = dispatch.nonza(ns, name)
      found?.run(session, services)
      return found !== undefined
    },
    sessionOver: core.sessionOver,
    ending: core.ending,
    tap: options.tap ?? null,
    // a question that every client survives: lib/core/ping-proof.ts
    ping: (connection, to) => {
      connection.write(`<iq type='get'${attribute('id', `ping-${Math.round(time)}`)} from='${to.domain}'${attribute('to', to.full)}><query xmlns='${NS.discoInfo}'/></iq>`, false)
    },
  }

  const ticker = setInterval(() => {
    time = clock.monotonic()
    for (const connection of connections) connection.tick(time)
    core.tick()
  }, TICK)
  undo.push(() => Promise.resolve(clearInterval(ticker)))

  const retention = startRetention({
    store: retentionStore(db, node.id), settings, clock,
    keep: (account) => sessions.of(account).all.reduce((least, s) => Math.min(least, s.position), Infinity),
    bounce: core.bounce,
    report: (err, account) => log.error({ err, account }, 'an account could not be swept'),
  })
  undo.push(() => retention.stop())

  const metrics = makeMetrics(counters, {
    sessions: () => sessions.size, connections: () => gate.connections, unauthenticated: () => gate.unauthenticated, routes: () => cache.size,
    uncommitted: () => core.log.waiting,
  }, durabilities(settings), cluster === null ? null : { bus: cluster.bus.counters, mayAct: cluster.lease.mayAct }, options.allMetrics)
  const health = async (): Promise<{ ok: boolean } & Record<string, unknown>> => {
    const database = await db.query('select 1').then(() => 'ok', (error: Error) => error.message)
    return { ok: database === 'ok', version: VERSION, database, sessions: sessions.size }
  }
  const ports = { c2s: null as number | null, c2sTls: null as number | null, http: null as number | null, https: null as number | null }
  const app = webApp({
    metrics, health,
    facts: () => ({
      version: VERSION, domains: [...domains], c2sPort: ports.c2s, c2sTlsPort: ports.c2sTls,
      websockets: [
        ...(ports.https === null ? [] : [`wss://${defaultDomain}:${ports.https}${WEBSOCKET_PATH}`]),
        // without TLS nobody may log in, but on loopback where that is allowed
        ...(ports.http !== null && settings.insecureLoopback ? [`ws://${defaultDomain}:${ports.http}${WEBSOCKET_PATH}`] : []),
      ],
    }),
  })
  const entrance = webSocketEntrance(host)
  const httpLimits = { sockets: settings.maxUnauthenticated, socketsPerAddress: settings.maxUnauthenticatedPerAddress }

  const listeners: Listener[] = []
  let https: Awaited<ReturnType<typeof listenHttps>> | null = null
  undo.push(async () => {
    for (const listener of listeners) await listener.close()
  })
  const { host: address } = settings
  if (settings.c2sPort !== null) {
    const listener = await listenTcp(host, settings.c2sPort, address)
    listeners.push(listener)
    ports.c2s = listener.port
  }
  if (settings.c2sTlsPort !== null && context !== null) {
    const listener = await listenTls(host, settings.c2sTlsPort, address)
    listeners.push(listener)
    ports.c2sTls = listener.port
  }
  if (settings.httpPort !== null) {
    const listener = await listenHttp(app, entrance, httpLimits, settings.httpPort, address, log)
    listeners.push(listener)
    ports.http = listener.port
  }
  if (settings.httpsPort !== null && tls !== null) {
    https = await listenHttps(app, entrance, httpLimits, settings.httpsPort, address, log, tlsOptions(tls))
    listeners.push(https)
    ports.https = https.port
  }

  return {
    ports, db, counters, sessions, gate, removeAccount: services.removeAccount,
    cluster: () => {
      if (cluster === null) return null
      const { lease: { mayAct, age }, bus: { up, largest, counters: handed } } = cluster
      const { route: { hits, misses, lookups, evicted }, stalest, ignored, delivered, stored, answered, refused } = counters
      const stanzas = [...ignored.values(), delivered, stored, answered, refused].reduce((sum, n) => sum + n, 0)
      return {
        mayAct: mayAct(), renewed: age(), connected: up, largest, bus: { ...handed },
        routes: { entries: cache.size, most: settings.routeCacheEntries, hits, misses, lookups, evicted, stanzas, stalest },
      }
    },
    trace: (query) => traceMessages(core.trace, traceStore(db), query),
    welcome: (socket) => welcome(host, socket),
    reload: async () => {
      if (options.tls === null) return
      const fresh = await loadTls(options.tls)
      tls = fresh
      context = createSecureContext(tlsOptions(fresh))
      https?.swap(tlsOptions(fresh))
      log.info('certificate read again')
    },
    stop: async () => {
      for (const listener of listeners) await listener.close()
      const until = Date.now() + settings.stopTimeout * 1000
      // who has no session yet is to have it elsewhere
      await dismiss(strangers, 0)
      await dismiss(connections, cluster === null ? 0 : settings.stopTimeout * 500)
      await dismiss(connections, 0) // who was on the way in
      while (connections.size > 0 && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 20))
      for (const connection of connections) connection.drop()
      clearInterval(ticker)
      if (lease !== null) clearInterval(lease)
      await retention.stop()
      await core.idle(settings.stopTimeout * 1000)
      await resumption.fold().catch((err: unknown) => log.warn({ err }, 'resumable sessions were not written; they are as the journal has them'))
      // without its database a server must be able to stop too; then its sessions are removed at the next start
      await signingOff().catch((err: unknown) => log.warn({ err }, 'the database was not told that this node stops'))
      await db.close()
    },
  }
}
