// What came of all runs: for eyes, for programs, and as a picture.
import { median } from '../median.js'
import { plot } from '../plot.js'
import type { Chart } from '../plot.js'
import type { Case } from './cases.js'
import type { Sample } from './measure.js'

/** The samples of one case, by server, in the order of the rounds. */
export interface Result {
  readonly what: Case
  readonly samples: ReadonlyMap<string, readonly Sample[]>
}

export interface Figure {
  readonly median: number
  readonly least: number
  readonly most: number
}

export interface Row {
  readonly server: string
  readonly rate: Figure | null
  readonly cpu: Figure | null
  readonly memory: Figure | null
  readonly p50: Figure | null
  readonly p99: Figure | null
  readonly p999: Figure | null
  readonly generator: Figure | null
  readonly wrong: readonly string[]
}

/** Of ours to the better of the others: more is better of a rate, less of the rest. */
export interface Ratio {
  readonly rate: number | null
  readonly cpu: number | null
  readonly memory: number | null
  readonly p99: number | null
}

export const OURS = 'jidway'
/** Above this share of a core the generator may be what is slow. */
const BUSY = 0.85

const figure = (values: readonly (number | null | undefined)[]): Figure | null => {
  const some = values.filter((value): value is number => typeof value === 'number')
  return some.length === 0 ? null : { median: median(some), least: Math.min(...some), most: Math.max(...some) }
}

export const rowsOf = ({ samples }: Result): Row[] => [...samples].map(([server, all]) => ({
  server, rate: figure(all.map(({ rate }) => rate)), cpu: figure(all.map(({ cpu }) => cpu)), memory: figure(all.map(({ memory }) => memory)),
  p50: figure(all.map(({ latency }) => latency?.p50)), p99: figure(all.map(({ latency }) => latency?.p99)), p999: figure(all.map(({ latency }) => latency?.p999)),
  generator: figure(all.map(({ generator }) => generator)), wrong: all.flatMap(({ wrong }, i) => (wrong === '' ? [] : [`round ${i + 1}: ${wrong}`])),
}))

export const ratioOf = (rows: readonly Row[]): Ratio | null => {
  const ours = rows.find(({ server }) => server === OURS)
  const others = rows.filter(({ server }) => server !== OURS)
  if (ours === undefined || others.length === 0) return null
  const to = (which: 'rate' | 'cpu' | 'memory' | 'p99', better: (...values: number[]) => number): number | null => {
    const theirs = others.flatMap((row) => row[which]?.median ?? [])
    const mine = ours[which]
    return mine === null || theirs.length === 0 ? null : mine.median / better(...theirs)
  }
  return { rate: to('rate', Math.max), cpu: to('cpu', Math.min), memory: to('memory', Math.min), p99: to('p99', Math.min) }
}

/** Three digits that count. */
const short = (value: number): string => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2))
const spread = (one: Figure | null): string => (one === null ? '' : `${short(one.median)} (${short(one.least)}–${short(one.most)})`)

const COLUMNS: readonly (readonly [head: (what: Case) => string, cell: (row: Row) => string, width: number])[] = [
  [({ unit }) => (unit === 'connection' ? '' : `${unit}s/s`), ({ rate }) => spread(rate), 26],
  [({ unit }) => (unit === 'connection' ? '' : `µs CPU/${unit}`), ({ cpu }) => spread(cpu), 22],
  [({ unit }) => (unit === 'connection' ? 'KiB/connection' : ''), ({ memory }) => spread(memory), 22],
  [({ timed }) => (timed ? 'p50 ms' : ''), ({ p50 }) => spread(p50), 20],
  [({ timed }) => (timed ? 'p99 ms' : ''), ({ p99 }) => spread(p99), 20],
  [({ timed }) => (timed ? 'p99.9 ms' : ''), ({ p999 }) => spread(p999), 20],
  [({ unit }) => (unit === 'connection' ? '' : 'generator'), ({ generator }) => (generator === null ? '' : `${(generator.median * 100).toFixed(0)} % of a core${generator.median > BUSY ? ' (!)' : ''}`), 20],
]

/** One case. */
export const table = (result: Result): string => {
  const { what } = result
  const rows = rowsOf(result)
  const columns = COLUMNS.filter(([head]) => head(what) !== '')
  const ratio = ratioOf(rows)
  const words = ratio === null ? [] : [
    ...(ratio.rate === null ? [] : [`${ratio.rate.toFixed(2)} × the rate`]), ...(ratio.cpu === null ? [] : [`${ratio.cpu.toFixed(2)} × the CPU`]),
    ...(ratio.memory === null ? [] : [`${ratio.memory.toFixed(2)} × the memory`]), ...(ratio.p99 === null ? [] : [`${ratio.p99.toFixed(2)} × p99`]),
  ]
  return [
    `${what.name}: ${what.words}`,
    `  ${''.padEnd(10)}${columns.map(([head, , width]) => head(what).padStart(width)).join('')}`,
    ...rows.map((row) => `  ${row.server.padEnd(10)}${columns.map(([, cell, width]) => cell(row).padStart(width)).join('')}`),
    ...(words.length === 0 ? [] : [`  ${OURS} to the better peer: ${words.join(', ')}`]),
    ...rows.flatMap(({ server, wrong }) => wrong.map((one) => `  NOT SO with ${server}, ${one}`)),
    '',
  ].join('\n')
}

export const json = (results: readonly Result[]): unknown => results.map((result) => {
  const { name, words, unit, variant, tls, connections } = result.what
  const rows = rowsOf(result)
  return { name, words, unit, variant, tls, connections, ratio: ratioOf(rows), servers: Object.fromEntries(rows.map(({ server, ...figures }) => [server, { ...figures, samples: result.samples.get(server) }])) }
})

export const picture = (results: readonly Result[], servers: readonly string[]): string => {
  const chart = (title: string, pick: (row: Row) => Figure | null): Chart[] => {
    const bars = results.flatMap((result) => {
      const rows = rowsOf(result)
      const values = servers.map((name) => rows.find(({ server }) => server === name)).map((row) => (row === undefined ? null : pick(row)))
      return values.every((value) => value === null) ? [] : [{ label: result.what.name, values: values.map((value) => value?.median ?? 0) }]
    })
    return bars.length === 0 ? [] : [{ title: `${title} (logarithmic)`, legend: servers, bars }]
  }
  return plot([
    ...chart('Messages, presence stanzas or log-ins a second: more is better', ({ rate }) => rate),
    ...chart('CPU of server and database for each, µs: less is better', ({ cpu }) => cpu),
    ...chart('Latency at a fixed rate, and of log-ins, p99, ms: less is better', ({ p99 }) => p99),
    ...chart('Memory for each idle connection, KiB: less is better', ({ memory }) => memory),
  ])
}
