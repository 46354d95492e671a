// Ids of log entries: both parts come back, and nothing else passes for one.
import t from 'tap'
import { idOf, logId } from '../../lib/core/log-id.js'

t.test('D5: an id is a number and random bits, and both come back', async (t) => {
  for (const id of [{ seq: 1, mark: 0 }, { seq: 4_503_599_627_370, mark: -1 }, { seq: 77, mark: 2_147_483_647 }, { seq: 2, mark: -2_147_483_648 }]) t.same(logId(idOf(id)), id)
})

t.test('nothing else is one', async (t) => {
  for (const text of ['', '1', '-', '1-', 'A-1', '1-1-1', '1-zzzzzzz', 'zzzzzzzzzzz-1', "1-1' or ''='", '１-1']) t.equal(logId(text), null, text)
})
