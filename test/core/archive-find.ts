// How far the archive is looked through for what no index knows.
import t from 'tap'
import { createElement as el } from 'ltx'
import { findPage } from '../../lib/core/archive-find.js'
import type { ArchiveQuery, ArchiveSource, FoundHead, Hits } from '../../lib/core/archive-find.js'
import { archiveRequest, MAM } from '../../lib/core/archive-query.js'
import { jidParser } from '../../lib/base/jid.js'

const jid = jidParser()
const everything: ArchiveQuery = { account: 'romeo@localhost', after: 0, before: 1e9, from: 0, until: 1e15, peer: null }

/** An archive of `n` messages, of which every `nth` is from the balcony; all hold the word "common", in batches of a thousand. */
const sourceOf = (n: number, nth: number): ArchiveSource & { asked: number } => {
  const entry = (seq: number): FoundHead =>
    ({ seq, mark: 0, at: 0, flags: 1, bytes: 1, head: `<message from='juliet@localhost/${seq % nth === 0 ? 'balcony' : 'tomb'}'>` })
  const range = (after: number, before: number, order: 'asc' | 'desc', limit: number): FoundHead[] => {
    const [low, high] = [Math.max(after, 0) + 1, Math.min(before, n + 1) - 1]
    const length = Math.max(0, Math.min(limit, high - low + 1))
    return Array.from({ length }, (_, i) => entry(order === 'asc' ? low + i : high - i))
  }
  const source: ArchiveSource & { asked: number } = {
    asked: 0,
    find: () => Promise.reject(new Error('not asked here')),
    pick: () => Promise.reject(new Error('not asked here')),
    heads: ({ after, before }, order, limit) => {
      source.asked++
      return Promise.resolve(range(after, before, order, limit))
    },
    batches: (_, word, { above, below, before }, order, limit) => {
      source.asked++
      const all = Array.from({ length: Math.ceil(n / 1000) }, (_, i) => (i + 1) * 1000).filter((end) => end > above && end < below && end - 1000 < before - 1)
      return Promise.resolve(word === 'absent' ? [] : (order === 'asc' ? all : all.toReversed()).slice(0, limit))
    },
    search: ({ after, before }, batches, words, order, limit) => {
      if (words.includes('seldom')) return Promise.resolve([])
      return Promise.resolve(range(Math.max(after, Math.min(...batches) - 1000), Math.min(before, Math.max(...batches) + 1), order, limit))
    },
  }
  return source
}

const ask = (source: ArchiveSource, fields: Record<string, string>, { max = 2, before = false } = {}): Promise<Hits> => {
  const payload = el('query', { xmlns: MAM },
    el('x', { xmlns: 'jabber:x:data' }, ...Object.entries(fields).map(([name, value]) => el('field', { var: name }, el('value', {}, value)))),
    el('set', { xmlns: 'http://jabber.org/protocol/rsm' }, ...(before ? [el('before')] : [])))
  return findPage(source, archiveRequest(payload, jid, 100), everything, max, jid)
}
const BALCONY = { with: 'juliet@localhost/balcony' }
const words = (text: string): Record<string, string> => ({ '{urn:xmpp:fulltext:0}fulltext': text })
const seqs = ({ found, complete }: Hits): unknown[] => [found.map((e) => e.seq), complete]

t.test('one resource is looked for round by round, from the end that is asked for', async (t) => {
  t.same(seqs(await ask(sourceOf(5000, 1500), BALCONY)), [[1500, 3000], false])
  t.same(seqs(await ask(sourceOf(5000, 1500), BALCONY, { before: true })), [[4500, 3000], false])
  t.same(seqs(await ask(sourceOf(5000, 1500), BALCONY, { max: 3 })), [[1500, 3000, 4500], true])
  t.same(seqs(await ask(sourceOf(5000, 1e9), BALCONY)), [[], true])
})

t.test('not for ever: a page may be short, and an empty one is refused, for nobody could go on from it', async (t) => {
  const source = sourceOf(1e6, 40_000)
  t.same(seqs(await ask(source, BALCONY)), [[40_000], false])
  t.equal(source.asked, 50)
  await t.rejects(ask(sourceOf(1e6, 60_000), BALCONY), /ask with start or end/)
})

t.test('words are looked for batch by batch, few at first', async (t) => {
  const source = sourceOf(1e6, 1)
  t.same(seqs(await ask(source, words('common'))), [[1, 2], false])
  t.same(seqs(await ask(source, words('common'), { before: true })), [[1_000_000, 999_999], false])
  t.equal(source.asked, 2)
  t.same(seqs(await ask(source, words('absent'))), [[], true])
  t.same(seqs(await ask(source, words('— !'))), [[], true])
  t.same(seqs(await ask(source, words('common seldom'))), [[], true], 'to the end of a long archive')
  await t.rejects(ask(sourceOf(1e7, 1), words('common seldom')), /ask with start or end/, 'but not of one without end')
})

t.test('words of one resource: what does not fit is passed over', async (t) => {
  t.same(seqs(await ask(sourceOf(9000, 2500), { ...words('common'), ...BALCONY })), [[2500, 5000], false])
  t.same(seqs(await ask(sourceOf(9000, 2500), { ...words('common'), ...BALCONY }, { before: true, max: 5 })), [[7500, 5000, 2500], true])
  t.same(seqs(await ask(sourceOf(1e6, 45_000), { ...words('common'), ...BALCONY })), [[45_000], false])
})
