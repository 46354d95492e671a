// Nodes with leases in simulated time: clocks that step, drift and stand still, processes that freeze, and a database that is
// slow, away, or does what it is told and says nothing. After each event it is checked that nobody acts who was reaped.
import { AwayError } from '../../lib/base/errors.js'
import { makeLease } from '../../lib/cluster/lease.js'
import type { Lease } from '../../lib/cluster/lease.js'
import type { LeaseStore } from '../../lib/core/ports.js'

/** ms; those of routing.md, step 8. */
export const TIMES = { lease: 10_000, grace: 60_000, silentAfter: 65_000 }
const TICK = TIMES.lease / 3
/** ms until a question that the database did not get, or whose answer was lost, fails. */
const GIVEN_UP = 2000

interface Row { epoch: number; counter: number; signedOff: boolean; reapedBy: string | null }

/** What happens to what a node asks. 'away': nothing is done. 'mute': it is done, and the answer is lost. */
export type Network = { there: number; back: number; fails: 'never' | 'away' | 'mute' }

const turn = (): Promise<void> => new Promise((resolve) => {
  setImmediate(resolve)
})

/** @param rates how fast the clock of each node is */
export const makeWorld = (rates: readonly number[]) => {
  let time = 0
  let order = 0
  let agenda: { at: number; order: number; run: () => void }[] = []
  const table = new Map<string, Row>()
  /** What happened, as `time node event`; and what must not. */
  const events: string[] = []
  const violations: string[] = []
  /** Of every epoch of every node, for they live on after they were reaped. */
  const all: { id: string; epoch: number; lease: Lease }[] = []
  const after = (ms: number, run: () => void): void => void agenda.push({ at: time + ms, order: order++, run })

  const makeNode = (id: string, rate: number) => {
    let frozen = false
    let dead = false
    let missed = 0
    let stood = 0
    let stepped = 0
    let inbox: (() => void)[] = []
    const node = {
      id, network: { there: 1, back: 1, fails: 'never' } as Network, reapNetwork: null as Network | null, asked: 0, reaps: 0, lease: null as unknown as Lease, epoch: 0, restarts: true,
      freeze: () => {
        frozen = true
      },
      /** @param slept ms for which its machine was suspended: its monotonic clock stood still @param first what came first: the tick that was missed, or answers */
      thaw: (slept = 0, first: 'tick' | 'answers' = 'tick') => {
        stood += slept
        frozen = false
        if (first === 'tick' && missed > 0) beat()
        for (const run of inbox) run()
        inbox = []
        if (first === 'answers' && missed > 0) beat()
        missed = 0
      },
      step: (ms: number) => {
        stepped += ms
      },
      kill: () => {
        dead = true
      },
      signOff: () => {
        node.lease.close()
        const row = table.get(id) as Row
        row.signedOff = true
        dead = true
      },
      start: () => {
        const epoch = (table.get(id)?.epoch ?? 0) + 1
        node.epoch = epoch
        table.set(id, { epoch, counter: 0, signedOff: false, reapedBy: null })
        node.lease = makeLease({ store: storeOf(epoch), clock, node: { id, epoch }, times: TIMES, events: {
          silent: () => say('silent'), resumed: () => say('resumed'), failed: () => {},
          reaped: (other, its) => say(`reaped ${other}/${its}`),
          lost: () => {
            say('lost')
            if (node.epoch === epoch && node.restarts) node.start()
          },
        } })
        all.push({ id, epoch, lease: node.lease })
        beat()
      },
    }
    const say = (event: string): void => void events.push(`${Math.round(time)} ${id} ${event}`)
    const clock = { now: () => 1e12 + time * rate + stepped, monotonic: () => time * rate - stood }
    const beat = (): void => {
      if (!dead) void node.lease.tick()
    }
    const every = (): void => {
      if (frozen) missed++
      else beat()
      after(TICK / rate, every)
    }
    after(TICK / rate, every)

    const ask = <T>(run: () => T, { there, back, fails } = node.network): Promise<T> => new Promise((resolve, reject) => {
      node.asked++
      const deliver = (answer: () => void) => (): void => void (frozen ? inbox.push(answer) : answer())
      const fail = deliver(() => reject(new AwayError('away')))
      after(there, () => {
        if (fails === 'away') return after(GIVEN_UP, fail)
        const result = run()
        after(back, fails === 'mute' ? fail : deliver(() => resolve(result)))
      })
    })
    const storeOf = (epoch: number): LeaseStore => {
      const mine = (): Row | null => {
        const row = table.get(id)
        return row?.epoch === epoch && !row.signedOff && row.reapedBy === null ? row : null
      }
      return {
        renew: () => ask(() => {
          const row = mine()
          if (row === null) return null
          row.counter++
          return time
        }),
        watch: () => ask(() => [...table].filter(([other, row]) => other !== id && row.reapedBy === null)
          .map(([other, { epoch: its, counter, signedOff }]) => ({ id: other, epoch: its, counter, signedOff }))),
        reap: (other, its, counter) => {
          node.reaps++
          const reaper = `${id} ${epoch}`
          return ask(() => {
            const row = table.get(other)
            if (row?.epoch !== its || row.counter !== counter || (row.reapedBy ?? reaper) !== reaper) return false
            row.reapedBy = reaper
            row.signedOff = true
            return true
          }, node.reapNetwork ?? node.network)
        },
      }
    }
    node.start()
    return node
  }

  const check = (): void => {
    for (const { id, epoch, lease } of all) {
      const row = table.get(id) as Row
      if ((row.epoch > epoch || row.reapedBy !== null || row.signedOff) && lease.mayAct()) violations.push(`${Math.round(time)} ${id}/${epoch} may act`)
    }
  }

  const nodes = rates.map((rate, i) => makeNode('abc'[i] as string, rate))
  return {
    nodes, events, violations, table,
    get time() {
      return time
    },
    after,
    /** Let so much time pass. */
    pass: async (ms: number): Promise<void> => {
      const until = time + ms
      await turn()
      for (;;) {
        let next = null as (typeof agenda)[number] | null
        for (const entry of agenda) if (entry.at <= until && (next === null || entry.at < next.at || (entry.at === next.at && entry.order < next.order))) next = entry
        if (next === null) break
        agenda = agenda.filter((entry) => entry !== next)
        time = next.at
        next.run()
        check()
        await turn()
        check()
      }
      time = until
      check()
    },
    /** Those of these kinds, without their times. */
    said: (...kinds: string[]): string[] => events.map((event) => event.replace(/^\d+ /, '')).filter((event) => kinds.some((kind) => event.includes(kind))),
  }
}
