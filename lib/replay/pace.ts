// When a step is due: in the recorded rhythm, as soon as what it waits for has come, or at a fixed rate.
import type { Step } from './script.js'

export interface Pace {
  readonly words: string
  /** Latency counts from when a step was due, whatever held it back: who wanted to send would have waited. */
  readonly blames: boolean
  /** ms; 0: at once. @param counted stanzas that the copy has said before, in all passes */
  due(begin: number, step: Step, counted: number): number
  /** When the next pass begins. */
  next(begin: number, now: number, length: number): number
}

/** The recorded times, so many times as fast. */
export const timed = (factor: number): Pace => ({
  words: factor === 1 ? 'as recorded' : `${factor} × as fast as recorded`, blames: false,
  due: (begin, { at }) => begin + at / factor,
  next: (begin, now, length) => Math.max(now, begin + length / factor),
})

/** Closed loop: each copy says the next thing as soon as what it waits for has come. */
export const flatOut: Pace = { words: 'as fast as possible, closed loop', blames: false, due: () => 0, next: (_, now) => now }

/**
 * Open loop: so many stanzas a second over all copies, each copy at its share; what is late is made up for at once. The time
 * that a log-in takes is not in the schedule.
 */
export const fixedRate = (rate: number, copies: number): Pace => ({
  words: `${rate} stanzas a second, open loop`, blames: true,
  due: (begin, { does, counts }, counted) => (counts || does === 'open' ? begin + counted * copies * 1000 / rate : 0),
  next: (begin) => begin,
})
