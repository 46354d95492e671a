// `trace ID`: the path of a message, as the log, the queue, the journal and the memory of the running server still know it;
// and what they do not know any more.
import { UsageError } from '../base/errors.js'
import type { OpenStream, Step, Traced, TracedEntry, TracedMessage, TraceQuery } from '../core/trace.js'
import { controlCall, ownerOf } from './control.js'
import type { Call } from './user.js'

/** Longer than any client makes them. */
const LONGEST_ID = 1024

/** false: no message is known by this id. */
export const trace = async (id: string, account: string | undefined, call: Call): Promise<boolean> => {
  const { deps, settings, around, json } = call
  if (id.trim() === '' || id.length > LONGEST_ID) throw new UsageError(`an id has 1 to ${LONGEST_ID} characters: a stanza-id, or the own id of a message`)
  const bare = account === undefined ? null : deps.account(account)
  if (account !== undefined && bare === null) throw new UsageError(`'${account}' is no account like romeo@${settings.domain[0] ?? 'localhost'}`)
  const traced = await ask({ id, account: bare }, call)
  if (traced === null) throw new Error('there is no database yet, and no message in it; is --data right?')
  if (json) for (const one of [...traced.messages.map(message => ({ message })), { ring: traced.ring, searched: traced.searched, more: traced.more, away: traced.away }]) around.stdout.write(`${JSON.stringify(one)}\n`)
  else around.stdout.write(traceText({ id, account: bare }, traced))
  return traced.messages.length > 0
}

/** The running server, whose memory knows more; otherwise the database alone. */
const ask = async (query: TraceQuery, { settings, deps }: Call): Promise<Traced | null> => {
  if ((await ownerOf(settings.data))?.serves !== true) return deps.trace(settings, query)
  const asked = await controlCall(settings.data, 'trace', query)
  if (!asked.running) throw new Error('the running server ended in the middle of the command')
  return asked.result as Traced
}

export const traceText = (query: TraceQuery, traced: Traced): string => {
  const { messages, more } = traced
  return [
    ...(messages.length === 0 ? [nothing(query, traced)] : []),
    ...messages.map((message) => messageText(message, traced)),
    ...(more ? ['There are more messages of this id, older ones; --account tells fewer.'] : []),
    knowledge(traced),
  ].join('\n\n') + '\n'
}

const nothing = ({ id, account }: TraceQuery, { searched }: Traced): string => [
  `No message with the id ${id} is known${account === null ? '' : ` of ${account}`}.`,
  'An id is either the id of a <stanza-id/> that this server has given, like 1a-1x2y3z4, or what the sender\'s client has put into',
  'the message, as its attribute id or its <origin-id/>. Capital letters count. Messages with no-store, stand-alone chat states, headlines',
  'and errors are not in the log; the log forgets what is neither archived nor waiting.',
  ...(searched !== null && !searched.whole ? [`The log has more than the ${searched.entries} entries that were searched: --account JID searches those of one account, newest first.`] : []),
].join('\n')

const messageText = ({ id, originId, from, to, entries, steps, open }: TracedMessage, { ring }: Traced): string => [
  `Message ${id === '' ? 'without an id of its own' : id}${originId === '' || originId === id ? '' : ` (origin-id ${originId})`}${from === '' ? '' : ` from ${from}`}${to === '' ? '' : ` to ${to}`}`,
  ...steps.map((step) => `  ${step.at === null ? '?'.padEnd(24) : time(step.at)}  ${step.what.padEnd(12)}  ${stepText(step)}`),
  ...(ring !== null && steps.length > 0 && steps[0]!.what !== 'received' && ring.overwritten ? ['  The memory of the server does not reach back to its arrival.'] : []),
  ...entries.map((entry) => `  ${entryText(entry)}`),
  ...open.map((stream) => `  ${openText(stream)}`),
  ...(entries.length === 0 ? ['  It is not in the message log.'] : []),
].join('\n')

const COPIES = { original: '', received: ' as a carbon of what was received', sent: ' as a carbon of what was sent' } as const

const stepText = ({ what, source, session = '', number = 0, form = 'original', batch, how }: Step): string => {
  const counted = number === 0 ? '' : `, stanza ${number} of its stream`
  switch (what) {
    case 'received': return session === '' ? 'from the server itself' : `from ${session}${counted}`
    case 'committed': return source === 'log' ? 'as the log says' : `by group commit ${batch}`
    case 'given': return `to ${session}${COPIES[form]}${counted}${source === 'journal' ? ` (the journal, group commit ${batch})` : ''}`
    case 'acknowledged': return `by ${session}${COPIES[form]}`
    case 'expired': return 'it has waited for longer than offline_max_age; its sender was told'
    case 'ended': return how ?? ''
  }
}

const STATES = {
  waiting: 'kept: it waits until a client acknowledges it',
  done: 'waits no more: it was acknowledged, or has expired',
  unqueued: 'need not be acknowledged',
  gone: 'deleted since',
  unknown: 'the database does not say what became of it',
} as const

const entryText = ({ account, sent, seq, stanzaId, archived, state }: TracedEntry): string =>
  `entry ${seq} of ${account} (${sent ? 'sent' : 'received'}, stanza-id ${stanzaId}): ${STATES[state]}${archived === null ? '' : archived ? '; archived' : '; not archived'}`

const openText = ({ session, number, form, detached }: OpenStream): string =>
  `${session} has it${COPIES[form]} as stanza ${number} and had not acknowledged it when its stream was written last${detached === null ? '' : `; it lost its connection at ${time(detached)}`}`

/** What could not be told, and why. */
const knowledge = ({ ring, away }: Traced): string => [
  ring === null ? 'No server runs on this data folder: what it had in its memory (arrival, refusals, acknowledgements and their times) is gone, or is another node\'s.'
    : ring.size === 0 ? 'The server remembers no events of messages (trace_entries is 0): only the database was asked.'
      : ring.overwritten ? `The memory of the server reaches back to ${time(ring.since)}; what happened before is forgotten (trace_entries is ${ring.size}).`
        : `The memory of the server reaches back to its start at ${time(ring.since)}.`,
  ...(away === '' ? [] : [`The database does not answer (${away}): all of this is from memory.`]),
].join('\n')

const time = (at: number): string => new Date(at).toISOString()
