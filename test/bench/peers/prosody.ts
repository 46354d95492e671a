// Debian's Prosody as the benchmark runs it. Everything that it keeps is in Postgres. Accounts are made by a module of ours,
// in a start of their own: one process instead of one a user.
import { existsSync, mkdirSync, chownSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { launch } from './process.js'
import type { Running } from './process.js'
import { DOMAIN, findIn, ITERATIONS, list } from './server.js'
import type { Account, Environment, Place, Server, Variant } from './server.js'

/** ms in which the accounts are made: a few of them each. */
const MAKING = 300_000
const LOOK = 100
const VERSION = '/usr/lib/prosody/prosody.version'

const inPath = ({ PATH = '' }: Environment): boolean => PATH.split(delimiter).some((folder) => folder !== '' && list(folder).includes('prosody'))
/** The driver stands in a folder of each version of Lua. */
const driver = (): string | null => {
  for (const folder of ['/usr/lib', ...list('/usr/lib').map((name) => join('/usr/lib', name)), '/usr/local/lib']) {
    const found = findIn(list(join(folder, 'lua')).map((version) => join(folder, 'lua', version, 'dbd')), /^postgresql\.so$/)
    if (found !== null) return found
  }
  return null
}

/** @param accounts also the module that makes them */
export const configuration = ({ folder, port, databasePort, tls }: Pick<Place, 'folder' | 'port' | 'databasePort' | 'tls'>, variant: Variant, accounts: boolean): string => `pidfile = "${folder}/prosody.pid"
data_path = "${folder}/data"
log = { warn = "${folder}/prosody.log" }
network_backend = "epoll"
network_settings = { tcp_backlog = 1024, nagle = false }
interfaces = { "127.0.0.1" }
local_interfaces = { "127.0.0.1" }
c2s_ports = { ${port} }
c2s_direct_tls_ports = { }
s2s_ports = { }
http_ports = { }
https_ports = { }
c2s_require_encryption = false
gc = { mode = "incremental", threshold = 200, speed = 200 }
authentication = "internal_hashed"
password_hash = "SHA-256"
default_iteration_count = ${ITERATIONS}
blocklist_cache_size = 20000
pep_service_cache_size = 20000
pep_info_cache_size = 20000
archive_expires_after = "never"
default_archive_policy = true
plugin_paths = { "${folder}/modules" }
storage = "sql"
sql = { driver = "PostgreSQL", database = "prosody", username = "postgres", password = "none", host = "127.0.0.1", port = ${databasePort} }
modules_enabled = {
  "disco"; "roster"; "saslauth"; "tls"; "blocklist"; "bookmarks"; "carbons"; "pep"; "private"; "smacks"; "vcard4"; "vcard_legacy";
  "csi_simple"; "ping"; "time"; "uptime"; "version"; "posix";${variant === 'durable' ? ' "mam";' : ''}${accounts ? ' "bench_accounts";' : ''}
}
modules_disabled = { "s2s" }
VirtualHost "${DOMAIN}"
  ssl = { certificate = "${tls.cert}"; key = "${tls.key}" }
`

const quoted = (text: string): string => JSON.stringify(text)

/** Says in a file how many there are now. */
const moduleOf = (folder: string, accounts: readonly Account[]): string => `local users = require "core.usermanager";
module:hook_global("server-started", function ()
  local made = 0;
  for name, password in pairs({ ${accounts.map(({ local, password }) => `[${quoted(local)}] = ${quoted(password)}`).join(', ')} }) do
    if users.create_user(name, password, module.host) then made = made + 1; end
  end
  local file = assert(io.open("${folder}/accounts.made", "w"));
  file:write(tostring(made));
  file:close();
end);
`

const run = (place: Place, variant: Variant, accounts: boolean): Promise<Running> => {
  const { folder, env, user, port, signal } = place
  const file = join(folder, 'prosody.cfg.lua')
  writeFileSync(file, configuration(place, variant, accounts))
  const data = join(folder, 'data')
  mkdirSync(data, { recursive: true })
  if (user !== null) chownSync(data, user.uid, user.gid)
  return launch({
    name: 'Prosody', folder, user, port, log: join(folder, 'output.log'), logs: [join(folder, 'prosody.log')],
    command: ['prosody', '-F', '--config', file], env: { ...env, HOME: folder },
  }, signal)
}

export const prosody: Server = {
  name: 'prosody', users: ['prosody', 'nobody'],
  missing: (env) => {
    const found = [...(inPath(env) ? [] : ['prosody in PATH']), ...(driver() === null ? ['the driver of Lua for Postgres'] : [])]
    return found.length === 0 ? null : { packages: ['prosody', 'lua-dbi-postgresql'], what: found.join(', ') }
  },
  version: () => (existsSync(VERSION) ? readFileSync(VERSION, 'utf8').trim() : 'unknown'),
  said: 'one process; log warn; no mod_limits; garbage collection 200/200 (faster than its default), nagle off, larger caches; sql for all that it keeps; mod_mam only in durable cases',
  prepare: async (place, accounts) => {
    const modules = join(place.folder, 'modules')
    mkdirSync(modules)
    writeFileSync(join(modules, 'mod_bench_accounts.lua'), moduleOf(place.folder, accounts))
    const made = join(place.folder, 'accounts.made')
    const running = await run(place, 'routed', true)
    try {
      for (const until = Date.now() + MAKING; !existsSync(made) || readFileSync(made, 'utf8') === ''; await sleep(LOOK)) {
        if (Date.now() > until || place.signal.aborted) throw new Error(`Prosody did not make the accounts; see ${join(place.folder, 'prosody.log')}`)
      }
      const count = Number(readFileSync(made, 'utf8'))
      if (count !== accounts.length) throw new Error(`Prosody made ${count} of ${accounts.length} accounts; see ${join(place.folder, 'prosody.log')}`)
    } finally {
      await running.stop()
    }
  },
  start: (place, variant) => run(place, variant, false),
}
