// What is told until it has been heard: the last of each kind, in bounds (durability.md D16).
import t from 'tap'
import { makeInsisting } from '../../lib/core/insisting.js'
import { fakeClock } from '../helpers/core.js'

const turn = (ms = 5): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

t.test('what fails is tried again, the last of each key, until it works; what is forgotten is not', async (t) => {
  const { insist, forget, ...rest } = makeInsisting(fakeClock())
  const tried: string[] = []
  let works = false
  const attempt = (what: string) => async (): Promise<boolean> => {
    tried.push(what)
    return works
  }
  insist('a', attempt('a1'))
  insist('a', attempt('a2'))
  insist('b', attempt('b1'))
  insist('c', () => Promise.reject(new Error('fails')))
  await turn()
  t.same(tried.splice(0), ['a1', 'a2', 'b1'], 'each at once')
  forget('b')
  await turn(1100)
  t.same(tried.splice(0), ['a2'])
  works = true
  await turn(1100)
  t.same(tried.splice(0), ['a2'])
  forget('c')
  await turn(1100)
  t.same(tried, [])
  t.same(Object.keys(rest), ['isIdle'])
})

t.test('an attempt under way does not come again behind a newer one', async (t) => {
  const { insist } = makeInsisting(fakeClock())
  let end = (_done: boolean): void => {}
  let tries = 0
  insist('a', () => {
    tries++
    return new Promise((resolve) => {
      end = resolve
    })
  })
  insist('a', async () => true)
  await turn()
  end(false)
  await turn(1100)
  t.equal(tries, 1)
})

t.test('past its bound the oldest is left out, and past ten minutes all', async (t) => {
  const clock = fakeClock()
  const made = makeInsisting(clock, 3)
  const tried: string[] = []
  for (const key of ['1', '2', '3', '4']) {
    made.insist(key, async () => {
      tried.push(key)
      return false
    })
  }
  await turn()
  tried.length = 0
  await turn(1100)
  t.same(tried.splice(0), ['2', '3', '4'])
  clock.time += 600_001
  await turn(1100)
  t.same(tried.splice(0), ['2', '3', '4'], 'a last time')
  await turn(1100)
  t.same(tried, [])
  t.ok(made.isIdle)
})
