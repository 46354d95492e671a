// A NATS server for a test: the program `nats-server` (Debian's package of that name), on a free port of loopback, killed and
// started again as the test wants. And buses on it, which play the nodes of a cluster.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from '@nats-io/transport-node'
import type { ConnectionOptions, NatsConnection } from '@nats-io/transport-node'
import { openBus } from '../../lib/cluster/bus.js'
import type { BusOptions, Handlers, NatsBus } from '../../lib/cluster/bus.js'
import type { Handed } from '../../lib/cluster/envelope.js'
import type { Answer, Location } from '../../lib/core/ports.js'
import { makeNats, natsProgram } from '../../lib/chaos/nats.js'
import type { Nats } from '../../lib/chaos/nats.js'
import { freePorts } from '../../lib/chaos/node.js'
import { random } from '../../lib/chaos/random.js'
import type { Teardown } from './database.js'

/** Options of a test that needs it. */
export const NEEDS_NATS = { skip: natsProgram(process.env) === undefined ? 'needs the program nats-server (Debian: apt-get install nats-server)' : false }

/** @param config lines of its configuration */
export const natsServer = async (t: Teardown, config = ''): Promise<Nats> => {
  const folder = mkdtempSync(join(tmpdir(), 'jidway-nats-'))
  const [port = 0] = await freePorts(1, random(folder))
  const nats = await makeNats(folder, port, process.env, config)
  t.teardown(async () => {
    await nats.kill()
    rmSync(folder, { recursive: true, force: true })
  })
  return nats
}

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
      left: () => void node.heard.push('left'),
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
/** @param ms waited at least */
export const until = async (holds: () => boolean | Promise<boolean>, what: string, ms = 5000): Promise<void> => {
  for (let tries = 0; !await holds(); tries++) {
    if (tries * 10 > ms) throw new Error(`still not: ${what}`)
    await sleep(10)
  }
}
