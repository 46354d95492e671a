// What came of it: one table for eyes, one object for programs, and the stories of the first offenders.
import { history, incidentStory } from './history.js'
import type { Ledger } from './ledger.js'
import { PROMISES } from './reconcile.js'
import type { Promised, Verdict } from './reconcile.js'

/** What a client noticed at once, or a run in the end, and must never; in the order of the report. */
export const INCIDENTS = [
  'h fell', 'h above what was sent', 'h malformed', 'resumption refused', 'answered twice', 'answer to nobody', 'request unanswered', 'set lost',
  'presence false', 'queue not empty', 'not connected', 'garbled', 'stream error', 'log-in refused', 'refused, but which', 'server ended by itself', 'not fetched',
] as const

export interface Facts {
  readonly seed: string
  readonly server: string
  readonly clients: number
  readonly accounts: number
  /** Clients that resume, that only acknowledge, and without stream management. */
  readonly kinds: string
  /** Seconds. */
  readonly took: number
  readonly faults: Readonly<Record<string, number>>
  /** Why archives were not compared; '' where they were. */
  readonly noArchive: string
  readonly wantedMessages: number
  readonly wantedFaults: Readonly<Record<string, number>>
  readonly interrupted: boolean
}

export interface Report {
  readonly held: boolean
  readonly text: string
  readonly json: Readonly<Record<string, unknown>>
}

const STORIES = 8

export const report = (ledger: Ledger, verdict: Verdict, facts: Facts): Report => {
  const { counts, allowed } = verdict
  const incidents = Object.fromEntries(INCIDENTS.map((kind) => [kind, ledger.seen.get(kind) ?? 0]))
  const archiveKeys = new Set<string>(['archiveMissing', 'archiveExtra', 'archiveReordered'])
  const promises = (Object.keys(PROMISES) as Promised[]).filter((key) => facts.noArchive === '' || !archiveKeys.has(key))
  const broken = promises.reduce((sum, key) => sum + counts[key], 0) + Object.values(incidents).reduce((sum, n) => sum + n, 0)
  const missed = [
    ...(verdict.texts < facts.wantedMessages ? [`${verdict.texts} of ${facts.wantedMessages} messages were sent`] : []),
    ...Object.entries(facts.wantedFaults).filter(([kind, n]) => (facts.faults[kind] ?? 0) < n).map(([kind, n]) => `${facts.faults[kind] ?? 0} of ${n} faults of kind ${kind}`),
    ...(facts.interrupted ? ['it was interrupted'] : []),
  ]
  // a server that nobody heard anything from keeps every promise
  if (verdict.delivered === 0) missed.push('nothing was delivered')
  const held = broken === 0 && missed.length === 0

  const line = (n: number | string, words: string): string => `  ${String(n).padStart(9)}  ${words}`
  const text = [
    `${facts.server}; ${facts.clients} clients (${facts.kinds}) of ${facts.accounts} accounts, ${facts.took.toFixed(0)} s, seed ${facts.seed}`,
    `faults: ${Object.entries(facts.faults).map(([kind, n]) => `${n} ${kind}`).join(', ') || 'none'}`,
    '',
    line(verdict.texts, 'messages sent'),
    line(verdict.acked, 'acknowledged, or proved taken'),
    line(verdict.delivered, 'delivered'),
    line(verdict.copies, 'carbon copies'),
    line(verdict.chatStates, 'chat states sent'),
    '',
    'must be 0:',
    ...promises.map((key) => line(counts[key], PROMISES[key])),
    ...Object.entries(incidents).map(([kind, n]) => line(n, kind)),
    ...(facts.noArchive === '' ? [] : [`          archives not compared: ${facts.noArchive}`]),
    '',
    'allowed:',
    line(allowed.repeated, 'delivered to a session, and again to a later one of its account'),
    line(allowed.resent, 'sent again in a later session'),
    line(allowed.resentNameless, 'of these delivered twice, for want of an id'),
    line(allowed.stateTwice, 'chat states that came twice, across a crash'),
    line(allowed.unproven, 'lost with a connection, of clients without stream management'),
    line(allowed.refused, 'refused with an error'),
    '',
    ...(missed.length === 0 ? [] : [`INCOMPLETE: ${missed.join('; ')}`]),
    held ? 'All promises held.' : broken > 0 ? `PROMISES BROKEN: ${broken} times` : 'No promise was broken, but the run is incomplete.',
    '',
  ].join('\n')
  return {
    held,
    text: broken === 0 ? text : `${text}\n${stories(ledger, verdict)}\n`,
    json: {
      held, missed, ...facts, messages: verdict.texts, acked: verdict.acked, delivered: verdict.delivered, copies: verdict.copies, chatStates: verdict.chatStates,
      broken: { ...Object.fromEntries(promises.map((key) => [key, counts[key]])), ...incidents }, allowed,
    },
  }
}

/** The first of each kind first: many of one kind mostly have one cause. */
const stories = (ledger: Ledger, { offenders }: Verdict): string => {
  const firsts = offenders.filter((o, i) => offenders.findIndex(({ promise }) => promise === o.promise) === i)
  const told = [...firsts, ...offenders.filter((o) => !firsts.includes(o))].slice(0, STORIES)
  const seen = INCIDENTS.flatMap((kind) => ledger.incidents.filter((i) => i.kind === kind).slice(0, 3))
  return [
    ...told.map((offender) => history(ledger, offender)),
    ...seen.map((incident) => incidentStory(ledger, incident)),
  ].join('\n\n')
}
