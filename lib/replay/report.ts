// What came of a run: for eyes, and for programs.
import type { RecordableHistogram } from 'node:perf_hooks'
import type { Latency } from './measure.js'
import type { Outcome } from './replay.js'

export interface Report {
  /** Nothing was lost, doubled or out of order, everything was answered, and no connection broke. */
  readonly held: boolean
  readonly text: string
  readonly json: Readonly<Record<string, unknown>>
}

export const LATENCIES: Readonly<Record<Latency, string>> = {
  message: 'message, until it arrives', kept: 'message to one who is away', request: 'request, until it is answered', login: 'log-in, until the stream can be used',
}
const PERCENTILES = [50, 90, 99, 99.9] as const
/** Above this share of a core replay itself may be what is slow. */
const BUSY = 0.85

export const ms = (us: number): number => Math.round(us) / 1000

/** What a run must not show; in the order of the report. */
export const FAULTS = {
  lost: 'messages lost',
  duplicated: 'messages that came twice to one session',
  outOfOrder: 'messages behind a later one of the same stream',
  unanswered: 'requests without an answer',
  gaveUpMust: 'things waited for that did not come',
  broken: 'connections that broke',
  loginsFailed: 'log-ins refused',
} as const

export const report = (outcome: Outcome, traces: readonly string[], server: string, leftOut: ReadonlyMap<string, number>): Report => {
  const { measures: { counts, latencies, errors, breaks, buckets }, measured, seconds, cpu, late } = outcome
  const faults = Object.keys(FAULTS) as (keyof typeof FAULTS)[]
  const isIdle = counts.sent === 0
  const held = faults.every((fault) => counts[fault] === 0) && !outcome.interrupted && !isIdle
  const per = (n: number): number => Math.round(n / seconds * 10) / 10
  const micros = (share: number | null): number | null => (share === null || measured.delivered === 0 ? null : Math.round(share * seconds * 1e7 / measured.delivered) / 10)
  const hints = [
    ...(cpu.own > BUSY ? [`replay itself used ${percent(cpu.own)} of a core: it may be what is slow, not the server; spread the accounts over several replays`] : []),
    ...(counts.heldBack > 0 ? [`${counts.heldBack} times a copy had as much on its way as is allowed, and waited`] : []),
    ...(counts.gaveUpSubscription > 0 ? [`${counts.gaveUpSubscription} copies did not see a subscription that the recording shows; accounts that are contacts already, see none`] : []),
    ...(counts.gaveUpOwn > 0 ? [`${counts.gaveUpOwn} copies did not get their own presence (RFC 6121 §4.2.2)`] : []),
    ...[...leftOut].map(([reason, n]) => `${n} stanzas of the recording are left out: ${reason}`),
    ...(isIdle ? ['nothing was sent'] : []),
    ...(outcome.interrupted ? ['it was interrupted'] : []),
  ]
  const line = (n: number | string, words: string): string => `  ${String(n).padStart(10)}  ${words}`
  const listed = (map: ReadonlyMap<string, number>): string[] => [...map].toSorted(([, a], [, b]) => b - a).map(([what, n]) => line(n, what))
  const text = [
    `${traces.join(', ')} → ${server}: ${outcome.copies} copies, ${outcome.accounts} accounts, ${outcome.pace}, ${seconds.toFixed(1)} s${outcome.warmUp === null ? '' : ` after ${outcome.warmUp} s to warm up`}`,
    '',
    line(counts.passes, 'times through a trace'),
    line(counts.sent, `stanzas sent, ${per(measured.sent)} a second`),
    line(counts.received, `stanzas received, ${per(measured.received)} a second`),
    line(counts.delivered, `messages delivered, ${per(measured.delivered)} a second, of ${counts.messages} sent`),
    line(counts.answered, `requests answered, of ${counts.requests}`),
    line(counts.logins, 'log-ins'),
    '',
    'latency, ms'.padEnd(40) + [...PERCENTILES.map((p) => `p${p}`), 'most', 'count'].map((name) => name.padStart(10)).join(''),
    ...(Object.keys(LATENCIES) as Latency[]).map((kind) => `  ${LATENCIES[kind].padEnd(38)}${latencyRow(latencies[kind])}`),
    '',
    'must be 0:',
    ...faults.map((fault) => line(counts[fault], FAULTS[fault])),
    ...listed(breaks).map((text) => `    ${text.trimStart()}`),
    '',
    'may be:',
    line(counts.refused, 'messages refused with an error'),
    line(counts.repeated, 'messages that came to a session and again to a later one of the account'),
    'errors by condition:',
    ...(errors.size === 0 ? [line(0, 'none')] : listed(errors)),
    '',
    `CPU: replay ${percent(cpu.own)} of a core${perMessage(micros(cpu.own))}${cpu.server === null ? '' : `; the server ${percent(cpu.server)}${perMessage(micros(cpu.server))}`}; replay's event loop was late by ${late.p99.toFixed(1)} ms at p99`,
    ...hints.map((hint) => `NOTE: ${hint}`),
    '',
  ].join('\n')
  return {
    held, text,
    json: {
      held, traces, server, copies: outcome.copies, accounts: outcome.accounts, pace: outcome.pace, seconds, warmUp: outcome.warmUp, interrupted: outcome.interrupted,
      perSecond: { sent: per(measured.sent), received: per(measured.received), delivered: per(measured.delivered), logins: per(measured.logins) },
      counts: { ...counts }, measured: { ...measured },
      latencyMs: Object.fromEntries((Object.keys(LATENCIES) as Latency[]).map((kind) => [kind, figures(latencies[kind])])),
      errors: Object.fromEntries(errors), broken: Object.fromEntries(breaks),
      cpu: { ...cpu, ownMicrosPerMessage: micros(cpu.own), serverMicrosPerMessage: micros(cpu.server), loopLateMs: late },
      notes: hints, buckets,
    },
  }
}

const percent = (share: number): string => `${(share * 100).toFixed(0)} %`
const perMessage = (micros: number | null): string => (micros === null ? '' : ` (${micros} µs a message delivered)`)

const latencyRow = (histogram: RecordableHistogram): string => {
  if (histogram.count === 0) return '–'.padStart(10)
  return [...PERCENTILES.map((p) => ms(histogram.percentile(p)).toFixed(2)), ms(histogram.max).toFixed(2), String(histogram.count)].map((text) => text.padStart(10)).join('')
}

const figures = (histogram: RecordableHistogram): Record<string, number> | null => (histogram.count === 0 ? null : {
  count: histogram.count, min: ms(histogram.min), mean: ms(histogram.mean), ...Object.fromEntries(PERCENTILES.map((p) => [`p${p}`, ms(histogram.percentile(p))])), max: ms(histogram.max),
})
