import t from 'tap'
import { wordsOf } from '../../lib/base/words.js'

t.test('words are runs of letters and digits, in one case, without accents, each once', async (t) => {
  t.same(wordsOf("Call me but love, and I'll be new BAPTIZED; Call_me! 2×3 h₂o"), ['call', 'me', 'but', 'love', 'and', 'i', 'll', 'be', 'new', 'baptized', 'call_me', '2', '3', 'h2o'])
  t.same(wordsOf('Ἔρως ΕΡΩΣ ερωσ'), ['ερωσ'])
  t.same(wordsOf('Schön scho\u0308n Straße ﬁn'), ['schon', 'straße', 'fin'])
  t.same(wordsOf('—…!? \u0301 ☺'), [])
})

t.test('where no space stands between words, a dictionary cuts them', async (t) => {
  t.ok(wordsOf('私は東京に行きます').includes('東京'))
  t.same(wordsOf('東京'), ['東京'])
})

t.test('long words count by their beginning, and a text by its first words', async (t) => {
  t.same(wordsOf('x'.repeat(5000)), ['x'.repeat(40)])
  t.same(wordsOf(`${'x'.repeat(40)}tail`), ['x'.repeat(40)])
  for (const word of wordsOf('𝒳'.repeat(50) + ' ' + '𐐨'.repeat(50))) t.ok(word.isWellFormed() && [...word].length <= 40)
  t.equal(wordsOf(Array.from({ length: 5000 }, (_, i) => `w${i}`).join(' ')).length, 2000)
})
