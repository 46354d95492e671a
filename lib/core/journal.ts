// The journal (durability.md D7, D8): what the group commits say of streams that can be resumed, as text, and what follows from
// it for a stream's row after a crash. A row reflects the commits up to `folded`; later ones are replayed over it, forward only.
import type { Form, Pending } from './given.js'

/** An entry of the log that was given to a client: the number of the stanza that it was, the entry, and as what. */
export interface Reference {
  readonly number: number
  readonly seq: number
  readonly form: Form
}

/** Of one stream in one group commit. */
export interface JournalPart {
  readonly account: string
  readonly sessionId: string
  readonly incarnation: number
  /** Stanzas of the client's that are done. */
  readonly h: number
  readonly records: readonly Reference[]
  /** Requests of the client's that wait for an answer, or for its acknowledgement (D15): all of them. */
  readonly requests: readonly Readonly<Pending>[]
  /** What its client has asked for, where that has changed; null: as before. JSON */
  readonly details: string | null
}

/** What is known of a stream that can be resumed. */
export interface StreamState {
  readonly h: number
  /** Stanzas sent; where no commit has said so, there may have been more. */
  readonly outbound: number
  readonly position: number
  readonly unacked: readonly Reference[]
  readonly requests: readonly Readonly<Pending>[]
  readonly folded: number
  readonly details: string
}

const LETTERS: Record<Form, string> = { original: 'o', received: 'r', sent: 's' }
const FORMS: Record<string, Form> = { o: 'original', r: 'received', s: 'sent' }

export const writeReferences = (records: readonly Reference[]): string => records.map(({ number, seq, form }) => `${number}:${seq}:${LETTERS[form]}`).join(',')

export const readReferences = (text: string): Reference[] => (text === '' ? [] : text.split(',').map((one) => {
  const [number, seq, form] = one.split(':') as [string, string, string]
  return { number: Number(number), seq: Number(seq), form: FORMS[form] ?? 'original' }
}))

export type RequestRow = [id: string, to: string, answer: number, refusal: string, number: number]
export const writeRequests = (requests: StreamState['requests']): RequestRow[] => requests.map(({ id, to, answer, refusal, number }) => [id, to, answer, refusal, number])
export const readRequests = (rows: readonly RequestRow[]): StreamState['requests'] => rows.map(([id, to, answer, refusal, number]) => ({ id, to, answer, refusal, number }))

/** One line of a blob. */
export const record = ({ account, sessionId, incarnation, h, records, requests, details }: JournalPart): string =>
  JSON.stringify([account, sessionId, incarnation, h, writeReferences(records), writeRequests(requests), ...(details === null ? [] : [details])])

export const readBlob = (blob: string): JournalPart[] => blob.split('\n').map((line) => {
  const [account, sessionId, incarnation, h, records, requests, details = null] = JSON.parse(line) as [string, string, number, number, string, RequestRow[], string?]
  return { account, sessionId, incarnation, h, records: readReferences(records), requests: readRequests(requests), details }
})

/** The row with commit n on it. A commit that it reflects already changes nothing (D8). */
export const replay = (state: StreamState, n: number, { h, records, requests, details }: JournalPart): StreamState => {
  if (n <= state.folded) return state
  const numbers = new Set(records.map((r) => r.number))
  const seqs = new Set(records.map((r) => r.seq))
  const last = records.at(-1)
  return {
    h: Math.max(state.h, h),
    outbound: Math.max(state.outbound, last?.number ?? 0),
    position: records.reduce((most, r) => Math.max(most, r.seq), state.position),
    // a number that was given anew is the later one's, and so is an entry that was given anew, after a resumption
    unacked: [...state.unacked.filter((r) => !numbers.has(r.number) && !seqs.has(r.seq)), ...records],
    requests,
    folded: n,
    details: details ?? state.details,
  }
}
