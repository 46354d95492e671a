// What happened to one message, in words: who sent it when and what was said about it, what the connections of both sides
// did around it, and which faults there were.
import { ABANDONED, FORMS, NAMED, REFUSED, RESENT, STATE } from './ledger.js'
import type { FaultSpan, Incident, Ledger, Life } from './ledger.js'
import { PROMISES } from './reconcile.js'
import type { Offender } from './reconcile.js'

/** ms before and after that are told of. */
const AROUND = 3000
const MOST_STEPS = 24

export const history = (ledger: Ledger, { promise, message, life, behind }: Offender): string => {
  const { messages, parties, lives, accounts } = ledger
  const sender = messages.get('client', message)
  const account = messages.get('account', message)
  const target = messages.get('target', message)
  const sentAt = messages.get('sentAt', message)
  const ackedAt = messages.get('ackedAt', message)
  const flags = messages.get('flags', message)
  const receipts = receiptsOf(ledger, message)
  const marks = [[STATE, 'chat state'], [NAMED, 'with an id'], [REFUSED, 'refused'], [RESENT, 'sent again in a later session'], [ABANDONED, 'given up']] as const
  const lines = [
    `${PROMISES[promise]}: message ${message}${life >= 0 ? ` in session ${life} (${nameOf(ledger, life)})` : ''}${behind >= 0 ? `, behind message ${behind}, ${placeOf(ledger, behind, life)}` : ''}`,
    `  ${time(sentAt)} sent by ${parties[sender]?.full} in session ${messages.get('life', message)} to ${target >= 0 ? parties[target]?.full : accounts[account]}${
      marks.filter(([bit]) => (flags & bit) !== 0).map(([, word]) => `, ${word}`).join('')}`,
    ackedAt === 0 ? '  never acknowledged' : `  ${time(ackedAt)} acknowledged`,
    ...receipts.map(({ at, life: where, form, delayed }) => `  ${time(at)} ${form === 'original' ? 'received' : form === 'archive' ? 'in the archive' : `copy (${form})`} in session ${where} (${nameOf(ledger, where)})${delayed ? ', late' : ''}`),
  ]
  const times = [sentAt, ackedAt, ...receipts.filter(({ form }) => form !== 'archive').map(({ at }) => at)].filter((at) => at > 0)
  const span = { from: Math.min(...times) - AROUND, to: Math.max(...times.map((at) => Math.min(at, sentAt + 30_000))) + AROUND }
  const concerned = (client: number): boolean => client === sender || parties[client]?.account === account || lives[life]?.client === client
  lines.push(...around(ledger, concerned, span))
  const sessions = lives.filter(({ client, to, from }) => concerned(client) && from <= span.to && to >= span.from)
  lines.push(`    sessions then: ${sessions.map((l) => `${l.id} (${nameOf(ledger, l.id)}, ${time(l.from)}–${l.to === Infinity ? 'end' : time(l.to)})`).join(', ')}`)
  return lines.join('\n')
}

/** What a client noticed, and what its connection did around that. */
export const incidentStory = (ledger: Ledger, { kind, client, at, about, text }: Incident): string => [
  `${kind}: ${time(at)} ${client >= 0 ? `${ledger.parties[client]?.full}: ` : ''}${text}`,
  ...(client >= 0 ? around(ledger, (other) => other === client, { from: about - AROUND, to: about + AROUND }) : []),
].join('\n')

/** Steps of these clients' connections, and faults, in order of time. */
const around = (ledger: Ledger, concerned: (client: number) => boolean, { from, to }: { readonly from: number; readonly to: number }): string[] => {
  const steps = ledger.steps.filter(({ client, at }) => concerned(client) && at >= from && at <= to)
  const lines = [
    ...steps.slice(0, MOST_STEPS).map(({ client, at, what }) => ({ at, line: `    ${time(at)} ${ledger.parties[client]?.full}: ${what}` })),
    ...ledger.faults.filter((fault) => fault.from <= to && fault.to >= from).map((fault) => ({ at: fault.from, line: `    ${faultLine(fault)}` })),
  ].toSorted((a, b) => a.at - b.at).map(({ line }) => line)
  return steps.length > MOST_STEPS ? [...lines, `    … ${steps.length - MOST_STEPS} more steps of their connections`] : lines
}

export const faultLine = ({ kind, from, to }: FaultSpan): string => `${time(from)}–${to === Infinity ? 'end' : time(to)} FAULT ${kind}`

/** Seconds since the run began. */
export const time = (at: number): string => `${(at / 1000).toFixed(3)} s`

const placeOf = (ledger: Ledger, message: number, life: number): string => {
  const found = receiptsOf(ledger, message).find((r) => r.life === life)
  const target = ledger.messages.get('target', message)
  return `sent at ${time(ledger.messages.get('sentAt', message))} to ${target >= 0 ? ledger.parties[target]?.full : 'the bare JID'}${found === undefined ? '' : `, ${found.form} at ${time(found.at)}${found.delayed ? ', late' : ''}`}`
}

const nameOf = ({ lives, parties, accounts }: Ledger, life: number): string => {
  const { client, drain, account } = lives[life] as Life
  return drain ? `${accounts[account]}, the fetcher at the end` : parties[client]?.full ?? '?'
}

const receiptsOf = ({ receipts }: Ledger, message: number): { at: number; life: number; form: string; delayed: boolean }[] => {
  const found = []
  for (let r = 0; r < receipts.size; r++) {
    if (receipts.get('message', r) !== message) continue
    found.push({ at: receipts.get('at', r), life: receipts.get('life', r), form: FORMS[receipts.get('form', r)] as string, delayed: receipts.get('delayed', r) === 1 })
  }
  return found
}
