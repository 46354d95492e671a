// The contract of the simulation's database (test/simulation/statements.ts): the same calls of the stores, drawn at random,
// have the same answers from it as from Postgres (embedded or a server).
import t from 'tap'
import { random } from '../../lib/chaos/random.js'
import type { Random } from '../../lib/chaos/random.js'
import { record } from '../../lib/core/journal.js'
import type { Db, LeftSession, LogEntry, Logging, Owner, SessionRow, StreamRow } from '../../lib/core/ports.js'
import { leaseStore } from '../../lib/store/lease.js'
import { logStore } from '../../lib/store/log.js'
import { joinNodes, orphans } from '../../lib/store/node.js'
import { presenceStore } from '../../lib/store/presence.js'
import { resumptionStore } from '../../lib/store/resumption.js'
import { takeoverStore } from '../../lib/store/takeover.js'
import { testDatabase } from '../helpers/database.js'
import { Database } from '../simulation/database.js'
import { makeProcess } from '../simulation/scheduler.js'
import { meaningOf } from '../simulation/statements.js'

const ACCOUNTS = ['a@localhost', 'b@localhost', 'c@localhost']
const NOBODY = 'nobody@localhost'
const RESOURCES = ['one', 'two']
const NODES = ['n1', 'n2']
const CALLS = 1500

/** What both are asked. Each call is told by its name in what does not fit. */
interface Calls {
  readonly db: Db
  /** By id: the life that it is in. */
  readonly lives: Map<string, { readonly node: Owner; n: number; readonly takeover: ReturnType<typeof takeoverStore> }>
}

const plain = (value: unknown): unknown => {
  if (value instanceof Map) return [...value].map(([k, v]): [unknown, unknown] => [k, plain(v)]).sort((x, y) => (String(x[0]) < String(y[0]) ? -1 : 1))
  if (value instanceof Set) return [...value as Set<string>].toSorted()
  if (Array.isArray(value)) return value.map(plain)
  if (value !== null && typeof value === 'object') return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined).sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => [k, plain(v)]))
  return value
}
const sorted = (values: readonly unknown[]): unknown[] => [...values].sort((x, y) => (JSON.stringify(plain(x)) < JSON.stringify(plain(y)) ? -1 : 1))

/** One call, drawn; done alike to both. */
const draw = (chance: Random): { readonly name: string; readonly run: (calls: Calls) => Promise<unknown> } => {
  const account = chance.pick(ACCOUNTS)
  const other = chance.pick([...ACCOUNTS, NOBODY])
  const resource = chance.pick(RESOURCES)
  const sessionId = `${account}/${resource}/${chance.below(2)}`
  const node = chance.pick(NODES)
  const [x, y, z] = [chance.below(6), chance.below(4), chance.next()]
  const incarnation = 1 + chance.below(3)
  const session = (calls: Calls, fresh: boolean): SessionRow => ({
    account, resource, sessionId, incarnation, node, epoch: calls.lives.get(node)?.node.epoch ?? 0, priority: y === 0 ? null : y, presence: y === 0 ? null : `<presence id='${x}'/>`, fresh,
  })
  const stream: StreamRow = {
    account, sessionId, resource, incarnation, lasts: 600, h: x, outbound: y, position: x, unacked: y === 0 ? [] : [{ number: y, seq: x + 1, form: 'original' }],
    requests: [], details: `{"lang":"${x}"}`, folded: y, detached: z < 0.5 ? null : 1000 + x,
  }
  const message = (): Logging => ({ receiver: other, sender: account, xml: `<message id='${x}'><body>${chance.below(1000)}</body></message>`, received: chance.pick([2, 3, 1]), sent: chance.pick([0, 5, 12]) })
  const messages = Array.from({ length: chance.below(3) }, message)
  const fence = chance.below(4)
  const mark = chance.below(1000)
  const reaped = chance.pick(NODES)
  const life = (calls: Calls) => calls.lives.get(node) as NonNullable<ReturnType<Calls['lives']['get']>>
  const blob = z < 0.5 ? '' : record({ account, sessionId, incarnation, h: x + 1, records: [{ number: y + 1, seq: x + 1, form: 'original' }], requests: [], details: null })
  const commit = async (calls: Calls): Promise<unknown> => {
    const here = life(calls)
    const generation = (await calls.db.query<{ generation: number }>('select a.account, a.generation, p.session_id as "sessionId", p.resource, p.node, p.epoch from account a left join presence p on p.account = a.account\n    where a.account = any($1) and a.deleted is null', [[account]]))[0]?.generation ?? 0
    const made = await logStore(calls.db, here.node, 'always').commit({
      n: here.n + (fence === 0 ? 2 : 1), messages, blob, mark, at: 1000 + x, ...(fence === 1 ? {} : { fences: new Map([[account, fence === 2 ? generation + 1 : generation]]) }),
    })
    here.n++
    return made
  }
  const log = (calls: Calls): ReturnType<typeof logStore> => logStore(calls.db, life(calls).node, 'always')
  const streams = (calls: Calls): ReturnType<typeof resumptionStore> => resumptionStore(calls.db, life(calls).node)
  const lease = (calls: Calls): ReturnType<typeof leaseStore> => leaseStore(calls.db, life(calls).node, 5000)
  const all: readonly (readonly [string, (calls: Calls) => Promise<unknown>])[] = [
    ['bind', (calls) => presenceStore(calls.db).save([session(calls, true)])],
    ['bind', (calls) => presenceStore(calls.db).save([session(calls, true)])],
    ['save', (calls) => presenceStore(calls.db).save([session(calls, false)])],
    ['update', (calls) => presenceStore(calls.db).update([session(calls, false)])],
    ['close', (calls) => presenceStore(calls.db).close([session(calls, false)])],
    ['remove', (calls) => presenceStore(calls.db).remove([session(calls, false)])],
    ['owners', (calls) => presenceStore(calls.db).owners([account, other])],
    ['said', async (calls) => sorted(await presenceStore(calls.db).said([account, other], life(calls).node))],
    ['lookup', async (calls) => new Map([...await presenceStore(calls.db).lookup([account, other], { node, epoch: life(calls).node.epoch })].map(([k, r]) => [k, { ...r, elsewhere: sorted(r.elsewhere) }]))],
    ['commit', commit], ['commit', commit], ['commit', commit], ['commit', commit],
    ['decide', async (calls) => {
      const here = life(calls)
      const made = await log(calls).decide({ n: here.n + (fence === 0 ? 0 : 1), messages, blob, mark, at: 1000 })
      if (fence !== 0) here.n++
      return made
    }],
    ['waiting', (calls) => log(calls).waiting([account, other])],
    ['pull', (calls) => log(calls).pull(account, x, x + 8, 1 + y)],
    ['read', (calls) => log(calls).read(account, x, 1 + y)],
    ['entries', (calls): Promise<readonly LogEntry[]> => log(calls).entries(account, [x, y, x + 3])],
    ['recent', (calls) => log(calls).recent(account, other, 1 + y)],
    ['lasts', (calls) => log(calls).lasts([account, other])],
    ['acknowledge', (calls) => log(calls).acknowledge(new Map([[account, [x + 1, x + 3]]]))],
    ['enable', (calls) => streams(calls).save({ ...stream, folded: 0 })], ['enable', (calls) => streams(calls).save(stream)],
    ['resume', (calls) => streams(calls).resume({ ...stream, incarnation: incarnation + 1 }, incarnation)],
    ['fold', (calls) => streams(calls).fold([stream])],
    ['trim', (calls) => streams(calls).trim(x)],
    ['end', (calls) => streams(calls).end([{ account, sessionId, h: y === 0 ? null : x }], 1000 + x)],
    ['note', (calls) => streams(calls).note([{ account: other, sessionId: `${other}/${x}`, resource }], 1000 + x)],
    ['handled', (calls) => streams(calls).handled(account, sessionId)],
    ['unclean', async (calls) => sorted(await streams(calls).unclean())],
    ['forget', (calls) => streams(calls).forget(z < 0.2 ? 1003 : 0)],
    ['take', (calls) => life(calls).takeover.take(account, sessionId)],
    ['adopt', async (calls): Promise<unknown> => {
      const from = await orphans(calls.db)
      const [first] = sorted(from) as Owner[]
      return first === undefined ? [] : sorted(await life(calls).takeover.adopt(first, 1 + y) as LeftSession[])
    }],
    ['renew', async (calls) => await lease(calls).renew() === null],
    ['watch', (calls) => lease(calls).watch()],
    ['reap', async (calls) => (z < 0.2 ? await lease(calls).reap(reaped, life(calls).node.epoch, y) : null)],
    ['join', async (calls) => {
      if (z > 0.3) return null
      const made = await joinNodes(calls.db, node)
      calls.lives.set(node, { node: made, n: 0, takeover: takeoverStore(calls.db, made) })
      return made
    }],
  ]
  const [name, run] = chance.pick(all)
  return { name: `${name} ${node} ${sessionId} ${other} ${x} ${y} ${fence}`, run }
}

const answer = async (work: Promise<unknown>): Promise<string> => {
  try {
    return JSON.stringify(plain(await work)) ?? 'nothing'
  } catch (error) {
    return `threw ${(error as Error).name}: ${(error as Error).message}`
  }
}

t.test('the simulated database answers as Postgres does', async (t) => {
  const real = await testDatabase(t)
  for (const account of ACCOUNTS) await real.query('insert into account (account) values ($1)', [account])
  const simulated = new Database({ current: null, now: 0, after: (ms, _, run) => (ms < 1000 ? run() : undefined), at: (_time, _, run) => run() }, meaningOf, new Set())
  for (const account of ACCOUNTS) simulated.tables.account.set(account, { seq: 0, generation: 0 })
  const process_ = makeProcess('contract', 1)
  const both: Calls[] = []
  for (const db of [real, simulated.connect(process_, () => ({ there: 0, back: 0, fails: 'never' }))]) {
    const lives: Calls['lives'] = new Map()
    for (const id of NODES) {
      const node = await joinNodes(db, id)
      lives.set(id, { node, n: 0, takeover: takeoverStore(db, node) })
    }
    both.push({ db, lives })
  }
  const chance = random('contract')
  const told = new Map<string, number>()
  for (let i = 0; i < CALLS; i++) {
    const { name, run } = draw(chance)
    const [kind] = name.split(' ') as [string]
    const [postgres, ours] = [await answer(run(both[0] as Calls)), await answer(run(both[1] as Calls))]
    told.set(kind, (told.get(kind) ?? 0) + (postgres.length > 4 ? 1 : 0))
    if (postgres !== ours) {
      t.equal(ours, postgres, `call ${i}: ${name}`)
      break
    }
  }
  t.ok((told.get('commit') ?? 0) > 100 && (told.get('take') ?? 0) > 5 && (told.get('pull') ?? 0) > 10, JSON.stringify([...told]))
})
