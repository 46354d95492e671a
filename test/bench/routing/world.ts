// The world of the routing benchmark: accounts with one session each, as rows of the presence table in a real database and as
// production sessions with an outlet in this process; nodes; and a bus between them that hands over as the one over NATS does,
// without octets. Time is counted in turns, so that a run can be repeated.
import { makeJid } from '../../../lib/base/jid.js'
import type { Jid } from '../../../lib/base/jid.js'
import { makeMember } from '../../../lib/core/members.js'
import type { Bus, HandOver, Location, PresenceStore } from '../../../lib/core/ports.js'
import { makeSession, makeSessions } from '../../../lib/core/sessions.js'
import type { Outlet, Session, Sessions } from '../../../lib/core/sessions.js'
import type { Database } from '../../../lib/store/database.js'
import { presenceStore } from '../../../lib/store/presence.js'
import { applySchema } from '../../../lib/store/schema.js'
import type { Random } from '../../../lib/chaos/random.js'

export interface WorldNode {
  readonly id: string
  readonly sessions: Sessions
  /** What the other nodes tell it. */
  invalidated: (account: string, generation: number) => void
}

export interface World {
  readonly clock: { time: number; now(): number; monotonic(): number }
  readonly nodes: readonly WorldNode[]
  readonly store: PresenceStore
  readonly bus: Bus
  /** Stanzas that reached their session; that came to a node which had it no more. */
  readonly count: { arrived: number; refused: number }
  jid(account: number): Jid
  /** The node that has its session. */
  home(account: number): number
  /** What a commit for this account returns. */
  generation(account: number): number
  /** Fire and forget, as others do. False: nobody has it there any more. */
  push(account: number, location: Location): boolean
  /** Its user goes to another node: the row first, then the session, then the others hear of it. */
  move(account: number, to: number): Promise<void>
}

export const RESOURCE = 'r'
const EPOCH = 1
/** Rows in one statement. */
const SOME = 5000

const sessionId = (account: number, serial: number): string => `s${account}-${serial}`

export const makeWorld = async (db: Database, accounts: number, nodeCount: number): Promise<World> => {
  await applySchema(db)
  const store = presenceStore(db)
  const clock = { time: 0, now: () => clock.time, monotonic: () => clock.time }
  const count = { arrived: 0, refused: 0 }
  const outlet: Outlet = {
    isOver: false,
    write: () => {
      count.arrived++
      return true
    },
    flushed: () => Promise.resolve(true), handOver: () => Promise.resolve(), close: () => {}, drop: () => {},
  }
  const nodes: WorldNode[] = Array.from({ length: nodeCount }, (_, i) => ({ id: `node-${i}`, sessions: makeSessions(), invalidated: () => {} }))
  const jids = Array.from({ length: accounts }, (_, i) => makeJid(`u${i}`, 'localhost', RESOURCE))
  const homes = new Uint8Array(accounts)
  const serials = new Int32Array(accounts)
  const generations = new Int32Array(accounts)
  const at: Session[] = []

  const settle = (account: number, node: number): void => {
    const jid = jids[account] as Jid
    const session = makeSession(jid, sessionId(account, serials[account] as number), '', outlet, at[account]?.member ?? makeMember(jid.bare))
    session.priority = session.wanted = 0
    session.behind = false
    homes[account] = node
    at[account] = session
    nodes[node]?.sessions.add(session)
  }
  const row = (account: number, node: number): Parameters<PresenceStore['save']>[0][number] => ({
    account: (jids[account] as Jid).bare, resource: RESOURCE, sessionId: sessionId(account, serials[account] as number), incarnation: 1,
    node: (nodes[node] as WorldNode).id, epoch: EPOCH, priority: 0, presence: null, fresh: true,
  })
  const save = async (all: readonly number[]): Promise<void> => {
    const { raised } = await store.save(all.map((account) => row(account, homes[account] as number)))
    for (const account of all) generations[account] = raised.get((jids[account] as Jid).bare)?.generation ?? 0
  }

  await db.query('insert into node (id, epoch) select id, $2 from unnest($1::text[]) n (id)', [nodes.map((n) => n.id), EPOCH])
  for (let from = 0; from < accounts; from += SOME) {
    const all = Array.from({ length: Math.min(SOME, accounts - from) }, (_, i) => from + i)
    await db.query('insert into account (account) select * from unnest($1::text[])', [all.map((account) => (jids[account] as Jid).bare)])
    for (const account of all) settle(account, account % nodeCount)
    await save(all)
    // plans that were made for empty tables would stay
    if (from === 0) for (const table of ['account', 'presence']) await db.query(`analyze ${table}`)
  }
  await db.query('analyze account')
  await db.query('analyze presence')

  const take = ({ node, sessionId: id }: Location, account: string): boolean => {
    const session = nodes.find((n) => n.id === node)?.sessions.of(account).all.find((s) => s.id === id)
    if (session?.outlet.write('', false) === true) return true
    count.refused++
    return false
  }

  return {
    clock, nodes, store, count,
    bus: {
      connected: true, up: true,
      send: async (location, account): Promise<HandOver> => (take(location, account) ? 'accepted' : { generation: null }),
      hand: (location, account, _xml, _declared, settle) => settle(take(location, account) ? 'accepted' : { generation: null }),
      invalidate: () => {},
    },
    jid: (account) => jids[account] as Jid,
    home: (account) => homes[account] as number,
    generation: (account) => generations[account] as number,
    push: (account, location) => take(location, (jids[account] as Jid).bare),
    move: async (account, to) => {
      nodes[homes[account] as number]?.sessions.remove(at[account] as Session)
      serials[account]!++
      settle(account, to)
      await save([account])
      const { bare } = jids[account] as Jid
      for (const node of nodes) if (node !== nodes[to]) node.invalidated(bare, generations[account] as number)
    },
  }
}

/** Draws ranks 0 … n - 1 with a probability of 1/(rank + 1)^exponent (Zipf), by bisection of the sums. */
export const makeZipf = (n: number, exponent: number): ((random: Random) => number) => {
  const sums = new Float64Array(n)
  let sum = 0
  for (let i = 0; i < n; i++) sums[i] = sum += 1 / (i + 1) ** exponent
  return (random) => {
    const x = random.next() * sum
    let low = 0
    let high = n - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if ((sums[middle] as number) < x) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** The numbers below n in a random order. */
export const shuffled = (n: number, random: Random): Uint32Array => {
  const all = Uint32Array.from({ length: n }, (_, i) => i)
  for (let i = n - 1; i > 0; i--) {
    const j = random.below(i + 1)
    const swap = all[i] as number
    all[i] = all[j] as number
    all[j] = swap
  }
  return all
}
