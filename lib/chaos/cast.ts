// Who takes part: accounts with one to three clients, each with its own habits. Everything follows from the seed.
import type { Random } from './random.js'

/**
 * resume: keeps its session (XEP-0198 §5) · forgetful: could, but sometimes binds anew · acks: acknowledgements only ·
 * none: no stream management.
 */
export type Keeping = 'resume' | 'forgetful' | 'acks' | 'none'

/** unique: long and never used twice · short: 1, 2, 3 … anew at each log-in · long: the same with 16 characters · origin: short, and an origin-id. */
export type Ids = 'unique' | 'short' | 'long' | 'origin' | 'none'

export interface Credentials {
  /** Bare JID. */
  readonly jid: string
  readonly password: string
}

export interface Profile {
  readonly index: number
  readonly account: number
  readonly bare: string
  readonly password: string
  readonly resource: string
  readonly full: string
  readonly priority: number
  readonly keeping: Keeping
  readonly ids: Ids
  readonly carbons: boolean
  /** Breaks its connection now and then and stays away for a while. */
  readonly cuts: boolean
  /** Acknowledges unasked after so many stanzas; 0: only when asked. */
  readonly ackEvery: number
  /** Asks for an acknowledgement (or pings) after so many stanzas. */
  readonly askEvery: number
  /** Sends its first stanzas together with <enable/>. */
  readonly pipelines: boolean
  /** Without stream management: sends again what nothing proved taken. */
  readonly resends: boolean
  /** ms of silence, while it waits for something, after which it breaks the connection itself. */
  readonly patience: number
  /** Does what the account does once: subscriptions. */
  readonly leads: boolean
}

export interface Account {
  readonly jid: string
  readonly password: string
  readonly clients: readonly number[]
  /** Accounts subscribed to it, and it to them. */
  readonly contacts: readonly number[]
}

export interface Cast {
  readonly clients: readonly Profile[]
  readonly accounts: readonly Account[]
}

/** Clients of the next accounts, in turn. */
const SIZES = [1, 2, 1, 3, 1, 2] as const
const PRIORITIES: Record<number, readonly number[]> = { 1: [0], 2: [5, 0], 3: [1, 1, -1] }
/** Of each ten clients. */
const KEEPING: readonly Keeping[] = ['resume', 'resume', 'resume', 'none', 'resume', 'acks', 'resume', 'forgetful', 'resume', 'none']
const IDS: readonly Ids[] = ['unique', 'unique', 'short', 'origin', 'none', 'unique', 'long', 'origin', 'unique', 'short']
/** Neighbours in a ring: with these on both sides, presence of one goes to eight accounts. */
const REACH = 4

/** How many accounts so many clients have. */
export const accountsFor = (clients: number): number => {
  let accounts = 0
  for (let left = clients; left > 0; accounts++) left -= SIZES[accounts % SIZES.length] as number
  return accounts
}

export const makeCast = (count: number, credentials: readonly Credentials[], random: Random): Cast => {
  const clients: Profile[] = []
  const total = accountsFor(count)
  const accounts = credentials.slice(0, total).map(({ jid, password }, account): Account => {
    const size = Math.min(SIZES[account % SIZES.length] as number, count - clients.length)
    const first = clients.length
    for (let i = 0; i < size; i++) {
      const index = clients.length
      const resource = `${random.pick(['tablet', 'phone', 'desk', 'web'])}-${index}`
      const keeping = KEEPING[random.below(KEEPING.length)] as Keeping
      clients.push({
        index, account, bare: jid, password, resource, full: `${jid}/${resource}`,
        priority: (PRIORITIES[size] as readonly number[])[i] as number,
        keeping, ids: IDS[random.below(IDS.length)] as Ids,
        carbons: size > 1 && random.chance(0.6),
        cuts: index % 2 === 0,
        ackEvery: random.chance(0.4) ? 0 : 1 + random.below(8),
        askEvery: 1 + random.below(10),
        pipelines: random.chance(0.5),
        resends: random.chance(0.5),
        patience: random.between(6000, 20_000),
        leads: i === 0,
      })
    }
    return { jid, password, clients: clients.slice(first).map(({ index }) => index), contacts: contactsOf(account, total) }
  })
  return { clients, accounts }
}

const contactsOf = (account: number, total: number): number[] => {
  const found = new Set<number>()
  for (let step = 1; step <= REACH; step++) {
    found.add((account + step) % total)
    found.add((account - step + total * REACH) % total)
  }
  found.delete(account)
  return [...found].toSorted((a, b) => a - b)
}
