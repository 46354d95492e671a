// What the benchmark needs to know of a server; jidway.ts, ejabberd.ts and prosody.ts say it of theirs.
import { chownSync, copyFileSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { unprivileged } from '../../../lib/chaos/postgres.js'
import type { User } from '../../../lib/chaos/postgres.js'
import type { Running } from './process.js'

/** routed: nothing is archived, jidway in mode `routed` · durable: everything is archived, jidway in mode `durable`. */
export type Variant = 'routed' | 'durable'

export type Environment = Readonly<Record<string, string | undefined>>

export interface Account {
  readonly jid: string
  readonly local: string
  readonly password: string
}

/** What one server is given to live on. */
export interface Place {
  /** Its own, which is there, and which it may write to. */
  readonly folder: string
  readonly port: number
  /** For what it needs one more for while accounts are made. */
  readonly sparePort: number
  /** Of the Postgres, where a database of the server's name is its own. */
  readonly databasePort: number
  readonly databaseUrl: string
  /** PEM files that it may read. */
  readonly tls: { readonly cert: string; readonly key: string }
  /** null: it runs as we do. */
  readonly user: User | null
  readonly env: Environment
  readonly signal: AbortSignal
}

export interface Server {
  readonly name: string
  /** Users that it may run as where we are root, the first that there is; none: as we do. */
  readonly users: readonly string[]
  /** Debian packages that are needed beside Postgres, and what of them was not found; null: all is there. */
  missing(env: Environment): { readonly packages: readonly string[]; readonly what: string } | null
  version(env: Environment): string
  /** What it is set to, for the reader of the figures. */
  readonly said: string
  /** Once: its tables, and the accounts. */
  prepare(place: Place, accounts: readonly Account[]): Promise<void>
  start(place: Place, variant: Variant): Promise<Running>
}

/** PBKDF2 with SHA-256: what ejabberd cannot be set to another value of. */
export const ITERATIONS = 4096
export const DOMAIN = 'localhost'

/** A folder that the server owns, with the certificate in it. @param from where the certificate is */
export const makeFolder = (folder: string, server: Server, from: { readonly cert: string; readonly key: string }): Pick<Place, 'folder' | 'tls' | 'user'> => {
  const user = process.getuid?.() === 0 && server.users.length > 0 ? unprivileged(server.name, server.users) : null
  const tls = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') }
  mkdirSync(folder)
  copyFileSync(from.cert, tls.cert)
  copyFileSync(from.key, tls.key)
  if (user !== null) for (const file of [folder, tls.cert, tls.key]) chownSync(file, user.uid, user.gid)
  return { folder, tls, user }
}

/** The first file or folder with such a name in one of these folders and those in them. */
export const findIn = (folders: readonly string[], pattern: RegExp): string | null => {
  for (const folder of folders.flatMap((one) => [one, ...list(one).map((name) => join(one, name))])) {
    const name = list(folder).toSorted().find((one) => pattern.test(one))
    if (name !== undefined) return join(folder, name)
  }
  return null
}

/** Empty where it is none, or may not be read. */
export const list = (folder: string): string[] => {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
