// jidway as the benchmark runs it: this checkout, built, as a process of its own.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { csv, output } from '../../../lib/cli/chaos.js'
import { ROOT } from '../../helpers/root.js'
import { launch } from './process.js'
import { DOMAIN, ITERATIONS } from './server.js'
import type { Environment, Place, Server, Variant } from './server.js'

const PROGRAM = [process.execPath, join(ROOT, 'dist', 'routes', 'main.js')]

/** The settings as environment; those around us are not passed on. */
export const environment = ({ folder, port, databaseUrl, tls, env }: Place, variant: Variant): Environment => ({
  ...Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('JIDWAY_') && name !== 'NATS_URL')),
  DATABASE_URL: databaseUrl, JIDWAY_DATA: join(folder, 'data'), JIDWAY_DOMAIN: DOMAIN, JIDWAY_HOST: '127.0.0.1', JIDWAY_C2S_PORT: String(port),
  JIDWAY_C2S_TLS_PORT: '', JIDWAY_HTTP_PORT: '', JIDWAY_HTTPS_PORT: '', JIDWAY_TLS_CERT: tls.cert, JIDWAY_TLS_KEY: tls.key,
  JIDWAY_INSECURE_LOOPBACK: 'on', JIDWAY_PBKDF2_ITERATIONS: String(ITERATIONS), JIDWAY_LOG_LEVEL: 'warn', JIDWAY_LOG_FORMAT: 'json',
  JIDWAY_DURABILITY: variant, JIDWAY_ARCHIVE: variant === 'durable' ? 'always' : 'off',
})

export const jidway: Server = {
  name: 'jidway', users: [],
  missing: () => null,
  version: () => `${(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }).version}, Node ${process.versions.node}`,
  said: 'one process; mode routed, in durable cases durable; log_level warn; all else by default',
  prepare: async (place, accounts) => {
    const file = join(place.folder, 'accounts.csv')
    writeFileSync(file, csv(accounts), { mode: 0o600 })
    await output([...PROGRAM, 'user', 'import', file], environment(place, 'routed'), place.folder)
  },
  start: (place, variant) => launch({
    name: 'jidway', command: [...PROGRAM, 'start'], env: environment(place, variant), folder: place.folder, user: place.user, log: join(place.folder, 'output.log'), port: place.port,
  }, place.signal),
}
