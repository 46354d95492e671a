// A life of a node, for tests of durability: the production core over stores in memory that outlive it. `crash` is kill -9: what
// was asked of the stores is never answered, and another core begins over what they hold. Its clients count what comes and goes
// as XEP-0198 says; what stands between them and the core does what lib/net/connection.ts does, without its bounds.
import { bindResource } from '../../lib/net/bind.js'
import type { Host } from '../../lib/net/host.js'
import type { Route } from '../../lib/core/route.js'
import type { Settings } from '../../lib/base/config.js'
import { parseJid } from '../../lib/base/jid.js'
import type { Stores } from '../../lib/core/core.js'
import { deferredOf } from '../../lib/core/deferred.js'
import type { Given, Managed } from '../../lib/core/given.js'
import type { Wire } from '../../lib/core/managed-stream.js'
import type { Bus, Contact } from '../../lib/core/ports.js'
import { settled } from '../../lib/core/sessions.js'
import type { Outlet, Session } from '../../lib/core/sessions.js'
import { fakeClock, frame, memoryStore, testCore } from './core.js'
import type { FakeClock, MemoryStore, TestCore } from './core.js'

export interface LifeClient {
  readonly session: Session
  readonly stream: Managed
  /** Stanzas that came over this connection. */
  readonly got: string[]
  /** Each h that it was told; the one of <resumed/> first. */
  readonly told: number[]
  /** Stream errors. */
  readonly closed: string[]
  /** Stanzas that came, over all connections of its stream. */
  readonly count: number
  /** A stanza; resolves when the next may be handled. */
  send(xml: string): Promise<void>
  /** <r/> */
  ask(): void
  /** <a/>, of all that came or of so many. */
  acknowledge(h?: number): void
  /** The connection breaks. */
  lose(): void
}

export interface Life {
  readonly store: MemoryStore
  readonly core: TestCore
  readonly clock: FakeClock
  /** @param lasts seconds that its stream may be detached; 0: it cannot be resumed; null: no stream management */
  login(full: string, lasts?: number | null): Promise<LifeClient>
  /** @param count stanzas that the client has; a number or null: it is over (Resumption.resume) */
  resume(from: Pick<LifeClient, 'session' | 'count'>, count?: number): Promise<LifeClient | number | null>
  /** All that waits for a commit is decided, and what was acknowledged is written. */
  quiet(): Promise<void>
  crash(): Promise<Life>
}

export interface LifeOptions {
  /** With other nodes. */
  readonly bus?: Bus
  readonly settings?: Partial<Settings>
  readonly routes?: readonly Route[]
}

export const turn = (ms = 20): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Nothing is asked of it, and nothing answered, once it is dead. */
const mortal = <S extends object>(store: S, isDead: () => boolean): S => new Proxy(store, {
  get: (target, name) => {
    const method = Reflect.get(target, name) as unknown
    if (typeof method !== 'function') return method
    return async (...args: unknown[]): Promise<unknown> => {
      if (isDead()) return new Promise(() => {})
      const answer = await (method as (...a: unknown[]) => Promise<unknown>).apply(target, args)
      return isDead() ? new Promise(() => {}) : answer
    }
  },
})

interface Wired extends LifeClient {
  bind(session: Session, before: number): void
  readonly outlet: Outlet & Wire
}

const makeClient = (core: TestCore): Wired => {
  let over = false
  let counting = false
  let count = 0
  let session: Session | null = null
  let handling: Promise<unknown> = Promise.resolve()
  let handled = 0
  const leave = (): void => {
    if (session !== null && session.outlet === outlet && !core.resumption.detach(session)) void core.sessionOver(session, false)
  }
  const outlet: Outlet & Wire = {
    get isOver() {
      return over
    },
    write: (octets, declared, given: Given | null = null) => {
      if (over) return given === null && session?.open === true && session.stream?.resumable === true && deferredOf(session).write(octets, declared)
      const stream = session?.stream ?? null
      if (stream !== null) return stream.write(octets, declared, given)
      outlet.put(octets, declared)
      return true
    },
    put: (octets) => {
      if (over) return
      client.got.push(octets)
      if (counting) count++
    },
    acknowledge: (h) => void (over || client.told.push(h)),
    request: () => {},
    flushed: () => Promise.resolve(!over),
    handOver: async () => {
      outlet.close({ condition: 'conflict' } as never)
      await handling
      if (session !== null) await settled(session, 0)
    },
    close: (error) => {
      client.closed.push(error.condition)
      client.lose()
    },
    drop: () => client.lose(),
  }
  const client: Wired = {
    outlet, got: [], told: [], closed: [],
    get session() {
      return session as Session
    },
    get stream() {
      return session?.stream as Managed
    },
    get count() {
      return count
    },
    bind: (bound, before) => {
      session = bound
      counting = true
      count = before
    },
    send: async (xml) => {
      if (over) return
      const work = handled++ === 0 ? handle(core, client.session, xml) : handling.then(() => (over ? undefined : handle(core, client.session, xml)))
      handling = work.finally(() => handled--)
      await work
    },
    ask: () => client.stream.requested(),
    acknowledge: (h = count) => client.stream.acknowledge(h),
    lose: () => {
      if (over) return
      over = true
      // its session is left once what came is done
      if (handled === 0) leave()
      else void handling.then(leave)
    },
  }
  return client
}

const handle = async (core: TestCore, session: Session, xml: string): Promise<void> => {
  const stanza = frame(xml)
  const { stream } = session
  const number = stream === null ? 0 : ++stream.received
  if (stanza.kind === 'iq' && stream?.resumable === true && (stanza.type === 'get' || stanza.type === 'set')) stream.asks(stanza.id, stanza.to)
  const ending = core.router.fromClient(session, stanza)
  if ((ending instanceof Promise ? await ending : ending) !== 'logged') stream?.done(number)
}

export const firstLife = (accounts: readonly string[], options: LifeOptions = {}): Life => makeLife(memoryStore(accounts), fakeClock(), options)

const makeLife = (store: MemoryStore, clock: FakeClock, { settings = {}, routes, bus }: LifeOptions): Life => {
  let dead = false
  const { commit } = store.log
  const isDead = (): boolean => dead
  const stores: Stores = {
    presence: mortal(store.presence, isDead), log: mortal(store.log, isDead), resumption: mortal(store.streams, isDead), rosters: mortal(store.others.rosters, isDead),
    members: mortal(store.others.members, isDead), blocks: mortal(store.others.blocks, isDead), departures: mortal(store.others.departures, isDead),
  }
  const core = testCore({ store, stores, clock, settings, ...(routes === undefined ? {} : { routes }), ...(bus === undefined ? {} : { bus }) })
  const host = { ...core, settings: core.services.settings } as unknown as Host
  return {
    store, core, clock,
    login: async (full, lasts = 600) => {
      const client = makeClient(core)
      const jid = parseJid(full)
      const session = await bindResource(host, client.outlet, parseJid(jid.bare), jid.resource, '', (bound) => client.bind(bound, 0))
      if (lasts !== null) await core.resumption.enable(session, client.outlet, lasts, () => {})
      return client
    },
    resume: async (from, count = from.count) => {
      const found = await core.resumption.resume(from.session.account, from.session.id, () => true)
      if (found === null || typeof found === 'number') return found
      const client = makeClient(core)
      client.bind(found.session, count)
      client.told.push(found.h)
      found.attach(client.outlet, client.outlet, count)
      return client
    },
    quiet: async () => {
      await turn(0)
      await core.log.idle(5000)
      await core.acks.flush()
    },
    crash: async () => {
      dead = true
      store.log.before = () => {}
      Object.assign(store.log, { commit })
      const next = makeLife(store, clock, { settings, ...(routes === undefined ? {} : { routes }), ...(bus === undefined ? {} : { bus }) })
      await next.core.resumption.restore()
      return next
    },
  }
}

/** `resume` where it has to succeed. */
export const resumed = async (life: Life, from: Pick<LifeClient, 'session' | 'count'>, count?: number): Promise<LifeClient> => {
  const client = await life.resume(from, count)
  if (client === null || typeof client === 'number') throw new Error(`not resumed: ${client}`)
  return client
}

/** Both see each other's presence. */
export const befriend = ({ contacts }: MemoryStore, one: string, other: string): void => {
  for (const [account, jid] of [[one, other], [other, one]] as const) {
    const rows = contacts.get(account) ?? new Map<string, Contact>()
    contacts.set(account, rows.set(jid, { jid, name: '', groups: [], subscription: 'both', ask: false, approved: false, request: null, listed: true, ver: 1 }))
  }
}

/** What a client has got, without what comes with it. */
export const bodies = (got: readonly string[]): string[] => got.filter((g) => g.startsWith('<message')).map((g) => /<body>([^<]*)/.exec(g)?.[1] ?? '')
export const chat = (to: string, text: string, more = ''): string => `<message to='${to}' type='chat'><body>${text}</body>${more}</message>`
export const headline = (to: string, text: string): string => `<message to='${to}' type='headline'><body>${text}</body></message>`
/** A promise, and what resolves it. */
export const gate = (): { held: Promise<void>; open: () => void } => {
  let open = (): void => {}
  const held = new Promise<void>((resolve) => {
    open = resolve
  })
  return { held, open }
}
export const until = async (fits: () => boolean): Promise<boolean> => {
  for (let i = 0; i < 250 && !fits(); i++) await turn()
  return fits()
}
