// The router: what happens to a stanza that one of our users, or the server itself, sends. It reads the rules in
// rules.ts, asks the route cache where the receiver is, and hands octets to delivery. Every way through it ends in
// delivered, stored, answered, refused, or ignored by a named rule.
//
// Promises appear only where something must be waited for; a message between two sessions of this node makes none.
import { AwayError, StanzaError } from '../base/errors.js'
import type { Jid } from '../base/jid.js'
import { NS } from '../base/namespaces.js'
import { stamp } from '../base/stanza.js'
import type { Stanza } from '../base/stanza.js'
import { errorOf, resultOf } from '../wire/replies.js'
import { treeOf } from '../wire/tree.js'
import type { Asking } from './asking.js'
import { countEnding, ignored } from './ending.js'
import type { Ending, Rule, Verdict } from './ending.js'
import { AVAILABLE, exactly, MOST_AVAILABLE, REACHABLE, toSessions } from './delivery.js'
import type { Choice, Delivery } from './delivery.js'
import { walk } from './dispatch.js'
import type { Dispatch, Walked } from './dispatch.js'
import type { Counters } from './counters.js'
import type { Mailbox } from './mailbox.js'
import type { Clock } from './ports.js'
import type { Presence } from './presence.js'
import type { Resolution, RouteCache } from './route-cache.js'
import type { Request, Routed, Services } from './route.js'
import { IQ, IQ_TYPES, MESSAGE, NOBODY_TOOK, PRESENCE, PRESENCE_TYPES } from './rules.js'
import type { Action, IqType, PresenceType, Target } from './rules.js'
import type { Here, Session, Sessions } from './sessions.js'
import type { Subscribing } from './subscribing.js'

export interface RouterParts {
  readonly domains: ReadonlySet<string>
  /** Parses and normalises an address; null where it is none (RFC 7622). */
  readonly jid: (text: string) => Jid | null
  readonly sessions: Sessions
  readonly cache: RouteCache
  readonly delivery: Delivery
  readonly mailbox: Mailbox
  readonly presence: Presence
  readonly subscribing: Subscribing
  readonly asking: Asking
  readonly dispatch: Dispatch
  readonly services: Services
  readonly counters: Counters
  readonly clock: Clock
  /** Told of what was our bug, with the stanza's id. */
  readonly bug: (error: unknown, stanza: Stanza) => void
}

export interface Router {
  /** A stanza from one of our users. A promise where the next stanza of the stream has to wait (RFC 6120 §10.1). */
  fromClient(session: Session, stanza: Stanza): Ending | Promise<Ending>
  /** A stanza of the server's own making, with `from` and `to`. */
  fromServer(stanza: Stanza): Ending | Promise<Ending>
  /** Keep a message for an account that nobody is there for; what Services.keep does. */
  keep(routed: Routed): Promise<Ending>
}

type Sender = Session | null

export const makeRouter = (parts: RouterParts): Router => {
  const { domains, jid, sessions, cache, delivery, mailbox, presence, subscribing, asking, dispatch, services, counters, clock } = parts

  /** The end of every way: refusals are written here and nowhere else. */
  const finish = (sender: Sender, stanza: Stanza, verdict: Verdict): Ending => {
    const ending = verdict instanceof StanzaError ? refuse(sender, stanza, verdict) : verdict
    countEnding(counters, ending)
    return ending
  }

  const refuse = (sender: Sender, stanza: Stanza, error: StanzaError): Ending => {
    // RFC 6120 §8.3.1: never an error in answer to an error; §8.2.3: nor to a result
    if (stanza.type === 'error' || (stanza.kind === 'iq' && stanza.type === 'result')) return ignored('RFC 6120 §8.3.1')
    if (sender === null) return ignored('RFC 6120 §8.3.1')
    sender.outlet.write(errorOf(stanza, sender.jid.full, error), false)
    return 'refused'
  }

  const trouble = (sender: Sender, stanza: Stanza, error: unknown): Ending => {
    if (error instanceof StanzaError) return finish(sender, stanza, error)
    if (error instanceof AwayError) return finish(sender, stanza, new StanzaError('resource-constraint', 'the server cannot do this now; try again later', { type: 'wait' }))
    counters.bugs++
    parts.bug(error, stanza)
    return finish(sender, stanza, new StanzaError('internal-server-error'))
  }

  const through = (sender: Sender, stanza: Stanza, work: () => Verdict | Promise<Verdict>): Ending | Promise<Ending> => {
    try {
      const verdict = work()
      if (!(verdict instanceof Promise)) return finish(sender, stanza, verdict)
      return verdict.then((v) => finish(sender, stanza, v), (error: unknown) => trouble(sender, stanza, error))
    } catch (error) {
      return trouble(sender, stanza, error)
    }
  }

  const addressed = (sender: Sender, from: Jid, stanza: Stanza): Verdict | Promise<Verdict> => {
    // RFC 6120 §10.3: a message without `to` is for the sender's own account, a request is the server's to answer for it
    const to = jid(stanza.to === '' ? from.bare : stanza.to)
    if (to === null) return new StanzaError('jid-malformed') // RFC 6120 §8.3.3.8
    const routed: Routed = { stanza, from, to, session: sender }
    const plan = dispatch.plans.sent[stanza.kind]
    if (plan === null || sender === null) return sent(routed)
    const walked = walk(plan, routed, services)
    return walked === routed ? sent(routed) : after(walked, sent)
  }

  const sent = (routed: Routed): Verdict | Promise<Verdict> => {
    const { stanza, to, session } = routed
    if (stanza.kind !== 'presence' || session === null) return route(routed)
    if (stanza.to === '') return presence.broadcast(session, stanza)
    return presence.direct(session, to, stanza) ?? route(routed)
  }

  const route = (routed: Routed): Verdict | Promise<Verdict> => {
    const { to, stanza } = routed
    // RFC 6120 §10.4: another domain. Server-to-server streams come later
    if (!domains.has(to.domain)) return new StanzaError('remote-server-not-found')
    if (to.local === '') return act(routed, 'server', null)
    const plan = dispatch.plans.received[stanza.kind]
    if (plan !== null) {
      const walked = walk(plan, routed, services)
      if (walked !== routed) return after(walked, locate)
    }
    return locate(routed)
  }

  const locate = (routed: Routed): Verdict | Promise<Verdict> => {
    const found = cache.resolve(routed.to)
    return found instanceof Promise ? found.then((r) => located(routed, r)) : located(routed, found)
  }

  const located = (routed: Routed, found: Resolution): Verdict | Promise<Verdict> =>
    // routing.md: unknown is never "offline"; the sender may try again
    found === 'unknown' ? new StanzaError('resource-constraint', 'the receiver cannot be looked up now', { type: 'wait' })
      : act(routed, targetOf(routed.to, found), found)

  const targetOf = (to: Jid, found: Here): Target => {
    const reachable = found.reachable.length > 0 || found.elsewhere.some((l) => (l.priority ?? -1) >= 0)
    if (to.resource === '') return reachable ? 'bare reachable' : 'bare unreachable'
    if (sessions.find(to) !== undefined || found.elsewhere.some((l) => l.resource === to.resource)) return 'match'
    return reachable ? 'other reachable' : 'other unreachable'
  }

  const act = (routed: Routed, target: Target, found: Here | null): Verdict | Promise<Verdict> => {
    const { stanza, to } = routed
    const action = actionOf(stanza, target)
    switch (action) {
      case 'deliver':
        // Behind what is still being read from the mailbox, so that it is not overtaken (RFC 6120 §10.1)
        if (mailbox.isDraining(to.bare, (found as Here).best) && isLasting(stanza)) return store(routed)
        return deliver(routed, found as Here, MOST_AVAILABLE)
      case 'all': return deliver(routed, found as Here, stanza.kind === 'presence' ? AVAILABLE : REACHABLE)
      case 'exact': return deliver(routed, found as Here, exactly(to))
      case 'store': return store(routed)
      case 'refuse': return new StanzaError('service-unavailable')
      case 'answer': return answer(routed)
      case 'subscription': return subscribing.handle(routed.from, to, stanza)
      case 'probe': return routed.session === null ? ignored('RFC 6121 §4.3.2') : presence.probe(routed.from, to, routed.session)
      default: return ignored(action)
    }
  }

  const stamped = (sender: Sender, stanza: Stanza): string => {
    if (sender === null) return stanza.xml
    return stamp(stanza, stanza.lang === '' ? sender.fromWithLang : sender.from)
  }

  const deliver = (routed: Routed, found: Here, choice: Choice): Verdict | Promise<Verdict> => {
    const { stanza, to } = routed
    const octets = stamped(routed.session, stanza)
    const here = choice.here(found)
    const taken = toSessions(here, octets, stanza.declared)
    if (found.elsewhere.length === 0) return delivered(routed, here, taken)
    return delivery.across(to, found, choice, octets, stanza.declared, stanza.kind !== 'iq').then((n) =>
      n !== 'unknown' ? delivered(routed, here, taken + n)
        : taken > 0 ? delivered(routed, here, taken)
          : new StanzaError('resource-constraint', 'the receiver cannot be looked up now', { type: 'wait' }))
  }

  const delivered = (routed: Routed, here: readonly Session[], taken: number): Verdict | Promise<Verdict> => {
    const { stanza, to } = routed
    if (taken > 0) {
      const plan = dispatch.plans.delivered[stanza.kind]
      if (plan === null) return 'delivered'
      // one allocation less for what no feature is concerned with
      const walked = walk(plan, routed, services, here)
      return walked === routed ? 'delivered' : after(walked, () => 'delivered')
    }
    // They were there a moment ago: the table again, for nobody
    const action = actionOf(stanza, to.resource === '' ? 'bare unreachable' : 'other unreachable')
    if (action === 'store') return store(routed)
    if (action === 'refuse') return new StanzaError('service-unavailable')
    return ignored(isRule(action) ? action : NOBODY_TOOK[stanza.kind])
  }

  /** Nobody is there: the features that joined this step keep the message, or the sender hears. */
  const store = (routed: Routed): Verdict | Promise<Verdict> => {
    const plan = dispatch.plans.unreachable[routed.stanza.kind]
    if (plan === null) return new StanzaError('service-unavailable')
    return after(walk(plan, routed, services), () => new StanzaError('service-unavailable'))
  }

  const keep = async ({ stanza, from, to, session }: Routed): Promise<Ending> => {
    if (cache.isAbsent(to.bare)) throw new StanzaError('service-unavailable')
    let outcome
    try {
      outcome = await mailbox.append({ account: to.bare, sender: from.bare, xml: stamped(session, stanza), at: clock.now() })
    } catch (error) {
      throw error instanceof StanzaError ? error : new StanzaError('resource-constraint', 'the message cannot be stored now', { type: 'wait', cause: error })
    }
    if (outcome === 'full') throw new StanzaError('resource-constraint', 'the receiver\'s mailbox is full')
    if (outcome === 'no-account') {
      cache.setAbsent(to.bare)
      throw new StanzaError('service-unavailable') // RFC 6121 §8.5.1
    }
    // Store, then look again: somebody may have come while it was being stored
    const [other] = sessions.of(to.bare).best
    if (other !== undefined) mailbox.drain(other, () => {}).catch((error: unknown) => parts.bug(error, stanza))
    return 'stored'
  }

  const answer = async ({ session: sender, from, to, stanza }: Routed): Promise<Verdict> => {
    const [child] = stanza.children
    if (child === undefined || stanza.children.length > 1) throw new StanzaError('bad-request', 'a request has exactly one child') // RFC 6120 §8.2.3
    if (sender === null) return ignored('RFC 6120 §8.3.1')
    const handler = dispatch.answer(stanza.type, child.ns, child.name, to.local === '' ? 'server' : 'account')
    // design.md §6: a request to another account is answered for that account, never applied to the sender's own
    if (handler === undefined || (to.local !== '' && to.bare !== sender.account && handler.to !== 'anyone')) throw new StanzaError('service-unavailable')
    const payload = treeOf(stanza.xml).getChildElements()[0]
    if (payload === undefined) throw new StanzaError('bad-request')
    const request: Request = { stanza, from, to, session: sender, payload }
    const result = await handler.answer(request, services)
    sender.outlet.write(resultOf(stanza, sender.jid.full, result ?? null), false)
    return 'answered'
  }

  return {
    keep,
    fromClient: (session, stanza) => through(session, stanza, () => {
      // RFC 6120 §8.1.2.1: a `from` may name the sender's full or bare JID, and nobody else
      const malformed = malformation(stanza)
      if (malformed !== null) return malformed
      // RFC 6120 §8.2.3: what our own requests are answered with goes no further
      if (stanza.kind === 'iq' && (stanza.type === 'result' || stanza.type === 'error') && asking.answered(session, stanza)) return 'answered'
      return addressed(session, session.jid, stanza)
    }),
    fromServer: (stanza) => through(null, stanza, () => {
      const from = jid(stanza.from)
      return from === null ? ignored('RFC 6120 §8.3.1') : addressed(null, from, stanza)
    }),
  }
}

const after = (walked: Walked | Promise<Walked>, next: (routed: Routed) => Verdict | Promise<Verdict>): Verdict | Promise<Verdict> => {
  if (walked instanceof Promise) return walked.then((w) => after(w, next))
  return typeof walked === 'object' && 'stanza' in walked ? next(walked) : walked
}

const actionOf = (stanza: Stanza, target: Target): Action => {
  switch (stanza.kind) {
    // RFC 6121 §5.2.2: an unknown type, or none, is 'normal'
    case 'message': return (MESSAGE[target] as Record<string, Action>)[stanza.type] ?? MESSAGE[target].normal
    case 'presence': return PRESENCE[target][stanza.type as PresenceType]
    case 'iq': return IQ[target][stanza.type as IqType]
  }
}

/** Worth keeping if it cannot be delivered now; a chat state is not, and would be dropped where it should be kept. */
const isLasting = ({ children }: Stanza): boolean =>
  children.some((c) => c.name === 'body') && !children.some((c) => c.ns === NS.hints && c.name === 'no-store')

const isRule = (action: Action): action is Rule => action.includes('§')

/** What is wrong with the stanza itself, whoever it is for. */
const malformation = (stanza: Stanza): StanzaError | null => {
  if (stanza.kind === 'iq') {
    // RFC 6120 §8.1.3 and §8.2.3
    if (stanza.id === '') return new StanzaError('bad-request', 'an <iq/> needs an id')
    if (!IQ_TYPES.includes(stanza.type as IqType)) return new StanzaError('bad-request', 'an <iq/> needs a type: get, set, result or error')
    if ((stanza.type === 'get' || stanza.type === 'set') && stanza.children.length !== 1) return new StanzaError('bad-request', 'a request has exactly one child')
  } else if (stanza.kind === 'presence' && !PRESENCE_TYPES.includes(stanza.type as PresenceType)) {
    return new StanzaError('bad-request', 'unknown type of presence') // RFC 6121 §4.7.1
  }
  return null
}
