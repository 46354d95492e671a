// A trace → a script: the steps of one copy, in order, each with what it waits for. A recorded client waited on what it had
// heard: so each of its stanzas waits for what came to it before, as far as any server must send that again: answers to its
// requests, messages and subscriptions of its contacts, its own presence. What its contacts said is said by accounts that
// play them, after what it was said in answer to has reached them. Answers to requests of the server or of others are no
// steps: they are given when they are asked for (session.ts).
import { NS } from '../base/namespaces.js'
import type { Frame } from '../base/stanza.js'
import { bareOf, castOf, domainOf, withEnd } from './cast.js'
import type { Cast, Part, Said } from './cast.js'
import { cutter, makeSlots, tokenKey } from './template.js'
import type { Slot, Template } from './template.js'
import { addressSlots, DELAY, noteGiven, noteTokens, requestsIn, stripped } from './tokens.js'
import type { Capture } from './tokens.js'
import { closes } from './trace.js'
import type { Trace } from './trace.js'

/**
 * must: the server has to bring it about · subscription: only where the two are not contacts yet · own: one's own presence,
 * which shows that others are let through from now on.
 */
export type EventKind = 'must' | 'subscription' | 'own'

export interface Event {
  readonly kind: EventKind
  readonly captures: Capture[]
}

export interface Step {
  /** ms in the recording. */
  readonly at: number
  readonly part: number
  readonly does: 'open' | 'say' | 'enable' | 'resume' | 'ask' | 'acknowledge' | 'close' | 'drop'
  readonly waits: readonly number[]
  readonly text: Template | null
  /** A message, presence or iq: what a rate counts. */
  readonly counts: boolean
  /** A message to an account of the copy: its id is given when it is sent, and its arrival is an event. `kept`: who gets it is away. */
  readonly message: { readonly slot: number; readonly to: number; readonly event: number; readonly kept: boolean } | null
  /** A request: the slot of its id, and the event of its answer. */
  readonly request: { readonly slot: number; readonly event: number; readonly binds: boolean } | null
  /** The answer to <enable/> and <resume/>, and the end of a stream. */
  readonly event: number
}

export interface Answer {
  readonly type: 'result' | 'error'
  readonly payload: Template
}

export interface Script {
  readonly name: string
  readonly accounts: number
  readonly parts: readonly Part[]
  readonly recordedParts: number
  readonly slots: readonly Slot[]
  /** Slots of ids that each pass gives anew; those of messages between the accounts are given when one is sent. */
  readonly fresh: readonly number[]
  readonly steps: readonly Step[]
  readonly events: readonly Event[]
  /** What shows that an event of presence happened: the account that it came to, and its kind ('own' with the part). */
  readonly presence: ReadonlyMap<string, readonly number[]>
  /** Recorded answers to requests, by account and `subject`. */
  readonly answers: ReadonlyMap<string, Answer>
  /** ms from the first step to the last. */
  readonly length: number
  /** Stanzas of the recording that are not said, by reason. */
  readonly leftOut: ReadonlyMap<string, number>
}

/** What a request is about: who is asked answers alike where it asks for the same. */
export const subject = (account: number, { type, children: [child] }: Frame): string => `${account} ${type} ${child?.ns ?? ''} ${child?.name ?? ''}`

const SUBSCRIPTIONS = new Set(['subscribe', 'subscribed', 'unsubscribe', 'unsubscribed'])

export const compile = (trace: Trace): Script => {
  const cast = castOf(trace)
  const { said, parts, accounts, partOf } = cast
  const requests = requestsIn(said)
  const slots = makeSlots()
  const cut = cutter(slots, addressSlots(cast, slots), [cast.domain, slots.slot('domain', { is: 'domain' })])
  const idSlot = (id: string): number => slots.slot(tokenKey(id), { is: 'id' })
  noteTokens(cast, idSlot)
  const given = noteGiven(cast, requests, slots)

  const steps: Step[] = []
  const events: Event[] = []
  const presence = new Map<string, number[]>()
  const answers = new Map<string, Answer>()
  const leftOut = new Map<string, number>()
  const happening = (kind: EventKind, captures: Capture[] = []): number => events.push({ kind, captures }) - 1
  const shown = (key: string, kind: EventKind): number => {
    const event = happening(kind)
    const alike = presence.get(key)
    if (alike === undefined) presence.set(key, [event])
    else alike.push(event)
    return event
  }
  const step = (more: Partial<Step> & Pick<Step, 'at' | 'part' | 'does'>): void => void steps.push({ waits: [], text: null, counts: false, message: null, request: null, event: -1, ...more })

  /** What a part has heard since it last said something. */
  const heard: number[][] = parts.map(() => [])
  const take = (part: number): number[] => (heard[part] as number[]).splice(0)
  /** By part and recorded id: the answer to a request. By account and recorded id: the arrival of a message. */
  const asked = new Map<string, number>()
  const arrivals = new Map<string, number>()
  /** By account: the arrival of what was last said to it. */
  const reached = new Map<number, number>()
  /** By account: what shows that it is available. */
  const available = new Map<number, number>()
  const seenFromContacts = new Set<string>()
  const began = new Set<number>()
  const ended = new Map<number, number>()
  let nameless = 0

  const accountAt = (jid: string): number => accounts.indexOf(bareOf(jid))
  const contactPart = (account: number): number => parts.findIndex((part) => part.account === account && !part.recorded)

  /** A message with an id of its own, so that it can be known again. */
  const named = (octets: string, id: string): { octets: string; id: string } => {
    if (id !== '') return { octets, id }
    const made = `jidway-replay-${++nameless}`
    return { octets: octets.replace(/^<[^\s/>]+/, (name) => `${name} id='${made}'`), id: made }
  }

  const message = (at: number, part: number, octets: string, id: string, to: number, waits: number[], kept = false): number => {
    const from = (parts[part] as Part).account
    const known = arrivals.get(`${from} ${id}`)
    const { octets: text, id: name } = named(octets, id)
    const slot = idSlot(name)
    // said again, after a connection broke: it is the same one
    const event = known ?? happening('must')
    arrivals.set(`${from} ${name}`, event)
    step({ at, part, does: 'say', waits, text: cut(text), counts: true, message: known === undefined ? { slot, to, event, kept } : null })
    return event
  }

  const endedBefore = (account: number): number[] => [...ended].filter(([part]) => (parts[part] as Part).account === account).map(([, event]) => event)

  const fromClient = (item: Said, part: number, index: number): void => {
    const { t: at, xml, frame, kind } = item
    const account = (parts[part] as Part).account
    if (!began.has(part)) {
      began.add(part)
      // a client that comes back has ended its stream before
      step({ at, part, does: 'open', waits: endedBefore(account) })
    }
    if (index <= (cast.loginEnd[part] as number) || ended.has(part)) return
    if (closes(item)) {
      const event = happening('must')
      ended.set(part, event)
      return step({ at, part, does: 'close', waits: take(part), event })
    }
    if (kind === 'white') return step({ at, part, does: 'say', text: cut(xml), waits: take(part) })
    if (frame?.ns === NS.sm) {
      if (frame.name === 'enable' || frame.name === 'resume') {
        const event = happening('must')
        asked.set(`${part} ${frame.name}`, event)
        return step({ at, part, does: frame.name, waits: take(part), text: cut(xml), event })
      }
      return step({ at, part, does: frame.name === 'r' ? 'ask' : 'acknowledge', waits: take(part), text: cut(xml) })
    }
    if (frame === null || frame.kind === '') return step({ at, part, does: 'say', text: cut(xml), waits: take(part) })
    if (frame.kind === 'iq' && (frame.type === 'result' || frame.type === 'error')) return keepAnswer(account, requests.get(`out ${frame.id}`), frame)
    const to = frame.to === '' ? -1 : accountAt(frame.to)
    if (frame.to !== '' && to < 0 && !isHere(cast, frame.to)) {
      const reason = `to ${frame.to}, which is not of ${cast.domain}`
      return void leftOut.set(reason, (leftOut.get(reason) ?? 0) + 1)
    }
    if (frame.kind === 'message' && to >= 0 && frame.type !== 'error') {
      reached.set(to, message(at, part, xml, frame.id, to, take(part)))
      return
    }
    if (frame.kind === 'iq') {
      const event = happening('must', given.get(item.line) ?? [])
      const binds = frame.children[0]?.ns === NS.bind
      step({ at, part, does: 'say', waits: take(part), text: cut(xml), counts: true, request: { slot: idSlot(frame.id), event, binds } })
      asked.set(`${part} ${frame.id}`, event)
      // nothing may be said before it (RFC 6120 §7.3.1), and items of the same ms may stand in the wrong order
      if (binds) heard[part]?.push(event)
      return
    }
    step({ at, part, does: 'say', waits: take(part), text: cut(xml), counts: true })
    if (frame.kind !== 'presence') return
    if (to >= 0 && SUBSCRIPTIONS.has(frame.type)) reached.set(to, shown(`${to} ${frame.type}`, 'subscription'))
    else if (frame.to === '' && frame.type === '') available.set(account, shown(`${part} own`, 'own'))
    else if (frame.to === '' && frame.type === 'unavailable') available.delete(account)
  }

  const keepAnswer = (account: number, request: Said | undefined, { type, xml, openEnd, empty }: Frame): void => {
    if (request?.frame === undefined || request.frame === null) return
    answers.set(subject(account, request.frame), { type: type === 'error' ? 'error' : 'result', payload: cut(empty ? '' : xml.slice(openEnd, xml.lastIndexOf('</'))) })
  }

  const fromServer = (item: Said, part: number): void => {
    const { frame, t: at, line } = item
    if (frame === null) return
    const hears = (event: number | undefined): void => void (event !== undefined && heard[part]?.push(event))
    if (frame.ns === NS.sm) return frame.name === 'resumed' ? hears(asked.get(`${part} resume`)) : frame.name === 'enabled' || frame.name === 'failed' ? hears(asked.get(`${part} enable`)) : undefined
    if (frame.kind === 'iq' && (frame.type === 'result' || frame.type === 'error')) {
      hears(asked.get(`${part} ${frame.id}`))
      const other = accountAt(frame.from)
      if (frame.from.includes('/') && contactPart(other) >= 0) keepAnswer(other, requests.get(`${item.s} ${frame.id}`), frame)
      return
    }
    const other = accountAt(frame.from)
    const { account } = parts[part] as Part
    if (frame.kind === 'presence') {
      if (other === account && frame.type === '') return hears(available.get(account))
      if (!SUBSCRIPTIONS.has(frame.type) || other < 0) return
      if (contactPart(other) >= 0 && isNew(item, other)) contactSays(at, other, part, (waits) => step({ at, part: contactPart(other), does: 'say', text: cut(stripped(frame)), counts: true, waits }))
      return hears(shown(`${account} ${frame.type}`, 'subscription'))
    }
    if (frame.kind !== 'message' || frame.type === 'error' || other < 0 || other === account) return
    if (contactPart(other) < 0) return hears(arrivals.get(`${other} ${frame.id}`)) // of another recorded client
    if (!isNew(item, other)) return
    // one that waited for the client was said while it was away: before this connection began
    const waited = frame.children.some(({ ns }) => ns === DELAY)
    contactSays(at, other, part, (waits) => {
      const place = waited ? steps.findIndex((one) => one.part === part) : steps.length
      const rest = steps.splice(place)
      const event = message(rest[0]?.at ?? at, contactPart(other), stripped(frame), frame.id, account, waited ? endedBefore(account) : waits, waited)
      steps.push(...rest)
      events[event]?.captures.push(...(given.get(line) ?? []))
      hears(event)
    })
  }

  /** After what it was an answer to came; or, where it was none, when the client can be reached. */
  const contactSays = (at: number, other: number, part: number, say: (waits: number[]) => void): void => {
    const cause = reached.get(other)
    const ready = available.get((parts[part] as Part).account)
    say([...(cause === undefined ? [] : [cause]), ...(ready === undefined ? [] : [ready])])
  }

  /** Two connections of one account hear the same twice. */
  const isNew = ({ frame, xml }: Said, other: number): boolean => {
    const key = `${other} ${frame?.id === '' || frame === null ? xml : frame.id}`
    if (seenFromContacts.has(key)) return false
    seenFromContacts.add(key)
    return true
  }

  const ending = withEnd(said)
  const lastOf = new Map(said.map((item, i) => [item.s, i]))
  for (const [index, item] of said.entries()) {
    const part = partOf.get(item.s)
    if (part === undefined) continue
    if (item.dir === 'in') fromClient(item, part, index)
    else fromServer(item, part)
    // a connection without a goodbye was lost, or its recording ended
    if (lastOf.get(item.s) === index && !ending.has(item.s)) {
      const event = happening('must')
      ended.set(part, event)
      step({ at: item.t, part, does: 'drop', waits: take(part), event })
    }
  }
  const ofMessages = new Set(steps.map(({ message: said }) => said?.slot))
  return {
    name: trace.name, accounts: accounts.length, parts, recordedParts: cast.recordedParts, slots: slots.all, steps,
    fresh: slots.all.flatMap((slot, i) => (slot.is === 'id' && !ofMessages.has(i) ? [i] : [])),
    events, presence, answers, leftOut,
    length: Math.max(0, (steps.at(-1)?.at ?? 0) - (steps[0]?.at ?? 0)),
  }
}

const isHere = ({ domain }: Cast, jid: string): boolean => domainOf(jid) === domain || domainOf(jid).endsWith(`.${domain}`)
