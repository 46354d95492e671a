// Debian's ejabberd as the benchmark runs it: the virtual machine with the flags of its package's script, but with no name, so that
// no epmd is started that would stay, and as any user. Everything that it keeps is in Postgres.
import { readFileSync, mkdirSync, chownSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { delimiter } from 'node:path'
import pg from 'pg'
import { launch } from './process.js'
import type { Running } from './process.js'
import { DOMAIN, findIn, list } from './server.js'
import type { Account, Environment, Place, Server, Variant } from './server.js'

const LIBRARIES = ['/usr/lib']
const LIBRARY = /^ejabberd-\d+\.\d+/
const DRIVER = /^p1_pgsql-/
const TABLES = '/usr/share/ejabberd/sql/pg.sql'
/** Requests for accounts at once, and descriptors of the machine. */
const AT_ONCE = 8
const PORTS = 32_000

const library = (): string | null => findIn(LIBRARIES, LIBRARY)
const machine = ({ PATH = '' }: Environment): string | null => PATH.split(delimiter).find((folder) => folder !== '' && list(folder).includes('erl')) ?? null

/** @param registers with a port where accounts are made, of this number */
export const configuration = ({ port, databasePort, tls }: Pick<Place, 'port' | 'databasePort' | 'tls'>, variant: Variant, registers: number | null): string => `loglevel: warning
log_rotate_count: 0
hosts: ["${DOMAIN}"]
certfiles: ["${tls.cert}", "${tls.key}"]
listen:
  - port: ${port}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    max_stanza_size: 262144
    access: c2s
    backlog: 1024
    starttls: true
${registers === null ? '' : `  - port: ${registers}
    ip: "127.0.0.1"
    module: ejabberd_http
    request_handlers: {/api: mod_http_api}
`}disable_sasl_mechanisms: ["digest-md5", "X-OAUTH2"]
auth_method: sql
auth_password_format: scram
auth_scram_hash: sha256
default_db: sql
sql_type: pgsql
sql_server: "127.0.0.1"
sql_port: ${databasePort}
sql_database: ejabberd
sql_username: postgres
sql_password: none
acl:
  local: {user_regexp: ""}
access_rules:
  local: {allow: local}
  c2s: {allow: all}
  muc_create: {allow: local}
  pubsub_createnode: {allow: local}
${registers === null ? '' : `api_permissions:
  accounts: {who: {ip: "127.0.0.1/8"}, what: [register]}
`}shaper_rules:
  max_user_sessions: 10
  max_user_offline_messages: infinity
modules:
  mod_adhoc: {}
  mod_avatar: {}
  mod_blocking: {}
  mod_caps: {}
  mod_carboncopy: {}
  mod_client_state: {}
  mod_disco: {}
${registers === null ? '' : '  mod_http_api: {}\n'}  mod_last: {}
${variant === 'durable' ? '  mod_mam: {default: always, assume_mam_usage: true}\n' : ''}  mod_muc: {access: [allow], access_create: muc_create}
  mod_offline: {access_max_user_messages: max_user_offline_messages}
  mod_ping: {}
  mod_privacy: {}
  mod_private: {}
  mod_pubsub: {access_createnode: pubsub_createnode, plugins: [flat, pep]}
  mod_push: {}
  mod_push_keepalive: {}
  mod_roster: {versioning: true}
  mod_shared_roster: {}
  mod_stream_mgmt: {resend_on_timeout: if_offline}
  mod_vcard: {search: false}
  mod_vcard_xupdate: {}
  mod_version: {}
`

const run = (place: Place, variant: Variant, registers: number | null): Promise<Running> => {
  const { folder, env, user, port, signal } = place
  const file = join(folder, 'ejabberd.yml')
  writeFileSync(file, configuration(place, variant, registers))
  const spool = join(folder, 'spool')
  mkdirSync(spool, { recursive: true })
  if (user !== null) chownSync(spool, user.uid, user.gid)
  return launch({
    name: 'ejabberd', folder, user, port, log: join(folder, 'output.log'), logs: [join(folder, 'ejabberd.log')],
    command: ['erl', '+K', 'true', '+P', '250000', '-noinput', '-mnesia', 'dir', `"${spool}"`, '-s', 'ejabberd'],
    env: {
      ...env, HOME: folder, EJABBERD_CONFIG_PATH: file, EJABBERD_LOG_PATH: join(folder, 'ejabberd.log'), ERL_LIBS: dirname(library() as string),
      ERL_MAX_PORTS: String(PORTS), ERL_MAX_ETS_TABLES: '1400', ERL_CRASH_DUMP_BYTES: '0',
    },
  }, signal)
}

const register = async (port: number, { local, password }: Account): Promise<void> => {
  const answer = await fetch(`http://127.0.0.1:${port}/api/register`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ user: local, host: DOMAIN, password }), signal: AbortSignal.timeout(30_000),
  })
  if (!answer.ok) throw new Error(`ejabberd did not make the account ${local}: ${answer.status} ${await answer.text()}`)
}

export const ejabberd: Server = {
  name: 'ejabberd', users: ['ejabberd', 'nobody'],
  missing: (env) => {
    const found = [
      ...(machine(env) === null ? ['erl in PATH'] : []), ...(library() === null ? ['the library ejabberd'] : []),
      ...(findIn([...LIBRARIES, '/usr/lib/erlang/lib'], DRIVER) === null ? ['the library p1_pgsql'] : []), ...(list(dirname(TABLES)).includes('pg.sql') ? [] : [TABLES]),
    ]
    return found.length === 0 ? null : { packages: ['ejabberd', 'erlang-p1-pgsql'], what: found.join(', ') }
  },
  version: () => /ejabberd-(\d+\.\d+)/.exec(library() ?? '')?.[1] ?? 'unknown',
  said: 'one node; loglevel warning; no shapers, no limit of offline messages; VM flags as packaged; sql for all that it keeps; mod_mam only in durable cases',
  prepare: async (place, accounts) => {
    const client = new pg.Client({ connectionString: place.databaseUrl })
    await client.connect()
    try {
      await client.query(readFileSync(TABLES, 'utf8'))
    } finally {
      await client.end()
    }
    const running = await run(place, 'routed', place.sparePort)
    try {
      const left = [...accounts]
      const next = async (): Promise<void> => {
        for (let account = left.pop(); account !== undefined && !place.signal.aborted; account = left.pop()) await register(place.sparePort, account)
      }
      await Promise.all(Array.from({ length: AT_ONCE }, next))
    } finally {
      await running.stop()
    }
  },
  start: (place, variant) => run(place, variant, null),
}
