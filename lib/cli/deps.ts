// What the commands need of the rest of jidway. lib/cli imports nothing above it: routes/main.ts passes this in, and
// loads what it costs time to load (database, server) only when it is asked for.
import type { Settings } from '../base/config.js'
import type { Traced, TraceQuery } from '../core/trace.js'

/** Keys derived from a password (RFC 5802 §3), as the store takes them. The commands only carry them. */
export type Credentials = readonly unknown[]

export interface NewAccount {
  /** Bare JID, normalised. */
  readonly jid: string
  readonly credentials: Credentials
}

export interface Accounts {
  /** Creates them in one transaction; one answer for each: false where the account was there already (it is left as it is). */
  add(accounts: readonly NewAccount[]): Promise<readonly boolean[]>
  /** false: no such account. */
  setPassword(jid: string, credentials: Credentials): Promise<boolean>
  /** false: no such account. */
  remove(jid: string): Promise<boolean>
  /** Bare JIDs in order, after this one ('' at first). */
  list(after: string, limit: number): Promise<readonly string[]>
}

/** What `doctor` wants to know of the database. */
export interface DatabaseFacts {
  readonly kind: 'embedded' | 'postgres'
  readonly version: string
  /** Schema version: of this program, and in the database (0: none yet). */
  readonly schemaWanted: number
  readonly schemaFound: number
  readonly fsync: boolean
  readonly fullPageWrites: boolean
  readonly synchronousCommit: string
  /** Who copies its log now, and those of which a commit waits for. */
  readonly standbys: number
  readonly synchronousStandbyNames: string
  /** ms after which the server gives up a connection that takes nothing; 0: never. null: not over TCP. */
  readonly tcpUserTimeout: number | null
  /** The database's clock, ms since 1970. */
  readonly now: number
  /** Nodes signed on: their ids and seconds since they last said so. */
  readonly nodes: readonly { readonly id: string; readonly age: number; readonly alone: boolean }[]
}

/** What `doctor` wants to know of a node that runs among others. */
export interface ClusterFacts {
  /** Its lease holds. */
  readonly mayAct: boolean
  /** ms since it was renewed. */
  readonly renewed: number
  /** To NATS. */
  readonly connected: boolean
  /** Octets of the longest stanza that fits. */
  readonly largest: number
  /** Stanzas by what became of them, as in /metrics. */
  readonly bus: Readonly<Record<string, number>>
  readonly routes: {
    readonly entries: number
    readonly most: number
    readonly hits: number
    readonly misses: number
    readonly lookups: number
    readonly evicted: number
    /** All that were routed. */
    readonly stanzas: number
    /** ms */
    readonly stalest: number
  }
}

export interface OpenDatabase {
  readonly accounts: Accounts
  close(): Promise<void>
}

/** Ports that are open; null: off. */
export interface OpenPorts {
  readonly c2s: number | null
  readonly c2sTls: number | null
  readonly http: number | null
  readonly https: number | null
}

export interface CertificateFiles {
  readonly cert: string
  readonly key: string
  /** The development CA that signed it; null where the certificate is the operator's. */
  readonly ca: string | null
}

export interface Running extends OpenDatabase {
  facts(): Promise<DatabaseFacts>
  /** null: it is alone. */
  cluster(): ClusterFacts | null
  readonly ports: OpenPorts
  readonly tls: CertificateFiles
  /** The path of a message. */
  trace(query: TraceQuery): Promise<Traced>
  /** Read the certificate again. */
  reload(): Promise<void>
}

export interface Deps {
  readonly version: string
  /** The bare JID, normalised (RFC 7622); null where the text is none. */
  account(text: string): string | null
  /** Throws an Error that says why where the password cannot be used (RFC 8265). */
  derive(password: string, iterations: number): Promise<Credentials>
  /** Opens it and brings its schema up to date. */
  openDatabase(settings: Settings): Promise<OpenDatabase>
  /** Looks and changes nothing; null: there is none yet. The embedded one is opened only by who owns the data folder. */
  inspectDatabase(settings: Settings): Promise<DatabaseFacts | null>
  /** Octets of the longest stanza that fits through this NATS. Throws an Error that says why where there is no connection. */
  inspectNats(url: string): Promise<number>
  /** The path of a message as the database alone knows it; null: there is no database yet. As `inspectDatabase`. */
  trace(settings: Settings, query: TraceQuery): Promise<Traced | null>
  /**
   * `close` stops the server in order, then closes the database.
   * @param allMetrics of a worker: what all of them have counted, for /metrics, in Prometheus' format
   */
  startServer(settings: Settings, allMetrics?: () => Promise<string>): Promise<Running>
  /** Where certificate and key are or would be. */
  certificateFiles(settings: Settings): Promise<CertificateFiles>
}

/** The process around a command. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdin: NodeJS.ReadStream
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
}
