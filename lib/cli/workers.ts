// `start` with several workers: so many processes of this program that listen on the same ports (node:cluster hands each new
// connection to the next) and are nodes of one cluster, as if they had been started one by one. This process keeps the data folder, starts
// a worker again that has ended, and passes on what commands ask of a running server.
import cluster from 'node:cluster'
import type { Worker } from 'node:cluster'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Settings } from '../base/config.js'
import { UsageError } from '../base/errors.js'
import { handlersOf } from './access.js'
import type { Handlers } from './control-protocol.js'
import type { Accounts, CertificateFiles, Deps, OpenPorts, Surroundings } from './deps.js'
import { nodeId } from './node-id.js'

/** A server that runs, in this process or in workers. */
export interface Served {
  readonly ports: OpenPorts
  readonly tls: CertificateFiles
  readonly accounts: Accounts
  readonly handlers: Handlers
  /** Read the certificate again. */
  reload(): Promise<void>
  close(): Promise<void>
}

type Order =
  | { readonly do: 'start'; readonly node: string }
  | { readonly do: 'stop' | 'reload' }
  | { readonly do: 'call'; readonly id: number; readonly command: string; readonly args: unknown }
  | { readonly do: 'metrics'; readonly id: number; readonly text: string | null }

type Word =
  /** It listens; what was said before is lost. */
  | { readonly said: 'here' }
  | { readonly said: 'ready'; readonly ports: OpenPorts; readonly tls: CertificateFiles }
  | { readonly said: 'result'; readonly id: number; readonly result?: unknown; readonly error?: string; readonly usage?: boolean }
  | { readonly said: 'metrics'; readonly id: number }

/** ms until a worker that has ended is started again: at first, and at most where it ends again and again. */
const AGAIN = 1000
const LONGEST = 30_000
/** ms after which it counts as one that runs. */
const RUNS = 60_000

export const isWorker = cluster.isWorker

/** Throws UsageError where they could not be nodes of one cluster, or the first does not start. */
export const startWorkers = async (settings: Settings, { stderr }: Surroundings): Promise<Served> => {
  if (settings.databaseUrl === null || settings.natsUrl === null) {
    throw new UsageError('workers are nodes of one cluster: set DATABASE_URL and NATS_URL, or leave workers at 1')
  }
  // keys of passwords are octets, which JSON does not know
  cluster.setupPrimary({ serialization: 'advanced' })
  const base = await nodeId(settings)
  const { AggregatorRegistry } = await import('prom-client')
  const aggregator = new AggregatorRegistry()
  const workers = new Map<number, Worker>()
  const calls = new Map<number, { readonly worker: Worker; readonly done: (result: unknown) => void; readonly failed: (error: Error) => void }>()
  let asked = 0
  let isStopping = false

  const tell = (worker: Worker, order: Order): void => {
    if (worker.isConnected()) worker.send(order)
  }
  const heard = (worker: Worker, word: Word): void => {
    if (word.said === 'result') {
      const call = calls.get(word.id)
      calls.delete(word.id)
      if (word.error === undefined) call?.done(word.result)
      else call?.failed(word.usage === true ? new UsageError(word.error) : new Error(word.error))
    } else if (word.said === 'metrics') {
      aggregator.clusterMetrics().then((text) => tell(worker, { do: 'metrics', id: word.id, text }), () => tell(worker, { do: 'metrics', id: word.id, text: null }))
    }
  }

  /** Resolves when it serves; rejects when it has ended before that. */
  const run = (k: number, delay: number): Promise<Word & { said: 'ready' }> => new Promise((ready, failed) => {
    const began = performance.now()
    let serves = false
    const worker = cluster.fork()
    workers.set(k, worker)
    worker.on('message', (word: Word) => {
      if (word.said === 'here') tell(worker, { do: 'start', node: `${base}-${k}` })
      else if (word.said === 'ready') {
        serves = true
        ready(word)
      } else heard(worker, word)
    })
    // what is written to one that has just ended
    worker.on('error', () => {})
    worker.on('exit', (code, signal) => {
      workers.delete(k)
      for (const [id, call] of calls) {
        if (call.worker !== worker) continue
        calls.delete(id)
        call.failed(new Error('the worker ended in the middle of the command'))
      }
      const how = signal ?? `code ${code}`
      failed(new UsageError(`worker ${k} did not start (${how})`))
      // one that does not start ends the start of all; one that served is started again, though others are not there yet
      if (isStopping || !(isUp || serves)) return
      stderr.write(`worker ${k} has ended (${how}), and is started again\n`)
      const next = performance.now() - began > RUNS ? AGAIN : Math.min(LONGEST, delay * 2)
      setTimeout(() => {
        if (!isStopping) run(k, next).catch(() => {}) // it ends, and is started again
      }, delay).unref()
    })
  })
  const stop = async (): Promise<void> => {
    isStopping = true
    const ended = [...workers.values()].map((worker) => new Promise<void>((resolve) => {
      if (worker.isDead()) resolve()
      else worker.once('exit', () => resolve())
    }))
    for (const worker of workers.values()) tell(worker, { do: 'stop' })
    // each stops within its own time; one that does not is ended
    await Promise.race([Promise.all(ended), sleep((settings.stopTimeout * 3 + 10) * 1000, null, { ref: false })])
    for (const worker of workers.values()) worker.process.kill('SIGKILL')
    await Promise.all(ended)
  }

  let isUp = false
  let first: Word & { said: 'ready' }
  try {
    // the first makes what there is to be made: tables, a certificate
    first = await run(1, AGAIN)
    await Promise.all(Array.from({ length: settings.workers - 1 }, (_, i) => run(i + 2, AGAIN)))
    isUp = true
  } catch (error) {
    await stop()
    throw error
  }

  const call = (worker: Worker, command: string, args: unknown): Promise<unknown> => new Promise((done, failed) => {
    const id = ++asked
    calls.set(id, { worker, done, failed })
    tell(worker, { do: 'call', id, command, args })
  })
  const any = (command: string, args: unknown): Promise<unknown> => {
    const [worker] = workers.values()
    if (worker === undefined) return Promise.reject(new Error('no worker runs now; they are started again'))
    return call(worker, command, args)
  }
  const handlers: Handlers = {
    ...Object.fromEntries(['account.add', 'account.password', 'account.remove', 'account.list'].map((command) => [command, (args: unknown) => any(command, args)])),
    // each remembers what has gone through it: who knows most is believed
    trace: async (args) => {
      const found = await Promise.all([...workers.values()].map((worker) => call(worker, 'trace', args))) as { readonly messages?: readonly { readonly steps?: readonly unknown[] }[] }[]
      const known = (one: (typeof found)[number]): number => (one.messages ?? []).reduce((sum, { steps }) => sum + 1 + (steps?.length ?? 0), 0)
      return found.toSorted((a, b) => known(b) - known(a))[0]
    },
    facts: async (args) => ({ ...await any('facts', args) as object, pid: process.pid }),
  }
  return {
    ports: first.ports, tls: first.tls, handlers,
    accounts: {
      add: (list) => any('account.add', list) as Promise<readonly boolean[]>,
      setPassword: (jid, credentials) => any('account.password', { jid, credentials }) as Promise<boolean>,
      remove: (jid) => any('account.remove', jid) as Promise<boolean>,
      list: (after, limit) => any('account.list', { after, limit }) as Promise<readonly string[]>,
    },
    reload: async () => {
      for (const worker of workers.values()) tell(worker, { do: 'reload' })
    },
    close: stop,
  }
}

/** One of them. Ends when it is told to, by who started it or by SIGTERM, or when that one is gone. */
export const startWorker = async (settings: Settings, deps: Deps, { stderr }: Surroundings): Promise<void> => {
  const say = (word: Word): void => void process.send?.(word)
  const asked = new Map<number, { readonly done: (text: string) => void; readonly failed: (error: Error) => void }>()
  let ids = 0
  const allMetrics = (): Promise<string> => new Promise((done, failed) => {
    asked.set(++ids, { done, failed })
    say({ said: 'metrics', id: ids })
  })
  let handlers: Handlers | null = null
  let reload = (): void => {}
  const obey = (id: number, command: string, args: unknown): void => {
    const run = handlers?.[command]
    if (run === undefined) return say({ said: 'result', id, error: 'the worker has not started yet; ask again' })
    run(args, () => {}).then((result) => say({ said: 'result', id, result }), (error: Error) => say({ said: 'result', id, error: error.message, usage: error instanceof UsageError }))
  }
  // Ctrl+C on a terminal comes to all; who started this one tells it in its own time
  process.on('SIGINT', () => {})
  process.on('SIGHUP', () => {})
  let stop = (): void => {}
  const stopped = new Promise<void>((resolve) => {
    stop = resolve
  })
  process.on('SIGTERM', stop)
  process.on('disconnect', stop)
  const node = await new Promise<string>((resolve) => {
    process.on('message', (order: Order) => {
      switch (order.do) {
        case 'start': return resolve(order.node)
        case 'stop': return stop()
        case 'reload': return reload()
        case 'call': return obey(order.id, order.command, order.args)
        case 'metrics': {
          const waiting = asked.get(order.id)
          asked.delete(order.id)
          if (order.text === null) waiting?.failed(new Error('not all workers have told what they counted'))
          else waiting?.done(order.text)
        }
      }
    })
    say({ said: 'here' })
  })
  const running = await deps.startServer({ ...settings, node }, allMetrics)
  try {
    handlers = handlersOf(running)
    reload = () => void running.reload().catch((error: Error) => stderr.write(`the certificate could not be read again, the old one stays: ${error.message}\n`))
    say({ said: 'ready', ports: running.ports, tls: running.tls })
    await stopped
  } finally {
    await running.close()
  }
  if (process.connected) process.disconnect()
}
