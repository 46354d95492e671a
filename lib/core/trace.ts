// `jidway trace`: the path of a message, put together from the ring in the memory of the running server and from what the
// database knows: the log, the queue, the journal and the rows of streams. It says what it does not know any more. What a
// message says is never part of it.
import { AwayError } from '../base/errors.js'
import { frameOf } from '../wire/framer.js'
import type { Form } from './given.js'
import { idOf, logId } from './log-id.js'
import type { LogId } from './log-id.js'
import { ARCHIVED, QUEUED, SENT } from './ports.js'
import type { LogEntry } from './ports.js'
import { originIdOf } from './tracing.js'
import type { Note, Ring } from './tracing.js'

export interface TraceEntry extends LogEntry {
  readonly account: string
}

/** An entry that went to a session, as the journal has it: in the group commit `batch` of a node. */
export interface JournalRecord {
  readonly session: string
  readonly number: number
  readonly form: Form
  readonly node: string
  readonly batch: number
}

/** A stream that can be resumed, whose client has not acknowledged the entry, as its row was written last. */
export interface OpenStream {
  readonly session: string
  readonly number: number
  readonly form: Form
  /** ms since 1970; null: it has a connection. */
  readonly detached: number | null
}

export interface TraceStore {
  /** Entries with this number and these random bits. @param account only of this one */
  numbered(id: LogId, account: string | null, limit: number): Promise<readonly TraceEntry[]>
  /** Entries of which one may have this own id. Not `whole`: it gave up after so many. */
  named(id: string, account: string | null): Promise<{ readonly entries: readonly TraceEntry[]; readonly read: number; readonly whole: boolean }>
  entry(account: string, seq: number): Promise<TraceEntry | null>
  /** The other side's entry of the same message. */
  partner(entry: TraceEntry): Promise<TraceEntry | null>
  journaled(account: string, seq: number): Promise<{ readonly records: readonly JournalRecord[]; readonly streams: readonly OpenStream[] }>
}

/** `waiting`: kept for a client that acknowledges it; `done`: acknowledged, or expired; `unqueued`: for nobody to acknowledge; `gone`: deleted since; `unknown`: the database did not say. */
export type EntryState = 'waiting' | 'done' | 'unqueued' | 'gone' | 'unknown'

export interface TracedEntry {
  readonly account: string
  readonly sent: boolean
  readonly seq: number
  /** As clients see it (XEP-0359). */
  readonly stanzaId: string
  readonly archived: boolean | null
  readonly state: EntryState
}

export interface Step {
  /** ms since 1970; null: not known. */
  readonly at: number | null
  readonly what: 'received' | 'ended' | 'committed' | 'given' | 'acknowledged' | 'expired'
  readonly source: 'memory' | 'log' | 'journal'
  readonly session?: string
  readonly number?: number
  readonly form?: Form
  readonly batch?: number
  /** Of what did not get into the log. */
  readonly how?: string
}

export interface TracedMessage {
  /** Its sender's; '': none, or not known. */
  readonly id: string
  readonly originId: string
  readonly from: string
  readonly to: string
  readonly entries: readonly TracedEntry[]
  readonly steps: readonly Step[]
  /** Streams that have it and have not acknowledged it. */
  readonly open: readonly OpenStream[]
}

export interface Traced {
  /** Newest first. */
  readonly messages: readonly TracedMessage[]
  /** There are more of this id. */
  readonly more: boolean
  /** null: no server's memory was asked. */
  readonly ring: { readonly size: number; readonly since: number; readonly overwritten: boolean } | null
  /** Own ids are looked for among so many entries; not `whole`: there are more. null: not looked for. */
  readonly searched: { readonly entries: number; readonly whole: boolean } | null
  /** Why the database does not know; '': it does. */
  readonly away: string
}

export interface TraceQuery {
  readonly id: string
  /** Bare JID; null: any. */
  readonly account: string | null
}

/** Messages told. */
export const MOST = 20
/** Notes of the ring that are looked at. */
const MOST_NOTES = 200

/** What is known of one message before it is put together. */
interface Lead {
  readonly received: { readonly account: string; readonly seq: number } | null
  readonly sent: { readonly account: string; readonly seq: number } | null
  readonly mark: number
  readonly arrival: Note | null
  readonly outcome: Note | null
  readonly at: number
}

export const traceMessages = async (ring: Ring | null, store: TraceStore, { id, account }: TraceQuery): Promise<Traced> => {
  let away = ''
  const ask = async <T>(question: () => Promise<T>, otherwise: T): Promise<T> => {
    if (away !== '') return otherwise
    try {
      return await question()
    } catch (error) {
      if (!(error instanceof AwayError)) throw error
      away = error.message
      return otherwise
    }
  }
  const leads = new Map<string, Lead>()
  const concerns = (...accounts: readonly string[]): boolean => account === null || accounts.includes(account)
  const add = (lead: Lead): void => {
    const of = lead.received ?? lead.sent
    const key = of === null ? `${lead.arrival?.session} ${lead.at} ${leads.size}` : `${of.account} ${of.seq} ${lead.mark} ${lead.received === null}`
    if (!leads.has(key)) leads.set(key, lead)
  }
  const addCommit = (commit: Note, arrival: Note | null): void => {
    const { account: receiver, seq, sender, sentSeq, mark, at } = commit
    if (!concerns(receiver, sender)) return
    add({ received: seq === 0 ? null : { account: receiver, seq }, sent: sentSeq === 0 ? null : { account: sender, seq: sentSeq }, mark, arrival, outcome: commit, at })
  }
  const addEntry = async (entry: TraceEntry): Promise<void> => {
    const partner = await ask(() => store.partner(entry), null)
    const isSent = (entry.flags & SENT) !== 0
    const [received, sent] = isSent ? [partner, entry] : [entry, partner]
    const notes = ring?.of(entry.account, entry.seq, MOST_NOTES).filter((n) => n.what === 'committed' && n.mark === entry.mark) ?? []
    const outcome = notes.at(-1) ?? null
    add({ received, sent, mark: entry.mark, arrival: outcome === null ? null : ring?.arrival(outcome) ?? null, outcome, at: entry.at })
  }

  // a name of the log's
  const named = logId(id)
  if (named !== null) {
    for (const commit of ring?.numbered(named.seq, named.mark, MOST_NOTES) ?? []) addCommit(commit, ring?.arrival(commit) ?? null)
    for (const entry of await ask(() => store.numbered(named, account, MOST + 1), [])) if (concerns(entry.account, entry.peer)) await addEntry(entry)
  }
  const isOurs = leads.size > 0
  // a name of its sender's
  for (const note of ring?.named(id, MOST_NOTES) ?? []) {
    if (note.what === 'committed') addCommit(note, ring?.arrival(note) ?? null)
    else if (note.what === 'received') {
      const outcome = ring?.outcome(note) ?? null
      if (outcome?.what === 'committed') addCommit(outcome, note)
      else if (concerns(note.session.split('/')[0] as string)) add({ received: null, sent: null, mark: 0, arrival: note, outcome, at: note.at })
    } else if (ring?.arrival(note) === null && concerns(note.session.split('/')[0] as string)) add({ received: null, sent: null, mark: 0, arrival: null, outcome: note, at: note.at })
  }
  let searched: Traced['searched'] = null
  // what the log has named so is not its sender's; what only looks like it may be
  if (!isOurs) {
    const search = await ask(() => store.named(id, account), null)
    if (search !== null) {
      searched = { entries: search.read, whole: search.whole }
      // of the newest only: each costs a question for the other side
      const fitting = search.entries.filter(({ xml }) => isNamed(xml, id)).toSorted((a, b) => b.at - a.at)
      for (const entry of fitting.slice(0, MOST * 2 + 2)) await addEntry(entry)
    }
  }

  const all = [...leads.values()].toSorted((a, b) => b.at - a.at)
  const messages: TracedMessage[] = []
  for (const lead of all.slice(0, MOST)) messages.push(await put(lead))
  return {
    messages, more: all.length > MOST, searched, away,
    ring: ring === null ? null : { size: ring.size, since: ring.since, overwritten: ring.overwritten },
  }

  async function put({ received, sent, mark, arrival, outcome }: Lead): Promise<TracedMessage> {
    const entries: TracedEntry[] = []
    const steps: Step[] = []
    const open: OpenStream[] = []
    let head = { id: '', originId: '', from: arrival?.session ?? outcome?.session ?? '', to: '' }
    let committedAt: number | null = null
    if (arrival !== null) steps.push(stepOf(arrival))
    if (outcome !== null) steps.push(stepOf(outcome))
    for (const side of [received, sent]) {
      if (side === null) continue
      const { account: of, seq } = side
      const found = await ask<TraceEntry | null | undefined>(() => store.entry(of, seq), undefined)
      // a number that was given out twice is another entry (durability.md D5)
      const entry = found === undefined || found?.mark === mark ? found : null
      entries.push({
        account: of, sent: side === sent, seq, stanzaId: idOf({ seq, mark }), archived: entry === null || entry === undefined ? null : (entry.flags & ARCHIVED) !== 0,
        state: entry === undefined ? 'unknown' : entry === null ? 'gone' : (entry.flags & QUEUED) === 0 ? 'unqueued' : entry.waiting ? 'waiting' : 'done',
      })
      if (entry !== null && entry !== undefined) {
        const frame = frameOf(entry.xml)
        head = { id: frame.id, originId: originIdOf(frame), from: frame.from, to: frame.to }
        committedAt ??= entry.at
      }
      const mine = ring?.of(of, seq, MOST_NOTES).filter((n) => n.what !== 'committed') ?? []
      steps.push(...mine.map(stepOf))
      const { records, streams } = await ask(() => store.journaled(of, seq), { records: [], streams: [] })
      // a commit may give it anew, under the same number
      for (const { session, number, form, batch } of records) {
        if (!steps.some((s) => s.what === 'given' && s.session === session && s.number === number)) steps.push({ at: null, what: 'given', source: 'journal', session, number, form, batch })
      }
      open.push(...streams.filter((s) => !mine.some((n) => n.what === 'acknowledged' && n.session === s.session)))
    }
    if (outcome === null && committedAt !== null) {
      const i = steps.findIndex((s) => s.what !== 'received')
      steps.splice(i < 0 ? steps.length : i, 0, { at: committedAt, what: 'committed', source: 'log' })
    }
    const committed = committedAt ?? outcome?.at ?? 0
    const timeOf = ({ at }: Step): number => at ?? committed
    return {
      ...head, id: head.id !== '' ? head.id : arrival?.id ?? outcome?.id ?? '', to: head.to !== '' ? head.to : received?.account ?? '',
      entries, open,
      // what has no time stands where it was found: behind the commit
      steps: steps.toSorted((a, b) => timeOf(a) - timeOf(b)),
    }
  }
}

const isNamed = (xml: string, id: string): boolean => {
  const frame = frameOf(xml)
  return frame.id === id || originIdOf(frame) === id
}

const stepOf = ({ at, what, session, number, form, batch, how }: Note): Step => ({
  at, what, source: 'memory',
  ...(what === 'given' || what === 'acknowledged' ? { session, number, form } : what === 'received' ? { session, number } : what === 'committed' ? { batch } : what === 'ended' ? { how } : {}),
})
