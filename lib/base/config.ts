// Every setting is one row of one table: key, type, range, default, meaning. A row gives the flag `--c2s-port`, the
// environment variable JIDWAY_C2S_PORT, the key c2s_port in jidway.toml, settings.c2sPort in the code and its line in
// README (design.md §5). Nothing is fetched here: routes/main.ts passes the environment in.
import { UsageError } from './errors.js'
import { parseJid, prepDomain } from './jid.js'
import { nearest } from './nearest.js'
import { choice, int, list, maskUrl, maybe, onOff, path, perDomain, port, row, text, url } from './setting.js'
import type { Row, Type } from './setting.js'

const bareJid = (entry: string): string | null => {
  try {
    const { bare, local, resource } = parseJid(entry)
    return local === '' || resource !== '' ? null : bare
  } catch {
    return null
  }
}

/** XEP-0157 §3: a URI; of the schemes that one can write to. */
const contactAddress = (entry: string): string | null =>
  (URL.canParse(entry) && ['mailto:', 'xmpp:', 'https:', 'http:'].includes(new URL(entry).protocol) ? entry : null)

/** RFC 6120 §4.9.3.19; kept as it is written. */
const place: Type<string> = {
  words: 'host or host:port, IPv6 in square brackets',
  read: written => {
    const [, host = '', , port = '1'] = /^(\[[^\]]*\]|[^:]*)(:(\d{1,5}))?$/.exec(written) ?? []
    if (prepDomain(host) === null || Number(port) < 1 || Number(port) > 65535) throw new Error(`${place.words}, like chat-1.example.org:5222`)
    return written
  },
  show: value => value,
}

const MIB = 1024 ** 2

/** The table, by group. Order is the order in README and in `--help`. */
export const GROUPS = {
  'Where it runs': {
    domain: row(list('domains, comma-separated', prepDomain, 1), ['localhost'], 'the domains served'),
    data: row(path, './data', 'folder for the embedded database, certificates, node id and control socket'),
    database_url: row(maybe(url('postgres', 'postgresql')), null, 'Postgres to use instead of the embedded database', { env: 'DATABASE_URL' }),
    nats_url: row(maybe(url('nats', 'tls')), null, 'NATS that connects the nodes of a cluster, which share one Postgres', { env: 'NATS_URL' }),
    lease: row(int('seconds', 1, 600), 10, 'with other nodes: a node says three times in this time that it lives'),
    grace: row(int('seconds', 6, 3600), 60, 'with other nodes: for so long beside `lease` a node may say nothing before others take its sessions; more than a failover of the database takes'),
    node: row(maybe(text('a name')), null, 'node id', { fallbackWords: 'kept in the data folder' }),
    workers: row(int('count', 1, 64), 1, 'processes that share the ports, for machines with several cores: nodes of one cluster, whose ids are that of the node with -1, -2 … behind; limits are those of each. More than one needs `database_url` and `nats_url`'),
    host: row(text('an address'), '127.0.0.1', 'address to listen on', {
      fallbackWords: '`127.0.0.1`; `::` once a real domain, `tls_cert` and `tls_key` are set',
    }),
    public_address: row(maybe(place), null, 'where this very node is reached by clients with STARTTLS; they are told to resume there first (XEP-0198 §5)'),
    c2s_port: row(port, 5222, 'clients, STARTTLS'),
    c2s_tls_port: row(port, 5223, 'clients, TLS from the first byte (XEP-0368)'),
    http_port: row(port, 5280, 'HTTP: WebSocket, pages, `/metrics`, `/health`'),
    https_port: row(port, 5443, 'the same with TLS'),
    s2s_port: row(port, null, 'other servers', { inEffect: [null] }),
    component_port: row(port, null, 'components (XEP-0114)', { inEffect: [null] }),
    tls_cert: row(maybe(path), null, 'certificate chain, PEM; read again on SIGHUP', { fallbackWords: 'made at first start in `data`/tls' }),
    tls_key: row(maybe(path), null, 'its private key, PEM', { fallbackWords: 'made at first start in `data`/tls' }),
  },
  'Who may do what': {
    registration: row(choice('closed', 'open', 'invite'), 'closed', 'who may create an account from a client', { inEffect: ['closed', 'open'] }),
    registrations_per_address: row(int('count', 1, 1_000_000), 10, 'accounts that one address may register in an hour, names that are taken counted'),
    contact: row(list('addresses like mailto:abuse@example.org, xmpp:…, https:…, comma-separated', contactAddress), [], 'whom to write to about this server; anybody may ask for it (XEP-0157)'),
    admin: row(list('accounts like romeo@example.org, comma-separated', bareJid), [], 'accounts with admin rights', { inEffect: false }),
    channel_binding: row(choice('strict', 'lenient', 'off'), 'strict', 'SCRAM-PLUS: offered and enforced, offered, not offered (RFC 5802 §6)'),
    insecure_loopback: row(onOff, false, 'log-ins without TLS from this machine; for tests and load tools only'),
    demo: row(onOff, false, 'accounts demo1 and demo2 with fixed, public passwords; for trying out only'),
    resource_conflict: row(choice('replace', 'reject', 'rename'), 'replace', 'a resource bound twice: the old session ends, the new is refused, or renamed (RFC 6120 §7.7.2.2)'),
  },
  'What is kept': {
    durability: row(perDomain(prepDomain, 'durable', 'routed'), { '*': 'durable' }, 'what an acknowledgement means: committed, or only routed'),
    archive: row(choice('always', 'roster', 'off'), 'always', 'which messages are archived (XEP-0313), where an account has no preference of its own (XEP-0441)'),
    archive_page: row(int('count', 1, 10_000), 50, 'archived messages sent for a request that names no number'),
    archive_page_max: row(int('count', 1, 10_000), 500, 'archived messages sent for one request at most'),
    archive_max_preferences: row(int('count', 0, 10_000), 200, 'addresses that one account may name as always or never archived (XEP-0441)'),
    archive_max_age: row(int('seconds', 0, 100 * 365 * 86_400), 0, 'time that archived messages are kept; 0: for ever'),
    archive_max_messages: row(int('count', 0, 1_000_000_000), 1_000_000, 'newer messages of its account after which an archived message goes; 0: none'),
    offline_max_age: row(int('seconds', 0, 100 * 365 * 86_400), 0, 'time that a message waits before its sender hears that it was not delivered, looked at every 6 hours; 0: for ever'),
    offline_max_messages: row(int('count', 0, 1_000_000), 10_000, 'messages waiting for one account'),
    offline_max_bytes: row(int('bytes', 0, 16 * 1024 * MIB), 50 * MIB, 'their size together'),
    offline_max_per_sender: row(int('count', 1, 1_000_000), 1000, 'of these, by one sender, so that no stranger fills a mailbox'),
    offline_page: row(int('count', 1, 10_000), 100, 'waiting messages read from the database at once'),
    roster_max_items: row(int('count', 1, 1_000_000), 5000, 'contacts of one account'),
    blocklist_max_items: row(int('count', 1, 1_000_000), 5000, 'addresses blocked by one account (XEP-0191)'),
    private_max_bytes: row(int('bytes', 1024, 16 * MIB), 256 * 1024, 'private XML storage of one account (XEP-0049)'),
    vcard_max_bytes: row(int('bytes', 1024, 16 * MIB), 256 * 1024, 'vCard of one account (XEP-0054); what comes in one stanza is bounded by `max_stanza_bytes` too'),
    pbkdf2_iterations: row(int('count', 4096, 10_000_000), 10_000, 'work to test one password; counts when a password is set (RFC 5802 §5.1)'),
  },
  'Limits of one stanza': {
    max_stanza_bytes: row(int('bytes', 10_000, 16 * MIB), 256 * 1024, 'size after log-in (RFC 6120 §13.12)'),
    max_stanza_bytes_unauthenticated: row(int('bytes', 10_000, 16 * MIB), 16 * 1024, 'size before log-in (RFC 6120 §13.12)'),
    max_depth: row(int('count', 8, 1024), 128, 'elements inside one another'),
    max_attributes: row(int('count', 16, 10_000), 256, 'attributes of one element'),
    max_children: row(int('count', 16, 100_000), 1000, 'children of the outermost element'),
  },
  'Limits of connections': {
    max_connections: row(int('count', 1, 1_000_000), 20_000, 'connections at once'),
    max_unauthenticated: row(int('count', 1, 1_000_000), 10_000, 'of these, not yet logged in'),
    max_unauthenticated_per_address: row(int('count', 1, 1_000_000), 2000, 'of these, from one address'),
    max_sessions_per_account: row(int('count', 1, 100_000), 100, 'resources of one account bound at once'),
    max_directed_presence: row(int('count', 1, 100_000), 1000, 'addresses to which one session has sent directed presence'),
    resume_window: row(int('seconds', 0, 86_400), 600, 'how long a session outlives its connection (XEP-0198); 0: not at all'),
    silent_after: row(int('seconds', 1, 3600), 30, 'time without an acknowledgement after which what is for the account goes to its other resources'),
    fold_every: row(int('seconds', 1, 3600), 5, 'time between writes of what resumable sessions have got; until then the journal knows'),
    auth_timeout: row(int('seconds', 1, 3600), 30, 'time from connecting to being logged in'),
    sasl_attempts: row(int('count', 6, 1000), 10, 'log-in attempts on one stream (RFC 6120 §6.4.5)'),
    login_failures_per_account: row(int('count', 1, 1_000_000), 10, 'wrong passwords for one account before answers slow down'),
    login_failures_per_address: row(int('count', 1, 1_000_000), 50, 'wrong passwords from one address before answers slow down'),
    ping_after: row(int('seconds', 1, 86_400), 120, 'silence before the server asks whether the client is still there'),
    dead_after: row(int('seconds', 1, 86_400), 60, 'silence after that question before the connection is closed'),
    write_buffer_bytes: row(int('bytes', 65_536, 1024 * MIB), 4 * MIB, 'what one slow reader may leave unread before its connection is closed'),
    inactive_hold_stanzas: row(int('count', 0, 100_000), 1000, 'presence and chat states kept back for one inactive client (XEP-0352); 0: none'),
    inactive_hold_bytes: row(int('bytes', 0, 16 * MIB), 256 * 1024, 'their size together'),
    turn_bytes: row(int('bytes', 4096, 16 * MIB), 64 * 1024, 'bytes read from one connection before the others have their turn'),
    turn_stanzas: row(int('count', 1, 100_000), 256, 'stanzas taken from one connection before the others have their turn'),
    stop_timeout: row(int('seconds', 1, 300), 5, 'time that clients have to take what is written, when the server stops; with other nodes half of it may pass in closing their streams, a few at a time'),
  },
  'Routing and database': {
    route_cache_entries: row(int('count', 100, 100_000_000), 100_000, 'routes remembered'),
    route_ttl: row(int('seconds', 1, 3600), 60, 'how long, counted from the write'),
    route_negative_entries: row(int('count', 100, 100_000_000), 10_000, 'unknown accounts remembered'),
    route_negative_ttl: row(int('seconds', 1, 5), 3, 'how long'),
    caps_entries: row(int('count', 10, 1_000_000), 1000, 'kinds of clients whose capabilities are remembered (XEP-0115)'),
    db_connections: row(int('count', 1, 1000), 8, 'connections to Postgres (the embedded database has one)'),
  },
  Logs: {
    trace_entries: row(int('count', 0, 1_000_000), 20_000, 'events of messages that the server remembers for `trace`, the oldest overwritten; 0: none'),
    log_level: row(choice('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'), 'info', 'what is logged'),
    log_format: row(choice('auto', 'json', 'pretty'), 'auto', 'one JSON line an event, or for eyes; auto: for eyes on a terminal'),
  },
} as const

type Groups = typeof GROUPS
/** `A | B` → `A & B`: the groups laid over one another. */
type Together<U> = (U extends unknown ? (part: U) => void : never) extends (all: infer I) => void ? I : never
type Table = Together<Groups[keyof Groups]>
type Camel<K extends string> = K extends `${infer A}_${infer B}` ? `${A}${Capitalize<Camel<B>>}` : K
type ValueOf<R> = R extends Row<infer T> ? T : never

/** The name of a setting as in jidway.toml. */
export type Key = keyof Table

/** The values in force. Sizes are bytes, times seconds; a port that is off and a value that is not set are null. */
export type Settings = { readonly [K in Key as Camel<K>]: ValueOf<Table[K]> }
export type SettingName = keyof Settings

/** Where each value comes from, in words: 'default', '--c2s-port', 'JIDWAY_C2S_PORT' or 'c2s_port in jidway.toml'. */
export type Sources = Readonly<Record<SettingName, string>>

export interface Entry {
  readonly key: Key
  readonly name: SettingName
  readonly flag: string
  readonly env: string
  readonly group: string
  readonly row: Row<unknown>
}

const camel = (key: string): string => key.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())

/** All settings, in the order of the table. */
export const ENTRIES: readonly Entry[] = Object.entries(GROUPS).flatMap(([group, rows]) =>
  Object.entries(rows).map(([key, it]: [string, unknown]): Entry => ({
    key: key as Key,
    name: camel(key) as SettingName,
    flag: `--${key.replaceAll('_', '-')}`,
    env: (it as Row<unknown>).env ?? `JIDWAY_${key.toUpperCase()}`,
    group,
    row: it as Row<unknown>,
  })))

export interface SettingSources {
  /** By flag, without its dashes: { 'c2s-port': '0' }. */
  readonly flags?: Readonly<Record<string, string | undefined>>
  /** The whole environment; only JIDWAY_*, DATABASE_URL and NATS_URL are looked at. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** The parsed jidway.toml, and the name by which error texts call it. */
  readonly toml?: Readonly<Record<string, unknown>>
  readonly tomlName?: string
}

/**
 * The settings in force: flags before environment before file before defaults (design.md §5).
 * Throws UsageError for an unknown name (with the nearest known one) and for a bad value (with its source and range).
 */
export const readSettings = (given: SettingSources): { readonly settings: Settings; readonly sources: Sources } => {
  const { flags = {}, env = {}, toml = {}, tomlName = 'jidway.toml' } = given
  refuseUnknown(Object.keys(flags).map(name => `--${name}`), ENTRIES.map(entry => entry.flag), 'option')
  // JIDWAY_TEST_* are the test suite's own (which Postgres to test on); a server that it starts inherits them
  refuseUnknown(Object.keys(env).filter(name => name.startsWith('JIDWAY_') && !name.startsWith('JIDWAY_TEST_')), ENTRIES.map(entry => entry.env), 'environment variable')
  refuseUnknown(Object.keys(toml), ENTRIES.map(entry => entry.key), `key in ${tomlName}`)
  const settings: Record<string, unknown> = {}
  const sources: Record<string, string> = {}
  for (const entry of ENTRIES) {
    const { source, written } = strongest([
      [entry.flag, flags[entry.flag.slice(2)]],
      [entry.env, env[entry.env]],
      [`${entry.key} in ${tomlName}`, Object.hasOwn(toml, entry.key) ? toml[entry.key] : undefined],
    ])
    settings[entry.name] = source === DEFAULT ? entry.row.fallback : read(entry, source, asText(entry, source, written))
    sources[entry.name] = source
  }
  const settled = settle(settings as unknown as Settings, sources['host'] === DEFAULT)
  if (settled.writeBufferBytes < 2 * settled.maxStanzaBytes) {
    throw new UsageError('write_buffer_bytes must be at least twice max_stanza_bytes: otherwise there are stanzas that may be sent, and that nobody can be given')
  }
  return { settings: settled, sources: sources as unknown as Sources }
}

const DEFAULT = 'default'

const strongest = (candidates: readonly (readonly [string, unknown])[]): { source: string; written: unknown } => {
  const [source, written] = candidates.find(candidate => candidate[1] !== undefined) ?? [DEFAULT, undefined]
  return { source, written }
}

/** The defaults with some values replaced, for a server inside a program or a test. Ranges are for operators; here none is enforced. */
export const defaultSettings = (overrides: Partial<Settings> = {}): Settings => {
  const settings: Record<string, unknown> = {}
  for (const { name, row: { fallback } } of ENTRIES) settings[name] = overrides[name] === undefined ? fallback : overrides[name]
  return settle(settings as unknown as Settings, overrides.host === undefined)
}

/** What depends on several settings. */
const settle = (settings: Settings, hostIsDefault: boolean): Settings => {
  const { tlsCert, tlsKey, domain, maxStanzaBytes, maxStanzaBytesUnauthenticated } = settings
  if ((tlsCert === null) !== (tlsKey === null)) throw new UsageError('tls_cert and tls_key must be set together')
  if (maxStanzaBytesUnauthenticated > maxStanzaBytes) {
    throw new UsageError('max_stanza_bytes_unauthenticated must not be larger than max_stanza_bytes')
  }
  const open = hostIsDefault && tlsCert !== null && domain.some(isReal)
  return open ? { ...settings, host: '::' } : settings
}

// RFC 6761 §6.3: localhost and what is below it never leaves the machine
const isReal = (domain: string): boolean => !/(^|\.)localhost$/i.test(domain)

const refuseUnknown = (names: readonly string[], known: readonly string[], what: string): void => {
  for (const name of names) {
    if (!known.includes(name)) throw new UsageError(`unknown ${what} ${name}; did you mean ${nearest(name, known)}?`)
  }
}

const read = (entry: Entry, source: string, written: string): unknown => {
  try {
    return entry.row.type.read(written)
  } catch (error) {
    const value = entry.row.type.words.includes('://') ? maskUrl(written) : written
    throw new UsageError(`${entry.key} is '${value}' (from ${source}); it must be ${(error as Error).message}`)
  }
}

/** A file has typed values; every source is brought to text, so that one reader serves all. */
const asText = (entry: Entry, source: string, value: unknown): string => {
  if (typeof value === 'string') return value.trim()
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  if (typeof value === 'boolean') return value ? 'on' : 'off'
  if (Array.isArray(value) && value.every(part => typeof part === 'string')) return value.join(',')
  throw new UsageError(`${entry.key} (from ${source}) must be ${entry.row.type.words}; it is a ${Array.isArray(value) ? 'list of something else' : 'table or date'}`)
}

/** Settings that were given, but whose feature is not in this version: their keys and values, for the banner. */
export const notInEffect = (settings: Settings, sources: Sources): readonly { readonly key: Key; readonly value: string; readonly source: string }[] =>
  ENTRIES
    .filter(({ name, row: { inEffect } }) => sources[name] !== DEFAULT && inEffect !== true && (inEffect === false || !inEffect.includes(settings[name])))
    .map(entry => ({ key: entry.key, value: shown(settings, entry), source: sources[entry.name] }))

/** A value as one would write it; passwords are masked. */
export const shown = (settings: Settings, entry: Entry): string => entry.row.type.show(settings[entry.name])

/** README's table, in Markdown. */
export const settingsTable = (): string =>
  Object.keys(GROUPS).map(group => [
    `**${group}**`,
    '',
    '| setting | environment | default | values | meaning |',
    '|---|---|---|---|---|',
    ...ENTRIES.filter(entry => entry.group === group).map(tableLine),
    '',
  ].join('\n')).join('\n')

const tableLine = ({ key, env, row: it }: Entry): string => {
  const byDefault = it.type.show(it.fallback)
  const words = it.fallbackWords ?? (it.fallback === null && it.type === port ? 'off' : byDefault === '' ? 'none' : `\`${byDefault}\``)
  return `| \`${key}\` | \`${env}\` | ${words} | ${it.type.words} | ${it.meaning}${remark(it)} |`
}

const remark = ({ inEffect, type }: Row<unknown>): string => {
  if (inEffect === true) return ''
  const values = inEffect === false ? [] : inEffect.map(value => type.show(value)).filter(value => value !== '')
  return values.length === 0 ? ' (*not in effect yet*)' : ` (*only ${values.join(', ')} in effect yet*)`
}
