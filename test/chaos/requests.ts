// Requests of one session: answered once, answered twice, never answered, and answers that nobody asked for.
import t from 'tap'
import { requests } from '../../lib/chaos/requests.js'

const PING = { what: 'ping', at: 1, proves: 3 }

t.test('a request waits until it is answered', async (t) => {
  const book = requests()
  book.ask('1', PING)
  t.equal(book.pending.size, 1)
  t.match(book.answer('1', 5, 'result'), { kind: 'pending', request: { what: 'ping', proves: 3, answeredAt: 5 } })
  t.equal(book.pending.size, 0)
})

t.test('one that is not answered stays', async (t) => {
  const book = requests()
  book.ask('1', PING)
  book.ask('2', PING)
  book.answer('2', 5, 'result')
  t.same([...book.pending.keys()], ['1'])
})

t.test('a second answer is known as one, with when it was asked', async (t) => {
  const book = requests()
  book.ask('1', PING)
  book.answer('1', 5, 'result')
  t.match(book.answer('1', 6, 'result'), { kind: 'again', request: { at: 1, answeredAt: 5, how: 'result' } })
})

t.test('an answer to nothing is known as one', async (t) => t.same(requests().answer('x', 1, 'result'), { kind: 'unknown' }))

t.test('answered requests are remembered in a bounded number', async (t) => {
  const book = requests()
  for (let i = 0; i < 2000; i++) {
    book.ask(String(i), PING)
    book.answer(String(i), i, 'result')
  }
  t.equal(book.answer('1999', 9, 'result').kind, 'again')
  t.equal(book.answer('0', 9, 'result').kind, 'unknown')
})
