// XEP-0198 from the client's side: what `h` releases, and an `h` that cannot be true.
import t from 'tap'
import { management } from '../../lib/chaos/management.js'

const sent = (count: number): ReturnType<typeof management> => {
  const sm = management()
  for (let i = 0; i < count; i++) sm.push({ octets: `<message id='${i}'/>`, message: i })
  return sm
}

t.test('h releases what it covers and nothing else', async (t) => {
  const sm = sent(5)
  t.match(sm.acknowledge(2), { released: [{ message: 0 }, { message: 1 }], wrong: null })
  t.same(sm.queue.map(({ message }) => message), [2, 3, 4])
  t.match(sm.acknowledge(2), { released: [], wrong: null })
  t.equal(sm.acknowledge(5).released.length, 3)
  t.same(sm.queue, [])
})

t.test('a falling h is told and releases nothing', async (t) => {
  const sm = sent(5)
  sm.acknowledge(4)
  t.same(sm.acknowledge(3), { released: [], wrong: 'fell' })
  t.equal(sm.queue.length, 1)
  t.equal(sm.acked, 4)
})

t.test('an h above what was sent is told', async (t) => {
  const sm = sent(5)
  t.match(sm.acknowledge(6), { wrong: 'above' })
  t.equal(sm.acked, 5)
})

t.test('an h that is no number is told', async (t) => {
  for (const h of [NaN, -1, 1.5, 2 ** 32]) t.match(sent(1).acknowledge(h), { released: [], wrong: 'malformed' })
})
