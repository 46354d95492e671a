// Bar charts as an SVG, logarithmic: what several ways to do one thing, or several servers, took for it.
import { escapeText } from '../../lib/wire/writer.js'

export interface Bar {
  readonly label: string
  readonly values: readonly number[]
}

export interface Chart {
  readonly title: string
  /** One for each value of a bar, three at most. */
  readonly legend: readonly string[]
  readonly bars: readonly Bar[]
}

const WIDTH = 900
const LEFT = 270
const ROW = 18
const GAP = 10
const COLOURS = ['#2b6cb0', '#dd6b20', '#2f855a']
/** Between words of the legend: three fit. */
const LEGEND = 220

/** Zero has no logarithm: bars begin at a hundredth. */
const LEAST = 0.01

export const plot = (charts: readonly Chart[]): string => {
  let y = 20
  const parts: string[] = []
  const text = (x: number, at: number, words: string, more = ''): void => void parts.push(`<text x="${x}" y="${at}"${more}>${escapeText(words)}</text>`)
  for (const { title, legend, bars } of charts) {
    text(10, y, title, ' font-weight="bold"')
    y += 18
    legend.forEach((words, i) => {
      parts.push(`<rect x="${LEFT + i * LEGEND}" y="${y - 10}" width="10" height="10" fill="${COLOURS[i]}"/>`)
      text(LEFT + 15 + i * LEGEND, y, words)
    })
    y += 12
    const most = Math.max(1, ...bars.flatMap(({ values }) => values))
    const length = (value: number): number => (value < LEAST ? 0 : Math.max(2, Math.log10(value / LEAST) / Math.log10(most / LEAST) * (WIDTH - LEFT - 90)))
    for (const { label, values } of bars) {
      text(LEFT - 8, y + values.length * ROW / 2 + 4, label, ' text-anchor="end"')
      values.forEach((value, i) => {
        parts.push(`<rect x="${LEFT}" y="${y + i * ROW + 2}" width="${length(value).toFixed(1)}" height="${ROW - 4}" fill="${COLOURS[i]}"/>`)
        text(LEFT + length(value) + 5, y + i * ROW + ROW - 5, value === 0 ? '0' : value < 10 ? value.toFixed(2) : String(Math.round(value)))
      })
      y += values.length * ROW + GAP
    }
    y += 20
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y}" font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>${parts.join('')}</svg>\n`
}
