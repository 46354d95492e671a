// A NATS server for a test: the program `nats-server` (Debian's package of that name), on a free port of loopback, killed and
// started again as the test wants. And buses on it, which play the nodes of a cluster.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, openSync, closeSync, rmSync, writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from '@nats-io/transport-node'
import type { ConnectionOptions, NatsConnection } from '@nats-io/transport-node'
import { openBus } from '../../lib/cluster/bus.js'
import type { BusOptions, Handlers, NatsBus } from '../../lib/cluster/bus.js'
import type { Handed } from '../../lib/cluster/envelope.js'
import type { Answer, Location } from '../../lib/core/ports.js'
import { freePorts } from '../../lib/chaos/node.js'
import { random } from '../../lib/chaos/random.js'
import type { Teardown } from './database.js'

const PROGRAM = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/local/bin'].map((folder) => join(folder, 'nats-server')).find((file) => existsSync(file))

/** Options of a test that needs it. */
export const NEEDS_NATS = { skip: PROGRAM === undefined ? 'needs the program nats-server (Debian: apt-get install nats-server)' : false }

export interface NatsServer {
  readonly url: string
  /** As `kill -9` does; resolves when it is gone. */
  kill(): Promise<void>
  freeze(): void
  thaw(): void
  /** On the same port. */
  start(): Promise<void>
}

export const natsServer = async (t: Teardown, config = ''): Promise<NatsServer> => {
  const folder = mkdtempSync(join(tmpdir(), 'jidway-nats-'))
  const [port = 0] = await freePorts(1, random(folder))
  writeFileSync(join(folder, 'nats.conf'), `listen: 127.0.0.1:${port}\n${config}\n`)
  let child: ChildProcess | null = null

  const kill = async (): Promise<void> => {
    const ending = child
    child = null
    if (ending === null || ending.exitCode !== null) return
    const gone = new Promise((done) => ending.once('exit', done))
    ending.kill('SIGKILL')
    await gone
  }
  const start = async (): Promise<void> => {
    const log = openSync(join(folder, 'nats.log'), 'a')
    child = spawn(PROGRAM as string, ['-c', join(folder, 'nats.conf')], { stdio: ['ignore', log, log] })
    closeSync(log)
    for (let tries = 0; !await answers(port); tries++) {
      if (tries > 200) throw new Error('nats-server does not start')
      await sleep(25)
    }
  }

  t.teardown(async () => {
    await kill()
    rmSync(folder, { recursive: true, force: true })
  })
  await start()
  return { url: `nats://127.0.0.1:${port}`, kill, start, freeze: () => void child?.kill('SIGSTOP'), thaw: () => void child?.kill('SIGCONT') }
}

const answers = (port: number): Promise<boolean> => new Promise((done) => {
  const socket = createConnection(port, '127.0.0.1')
  socket.once('data', () => { // it speaks first
    socket.destroy()
    done(true)
  })
  socket.once('error', () => done(false))
})

export interface TestNode {
  readonly bus: NatsBus
  readonly got: Handed[][]
  /** 'account generation', and 'gap' */
  readonly heard: string[]
  readonly reports: unknown[]
  answer: (item: Handed) => Answer
  /** What its clock is ahead by, in ms. */
  ahead: number
  /** Where a session of it is. */
  at(sessionId?: string): Location
}

export const testNode = async (t: Teardown, url: string, id: string, { epoch = 1, take, invalidated, ...options }: Partial<Omit<BusOptions, 'handlers'> & Pick<Handlers, 'take' | 'invalidated'>> & { epoch?: number } = {}): Promise<TestNode> => {
  const node = { got: [] as Handed[][], heard: [] as string[], reports: [] as unknown[], answer: (): Answer => 'accepted', ahead: 0 } as unknown as TestNode & { bus: NatsBus }
  const bus = await openBus({
    url, node: { id, epoch }, now: () => Date.now() + node.ahead, ...options,
    handlers: {
      take: take ?? ((items) => {
        node.got.push([...items])
        return items.map((item) => node.answer(item))
      }),
      invalidated: invalidated ?? ((account, generation) => void node.heard.push(`${account} ${generation}`)),
      gap: () => void node.heard.push('gap'),
      report: (error) => void node.reports.push(error),
    },
  })
  t.teardown(() => bus.close())
  return Object.assign(node, { bus, at: (sessionId = 's1') => ({ resource: 'r', sessionId, node: id, epoch, priority: 0 }) })
}

/** A connection of NATS's own, to say what no bus would. */
export const rawNats = async (t: Teardown, url: string, options: ConnectionOptions = {}): Promise<NatsConnection> => {
  const nc = await connect({ servers: url.replace('nats://', ''), ...options })
  t.teardown(() => nc.close())
  return nc
}

/** Wait until this holds; fails after 5 s. */
export const until = async (holds: () => boolean, what: string): Promise<void> => {
  for (let tries = 0; !holds(); tries++) {
    if (tries > 500) throw new Error(`still not: ${what}`)
    await sleep(10)
  }
}
