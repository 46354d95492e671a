// The router: what happens to a stanza that one of our users, or the server itself, sends. It reads the rules in
// rules.ts, asks the route cache where the receiver is, and hands octets to delivery. Every way through it ends in
// delivered, stored, answered, refused, or ignored by a named rule.
//
// Promises appear only where something must be waited for; a message between two sessions of this node makes none.
import { AwayError, StanzaError } from '../base/errors.js'
import type { Jid } from '../base/jid.js'
import { LONGEST_ID, stamp } from '../base/stanza.js'
import type { Stanza } from '../base/stanza.js'
import { errorOf, resultOf } from '../wire/replies.js'
import { treeOf } from '../wire/tree.js'
import type { Asking } from './asking.js'
import { countEnding, ignored } from './ending.js'
import type { Ending, Rule, Verdict } from './ending.js'
import { AVAILABLE, exactly, isWrong, MOST_AVAILABLE, REACHABLE, toSessions } from './delivery.js'
import type { Across, Choice, Delivery } from './delivery.js'
import { walk } from './dispatch.js'
import type { Dispatch, Walked } from './dispatch.js'
import type { Counters } from './counters.js'
import type { Committed, Feed } from './feed.js'
import type { HandOver } from './hand-over.js'
import { goesAlong, isHopping, makeHops } from './hops.js'
import type { Outstanding } from './outstanding.js'
import type { Resends } from './resends.js'
import { isLoggable, mayBeArchived } from './loggable.js'
import type { Appended, MessageLog, Outcome, Refusal } from './message-log.js'
import { ARCHIVED, QUEUED, SENT, WANTED } from './ports.js'
import type { Location, Logged } from './ports.js'
import type { Presence } from './presence.js'
import type { Resolution, RouteCache } from './route-cache.js'
import type { Request, Routed, Services } from './route.js'
import { IQ, IQ_TYPES, MESSAGE, NOBODY_TOOK, PRESENCE, PRESENCE_TYPES } from './rules.js'
import type { Action, IqType, PresenceType, Target } from './rules.js'
import { hasPut, isUnsure, lastBefore, written } from './behind.js'
import { mayAsk, noMoreAsked, settle, settled } from './sessions.js'
import type { Asked, Here, Session, Sessions } from './sessions.js'
import type { Subscribing } from './subscribing.js'
import type { Tracing } from './tracing.js'

export interface RouterParts {
  readonly domains: ReadonlySet<string>
  /** Parses and normalises an address; null where it is none (RFC 7622). */
  readonly jid: (text: string) => Jid | null
  readonly sessions: Sessions
  readonly cache: RouteCache
  readonly delivery: Delivery
  readonly feed: Feed
  /** There are no other nodes. */
  readonly isAlone: boolean
  /** The number of the last entry of an account's log. */
  last(account: string): Promise<number>
  readonly handOver: HandOver
  readonly outstanding: Outstanding
  readonly resends: Resends
  /** Made with what the router says to a message's outcome: `committed`. */
  readonly log: MessageLog<Logging>
  /** Messages to this domain are acknowledged when they are committed, and not when they are routed. */
  readonly isDurable: (domain: string) => boolean
  /** There is an archive (XEP-0313). */
  readonly archive: boolean
  readonly presence: Presence
  readonly subscribing: Subscribing
  readonly asking: Asking
  readonly dispatch: Dispatch
  readonly services: Services
  readonly counters: Counters
  readonly trace: Tracing
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
  /** What became of a message that was put into the log. */
  /** It will be refused: before its stream's count can say that it is done (D15). */
  refusing(item: Logging, refusal: Refusal): void
  committed(item: Logging, outcome: Outcome): void
}

/** A message in the log's queue. */
export interface Logging extends Appended {
  readonly routed: Routed
  /** It was delivered already, without waiting for the log, and is only archived. */
  readonly noted: boolean
  /** null: its stream has gone on meanwhile. */
  readonly tell: ((ending: Ending | StanzaError) => void) | null
}

type Sender = Session | null

export const makeRouter = (parts: RouterParts): Router => {
  const { domains, jid, sessions, cache, delivery, feed, handOver, log, presence, subscribing, asking, dispatch, services, counters, trace } = parts

  /** The end of every way: refusals are written here and nowhere else. @param logged its number on its stream, where it has come back from the log */
  const finish = (sender: Sender, stanza: Stanza, verdict: Verdict, logged: number | null = null): Ending => {
    // what is committed was noted as that
    if (isTraced(stanza) && verdict !== 'logged' && (logged === null || verdict instanceof StanzaError)) trace.ended(sender, stanza, logged ?? sender?.stream?.received ?? 0, inWords(verdict))
    const ending = verdict instanceof StanzaError ? refuse(sender, stanza, verdict, logged) : verdict
    countEnding(counters, ending)
    return ending
  }

  const refuse = (sender: Sender, stanza: Stanza, error: StanzaError, logged: number | null): Ending => {
    // RFC 6120 §8.3.1: never an error in answer to an error; §8.2.3: nor to a result
    if (stanza.type === 'error' || isAnswer(stanza)) return ignored('RFC 6120 §8.3.1')
    if (sender === null) return ignored('RFC 6120 §8.3.1')
    if (stanza.kind === 'message') sender.stream?.refuses(logged ?? sender.stream.received, stanza.id, stanza.to, error.condition)
    sender.outlet.write(errorOf(stanza, sender.jid.full, error), false)
    return 'refused'
  }

  const trouble = (sender: Sender, stanza: Stanza, error: unknown): Ending => {
    if (error instanceof StanzaError) return finish(sender, stanza, error)
    return finish(sender, stanza, broken(stanza, error))
  }

  const broken = (stanza: Stanza, error: unknown): StanzaError => {
    if (error instanceof AwayError) return new StanzaError('resource-constraint', 'the server cannot do this now; try again later', { type: 'wait' })
    counters.bugs++
    parts.bug(error, stanza)
    return new StanzaError('internal-server-error')
  }

  /**
   * D20: what is to be committed waits until the database is back, and its stream with it: an error would be a lie, for a
   * client that loses its stream then sends the message again. And a client whose word that it is there was refused would take
   * itself for online, and get nothing. Nor can who answers be told that the one who asked cannot be looked up now (RFC 6120 §8.2.3),
   * and who asked would wait for ever (D15).
   */
  const mayWait = (sender: Sender, stanza: Stanza, error: unknown): boolean => {
    const cause = error instanceof StanzaError ? error.cause : error
    return cause instanceof AwayError && sender !== null && sender.open &&
      (stanza.kind === 'message' ? isLoggable(stanza) && (allDurable || isDurableTo(stanza)) : stanza.kind === 'presence' ? stanza.to === '' : isAnswer(stanza))
  }

  const through = (sender: Sender, stanza: Stanza, work: () => Verdict | Promise<Verdict>): Ending | Promise<Ending> => {
    if (isTraced(stanza)) trace.received(sender, stanza)
    return attempt(sender, stanza, work)
  }

  const attempt = (sender: Sender, stanza: Stanza, work: () => Verdict | Promise<Verdict>): Ending | Promise<Ending> => {
    try {
      const verdict = work()
      if (!(verdict instanceof Promise)) return finish(sender, stanza, verdict)
      return verdict.then((v) => finish(sender, stanza, v), (error: unknown) => {
        if (!mayWait(sender, stanza, error)) return trouble(sender, stanza, error)
        // whose session is over meanwhile was not told that it was taken, and sends it again (D14)
        return new Promise<void>((resolve) => setTimeout(resolve, AGAIN)).then(() => (sender?.open === true ? attempt(sender, stanza, work) : finish(sender, stanza, ignored('XEP-0198 §4'))))
      })
    } catch (error) {
      return trouble(sender, stanza, error)
    }
  }

  const addressed = (sender: Sender, from: Jid, stanza: Stanza): Verdict | Promise<Verdict> => {
    // RFC 6120 §10.3: a message without `to` is for the sender's own account, a request is the server's to answer for it
    const to = jid(stanza.to === '' ? from.bare : stanza.to)
    if (to === null) return new StanzaError('jid-malformed') // RFC 6120 §8.3.3.8
    const routed: Routed = { stanza, from, to, session: sender, logged: stanza.kind === 'message' && isLoggable(stanza) && parts.isDurable(to.domain) }
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
      if (walked !== routed) return after(walked, (r) => locate(r.logged && !isLoggable(r.stanza) ? { ...r, logged: false } : r)) // without its forgeries it may be empty
    }
    return locate(routed)
  }

  const locate = (routed: Routed): Verdict | Promise<Verdict> => {
    const { session, to } = routed
    if (session !== null && session.put !== null && isUnsure(routed)) {
      return parts.last(to.bare).then((seq) => {
        hasPut(session, to.bare, seq)
        return locate(routed)
      })
    }
    const found = cache.resolve(routed.to)
    return found instanceof Promise ? found.then((r) => located(routed, r)) : located(routed, found)
  }

  const located = (routed: Routed, found: Resolution): Verdict | Promise<Verdict> => {
    // routing.md: unknown is never "offline"; the sender may try again, or where it is of the log waits (D20)
    if (found === 'unknown') throw new StanzaError('resource-constraint', 'the receiver cannot be looked up now', { type: 'wait', cause: new AwayError('no look-up') })
    const { session, to } = routed
    if (session !== null && session.hops !== null && !goesAlong(session.hops, to.bare, found)) return settled(session, 0).then(() => locate(routed))
    return act(routed, targetOf(to, found), found)
  }

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
      case 'deliver': return routed.logged ? keep(routed) : deliver(routed, found as Here, MOST_AVAILABLE)
      case 'all': return deliver(routed, found as Here, stanza.kind === 'presence' ? AVAILABLE : REACHABLE)
      case 'exact': return routed.logged ? keep(routed) : one(routed, found as Here)
      case 'store': return routed.logged ? keep(routed) : store(routed)
      case 'refuse': return new StanzaError('service-unavailable')
      case 'answer': return answer(routed)
      case 'subscription': return subscribing.handle(routed.from, to, stanza, routed.session)
      case 'probe': return routed.session === null ? ignored('RFC 6121 §4.3.2') : presence.probe(routed.from, to, routed.session)
      default: return ignored(action)
    }
  }

  const stamped = (sender: Sender, stanza: Stanza): string => {
    if (sender === null) return stanza.xml
    return stamp(stanza, stanza.lang === '' ? sender.fromWithLang : sender.from)
  }

  const deliver = (routed: Routed, found: Here, choice: Choice): Verdict | Promise<Verdict> => {
    const { stanza, to, session } = routed
    if (found.elsewhere.length > 0 && found.all.length === 0 && session !== null && isRouted(routed)) {
      const there = choice.elsewhere(found)
      if (there.length === 1) return hop(session, routed, found, choice, there[0] as Location)
    }
    const octets = stamped(session, stanza)
    const here = choice.here(found)
    const after = lastBefore(routed)
    inTurn(routed, here, after)
    const taken = toSessions(here, octets, stanza.declared, after ?? 0)
    if (found.elsewhere.length === 0) return delivered(routed, here, taken, found)
    const { what, outcome } = across(routed, found, octets, after, here, taken)
    return delivery.across(to, found, choice, what).then(outcome)
  }

  /** D11: a stanza for sessions here comes not before the messages that came before it on its stream. @param after the last of them that may not be here yet */
  const inTurn = ({ stanza, session }: Routed, here: readonly Session[], after: number | null): void => {
    if (after !== null) for (const one of here) feed.lacks(one, after)
    // (an error of the server's own is of no stream, and has no order)
    if (stanza.kind === 'message' && session !== null) for (const one of here) feed.expects(one)
  }

  /** What goes to other nodes, and what follows from how many took it there. @param here who got it here, of whom so many took it */
  const across = (routed: Routed, found: Here, octets: string, after: number | null, here: readonly Session[], taken: number): { readonly what: Across; outcome(n: number | 'unknown'): Verdict | Promise<Verdict> } => {
    const { declared } = routed.stanza
    const request = requestOf(routed)
    let all = here
    return {
      what: {
        octets, declared, request, behind: written(after),
        here: (sessions) => {
          inTurn(routed, sessions, after)
          const able = request === null ? sessions : sessions.filter((s) => mayAsk(s, request))
          all = [...all, ...able]
          return toSessions(able, octets, declared, after ?? 0)
        },
      },
      outcome: (n) => (n !== 'unknown' ? delivered(routed, all, taken + n, found)
        : taken > 0 ? delivered(routed, all, taken, found)
          : new StanzaError('resource-constraint', 'the receiver cannot be looked up now', { type: 'wait' })),
    }
  }

  /** A message of mode `routed`. */
  const isRouted = ({ stanza, logged }: Routed): boolean => stanza.kind === 'message' && !logged && isLoggable(stanza)

  /** To the one session that its receiver has, on another node; its stream goes on meanwhile. Thousands may be under way: as little as can be is kept of each. */
  const hop = (session: Session, routed: Routed, found: Here, choice: Choice, location: Location): Verdict => {
    const { stanza, to } = routed
    const after = lastBefore(routed)
    const under = beginHop(session, to.bare, stanza, found.elsewhere)
    delivery.alone(location, to.bare, written(after) + stamped(session, stanza), stanza.declared, (answer) => endHop(session, under, () => {
      if (!isWrong(answer)) return delivered(routed, NOBODY, answer === 'accepted' ? 1 : 0, found)
      const { what, outcome } = across(routed, found, stamped(session, stanza), after, NOBODY, 0)
      return delivery.again(to, found, choice, what, new Set()).then(outcome)
    }))
    return 'logged'
  }
  const { beginHop, endHop } = makeHops(broken, (session, { stanza, number }, verdict) => {
    settle(session)
    session.stream?.messageDone(number)
    if (!(verdict instanceof StanzaError)) trace.ended(session, stanza, number, inWords(verdict))
    finish(session, stanza, verdict, number)
  })

  const delivered = (routed: Routed, here: readonly Session[], taken: number, { elsewhere }: Here): Verdict | Promise<Verdict> => {
    const { stanza, to } = routed
    if (taken > 0) {
      note(routed)
      const plan = dispatch.plans.delivered[stanza.kind]
      if (plan === null) return 'delivered'
      // one allocation less for what no feature is concerned with
      const walked = walk(plan, routed, services, here, elsewhere)
      return walked === routed ? 'delivered' : after(walked, () => 'delivered')
    }
    if (stanza.kind === 'iq') {
      const session = sessions.find(to)
      if (session !== undefined) noMoreAsked(session, routed.from.full, stanza.id)
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

  /** To the one session. Who asks it something is told when it ends before it has answered (durability.md D15). */
  const one = (routed: Routed, found: Here): Verdict | Promise<Verdict> => {
    const { stanza, from, to } = routed
    if (stanza.kind === 'iq') {
      if (isAnswer(stanza)) {
        if (routed.session !== null) noMoreAsked(routed.session, to.full, stanza.id)
        if (routed.session !== null && parts.outstanding.answered(from.full, to.full, stanza.id)) return ignored('RFC 6120 §8.2.3')
      }
      else {
        const session = sessions.find(to)
        if (session !== undefined && session !== routed.session && !mayAsk(session, { from: from.full, to: to.full, id: stanza.id })) return new StanzaError('resource-constraint', 'the receiver has too many requests to answer')
      }
    }
    return deliver(routed, found, exactly(to))
  }

  const archivedOf = (stanza: Stanza): number => (parts.archive && mayBeArchived(stanza) ? ARCHIVED : 0)

  /** Where an acknowledgement does not mean 'committed', the archive follows when it can (durability.md, mode `routed`). */
  const note = (routed: Routed): void => {
    const { stanza, from, to, session } = routed
    if (!parts.archive || routed.logged || stanza.kind !== 'message' || archivedOf(stanza) === 0 || !isLoggable(stanza)) return
    const sent = session === null ? 0 : SENT | ARCHIVED
    log.append({
      routed, noted: true, tell: null, stream: null, number: 0, bounded: false,
      message: { receiver: to.bare, sender: from.bare, xml: stamped(session, stanza), received: ARCHIVED, sent },
    })
  }

  /** Whether the session may have siblings on other nodes, which may want copies. */
  const mayHaveElsewhere = ({ account }: Session): boolean => {
    if (parts.isAlone) return false
    const found = cache.of(account)
    return found instanceof Promise || found === 'unknown' || found.elsewhere.length > 0
  }

  /** Into the log: an entry of the receiver's that waits, and one of the sender's where it is archived, or other sessions of its want copies. */
  const append = (routed: Routed, tell: Logging['tell']): void => {
    const { stanza, from, to, session } = routed
    const archived = archivedOf(stanza)
    const copied = session !== null && (session.member.copies > 0 || mayHaveElsewhere(session)) ? WANTED : 0
    const sent = session !== null && (archived | copied) !== 0 ? SENT | archived | copied : 0
    const stream = session?.stream ?? null
    log.append({
      routed, tell, noted: false, stream, number: stream?.received ?? 0,
      bounded: !sessions.of(to.bare).reachable.some((s) => !s.behind),
      message: { receiver: to.bare, sender: from.bare, xml: stamped(session, stanza), received: QUEUED | archived, sent },
    })
    if (session !== null) session.uncommitted++
  }

  const keep = (routed: Routed): Verdict | Promise<Verdict> => {
    if (cache.isAbsent(routed.to.bare)) return new StanzaError('service-unavailable')
    if (routed.session !== null && routed.session.suspect > 0) {
      routed.session.suspect--
      return parts.resends.isKnown(routed.session, routed.to.bare, routed.stanza).then((known) => (known ? ignored('XEP-0198 §4') : put(routed)))
    }
    return put(routed)
  }

  const put = (routed: Routed): Verdict | Promise<Verdict> => {
    // its session has ended while this waited for the database: its client was told of nothing, and may have sent it again by now (D14)
    if (routed.session?.open === false) return ignored('XEP-0198 §4')
    if (routed.session === null || !routed.logged) {
      return new Promise((resolve) => append(routed, resolve))
    }
    append(routed, null)
    return 'logged'
  }

  const committed = (item: Logging, outcome: Outcome): void => {
    const { routed, message, number, noted } = item
    const { stanza, from, to, session } = routed
    // its client has resumed on another node, and sends there what was not acknowledged
    if (outcome === 'moved') {
      if (!noted) logged(item, ignored('XEP-0198 §5'))
      return
    }
    if (session !== null && session.suspect > 0 && outcome !== null && !(outcome instanceof StanzaError) && outcome.received !== null) parts.resends.took(session, to.bare, outcome.received.seq)
    if (noted) {
      if (outcome instanceof StanzaError) parts.bug(outcome, stanza)
      else if (outcome !== null) {
        trace.committed(session, stanza, number, message, log.n, outcome)
        if (outcome.received !== null) feed.passed(to.bare, outcome.received)
        if (outcome.sent !== null) feed.passed(from.bare, outcome.sent)
      }
      return
    }
    if (outcome instanceof StanzaError) {
      logged(item, outcome)
      return
    }
    if (outcome === null) {
      cache.setAbsent(to.bare)
      logged(item, refusalOf(outcome))
      return
    }
    const committed = { stanza, from, to, sender: session, xml: message.xml }
    trace.committed(session, stanza, number, message, log.n, outcome)
    const { received, sent } = outcome
    const elsewhere = received === null ? NOWHERE : handOver.at(to.bare, received.generation)
    const siblings = sent === null ? NOWHERE : handOver.at(from.bare, sent.generation)
    if (elsewhere instanceof Promise || siblings instanceof Promise) void Promise.all([elsewhere, siblings]).then(([e, s]) => handed(item, committed, outcome, e, s)) // neither rejects
    else handed(item, committed, outcome, elsewhere, siblings)
  }

  /** All sessions that the account may have are here, and hear of it now. */
  const isHandedHere = (account: string, elsewhere: readonly Location[] | null): boolean =>
    parts.isAlone || (elsewhere !== null && elsewhere.length === 0 && sessions.of(account).all.length > 0)

  /** @param elsewhere sessions of the receiver on other nodes @param siblings of the sender */
  const handed = (item: Logging, message: Committed, { received, sent }: Exclude<Logged, null>, elsewhere: readonly Location[] | null, siblings: readonly Location[] | null): void => {
    const { routed } = item
    let ending: Ending = 'stored'
    try {
      // sessions that are not here, or being taken, are not handed it, and must not be given first what comes behind it (D11)
      if (received !== null && routed.session !== null && !isHandedHere(routed.to.bare, elsewhere)) hasPut(routed.session, routed.to.bare, received.seq)
      if (received !== null && elsewhere !== null && handOver.received(message, received, elsewhere) > 0) ending = 'delivered'
      if (sent !== null && siblings !== null) handOver.sent(message, sent, siblings)
    } catch (error) {
      counters.bugs++
      parts.bug(error, routed.stanza) // it waits
    }
    const plan = dispatch.plans.committed.message
    const walked = plan === null || !routed.logged ? routed : walk(plan, routed, services)
    if (walked instanceof Promise) {
      walked.catch((error: unknown) => {
        counters.bugs++
        parts.bug(error, routed.stanza)
      }).finally(() => logged(item, ending))
    } else logged(item, ending)
  }

  /** The log, and what joined its step, are done with a message: its stream may go on. */
  const logged = ({ routed: { session, stanza }, number, tell }: Logging, verdict: Verdict): void => {
    if (session !== null) {
      settle(session)
      session.stream?.messageDone(number)
    }
    if (tell !== null) tell(verdict)
    else finish(session, stanza, verdict, number)
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

  /** D11: what is not of the log takes effect only after this stream's earlier messages are committed. */
  const inOrder = (session: Session, stanza: Stanza): boolean => session.uncommitted === 0 ||
    (stanza.kind === 'message' && isLoggable(stanza) && (allDurable || isDurableTo(stanza) ? session.hops === null : isHopping(session)))
  const allDurable = [...domains].every((d) => parts.isDurable(d))
  const isDurableTo = ({ to }: Stanza): boolean => {
    const address = to === '' ? null : jid(to)
    return address !== null && parts.isDurable(address.domain)
  }

  return {
    keep: async (routed) => {
      const verdict = await keep({ ...routed, logged: false })
      if (verdict instanceof StanzaError) throw verdict
      return verdict
    },
    refusing: ({ routed: { session, stanza }, number }, refusal) => session?.stream?.refuses(number, stanza.id, stanza.to, refusalOf(refusal).condition),
    committed,
    fromClient: (session, stanza) => (inOrder(session, stanza) ? now(session, stanza) : settled(session, 0).then(() => now(session, stanza))),
    fromServer: (stanza) => through(null, stanza, () => {
      const from = jid(stanza.from)
      return from === null ? ignored('RFC 6120 §8.3.1') : addressed(null, from, stanza)
    }),
  }

  function now(session: Session, stanza: Stanza): Ending | Promise<Ending> {
    // its client has bound the resource anew while this waited here: it was told of nothing, and sends it again (D14)
    if (!session.open) return finish(session, stanza, ignored('XEP-0198 §4'))
    return through(session, stanza, () => {
      // RFC 6120 §8.1.2.1: a `from` may name the sender's full or bare JID, and nobody else
      const malformed = malformation(stanza)
      if (malformed !== null) return malformed
      // RFC 6120 §8.2.3: what our own requests are answered with goes no further
      if (isAnswer(stanza) && (session.receipts?.proved(stanza.id) === true || asking.answered(session, stanza))) return 'answered'
      return addressed(session, session.jid, stanza)
    })
  }
}

/** RFC 6121 §8.5.1 */
const refusalOf = (refusal: Refusal): StanzaError => refusal ?? new StanzaError('service-unavailable')

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

const isAnswer = ({ kind, type }: Stanza): boolean => kind === 'iq' && (type === 'result' || type === 'error')

/** An error has the id of the message that it answers, and is another. */
const isTraced = ({ kind, type }: Stanza): boolean => kind === 'message' && type !== 'error'

/** For who traces the message. */
const inWords = (verdict: Verdict): string =>
  (verdict instanceof StanzaError ? `refused: ${verdict.condition}` : typeof verdict === 'string' ? verdict : `ignored: ${verdict.ignored}`)

/** ms between tries while the database is away. */
const AGAIN = 500
const NOWHERE: readonly Location[] = []
const NOBODY: readonly Session[] = []

/** null: it is none of a client's. */
const requestOf = ({ stanza, from, to, session }: Routed): Asked | null =>
  (stanza.kind === 'iq' && session !== null && (stanza.type === 'get' || stanza.type === 'set') ? { from: from.full, to: to.full, id: stanza.id } : null)

const isRule = (action: Action): action is Rule => action.includes('§')

/** What is wrong with the stanza itself, whoever it is for. */
const malformation = (stanza: Stanza): StanzaError | null => {
  // ids are remembered, some of them by the thousand, and go with others' into the journal
  if (stanza.id.length > LONGEST_ID) return new StanzaError('policy-violation', `an id has at most ${LONGEST_ID} octets`)
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
