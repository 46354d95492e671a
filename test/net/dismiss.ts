// How a server that stops takes leave of its clients (lib/net/dismiss.ts).
import t from 'tap'
import { dismiss } from '../../lib/net/dismiss.js'
import type { Guest } from '../../lib/net/host.js'

const guests = (many: number): { guests: Guest[]; told: number[]; conditions: Set<string> } => {
  const told: number[] = []
  const conditions = new Set<string>()
  const guest = (): Guest => ({
    tick: () => {},
    drop: () => {},
    close: (error) => {
      told.push(performance.now())
      conditions.add(String(error?.condition))
    },
  })
  return { guests: Array.from({ length: many }, guest), told, conditions }
}
/** How many were told within each few ms. */
const crowds = (told: readonly number[]): number[] => {
  const counts: number[] = []
  told.forEach((at, i) => {
    if (i > 0 && at - (told[i - 1] as number) < 5) counts.push((counts.pop() as number) + 1)
    else counts.push(1)
  })
  return counts
}

t.test('without time all are told at once', (t) => {
  const { guests: all, told, conditions } = guests(500)
  void dismiss(all, 0)
  t.equal(told.length, 500)
  t.same([...conditions], ['system-shutdown'])
  t.end()
})

t.test('with time they are told a few at a time, each once, and all within it', async (t) => {
  const { guests: all, told } = guests(1000)
  const before = performance.now()
  await dismiss(all, 600)
  t.equal(told.length, 1000)
  const counts = crowds(told)
  t.ok(counts.length >= 5, counts.join(' '))
  t.equal(counts[0], 84)
  const last = (told.at(-1) as number) - before
  t.ok(last > 250 && last < 900, `the last after ${last} ms`)
})

t.test('few do not wait long, and nobody for nobody', async (t) => {
  const { guests: all, told } = guests(15)
  await dismiss(all, 60_000)
  t.same(crowds(told), [10, 5])
  await dismiss([], 60_000)
})
