// The gate by itself, on a clock that a test sets.
import t from 'tap'
import { makeGate } from '../../lib/net/gate.js'
import type { Gate, GateOptions } from '../../lib/net/gate.js'

const OPTIONS: GateOptions = { unauthenticated: 4, unauthenticatedPerAddress: 2, connections: 6, failuresPerAddress: 5, failuresPerAccount: 2 }

const gateWith = (more: Partial<GateOptions> = {}): { gate: Gate; pass(ms: number): Promise<void> } => {
  // the cache under it reads its clock at most once a millisecond, and 0 is no time to it
  let now = 1000
  const gate = makeGate({ ...OPTIONS, ...more }, { now: () => now, monotonic: () => now })
  return {
    gate,
    pass: async (ms) => {
      now += ms
      await new Promise((resolve) => setTimeout(resolve, 5))
    },
  }
}

t.test('who is not logged in is counted, in all and by address; who left or logged in no more', async (t) => {
  const { gate } = gateWith()
  t.same([gate.arrive('a'), gate.arrive('a'), gate.arrive('a')], [true, true, false], 'two from one address')
  t.same([gate.arrive('b'), gate.arrive('c'), gate.arrive('d')], [true, true, false], 'four in all')
  t.same([gate.unauthenticated, gate.connections], [4, 4])
  gate.authenticated('a')
  t.same([gate.unauthenticated, gate.connections], [3, 4])
  t.ok(gate.arrive('a'), 'a place is free again at that address')
  gate.closed('b', false)
  t.same([gate.unauthenticated, gate.connections], [3, 4])
  gate.closed('a', true)
  t.same([gate.unauthenticated, gate.connections], [3, 3])
  for (const address of ['a', 'a', 'c']) gate.closed(address, false)
  t.same([gate.unauthenticated, gate.connections], [0, 0])
  t.same([gate.arrive('a'), gate.arrive('a'), gate.arrive('a')], [true, true, false])
})

t.test('all connections together have a bound too', async (t) => {
  const { gate } = gateWith({ connections: 3 })
  for (const address of ['a', 'b', 'c']) {
    t.ok(gate.arrive(address))
    gate.authenticated(address)
  }
  t.notOk(gate.arrive('d'))
  gate.closed('a', true)
  t.ok(gate.arrive('d'))
})

t.test('an account\'s wait doubles with each wrong guess beyond the free ones, to half a minute', async (t) => {
  const { gate, pass } = gateWith({ failuresPerAddress: 1000 })
  const waits: number[] = []
  for (let i = 0; i < 10; i++) {
    gate.failed('a', 'romeo@localhost')
    waits.push(gate.wait('elsewhere', 'romeo@localhost'))
  }
  t.same(waits, [0, 0, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
  t.equal(gate.wait('a', 'juliet@localhost'), 0)
  await pass(29_999)
  t.equal(gate.wait('b', 'romeo@localhost'), 1)
  await pass(1)
  t.equal(gate.wait('b', 'romeo@localhost'), 0)
  gate.failed('a', 'romeo@localhost')
  t.equal(gate.wait('b', 'romeo@localhost'), 30_000, 'the next wrong guess locks again at once')
  gate.succeeded('a', 'romeo@localhost')
  t.equal(gate.wait('b', 'romeo@localhost'), 0, 'a right one forgives the account')
  gate.failed('a', 'romeo@localhost')
  t.equal(gate.wait('b', 'romeo@localhost'), 0)
})

t.test('an address waits for every account, up to five minutes, and a right password elsewhere does not forgive it', async (t) => {
  const { gate, pass } = gateWith()
  for (let i = 0; i < 6; i++) gate.failed('a', `user${i}@localhost`)
  t.equal(gate.wait('a', ''), 1000)
  t.equal(gate.wait('a', 'juliet@localhost'), 1000)
  t.equal(gate.wait('b', 'juliet@localhost'), 0)
  gate.succeeded('a', 'juliet@localhost')
  t.equal(gate.wait('a', 'juliet@localhost'), 1000)
  for (let i = 0; i < 30; i++) gate.failed('a', '')
  t.equal(gate.wait('a', ''), 300_000)
  await pass(300_000)
  t.equal(gate.wait('a', ''), 0)
})

t.test('what happened a quarter of an hour ago is forgotten', async (t) => {
  const { gate, pass } = gateWith()
  for (let i = 0; i < 8; i++) gate.failed('a', 'romeo@localhost')
  await pass(15 * 60_000 + 1)
  gate.failed('a', 'romeo@localhost')
  t.equal(gate.wait('a', 'romeo@localhost'), 0)
})

t.test('no more is remembered than 50,000 addresses and accounts, the oldest go first', async (t) => {
  const { gate } = gateWith()
  for (let i = 0; i < 3; i++) gate.failed('x', 'first@localhost')
  t.equal(gate.wait('y', 'first@localhost'), 1000)
  for (let i = 0; i < 50_000; i++) gate.failed(`address${i}`, `user${i}@localhost`)
  t.equal(gate.wait('y', 'first@localhost'), 0)
})
