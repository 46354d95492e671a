// Lost, doubled, out of order: judged by ids that replay puts on the messages between its accounts. A *flow* is what one
// session of a copy says to one of its accounts; its messages are numbered, and what is on its way is remembered until it
// arrives. A receiving session remembers of each flow how far it got and what it was passed over for (RFC 6120 §10.1: order
// holds from one stream to one session), so memory does not grow with what was delivered.
import type { Frame } from '../base/stanza.js'
import type { Measures } from './measure.js'

export interface Flight {
  /** When it was, or should have been, sent; ms. */
  readonly at: number
  /** The first number of the stream that it was said in. */
  readonly stream: number
  readonly arrived: (frame: Frame) => void
  /** Its receiver is away. */
  readonly kept: boolean
}

interface Flow {
  readonly to: number
  sent: number
  /** The first number of the stream that speaks now. */
  stream: number
  readonly flying: Map<number, Flight>
}

interface Seen {
  first: number
  highest: number
  /** The first number of the stream that `highest` was said in. */
  stream: number
  /** Numbers that were passed over, at most so many. */
  readonly missing: Set<number>
  /** What had been sent before this session began. */
  readonly born: number
}

/** What one session has received. */
export interface Inbox {
  readonly seen: Map<number, Seen>
  /** By flow, what had been sent when the session began. */
  readonly born: ReadonlyMap<number, number>
}

export interface Judge {
  /** A way from a session to an account (numbered over all copies). */
  flow(to: number): number
  /** The speaker of the flow has a new stream. */
  renew(flow: number): void
  /** The id for the next message. */
  send(flow: number, at: number, arrived: (frame: Frame) => void, kept?: boolean): string
  /** A session begins that may get what comes by these flows. */
  inbox(flows: readonly number[]): Inbox
  /** A message came, or an error in its place. False: it is none of ours. */
  arrive(inbox: Inbox, frame: Frame, now: number): boolean
  /** Messages that have not arrived, in all or for one account. */
  flying(to?: number): number
}

const MOST_MISSING = 10_000

/** @param mark begins the ids of one run, so that those of an earlier one, out of an archive, do not count */
export const makeJudge = (mark: string, measures: Measures): Judge => {
  const flows: Flow[] = []
  let flying = 0

  const seenIn = ({ seen, born }: Inbox, number: number, { flying: waiting }: Flow, n: number): Seen => {
    const known = seen.get(number)
    if (known !== undefined) return known
    const made: Seen = { first: n, highest: -1, stream: 0, missing: new Set(), born: born.get(number) ?? 0 }
    // what was on its way before the first that comes should have come before it
    for (const [earlier] of waiting) if (earlier < n && made.missing.size < MOST_MISSING) made.missing.add(earlier)
    seen.set(number, made)
    return made
  }

  const receive = (inbox: Inbox, number: number, flow: Flow, n: number, flight: Flight | undefined): void => {
    const seen = seenIn(inbox, number, flow, n)
    if (n > seen.highest) {
      if (seen.highest >= 0) for (let i = Math.max(seen.highest + 1, n - MOST_MISSING); i < n && seen.missing.size < MOST_MISSING; i++) seen.missing.add(i)
      seen.highest = n
      seen.stream = flight?.stream ?? (n >= flow.stream ? flow.stream : 0)
    } else if (seen.missing.delete(n)) {
      if (n >= seen.stream) measures.count('outOfOrder')
    } else return measures.count(n < seen.first ? 'repeated' : 'duplicated')
    // it came before: to another session of the account beside this one, which is right, or to one before it
    if (flight === undefined && n < seen.born) measures.count('repeated')
  }

  return {
    flow: (to) => flows.push({ to, sent: 0, stream: 0, flying: new Map() }) - 1,
    renew: (number) => {
      const flow = flows[number] as Flow
      flow.stream = flow.sent
    },
    send: (number, at, arrived, kept = false) => {
      const flow = flows[number] as Flow
      const n = flow.sent++
      flow.flying.set(n, { at, stream: flow.stream, arrived, kept })
      flying++
      return `${mark}${number}.${n}`
    },
    inbox: (own) => ({ seen: new Map(), born: new Map(own.map((number) => [number, (flows[number] as Flow).sent])) }),
    arrive: (inbox, frame, now) => {
      const { id } = frame
      const refused = frame.type === 'error'
      if (!id.startsWith(mark)) return false
      const dot = id.indexOf('.', mark.length)
      const number = Number(id.slice(mark.length, dot))
      const n = Number(id.slice(dot + 1))
      const flow = flows[number]
      if (flow === undefined || !(n < flow.sent)) return false
      const flight = flow.flying.get(n)
      if (flow.flying.delete(n)) flying--
      if (!refused) receive(inbox, number, flow, n, flight)
      if (flight === undefined) return true
      if (refused) measures.count('refused')
      else measures.took(flight.kept ? 'kept' : 'message', flight.at, now)
      flight.arrived(frame)
      return true
    },
    flying: (to) => (to === undefined ? flying : flows.reduce((sum, flow) => sum + (flow.to === to ? flow.flying.size : 0), 0)),
  }
}
