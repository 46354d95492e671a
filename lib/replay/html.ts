// The report as one HTML file that needs nothing else: no script, no font, no network.
import type { RecordableHistogram } from 'node:perf_hooks'
import { escapeText } from '../wire/writer.js'
import { toText } from '../base/octets.js'
import type { Bucket, Latency } from './measure.js'
import { LATENCIES, ms } from './report.js'
import type { Report } from './report.js'
import type { Outcome } from './replay.js'

interface Line {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
}

interface Axis {
  readonly label: string
  readonly ticks: readonly (readonly [at: number, text: string])[]
  /** 0 to 1 along the axis. */
  place(value: number): number
}

const COLOURS = ['#2b6cb0', '#dd6b20', '#2f855a', '#805ad5']
const BOX = { width: 860, height: 300, left: 70, right: 20, top: 30, bottom: 45 } as const

const escape = (text: string): string => toText(escapeText(text))

export const html = ({ measures: { buckets, latencies } }: Outcome, { text, held }: Report, title: string): string => `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>${escape(title)}</title><style>
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 900px; padding: 0 1rem; color: #1a202c; background: #fff }
h1 { font-size: 1.4rem } h2 { font-size: 1.05rem; margin: 2rem 0 .3rem }
pre { background: #f7fafc; border: 1px solid #e2e8f0; padding: 1rem; overflow-x: auto; font-size: 12.5px }
svg { width: 100%; height: auto; font: 12px system-ui, sans-serif }
.held { color: #2f855a } .broken { color: #c53030 }
</style></head><body>
<h1>${escape(title)}</h1>
<p class="${held ? 'held' : 'broken'}">${held ? 'Nothing was lost, doubled or out of order.' : 'Not everything was as it should be: see below.'}</p>
<h2>Throughput, a second</h2>
${plot([
  { name: 'stanzas sent', points: over(buckets, ({ sent, seconds }) => sent / seconds) },
  { name: 'messages delivered', points: over(buckets, ({ delivered, seconds }) => delivered / seconds) },
], timeAxis(buckets), linear(Math.max(1, ...buckets.map(({ sent, delivered, seconds }) => Math.max(sent, delivered) / seconds)), 'a second'))}
<h2>Latency of messages and requests over time, ms</h2>
${plot([
  { name: 'p50', points: over(buckets, ({ p50 }) => p50) },
  { name: 'p99', points: over(buckets, ({ p99 }) => p99) },
  { name: 'most', points: over(buckets, ({ max }) => max) },
], timeAxis(buckets), logarithmic(buckets.flatMap(({ p50, max }) => [p50, max]), 'ms'))}
<h2>Latency by percentile, ms</h2>
${percentiles(latencies)}
<h2>Figures</h2>
<pre>${escape(text)}</pre>
</body></html>
`

const over = (buckets: readonly Bucket[], value: (bucket: Bucket) => number): [number, number][] => buckets.map((bucket) => [bucket.at + bucket.seconds / 2, value(bucket)])

const timeAxis = (buckets: readonly Bucket[]): Axis => {
  const last = buckets.at(-1)
  return linear(last === undefined ? 1 : last.at + last.seconds, 's')
}

/** From 0 to this value, with ticks at round numbers. */
const linear = (most: number, label: string): Axis => {
  const rough = most / 6
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = ([1, 2, 5].find((n) => n * power >= rough) ?? 10) * power
  const ticks: [number, string][] = []
  for (let i = 0; i * step <= most * 1.0001; i++) ticks.push([i * step, String(Number((i * step).toPrecision(6)))])
  return { label, ticks, place: (value) => value / most }
}

/** Powers of ten around the values; 0 stands at the bottom. */
const logarithmic = (values: readonly number[], label: string): Axis => {
  const some = values.filter((value) => value > 0)
  const low = some.length === 0 ? -1 : Math.floor(Math.log10(Math.min(...some)))
  const high = some.length === 0 ? 1 : Math.max(low + 1, Math.ceil(Math.log10(Math.max(...some))))
  const ticks = Array.from({ length: high - low + 1 }, (_, i): [number, string] => [10 ** (low + i), String(Number((10 ** (low + i)).toPrecision(3)))])
  return { label, ticks, place: (value) => (value <= 0 ? 0 : Math.min(1, Math.max(0, (Math.log10(value) - low) / (high - low)))) }
}

/** The further right, the rarer: each step is one more nine. */
const percentiles = (latencies: Readonly<Record<Latency, RecordableHistogram>>): string => {
  const NINES = 4
  const shares = Array.from({ length: 81 }, (_, i) => 100 * (1 - 10 ** (-i * NINES / 80)))
  const axis: Axis = {
    label: 'percentile', ticks: [0, 90, 99, 99.9, 99.99].map((share): [number, string] => [share, share === 0 ? '0' : `p${share}`]),
    place: (share) => -Math.log10(Math.max(1e-9, 1 - share / 100)) / NINES,
  }
  const lines = (Object.keys(LATENCIES) as Latency[]).filter((kind) => latencies[kind].count > 0).map((kind): Line => ({
    name: LATENCIES[kind].split(',')[0] as string,
    // no further than there are values
    points: shares.filter((share) => share === 0 || 1 - share / 100 >= 1 / latencies[kind].count).map((share): [number, number] => [share, ms(latencies[kind].percentile(Math.max(share, 1e-6)))]),
  }))
  return plot(lines, axis, logarithmic(lines.flatMap(({ points }) => points.map(([, y]) => y)), 'ms'))
}

const plot = (lines: readonly Line[], x: Axis, y: Axis): string => {
  const { width, height, left, right, top, bottom } = BOX
  const px = (value: number): string => (left + x.place(value) * (width - left - right)).toFixed(1)
  const py = (value: number): string => (height - bottom - y.place(value) * (height - top - bottom)).toFixed(1)
  const text = (at: string | number, down: string | number, words: string, anchor = 'middle'): string => `<text x="${at}" y="${down}" text-anchor="${anchor}">${escape(words)}</text>`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img">`,
    ...y.ticks.map(([at, words]) => `<line x1="${left}" x2="${width - right}" y1="${py(at)}" y2="${py(at)}" stroke="#e2e8f0"/>${text(left - 8, Number(py(at)) + 4, words, 'end')}`),
    ...x.ticks.map(([at, words]) => `<line x1="${px(at)}" x2="${px(at)}" y1="${top}" y2="${height - bottom}" stroke="#edf2f7"/>${text(px(at), height - bottom + 17, words)}`),
    text((left + width - right) / 2, height - 8, x.label), text(8, 16, y.label, 'start'),
    ...lines.map(({ name }, i) => `<rect x="${left + i * 200}" y="8" width="10" height="10" fill="${COLOURS[i]}"/>${text(left + 15 + i * 200, 17, name, 'start')}`),
    ...lines.map(({ points }, i) => `<polyline fill="none" stroke="${COLOURS[i]}" stroke-width="1.8" points="${points.map(([a, b]) => `${px(a)},${py(b)}`).join(' ')}"/>`),
    ...lines.flatMap(({ points }, i) => (points.length > 60 ? [] : points.map(([a, b]) => `<circle cx="${px(a)}" cy="${py(b)}" r="2" fill="${COLOURS[i]}"/>`))),
    '</svg>',
  ].join('\n')
}
