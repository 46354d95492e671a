// The cases: what clients do, how many of them, and what of it is counted.
import { flatOut, timed } from '../../../lib/replay/pace.js'
import type { Pace } from '../../../lib/replay/pace.js'
import type { Script } from '../../../lib/replay/script.js'
import { UsageError } from '../../../lib/base/errors.js'
import { chat, fanOut, idle, keeping, loggingIn, scattered } from './traces.js'
import type { Variant } from './server.js'

/** message: one delivered · presence: one stanza received · log-in: in and out again · connection: one that is there. */
export type Unit = 'message' | 'presence' | 'log-in' | 'connection'

export interface Case {
  readonly name: string
  readonly words: string
  readonly unit: Unit
  readonly variant: Variant
  readonly tls: boolean
  readonly copies: number
  /** Accounts of one copy. */
  readonly team: number
  /** Connections at once. */
  readonly connections: number
  /** held: as fast as what is waited for comes, but nobody writes before all are there · a number: so many stanzas a second. */
  readonly pace: Pace | 'held' | number
  /** The accounts are those among whom presence is subscribed. */
  readonly contacts: boolean
  /** Its latency means something: it follows from rate and window else. */
  readonly timed: boolean
  script(): Script
}

/** How large everything is. */
export interface Sizes {
  readonly pairs: readonly number[]
  readonly seconds: number
  readonly warmUp: number
  /** Stanzas a second where that is fixed. */
  readonly rate: number
  readonly groups: number
  /** Accounts that write to random ones of each other. */
  readonly group: number
  readonly contacts: number
  /** At once. */
  readonly loginsAtOnce: number
  readonly idle: number
  readonly mailboxes: number
  readonly batch: number
}

export const FULL: Sizes = { pairs: [200, 1000], seconds: 8, warmUp: 3, rate: 2000, groups: 20, group: 100, contacts: 200, loginsAtOnce: 32, idle: 1000, mailboxes: 20, batch: 500 }
export const QUICK: Sizes = { pairs: [20], seconds: 2, warmUp: 1, rate: 200, groups: 2, group: 20, contacts: 20, loginsAtOnce: 8, idle: 200, mailboxes: 4, batch: 50 }

/** Messages a second that no server and no generator here comes near, by how many are on their way at once. */
const FASTEST = { one: 40_000, ten: 200_000 } as const
/** Of one trace, for its ids are kept by each copy. */
const MOST = 60_000
/** Changes of presence, for a copy looks through those before it. */
const CHANGES = 20_000
/** Comings of each who was away; of one trace, too: each is a connection of it. */
const COMINGS = 200
const HOUR = 3_600_000

export const casesFor = (sizes: Sizes): Case[] => {
  const { seconds, warmUp, rate, groups, group, contacts } = sizes
  /** Messages of one of so many copies, so that none comes to the end of its trace: some are faster than others. */
  const enough = (fastest: number, copies: number): number => Math.min(MOST, Math.ceil(2 * fastest * (seconds + warmUp + 1) / copies))
  const pairs = (name: string, window: number, count: number, more: { variant?: Variant; tls?: boolean } = {}): Case => ({
    name: `${name}-${count}-w${window}${more.tls === true ? '-tls' : ''}`,
    words: `chat, ${count} pairs that write both ways, ${window === 1 ? 'one message' : `${window} messages`} of each on the way${more.tls === true ? ', STARTTLS' : ''}${more.variant === 'durable' ? ', archive on' : ''}`,
    unit: 'message', variant: more.variant ?? 'routed', tls: more.tls === true, copies: count, team: 2, connections: 2 * count, pace: 'held', contacts: false, timed: false,
    script: () => chat(window, enough(window === 1 ? FASTEST.one : FASTEST.ten, count)),
  })
  const few = sizes.pairs[0] as number
  const still = { unit: 'message', variant: 'routed', tls: false, contacts: false, timed: false } as const
  const open = (tls: boolean): Case => ({
    ...still, tls, name: tls ? 'open-tls' : 'open', words: `${rate} messages a second, whatever comes back, ${few} pairs${tls ? ', STARTTLS' : ''}: latency from when each was due`,
    copies: few, team: 2, connections: 2 * few, pace: rate, timed: true, script: () => chat(Infinity, enough(rate, few)),
  })
  const waiting = (tls: boolean): Case => ({
    ...still, tls, name: tls ? 'idle-tls' : 'idle', words: `${sizes.idle} connections that say nothing, ${tls ? 'STARTTLS' : 'plaintext'}: memory of the server's processes`,
    unit: 'connection', copies: sizes.idle, team: 1, connections: sizes.idle, pace: timed(1), script: () => idle(HOUR),
  })
  return [
    ...[false, true].flatMap((tls) => sizes.pairs.flatMap((count) => [1, 10].map((window) => pairs('chat', window, count, { tls })))),
    open(false), open(true),
    {
      ...still, name: 'random', words: `${groups * group} users, each message to a random one of ${group}, one for each user on the way`,
      copies: groups, team: group, connections: groups * group, pace: 'held', script: () => scattered(group, enough(FASTEST.one, groups)),
    },
    {
      ...still, name: 'presence', words: `presence of one user to ${contacts} contacts, again and again`, unit: 'presence',
      copies: 1, team: contacts + 1, connections: contacts + 1, pace: 'held', contacts: true, script: () => fanOut(contacts, Math.min(CHANGES, enough(FASTEST.ten / contacts, 1))),
    },
    {
      ...still, name: 'login', words: `in and out again, ${sizes.loginsAtOnce} at once: SCRAM with kept keys, binding, presence, end of stream; latency until the stream can be used`, unit: 'log-in',
      copies: sizes.loginsAtOnce, team: 1, connections: sizes.loginsAtOnce, pace: flatOut, timed: true, script: loggingIn,
    },
    {
      ...still, name: 'offline', words: `${sizes.batch} messages to one who is away, who then comes and gets them, ${sizes.mailboxes} at once`,
      copies: sizes.mailboxes, team: 2, connections: 2 * sizes.mailboxes, pace: flatOut, script: () => keeping(sizes.batch, COMINGS),
    },
    waiting(false), waiting(true),
    ...[1, 10].map((window) => pairs('durable', window, few, { variant: 'durable' })),
  ]
}

/** @param words names of cases, or what they begin with */
export const chosen = (cases: readonly Case[], words: string | undefined): Case[] => {
  if (words === undefined) return [...cases]
  const wanted = new Set(words.split(',').flatMap((word) => {
    const text = word.trim()
    const same = cases.filter(({ name }) => name === text)
    const found = same.length > 0 ? same : cases.filter(({ name }) => name.startsWith(`${text}-`))
    if (found.length === 0) throw new UsageError(`--only names '${text}'; there are ${cases.map(({ name }) => name).join(', ')}, or what they begin with`)
    return found
  }))
  return cases.filter((one) => wanted.has(one))
}
