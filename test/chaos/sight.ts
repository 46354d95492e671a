// Presence as seen against presence as it is.
import t from 'tap'
import { falsePresence } from '../../lib/chaos/sight.js'

const TRUTH = new Map<string, number | null>([['juliet@localhost/balcony', 4], ['juliet@localhost/tomb', null], ['nurse@localhost/house', 1]])

t.test('what is true is not accused', async (t) => {
  t.same(falsePresence(new Map([['juliet@localhost/balcony', 4], ['nurse@localhost/house', 1]]), TRUTH), [])
})

t.test('an old presence, a missing one and a ghost are told apart', async (t) => {
  t.same(falsePresence(new Map([['juliet@localhost/balcony', 3], ['juliet@localhost/tomb', 2]]), TRUTH), [
    { full: 'juliet@localhost/balcony', seen: 3, truth: 4 },
    { full: 'juliet@localhost/tomb', seen: 2, truth: null },
    { full: 'nurse@localhost/house', seen: null, truth: 1 },
  ])
})

t.test('somebody who never was is a ghost', async (t) => {
  const seen = new Map([['juliet@localhost/balcony', 4], ['nurse@localhost/house', 1], ['tybalt@localhost/vault', 1]])
  t.same(falsePresence(seen, TRUTH), [{ full: 'tybalt@localhost/vault', seen: 1, truth: null }])
})
