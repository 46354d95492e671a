// One session of a copy: its connection, counting by XEP-0198, requests and their answers, what it is asked itself, and
// what it hears of the messages of others.
import { NS } from '../base/namespaces.js'
import type { Frame } from '../base/stanza.js'
import { dial } from '../client/wire.js'
import type { Login, Where, Wire } from '../client/wire.js'
import { attribute } from '../wire/writer.js'
import type { Inbox, Judge } from './judge.js'
import type { Measures } from './measure.js'

/** What all sessions of a run share. */
export interface Stage {
  readonly where: Where
  readonly judge: Judge
  readonly measures: Measures
  /** ms */
  readonly now: () => number
}

/** What the server calls a session that can be resumed, and what we have counted in it. */
export interface Resumable {
  previd: string | null
  handled: number
}

export interface Hooks {
  /** Logged in; the features of the stream after that. */
  ready(features: string): void
  /** `<enabled/>`, `<resumed/>` or `<failed/>`. */
  managed(name: string): void
  presence(frame: Frame): void
  /** A recorded answer to this request: its type and payload; null: none. */
  answer(frame: Frame): { readonly type: string; readonly payload: string } | null
  /** The connection is over; `expected`: we had said goodbye. */
  down(reason: string, expected: boolean): void
}

export interface Session {
  readonly state: 'away' | 'joining' | 'up' | 'leaving'
  /** Requests without an answer. */
  readonly asked: number
  /** Octets that the kernel did not take. */
  readonly backlog: number
  /** Stanzas are counted: an <r/> may be sent. */
  readonly counting: boolean
  open(resumable: Resumable, inbox: Inbox): void
  say(octets: string): void
  /** The next request to be sent: when it was due, and what to do with its answer. */
  expect(id: string, at: number, answered: (frame: Frame) => void): void
  /** As the recorded client did, of what has come here. */
  acknowledge(): void
  close(): void
  /** Without a goodbye; what was said before goes out. */
  drop(): void
}

interface Asked {
  readonly at: number
  readonly answered: (frame: Frame) => void
}

/** ms that a server has to end a stream. */
const LEAVING = 5000

export const makeSession = (login: Login, { where, judge, measures, now }: Stage, hooks: Hooks): Session => {
  let wire: Wire | null = null
  let state: Session['state'] = 'away'
  let began = 0
  let inbox: Inbox = judge.inbox([])
  let sm: Resumable = { previd: null, handled: 0 }
  let counting = false
  /** The `h` that we said last. */
  let acknowledged = 0
  const asked = new Map<string, Asked>()
  let leaving: NodeJS.Timeout | null = null

  const over = (reason: string): void => {
    const expected = state === 'leaving'
    if (leaving !== null) clearTimeout(leaving)
    wire = null
    state = 'away'
    counting = false
    if (!expected) measures.count('unanswered', asked.size)
    asked.clear()
    hooks.down(reason, expected)
  }

  const element = (frame: Frame): void => {
    if (frame.ns === NS.sm) return management(frame)
    if (frame.kind === '') return
    if (counting) sm.handled++
    measures.count('received')
    if (frame.type === 'error') measures.note('error', `${frame.kind} ${conditionOf(frame)}`)
    if (frame.kind === 'message') {
      judge.arrive(inbox, frame, now())
      return
    }
    if (frame.kind === 'presence') return hooks.presence(frame)
    if (frame.type !== 'result' && frame.type !== 'error') return answer(frame)
    const request = asked.get(frame.id)
    if (request === undefined) return
    asked.delete(frame.id)
    measures.took('request', request.at, now())
    request.answered(frame)
  }

  /** XEP-0198 §4 */
  const acknowledge = (): void => {
    acknowledged = sm.handled
    wire?.send(`<a xmlns='${NS.sm}' h='${sm.handled}'/>`)
  }

  const acknowledgeNews = (): void => {
    if (counting && sm.handled !== acknowledged) acknowledge()
  }

  const management = (frame: Frame): void => {
    if (frame.name === 'r') return acknowledge()
    if (frame.name === 'enabled') {
      sm.handled = acknowledged = 0
      const id = / id=(?:'([^']*)'|"([^"]*)")/.exec(frame.xml)
      sm.previd = /resume=["'](?:true|1)["']/.test(frame.xml) ? id?.[1] ?? id?.[2] ?? null : null
    }
    if (frame.name === 'enabled' || frame.name === 'resumed') counting = true
    if (frame.name !== 'a') hooks.managed(frame.name)
  }

  /** RFC 6120 §8.2.3: each request gets an answer. */
  const answer = (frame: Frame): void => {
    const known = hooks.answer(frame)
    const address = `${attribute('id', frame.id)}${attribute('to', frame.from)}`
    const child = frame.children[0]?.ns
    if (known !== null) wire?.send(`<iq type='${known.type}'${address}>${known.payload}</iq>`)
    else if (child === NS.ping || child === NS.roster) wire?.send(`<iq type='result'${address}/>`)
    else wire?.send(`<iq type='error'${address}><error type='cancel'><service-unavailable xmlns='${NS.stanzas}'/></error></iq>`)
  }

  return {
    get state() { return state },
    get asked() { return asked.size },
    get backlog() { return wire?.backlog ?? 0 },
    get counting() { return counting },
    open: (resumable, box) => {
      sm = resumable
      inbox = box
      state = 'joining'
      began = now()
      wire = dial(where, login, {
        ready: (features) => {
          state = 'up'
          measures.count('logins')
          measures.took('login', began, now())
          hooks.ready(features)
        },
        element, down: over,
      })
    },
    say: (octets) => wire?.send(octets),
    expect: (id, at, answered) => {
      measures.count('requests')
      asked.set(id, { at, answered })
    },
    acknowledge: acknowledgeNews,
    close: () => {
      if (state !== 'up') return
      state = 'leaving'
      acknowledgeNews() // so that what we have does not come again
      wire?.close()
      leaving = setTimeout(() => {
        wire?.drop()
        over('the server did not end the stream')
      }, LEAVING)
    },
    drop: () => {
      if (wire === null) return
      state = 'leaving'
      wire.half('')
      over('dropped')
    },
  }
}

/** RFC 6120 §8.3.2: the child in the namespace of conditions that is no text. */
const conditionOf = ({ xml }: Frame): string => {
  for (const [, name = ''] of xml.matchAll(/<([a-z-]+)[^<>]*urn:ietf:params:xml:ns:xmpp-stanzas/g)) if (name !== 'text') return name
  return 'without a condition'
}
