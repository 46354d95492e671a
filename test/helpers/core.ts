// The router with its parts for a test: sessions whose outlets record what they are given, a clock that stands still, a bus
// on which the test plays the other nodes.
import type { Bus, Clock, Contact, ContactChange, Departure, HandOver, Location, Owners, PresenceStore, Raised, Route as Found, RosterStore, SessionRow } from '../../lib/core/ports.js'
import { makeCore } from '../../lib/core/core.js'
import type { Core, Stores } from '../../lib/core/core.js'
import { makeMember } from '../../lib/core/members.js'
import type { Route, Services } from '../../lib/core/route.js'
import { makeSession, settled } from '../../lib/core/sessions.js'
import type { Outlet, Session } from '../../lib/core/sessions.js'
import { defaultSettings } from '../../lib/base/config.js'
import type { Settings } from '../../lib/base/config.js'
import { jidParser, parseJid } from '../../lib/base/jid.js'
import type { Stanza } from '../../lib/base/stanza.js'
import { frameOf } from '../../lib/wire/framer.js'
import { AwayError } from '../../lib/base/errors.js'
import { QUEUED } from '../../lib/core/ports.js'
import { memoryLog, memoryStreams } from './memory-log.js'
import type { MemoryLog, MemoryStreams } from './memory-log.js'
import { ROUTES } from '../../routes/index.js'

export interface FakeClock extends Clock {
  time: number
}
export const fakeClock = (): FakeClock => ({ time: 1_000_000, now() { return this.time }, monotonic() { return this.time } })

/** Offline messages and presence rows in memory, for tests of what the core makes of a store's answers. */
export interface MemoryStore {
  readonly presence: PresenceStore
  readonly log: MemoryLog
  readonly streams: MemoryStreams
  /** Rosters, block lists and departures, by account. */
  readonly others: Pick<Stores, 'rosters' | 'members' | 'blocks' | 'departures'>
  readonly contacts: Map<string, Map<string, Contact>>
  readonly departed: Map<string, Departure>
  readonly accounts: Set<string>
  readonly rows: Map<string, SessionRow>
  /** Another node has changed the account's sessions. */
  raise(account: string): number
  /** What waits, in order. */
  readonly messages: { account: string; xml: string; seq: number }[]
  /** What other nodes' sessions a look-up finds. */
  readonly elsewhere: Map<string, Location[]>
  /** Accounts of each look-up. */
  readonly lookups: string[][]
  /** Throw at the next calls. */
  broken: boolean
  /** Awaited before a look-up answers (after it has read). */
  hold: Promise<void>
}

export const memoryStore = (accounts: readonly string[]): MemoryStore => {
  const generations = new Map<string, number>()
  const generation = (account: string): number => generations.get(account) ?? 0
  const raise = (account: string): number => {
    generations.set(account, generation(account) + 1)
    return generation(account)
  }
  const check = (): void => {
    if (store.broken) throw new AwayError('test')
  }
  const known = new Set(accounts)
  const log = memoryLog(known, generation)
  log.before = check
  const contacts = new Map<string, Map<string, Contact>>()
  const departed = new Map<string, Departure>()
  const rows = new Map<string, SessionRow>()
  const store: MemoryStore = {
    contacts, departed, others: memoryAccounts(accounts, contacts, departed),
    accounts: known, rows, raise, elsewhere: new Map(), lookups: [], broken: false, hold: Promise.resolve(), log, streams: memoryStreams(log, NODE, rows),
    get messages() {
      return [...log.entries_].flatMap(([account, entries]) => entries.filter((e) => (e.flags & QUEUED) !== 0 && log.acknowledged.get(account)?.has(e.seq) !== true).map((e) => ({ account, xml: e.xml, seq: e.seq })))
    },
    presence: {
    save: async (rows) => {
      check()
      const lost = new Set<string>()
      const unclean = new Set<string>()
      for (const { fresh = false, ...row } of rows) {
        const key = `${row.account}/${row.resource}`
        const there = store.rows.get(key)
        if (fresh && there !== undefined && there.sessionId !== row.sessionId) unclean.add(row.account)
        // sessions of a test may have begun without a row
        if (fresh || there === undefined || (there.sessionId === row.sessionId && there.incarnation === row.incarnation)) store.rows.set(key, row)
        else lost.add(row.sessionId)
      }
      return { raised: new Map(rows.map((r): [string, Raised] => [r.account, { generation: raise(r.account), seq: log.entries_.get(r.account)?.length ?? 0 }])), unclean, lost }
    },
    close: async (rows) => new Map(rows.map((r): [string, Raised] => [r.account, { generation: raise(r.account), seq: log.entries_.get(r.account)?.length ?? 0 }])),
    update: async (rows) => {
      check()
      for (const row of rows) if (store.rows.get(`${row.account}/${row.resource}`)?.sessionId === row.sessionId) store.rows.set(`${row.account}/${row.resource}`, row)
    },
    remove: async (rows) => {
      check()
      for (const row of rows) {
        const key = `${row.account}/${row.resource}`
        if (store.rows.get(key)?.sessionId === row.sessionId) store.rows.delete(key)
      }
      return new Map(rows.map((r): [string, Raised] => [r.account, { generation: raise(r.account), seq: log.entries_.get(r.account)?.length ?? 0 }]))
    },
    owners: async (asked) => {
      check()
      return new Map(asked.filter((a) => store.accounts.has(a)).map((account): [string, Owners] => [account, {
        generation: generation(account), sessions: new Map([...store.rows.values()].filter((r) => r.account === account).map((r) => [r.sessionId, { id: r.node, epoch: r.epoch, resource: r.resource }])),
      }]))
    },
    said: async (asked, { id, epoch }) => {
      check()
      return [...store.rows.values()].flatMap((r) => (asked.includes(r.account) && r.presence !== null && !(r.node === id && r.epoch === epoch) ? [{ account: r.account, resource: r.resource, presence: r.presence }] : []))
    },
    lookup: async (asked) => {
      store.lookups.push([...asked])
      check()
      const found = new Map<string, Found>(asked.filter((a) => store.accounts.has(a)).map((a) => [a, { generation: generation(a), elsewhere: [...store.elsewhere.get(a) ?? []] }]))
      await store.hold
      return found
    },
    },
  }
  return store
}

/** Rosters as lib/store/roster.ts keeps them, but for the memory of removals. */
const memoryAccounts = (accounts: readonly string[], contacts: Map<string, Map<string, Contact>>, departed: Map<string, Departure>): MemoryStore['others'] => {
  const blocked = new Map<string, readonly string[]>()
  const versions = new Map<string, number>()
  const of = (account: string): Map<string, Contact> => contacts.get(account) ?? new Map<string, Contact>()
  const write = (account: string, before: Contact | null, after: ContactChange | undefined) => {
    if (after === undefined) return { contact: before, changed: null }
    const ver = (versions.get(account) ?? 0) + 1
    versions.set(account, ver)
    const kept = after.listed || after.request !== null
    const rows = of(account)
    if (kept) rows.set(after.jid, { ...after, ver })
    else rows.delete(after.jid)
    contacts.set(account, rows)
    return { contact: kept ? { ...after, ver } : null, changed: after.listed || before?.listed === true ? ver : null }
  }
  const rosters: RosterStore = {
    list: async (account) => ({ ver: versions.get(account) ?? 0, floor: 0, contacts: [...of(account).values()].filter((c) => c.listed) }),
    change: async (user, contact, decide) => {
      const own = of(user).get(contact) ?? null
      const theirs = accounts.includes(contact) ? of(contact).get(user) ?? null : undefined
      const size = { listed: 0, requests: 0 }
      const after = decide(own, theirs, { own: size, theirs: size })
      return { own: write(user, own, after.own), theirs: write(contact, theirs ?? null, theirs === undefined ? undefined : after.theirs) }
    },
  }
  return {
    rosters,
    members: {
      load: async (asked) => new Map(asked.map((account) => {
        const rows = [...of(account).values()]
        return [account, {
          to: rows.filter((c) => c.subscription === 'to' || c.subscription === 'both').map((c) => c.jid),
          from: rows.filter((c) => c.subscription === 'from' || c.subscription === 'both').map((c) => c.jid),
          requests: new Map(rows.flatMap((c) => (c.request === null ? [] : [[c.jid, c.request] as const]))),
          blocked: blocked.get(account) ?? [], photo: '',
        }]
      })),
    },
    blocks: {
      load: async (asked) => new Map(asked.flatMap((account) => (blocked.has(account) ? [[account, blocked.get(account) ?? []] as const] : []))),
      add: async (account, jids) => {
        blocked.set(account, [...new Set([...blocked.get(account) ?? [], ...jids])])
        return blocked.get(account) ?? []
      },
      remove: async (account, jids) => {
        blocked.set(account, jids === null ? [] : (blocked.get(account) ?? []).filter((j) => !jids.includes(j)))
        return blocked.get(account) ?? []
      },
    },
    departures: {
      save: async (all) => {
        for (const { account, at, presence } of all) departed.set(account, { at, presence })
      },
      load: async (asked, withWords) => new Map([...departed].filter(([account, { presence }]) => asked.includes(account) && (!withWords || presence !== null))),
    },
  }
}

export interface TestSession extends Session {
  /** What was written to it. */
  readonly got: string[]
  /** False: its connection takes nothing any more. */
  takes: boolean
}

export interface TestCore extends Core {
  readonly clock: FakeClock
  readonly bugs: unknown[]
  /** A session that is available with this priority; null: bound only. Its account has no contacts. */
  session(full: string, priority?: number | null, lang?: string): TestSession
  /** A session as a log-in makes it: bound only, with what the store knows of its account. */
  login(full: string): Promise<TestSession>
  /** Route a stanza of a session's client. */
  from(session: Session, xml: string): Promise<unknown>
}

export interface CoreOptions {
  readonly store: MemoryStore
  /** Real stores instead of those in memory. */
  readonly stores?: Partial<Stores>
  readonly routes?: readonly Route[]
  readonly bus?: Bus
  readonly settings?: Partial<Settings>
  readonly clock?: FakeClock
  readonly db?: Services['db']
}

export const frame = (xml: string): Stanza => frameOf(Buffer.from(xml).latin1Slice()) as Stanza

const ALONE: Bus = { connected: false, up: true, send: () => Promise.resolve('refused'), hand: (_to, _account, _xml, _declared, settle) => settle('refused'), invalidate: () => {} }

/** A bus on which the test decides what the other nodes answer. */
export const scriptedBus = (): Bus & { up: boolean; sent: { to: Location; xml: string }[]; answer: (to: Location) => HandOver; told: string[] } => {
  const bus = {
    connected: true, up: true, sent: [] as { to: Location; xml: string }[], told: [] as string[],
    answer: (_to: Location): HandOver => 'accepted',
    send: (to: Location, _account: string, xml: string): Promise<HandOver> => {
      bus.sent.push({ to, xml })
      return Promise.resolve(bus.answer(to))
    },
    hand: (to: Location, account: string, xml: string, _declared: boolean, settle: (answer: HandOver) => void): void => void bus.send(to, account, xml).then(settle),
    invalidate: (account: string): void => void bus.told.push(account),
  }
  return bus
}

export const NODE = { id: 'here', epoch: 1 } as const
let ids = 0

/** A session that records; made by `session` and `login` of a core, or by itself. */
export const recordingSession = (full: string, { lang = '', member = makeMember(parseJid(full).bare) } = {}): TestSession => {
  const got: string[] = []
  const outlet: Outlet = {
    isOver: false,
    write: (octets) => {
      if (made.takes) got.push(octets)
      return made.takes
    },
    flushed: () => Promise.resolve(made.takes),
    handOver: () => Promise.resolve(),
    close: () => {},
    drop: () => {},
  }
  const made: TestSession = Object.assign(makeSession(parseJid(full), `s${++ids}`, lang, outlet, member), { got, takes: true, behind: false })
  return made
}

/** It has what it was given, and says so when it is asked (durability.md D18); no part of what a test looks at. */
const proves = (core: Core, session: TestSession): void => {
  const { outlet } = session
  const write = outlet.write.bind(outlet)
  outlet.write = (octets, declared) => {
    const proof = /^<iq type='get' id='(proof-\d+)'/.exec(octets)?.[1]
    if (proof === undefined || !session.takes) return write(octets, declared)
    queueMicrotask(() => void core.router.fromClient(session, frame(`<iq type='result' id='${proof}' to='${session.account}'/>`)))
    return true
  }
}

export const testCore = (options: CoreOptions): TestCore => {
  const { store, routes = ROUTES, bus = ALONE, clock = fakeClock() } = options
  const bugs: unknown[] = []
  const core = makeCore({
    settings: defaultSettings({ offlinePage: 3, routeCacheEntries: 100, routeNegativeEntries: 100, ...(options.bus === undefined ? {} : { durability: { '*': 'routed' as const } }), ...options.settings }),
    routes, bus, clock, jid: jidParser(), domains: new Set(['localhost', 'second.localhost']), node: NODE, linger: 0,
    db: options.db ?? { query: () => Promise.reject(new Error('no database in this test')), transaction: () => Promise.reject(new Error('no database in this test')) },
    stores: { presence: store.presence, log: store.log, resumption: store.streams, ...store.others, ...options.stores },
    bug: (error) => void bugs.push(error),
    accounts: {
      isPassword: (text) => text !== '',
      create: async (account) => !store.accounts.has(account) && store.accounts.add(account) !== undefined,
      setPassword: async (account) => store.accounts.has(account),
      remove: async (account) => store.accounts.delete(account),
    },
  })
  return {
    ...core, clock, bugs,
    session: (full, priority = 0, lang = '') => {
      const made = recordingSession(full, { lang })
      made.priority = made.wanted = priority
      proves(core, made)
      if (priority !== null) made.presence = { head: `<presence${made.from}`, tail: '/>', declared: false }
      made.position = store.log.entries_.get(made.account)?.length ?? 0
      core.sessions.add(made)
      return made
    },
    login: async (full) => {
      const made = recordingSession(full, { member: await core.members.acquire(parseJid(full).bare) })
      made.position = store.log.entries_.get(made.account)?.length ?? 0
      proves(core, made)
      core.sessions.add(made)
      return made
    },
    from: async (session, xml) => {
      const { delivered, stored, refused } = core.counters
      const ending = await core.router.fromClient(session, frame(xml))
      if (ending !== 'logged') return ending
      // its real ending, once it is committed, or another node has it; what clients have proved is written
      await core.log.idle(5000)
      await settled(session, 0)
      await core.acks.flush()
      return core.counters.refused > refused ? 'refused' : core.counters.stored > stored ? 'stored' : core.counters.delivered > delivered ? 'delivered' : ending
    },
  }
}
