// The thread that owns the embedded Postgres. It answers questions in order; while a transaction is open, only its own.
import { fdatasyncSync, mkdirSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { PGlite } from '@electric-sql/pglite'
import { NodeFS } from '@electric-sql/pglite/nodefs'
import type { Answer, Ask } from './embedded-protocol.js'

interface Stream { nfd: number }
interface EmscriptenModule { NODEFS: { stream_ops: { fsync?: (stream: Stream) => number } } }

/** PGlite's file system, with an fsync that reaches the disk: its own does nothing, whatever `show fsync` says. */
class SyncedFs extends NodeFS {
  override async init(...args: Parameters<NodeFS['init']>): ReturnType<NodeFS['init']> {
    const options = await super.init(...args)
    const opts = options.emscriptenOpts
    opts.preRun = [...[opts.preRun ?? []].flat(), (module: unknown) => {
      (module as EmscriptenModule).NODEFS.stream_ops.fsync = (stream) => {
        fdatasyncSync(stream.nfd)
        return 0
      }
    }]
    return options
  }
}

const folder = (workerData as { folder: string }).folder
const port = parentPort as NonNullable<typeof parentPort>

const start = async (): Promise<PGlite> => {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const params = (PGlite as unknown as { defaultStartParams: string[] }).defaultStartParams.filter((p) => p !== '-F')
  return PGlite.create({
    fs: new SyncedFs(folder),
    // small buffers: the operating system caches the files anyway, and every instance has its own
    startParams: [...params, '-c', 'wal_sync_method=fsync', '-c', 'shared_buffers=16MB'],
    parsers: { 20: Number },
    serializers: { 20: String },
  })
}

const queue: Ask[] = []
let open = 0
let busy = false

const run = async (db: PGlite, { what, text, values, tx }: Ask): Promise<unknown[]> => {
  switch (what) {
    case 'query': return (await db.query(text, values as unknown[])).rows
    case 'exec': return (await db.exec(text)).flatMap((r) => r.rows)
    case 'begin':
      await db.exec('begin')
      open = tx
      return []
    case 'commit':
    case 'rollback':
      try {
        await db.exec(what)
      } finally {
        open = 0
      }
      return []
    case 'close':
      await db.close()
      return []
  }
}

const pump = async (db: PGlite): Promise<void> => {
  if (busy) return
  busy = true
  for (;;) {
    const i = open === 0 ? 0 : queue.findIndex((a) => a.tx === open)
    const [ask] = i < 0 ? [] : queue.splice(i, 1)
    if (ask === undefined) break
    // a rollback after a commit that failed finds its transaction over
    if (ask.tx !== open && ask.what !== 'begin' && ask.tx !== 0) {
      port.postMessage({ id: ask.id, error: { message: 'the transaction is over', code: undefined } } satisfies Answer)
      continue
    }
    try {
      port.postMessage({ id: ask.id, rows: await run(db, ask) } satisfies Answer)
    } catch (error) {
      port.postMessage({ id: ask.id, error: { message: (error as Error).message, code: (error as { code?: string }).code } } satisfies Answer)
    }
    // let messages in between: PGlite settles in microtasks
    await new Promise((resolve) => setImmediate(resolve))
  }
  busy = false
}

const database = start()
database.catch((error: unknown) => {
  throw error
})
port.on('message', (ask: Ask) => {
  queue.push(ask)
  void database.then(pump)
})
