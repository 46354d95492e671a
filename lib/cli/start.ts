// `start`: take the data folder, start the server, say what runs, and stop in order when told to.
import { isatty } from 'node:tty'
import { notInEffect } from '../base/config.js'
import type { Settings, Sources } from '../base/config.js'
import { routedDomains, strangeDomains } from '../base/durability.js'
import { maskUrl } from '../base/setting.js'
import { handlersOf } from './access.js'
import { banner } from './banner.js'
import { controlServer } from './control.js'
import { checkDemo, demoAccounts } from './demo.js'
import type { Deps, Surroundings } from './deps.js'
import { isWorker, startWorker, startWorkers } from './workers.js'
import type { Served } from './workers.js'

/** Ends when the server has been stopped by SIGINT or SIGTERM, or its terminal was closed. SIGHUP else: the certificate is read again. */
export const start = async (settings: Settings, sources: Sources, deps: Deps, around: Surroundings): Promise<void> => {
  if (isWorker) return startWorker(settings, deps, around)
  checkDemo(settings)
  const control = await controlServer({ data: settings.data })
  try {
    // told to stop while starting: first come to the end of the start
    const stopped = stopSignal(around)
    const running = await serve(settings, deps, around)
    try {
      control.serve(running.handlers)
      // heard from before the banner, for whoever reads that may send one at once
      const ended = untilStopped(stopped, running, around)
      const { accounts: demo, file: demoFile } = await demoAccounts(settings, deps, running.accounts)
      around.stdout.write(banner({
        version: deps.version,
        domains: settings.domain,
        host: settings.host,
        ports: running.ports,
        database: settings.databaseUrl === null ? `embedded Postgres in ${settings.data}` : maskUrl(settings.databaseUrl),
        cert: running.tls.cert,
        ca: running.tls.ca,
        demo,
        demoFile,
        demoIsFixed: settings.demo,
        insecureLoopback: settings.insecureLoopback,
        routed: routedDomains(settings),
        strange: strangeDomains(settings),
        archive: settings.archive !== 'off',
        idle: notInEffect(settings, sources),
      }))
      await ended
    } finally {
      await running.close()
    }
  } finally {
    await control.close()
  }
}

const serve = async (settings: Settings, deps: Deps, around: Surroundings): Promise<Served> => {
  if (settings.workers > 1) return startWorkers(settings, around)
  const running = await deps.startServer(settings)
  return { ...running, handlers: handlersOf(running) }
}

const stopSignal = ({ stderr }: Surroundings): Promise<void> =>
  new Promise(done => {
    let told = 0
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        told++
        if (told === 1) return done()
        // whoever asks twice does not want to wait; 128 + 2 is what a shell would say
        stderr.write('stopped at once\n')
        process.exit(130)
      })
    }
  })

const untilStopped = (stopped: Promise<void>, running: Served, { stdout, stderr }: Surroundings): Promise<void> => new Promise((done) => {
  // the same signal says that a terminal was closed; then nobody is there any more to press Ctrl+C
  const onTerminal = stdout.isTTY
  const hungUp = (): void => {
    if (onTerminal && !isatty(STDOUT)) return done()
    running.reload().catch((error: Error) => stderr.write(`the certificate could not be read again, the old one stays: ${error.message}\n`))
  }
  process.on('SIGHUP', hungUp)
  void stopped.then(done)
})

const STDOUT = 1
