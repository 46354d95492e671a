import t from 'tap'
import { makeAccounts, networkOf } from '../../lib/core/accounts.js'
import { fakeClock } from '../helpers/core.js'

const keeper = { isPassword: () => true, create: () => Promise.resolve(true), setPassword: () => Promise.resolve(true), remove: () => Promise.resolve(true) }

t.test('an address has its share again an hour after its first attempt', async (t) => {
  const clock = fakeClock()
  const accounts = makeAccounts(keeper, clock, 2)
  const register = (address = '192.0.2.1'): Promise<boolean> => accounts.register('a@localhost', 'x', address)
  t.ok(await register())
  clock.time += 3_000_000
  t.ok(await register())
  await t.rejects(register(), /too many accounts/)
  t.ok(await register('192.0.2.2'), 'another')
  clock.time += 600_001
  t.ok(await register())
})

t.test('addresses of one IPv6 network are one', async (t) => {
  t.equal(networkOf('192.0.2.1'), '192.0.2.1')
  t.equal(networkOf('2001:db8::1'), '2001:db8:0:0')
  t.equal(networkOf('2001:db8:0:0:1:2:3:4'), '2001:db8:0:0')
  t.equal(networkOf('2001:db8:0:1::'), '2001:db8:0:1')
  t.equal(networkOf('::1'), '0:0:0:0')
})
