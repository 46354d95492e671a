// Words of a text, for finding messages by them (XEP-0431): runs of letters and digits, in one case and without accents, so
// that what a person types finds what another wrote. Scripts that put no space between words are cut by dictionary.

/** Of longer ones the beginning counts. */
const LONGEST = 40
/** Of one text. */
const MOST = 2000

const RUN = /[\p{L}\p{N}\p{M}_]+/gu
const ASCII = /^\w+$/
const MARKS = /\p{M}+/gu
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u

let segmenter: Intl.Segmenter | null = null

const segments = (run: string): string[] => {
  segmenter ??= new Intl.Segmenter('und', { granularity: 'word' })
  return [...segmenter.segment(run)].filter((part) => part.isWordLike === true).map((part) => part.segment)
}

/** Sigma has two small forms. By code points, for a cut must leave no half of a character. */
const folded = (run: string): string => [...run.normalize('NFKD').replace(MARKS, '').toLowerCase().replaceAll('ς', 'σ')].slice(0, LONGEST).join('')

/** Each once, in the order of the text. */
export const wordsOf = (text: string): readonly string[] => {
  const words = new Set<string>()
  const add = (run: string): void => {
    const word = ASCII.test(run) ? run.toLowerCase().slice(0, LONGEST) : folded(run)
    if (word !== '') words.add(word)
  }
  for (const [run] of text.matchAll(RUN)) {
    if (UNSPACED.test(run)) segments(run).forEach(add)
    else add(run)
    if (words.size >= MOST) break
  }
  return [...words]
}
