// Who waits for an index, and for how long.
import t from 'tap'
import { upToDate } from '../../lib/core/indexing.js'
import type { Db } from '../../lib/core/ports.js'

const newDb = (): Db => ({ query: () => Promise.reject(new Error('unused')), transaction: () => Promise.reject(new Error('unused')) })
/** A step that the test ends: `go(true)`: there is no more. */
const steps = (): { step: () => Promise<boolean>; go: (done: boolean) => void; begun: number } => {
  const it: ReturnType<typeof steps> = { begun: 0, go: () => {}, step: () => {
    it.begun++
    return new Promise((resolve) => {
      it.go = resolve
    })
  } }
  return it
}
const soon = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

t.test('a search waits until there is no more; two of one account share the work', async (t) => {
  const db = newDb()
  const work = steps()
  const both = Promise.all([upToDate(db, 'a', work.step), upToDate(db, 'a', work.step)])
  work.go(false)
  await soon()
  work.go(true)
  await both
  t.equal(work.begun, 2)
})

t.test('it does not wait for ever, and the work goes on', async (t) => {
  const db = newDb()
  const work = steps()
  await t.rejects(upToDate(db, 'a', work.step, 5), /ask again/)
  const second = upToDate(db, 'a', work.step)
  work.go(true)
  await second
  t.equal(work.begun, 1)
})

t.test('who waits hears of an error; the next one tries again', async (t) => {
  const db = newDb()
  await t.rejects(upToDate(db, 'a', () => Promise.reject(new Error('away'))), /away/)
  await upToDate(db, 'a', () => Promise.resolve(true))
})

t.test('two accounts at once; others have their turn, and too many are refused', async (t) => {
  const db = newDb()
  const works = Array.from({ length: 200 }, steps)
  const all = works.map(({ step }, i) => upToDate(db, `a${i}`, step))
  await t.rejects(upToDate(db, 'one more', () => Promise.resolve(true)), /ask again/)
  t.equal(works.filter((w) => w.begun > 0).length, 2)
  for (const work of works) {
    while (work.begun === 0) await soon()
    t.ok(works.filter((w) => w.begun > 0).length <= works.indexOf(work) + 2)
    work.go(true)
    await soon()
  }
  await Promise.all(all)
})
