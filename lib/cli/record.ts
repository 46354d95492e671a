// `record`: the recorder on the command line.
import { createWriteStream, existsSync, readFileSync } from 'node:fs'
import { once } from 'node:events'
import { createSecureContext } from 'node:tls'
import type { TlsOptions } from 'node:tls'
import { UsageError } from '../base/errors.js'
import { startRecorder } from '../replay/recorder.js'
import { loadTls, tlsOptions } from '../wire/tls-context.js'
import { isLoopback, targetOf, wholeNumber } from './target.js'
import type { Call } from './user.js'

export interface RecordFlags {
  readonly listen?: string
  readonly server?: string
  readonly out?: string
  readonly tls?: boolean
  readonly ca?: string
  readonly insecure?: boolean
}

export interface RecordCall extends Call {
  readonly flags: RecordFlags
}

/** Until it is told to end. @param end for tests; SIGINT and SIGTERM otherwise */
export const runRecord = async ({ flags, settings, deps, around }: RecordCall, end: Promise<void> = signalled()): Promise<void> => {
  const server = targetOf('--server', flags.server ?? '')
  const port = wholeNumber('--listen', flags.listen ?? '', 0, 65_535)
  const out = flags.out ?? ''
  if (existsSync(out)) throw new UsageError(`--out: ${out} is there already; a trace is not written over`)
  const offer = flags.tls === true ? await certificate(await deps.certificateFiles(settings)) : null
  const context = createSecureContext(flags.ca === undefined ? {} : { ca: readFileSync(flags.ca, 'utf8') })
  // what people said is in it
  const file = createWriteStream(out, { flags: 'wx', mode: 0o600 })
  await once(file, 'open').catch((error: Error) => {
    throw new UsageError(`--out: ${out} cannot be written: ${error.message}`)
  })
  const say = (text: string): void => void around.stderr.write(`${text}\n`)
  let failed: Error | null = null
  const ended = new Promise<void>((done) => file.once('error', (error) => {
    failed = error
    done()
  }))
  const recorder = await startRecorder({
    listen: { host: '127.0.0.1', port }, server, offer,
    trust: { context, verify: flags.insecure !== true && (!isLoopback(server.host) || flags.ca !== undefined) },
    write: (line) => void file.write(line), tell: say,
  }).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'EADDRINUSE' ? new UsageError(`--listen: port ${port} is taken; choose another, or 0 for any free one`) : error
  })
  say(`recording 127.0.0.1:${recorder.port} → ${server.host}:${server.port} into ${out}; Ctrl+C ends it.\n`
    + `Let the client connect to 127.0.0.1, port ${recorder.port}, ${offer === null ? 'without TLS: most clients must be allowed that' : 'with STARTTLS'}. Secrets are replaced; what people write is not.`)
  await Promise.race([end, ended])
  await recorder.close()
  await new Promise<void>((done) => file.end(() => done()))
  if (failed !== null) throw failed
  say(`${recorder.lines} items of ${recorder.connections} connections are in ${out}`)
}

const signalled = (): Promise<void> => new Promise((done) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => done())
})

const certificate = async (files: { readonly cert: string; readonly key: string }): Promise<TlsOptions> => {
  if (!existsSync(files.cert)) throw new UsageError(`--tls: there is no certificate in ${files.cert}; \`jidway start\` makes one, or see the settings tls_cert and tls_key`)
  return tlsOptions(await loadTls(files))
}
