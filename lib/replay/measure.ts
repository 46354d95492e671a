// What is measured: latencies in HDR histograms (of Node: 3 figures, 21 ns a record), over all and second by second, and
// counts. Latency is counted from when something was to be sent, not from when it was.
import { createHistogram } from 'node:perf_hooks'
import type { RecordableHistogram } from 'node:perf_hooks'

/** message: to its arrival · kept: the same, of one whose receiver is away · request: to its answer · login: from connecting to the features after it. */
export type Latency = 'message' | 'kept' | 'request' | 'login'

export type Count =
  | 'sent' | 'received' | 'messages' | 'delivered' | 'requests' | 'answered' | 'logins' | 'passes'
  | 'refused' | 'duplicated' | 'outOfOrder' | 'repeated' | 'lost' | 'unanswered' | 'broken' | 'loginsFailed' | 'heldBack'
  | 'gaveUpMust' | 'gaveUpSubscription' | 'gaveUpOwn'

export interface Bucket {
  /** Seconds from the start. */
  readonly at: number
  readonly seconds: number
  readonly sent: number
  readonly delivered: number
  /** ms */
  readonly p50: number
  readonly p99: number
  readonly max: number
}

export interface Measures {
  count(what: Count, n?: number): void
  took(what: Latency, from: number, to: number): void
  /** An error by its condition, or why a connection broke. */
  note(kind: 'error' | 'broken', what: string): void
  /** Called each second. */
  tick(now: number): void
  /** What is measured begins: points of a plot and `since` count from now on. `anew`: so do latencies, of what is due from now on. */
  begin(now: number, anew: boolean): void
  /** What was counted since it began. */
  since(): Record<Count, number>
  /** Over the whole run. */
  readonly counts: Readonly<Record<Count, number>>
  readonly latencies: Readonly<Record<Latency, RecordableHistogram>>
  readonly errors: ReadonlyMap<string, number>
  readonly breaks: ReadonlyMap<string, number>
  readonly buckets: readonly Bucket[]
}

/** Histograms count µs up to an hour. */
const HOUR = 3_600_000_000
const histogram = (): RecordableHistogram => createHistogram({ lowest: 1, highest: HOUR, figures: 3 })
/** Points of a plot; a longer run has wider ones. */
const MOST_BUCKETS = 600
/** Kinds of errors that are told apart. */
const MOST_KINDS = 200

export const makeMeasures = (): Measures => {
  const counts: Record<Count, number> = {
    sent: 0, received: 0, messages: 0, delivered: 0, requests: 0, answered: 0, logins: 0, passes: 0,
    refused: 0, duplicated: 0, outOfOrder: 0, repeated: 0, lost: 0, unanswered: 0, broken: 0, loginsFailed: 0, heldBack: 0,
    gaveUpMust: 0, gaveUpSubscription: 0, gaveUpOwn: 0,
  }
  const latencies = { message: histogram(), kept: histogram(), request: histogram(), login: histogram() }
  const now = histogram()
  const kinds = { error: new Map<string, number>(), broken: new Map<string, number>() }
  let buckets: Bucket[] = []
  let width = 1
  let start = 0
  let due = 0
  let before = { ...counts }
  let last = { at: 0, sent: 0, delivered: 0 }

  return {
    counts, latencies,
    errors: kinds.error, breaks: kinds.broken,
    get buckets() { return buckets },
    count: (what, n = 1) => {
      counts[what] += n
    },
    took: (what, from, to) => {
      if (what !== 'login') counts[what === 'request' ? 'answered' : 'delivered']++
      if (from < due) return // before what is measured
      const us = Math.min(HOUR, Math.max(1, Math.round((to - from) * 1000)))
      latencies[what].record(us)
      if (what === 'message' || what === 'request') now.record(us)
    },
    note: (kind, what) => {
      const map = kinds[kind]
      const key = map.has(what) || map.size < MOST_KINDS ? what : 'others'
      map.set(key, (map.get(key) ?? 0) + 1)
    },
    since: () => Object.fromEntries(Object.entries(counts).map(([what, n]) => [what, n - before[what as Count]])) as Record<Count, number>,
    begin: (at, anew) => {
      start = at
      before = { ...counts }
      if (anew) {
        due = at
        for (const one of [now, ...Object.values(latencies)]) one.reset()
      }
      last = { at: 0, sent: counts.sent, delivered: counts.delivered }
    },
    tick: (at) => {
      const seconds = (at - start) / 1000
      if (seconds - last.at < width * 0.95) return
      const some = now.count > 0
      buckets.push({
        at: last.at, seconds: seconds - last.at, sent: counts.sent - last.sent, delivered: counts.delivered - last.delivered,
        p50: some ? now.percentile(50) / 1000 : 0, p99: some ? now.percentile(99) / 1000 : 0, max: some ? now.max / 1000 : 0,
      })
      last = { at: seconds, sent: counts.sent, delivered: counts.delivered }
      now.reset()
      if (buckets.length < MOST_BUCKETS) return
      buckets = pairs(buckets)
      width *= 2
    },
  }
}

/** Two in one: the worse latency stands for both. */
const pairs = (buckets: readonly Bucket[]): Bucket[] => buckets.filter((_, i) => i % 2 === 0).map((a, i) => {
  const b = buckets[i * 2 + 1]
  if (b === undefined) return a
  return {
    at: a.at, seconds: a.seconds + b.seconds, sent: a.sent + b.sent, delivered: a.delivered + b.delivered,
    p50: Math.max(a.p50, b.p50), p99: Math.max(a.p99, b.p99), max: Math.max(a.max, b.max),
  }
})
