// The judge by itself: every way in which messages can come.
import t from 'tap'
import type { Frame } from '../../lib/base/stanza.js'
import { makeJudge } from '../../lib/replay/judge.js'
import type { Inbox, Judge } from '../../lib/replay/judge.js'
import { makeMeasures } from '../../lib/replay/measure.js'
import type { Measures } from '../../lib/replay/measure.js'
import { frameOf } from '../../lib/wire/framer.js'

interface Scene {
  readonly judge: Judge
  readonly measures: Measures
  readonly flow: number
  readonly say: (count: number) => Frame[]
  readonly hear: (inbox: Inbox, ...frames: (Frame | undefined)[]) => void
  readonly verdict: () => Record<string, number>
}

const scene = (): Scene => {
  const measures = makeMeasures()
  const judge = makeJudge('run-', measures)
  const flow = judge.flow(7)
  return {
    judge, measures, flow,
    say: (count) => Array.from({ length: count }, () => frameOf(`<message id='${judge.send(flow, 0, () => {})}'/>`)),
    hear: (inbox, ...frames) => frames.forEach((frame) => judge.arrive(inbox, frame as Frame, 1)),
    verdict: () => {
      const { delivered, duplicated, outOfOrder, repeated } = measures.counts
      return { delivered, duplicated, outOfOrder, repeated, flying: judge.flying() }
    },
  }
}
const GOOD = { duplicated: 0, outOfOrder: 0, repeated: 0, flying: 0 }

t.test('in order, once', async (t) => {
  const { judge, flow, say, hear, verdict } = scene()
  hear(judge.inbox([flow]), ...say(5))
  t.same(verdict(), { ...GOOD, delivered: 5 })
})

t.test('one that overtakes is not what is wrong: those it overtook are', async (t) => {
  const { judge, flow, say, hear, verdict } = scene()
  const [a, b, c, d] = say(4)
  hear(judge.inbox([flow]), a, d, b, c)
  t.same(verdict(), { ...GOOD, delivered: 4, outOfOrder: 2 })
})

t.test('also the first one that a session gets', async (t) => {
  const { judge, flow, say, hear, verdict } = scene()
  const [a, b] = say(2)
  hear(judge.inbox([flow]), b, a)
  t.same(verdict(), { ...GOOD, delivered: 2, outOfOrder: 1 })
})

t.test('what comes twice is delivered once, also where it comes late', async (t) => {
  const { judge, flow, say, hear, verdict } = scene()
  const [a, b, c] = say(3)
  hear(judge.inbox([flow]), a, a, b, c, a)
  t.same(verdict(), { ...GOOD, delivered: 3, duplicated: 2 })
})

t.test('two sessions of an account at once get the same', async (t) => {
  const { judge, flow, say, hear, verdict } = scene()
  const [one, two] = [judge.inbox([flow]), judge.inbox([flow])]
  const [a, b] = say(2)
  hear(one, a, b)
  hear(two, a, b)
  t.same(verdict(), { ...GOOD, delivered: 2 })
  hear(two, b)
  t.equal(verdict()['duplicated'], 1)
})

t.test('a later session that gets again what one before it got: repeated, which is allowed', async (t) => {
  const { judge, flow, say, hear, verdict } = scene()
  const [a, b] = say(2)
  hear(judge.inbox([flow]), a)
  const [c] = say(1)
  hear(judge.inbox([flow]), a, b, c)
  t.same(verdict(), { ...GOOD, delivered: 3, repeated: 1 })
})

t.test('order does not hold from one stream of the speaker to the next', async (t) => {
  const { judge, flow, say, hear, verdict } = scene()
  const [a, b] = say(2)
  judge.renew(flow)
  const [c, d] = say(2)
  hear(judge.inbox([flow]), a, c, b, d)
  t.same(verdict(), { ...GOOD, delivered: 4 })
})

t.test('what never comes is on its way for good, of its account; what is refused is not', async (t) => {
  const { judge, flow, say, hear, verdict, measures } = scene()
  const [a, b, c] = say(3)
  hear(judge.inbox([flow]), a, frameOf(`<message type='error' id='${(c as Frame).id}'/>`))
  t.same(verdict(), { ...GOOD, delivered: 1, flying: 1 })
  t.equal(measures.counts.refused, 1)
  t.equal(judge.flying(7), 1)
  t.equal(judge.flying(8), 0)
  t.ok(b)
})

t.test('what is none of ours does not count: other runs, numbers that were never given', async (t) => {
  const { judge, flow, say, verdict } = scene()
  say(1)
  const inbox = judge.inbox([flow])
  for (const id of ['', 'other-0.0', 'run-0.1', 'run-5.0', 'run-x', 'run-0.x']) t.notOk(judge.arrive(inbox, frameOf(`<message id='${id}'/>`), 1), id)
  t.equal(verdict()['delivered'], 0)
})
