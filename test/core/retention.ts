// The pass over all accounts: slow, not stopped by one that fails, ended when the server is.
import t from 'tap'
import { AwayError } from '../../lib/base/errors.js'
import { startRetention } from '../../lib/core/retention.js'
import type { RetentionParts, RetentionStore } from '../../lib/core/retention.js'
import { fakeClock } from '../helpers/core.js'

const settings: RetentionParts['settings'] = { archiveMaxAge: 0, archiveMaxMessages: 0, offlineMaxAge: 0, resumeWindow: 0 }
// its timers keep no process alive
const alive = setInterval(() => {}, 1000)
t.teardown(() => clearInterval(alive))
const keep = (): number => Infinity
const bounce = (): Promise<void> => Promise.resolve()

/** A store that knows these accounts and hands none of them out. */
const storeOf = (accounts: readonly string[], claim: (account: string) => Promise<null>): RetentionStore => {
  const unused = (): Promise<never> => Promise.reject(new Error('not for an account that is not ours'))
  return {
    accounts: (after) => Promise.resolve(accounts.filter((a) => a > after)), claim,
    bounds: unused, seqAt: unused, expired: unused, acknowledge: unused, remove: unused, tidy: unused, noteTidied: unused, dropWords: unused,
  }
}

t.test('every account has its turn, one that fails and one while the database is away among them', async (t) => {
  const seen: string[] = []
  const reported: string[] = []
  let all = (): void => {}
  const done = new Promise<void>((resolve) => {
    all = resolve
  })
  const store = storeOf(['a', 'b', 'c'], (account) => {
    seen.push(account)
    if (account === 'c') all()
    return account === 'a' ? Promise.reject(new Error('a bug')) : account === 'b' ? Promise.reject(new AwayError('away')) : Promise.resolve(null)
  })
  const retention = startRetention({ store, settings, clock: fakeClock(), keep, bounce, report: (error, account) => void reported.push(`${account} ${(error as Error).message}`) })
  await done
  await retention.stop()
  t.same(seen, ['a', 'b', 'c'])
  t.same(reported, ['a a bug'])
})

t.test('it stops at once, whatever it waits for', async (t) => {
  let asked = 0
  const retention = startRetention({ store: storeOf(['a'], () => {
    asked++
    return Promise.resolve(null)
  }), settings, clock: fakeClock(), keep, bounce, report: () => {} })
  await retention.stop()
  t.equal(asked, 0)
})
