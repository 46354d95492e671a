// One copy of a trace: its accounts, their sessions, and where it is in its script. It says the next step when that is due
// and what the step waits for has happened.
import { NS } from '../base/namespaces.js'
import type { Frame } from '../base/stanza.js'
import type { Keys } from '../client/scram.js'
import type { Login } from '../client/wire.js'
import { escapeAttribute, escapeText } from '../wire/writer.js'
import type { Account } from './accounts.js'
import { bareOf } from './cast.js'
import { collector } from './collector.js'
import type { Pace } from './pace.js'
import { subject } from './script.js'
import type { EventKind, Script, Step } from './script.js'
import { makeSession } from './session.js'
import type { Resumable, Session, Stage } from './session.js'
import { render } from './template.js'
import { makeValues } from './values.js'

export interface Copy {
  /** Sessions that play contacts log in. Ends when they are there. */
  join(): Promise<void>
  start(now: number): void
  /** Nothing new is said. */
  stop(): void
  /** Called now and then: gives up on what does not come. */
  tick(now: number): void
  /** Accounts that messages are on their way to, and that are not there, log in once more. */
  collect(): void
  leave(): void
  quit(): void
  readonly finished: boolean
  /** It has said its first message, or been through its trace once: what a server does for it from now on is what it always does. */
  readonly settled: boolean
  readonly online: number
  /** Requests without an answer. */
  readonly asked: number
}

/** Stanzas of one copy on their way at once, and octets that its sockets did not take. */
export const IN_FLIGHT = 1000
const BACKLOG = 1024 * 1024
/** Steps without a pause for others. */
const BURST = 256
/** ms until a copy whose connection broke begins anew. */
const REST = 1000

export interface CopyPlan {
  readonly index: number
  readonly script: Script
  readonly accounts: readonly Account[]
  readonly domain: string
  readonly stage: Stage
  readonly pace: Pace
  /** In the ids of this run. */
  readonly mark: string
  /** ms to wait for an event of this kind. */
  readonly patience: Readonly<Record<EventKind, number>>
  /** Whether to begin another pass. */
  readonly again: (passes: number) => boolean
  /** A log-in was refused: there is no point in going on. */
  readonly refused: (jid: string, reason: string) => void
}

export const makeCopy = ({ index, script, accounts, domain, stage, pace, mark, patience, again, refused }: CopyPlan): Copy => {
  const { steps, events, parts } = script
  const { judge, measures } = stage
  const values = makeValues(script, accounts, domain)
  const happened = new Uint8Array(events.length)
  /** Kinds of events that are not waited for any more. */
  const waived = new Set<EventKind>()
  const resumables = accounts.map((): Resumable => ({ previd: null, handled: 0 }))
  /** By speaking part and receiving account. */
  const flows = new Map<string, number>()
  for (const { part, message } of steps) {
    const key = message === null ? '' : `${part} ${message.to}`
    if (message !== null && !flows.has(key)) flows.set(key, judge.flow((accounts[message.to] as Account).number))
  }
  const flowsTo = (account: number): number[] => [...flows].filter(([key]) => key.endsWith(` ${account}`)).map(([, flow]) => flow)

  let cursor = 0
  let pass = 0
  let counted = 0
  let stopped = false
  let finished = false
  /** A message was said. */
  let spoken = false
  let started = false
  /** `start` was called. */
  let wanted = false
  /** While a copy whose connection broke rests, and how often it tried since. */
  let rest: NodeJS.Timeout | null = null
  let attempts = 0
  /** The connection broke in this pass. */
  let spoilt = false
  let begin = 0
  let flying = 0
  let blockedAt = -1
  let timer: NodeJS.Timeout | null = null
  const collectors: Session[] = []

  const loginOf = (part: number): Login => {
    const { account, header } = parts[part] as Script['parts'][number]
    const { jid, secret } = accounts[account] as Account
    return {
      local: secret.local, password: secret.password, domain: jid.slice(jid.indexOf('@') + 1), header,
      // the keys that SCRAM derives are kept with the account, for all its sessions
      get keys() { return secret.keys as Keys },
      set keys(keys) { secret.keys = keys },
    }
  }

  const happen = (event: number): void => {
    happened[event] = 1
    pump()
  }

  const sessions = parts.map((part, number): Session => makeSession(loginOf(number), stage, {
    ready: (features) => {
      for (const [key, flow] of flows) if (key.startsWith(`${number} `)) judge.renew(flow)
      offers[number] = features
      // log-ins are measured by themselves: nobody wants to say anything before
      if (part.recorded && pace.blames) begin += stage.now() - (openedAt[number] ?? 0)
      if (part.recorded) pump()
      else bindContact(number)
    },
    managed: (name) => {
      const step = pending[number]
      if (step === undefined) return
      // a failed resumption leaves a stream without a session: it binds one (XEP-0198 §5)
      if (step.does === 'resume' && name === 'failed') return bind(number, () => settle(number, step))
      settle(number, step)
    },
    presence: (frame) => shown(frame, number),
    answer: (frame) => {
      const known = script.answers.get(subject(part.account, frame))
      return known === undefined ? null : { type: known.type, payload: render(known.payload, values.list) }
    },
    down: (reason, expected) => {
      if (expected) return ended(number)
      if (reason.startsWith('log-in refused')) {
        measures.count('loginsFailed')
        refused((accounts[part.account] as Account).jid, reason)
      } else if (measures.counts.logins === 0) refused((accounts[part.account] as Account).jid, reason) // the first of all
      broke(reason)
    },
  }))
  const offers: string[] = []
  /** By part: when its log-in was due. */
  const openedAt: number[] = []
  /** By part: the <enable/> or <resume/> without an answer. */
  const pending: (Step | undefined)[] = []
  /** Told when a contact's part is there. */
  const joined = parts.map((): (() => void)[] => [])

  const settle = (number: number, step: Step): void => {
    pending[number] = undefined
    happen(step.event)
  }

  const bind = (number: number, done: () => void): void => {
    const session = sessions[number] as Session
    const { full } = parts[number] as Script['parts'][number]
    const resource = full.slice(bareOf(full).length + 1)
    const id = `q${mark}b${index}-${number}-${pass}`
    session.expect(id, stage.now(), (frame) => {
      if (frame.type === 'error') return session.drop(), broke('binding refused')
      done()
    })
    session.say(`<iq type='set' id='${id}'><bind xmlns='${NS.bind}'>${resource === '' ? '' : `<resource>${escapeText(resource)}</resource>`}</bind></iq>`)
  }

  const bindContact = (number: number): void => bind(number, () => {
    sessions[number]?.say('<presence/>')
    for (const tell of joined[number]?.splice(0) ?? []) tell()
  })

  const openSession = (number: number): void => {
    const { account } = parts[number] as Script['parts'][number]
    sessions[number]?.open(resumables[account] as Resumable, judge.inbox(flowsTo(account)))
  }

  const ended = (number: number): void => {
    const step = steps.findIndex(({ part, does }) => part === number && (does === 'close' || does === 'drop'))
    if (step >= 0 && step < cursor) happen((steps[step] as Step).event)
  }

  /** The pass cannot go on: after a rest the next one begins, if there is to be one and the server is back in time. */
  const broke = (reason: string): void => {
    if (stopped || rest !== null) return
    measures.count('broken')
    measures.note('broken', reason)
    started = false
    spoilt = true
    flying = 0
    cursor = steps.length
    for (const session of sessions) session.drop()
    attempts++
    rest = setTimeout(() => {
      rest = null
      if (attempts * REST > patience.must) {
        finished = true
        return
      }
      const attempt = attempts
      void join().then(() => {
        if (attempt !== attempts) return // it broke again meanwhile, and another attempt goes on
        attempts = 0
        started = wanted
        endPass()
      })
    }, REST)
  }

  const join = async (): Promise<void> => {
    await Promise.all(parts.map(async ({ recorded }, number) => {
      if (recorded) return
      const up = new Promise<void>((done) => joined[number]?.push(done))
      openSession(number)
      await up
    }))
  }

  const shown = (frame: Frame, number: number): void => {
    const own = frame.type === '' && escapeAttribute(frame.from) === addresses.get(number)
    const key = own ? `${number} own` : `${(parts[number] as Script['parts'][number]).account} ${frame.type}`
    const event = script.presence.get(key)?.find((one) => happened[one] === 0)
    if (event !== undefined) happen(event)
  }

  const addresses = new Map<number, string>()

  const isReady = ({ waits, does, part }: Step): boolean => {
    for (const event of waits) if (happened[event] === 0 && !waived.has((events[event] as { kind: EventKind }).kind)) return false
    if (does === 'open') return sessions[part]?.state === 'away'
    const session = sessions[part] as Session
    return session.state === 'up' && session.backlog < BACKLOG
  }

  let pumping = false
  const pump = (): void => {
    if (pumping) return
    pumping = true
    advance()
    pumping = false
  }

  const advance = (): void => {
    for (let burst = 0; started && !stopped && !finished; burst++) {
      const step = steps[cursor]
      if (step === undefined) return endPass()
      const now = stage.now()
      if (!isReady(step)) {
        if (blockedAt < 0) blockedAt = now
        return
      }
      if (step.counts && flying + asking() >= IN_FLIGHT) {
        if (blockedAt < 0) {
          blockedAt = now
          measures.count('heldBack')
        }
        return
      }
      const due = pace.due(begin, step, counted)
      if (due > now) {
        timer ??= setTimeout(() => {
          timer = null
          pump()
        }, Math.ceil(due - now))
        return
      }
      if (burst >= BURST) {
        setImmediate(pump)
        return
      }
      cursor++
      if (step.counts) counted++
      // what the recorded client did not wait for, but this one had to, is the server's time, not ours
      act(step, pace.blames ? due : blockedAt >= 0 || due === 0 ? now : due)
      blockedAt = -1
    }
  }

  const asking = (): number => sessions.reduce((sum, session) => sum + session.asked, 0)

  const act = (step: Step, at: number): void => {
    const { part, does, text, message, request } = step
    const session = sessions[part] as Session
    if (does === 'open') {
      openedAt[part] = at
      return openSession(part)
    }
    if (does === 'close') return session.close()
    if (does === 'drop') return session.drop()
    if (does === 'acknowledge') return session.acknowledge()
    const offersSm = (offers[part] ?? '').includes(NS.sm)
    if (does === 'enable' || does === 'resume') return manage(step, session, offersSm)
    if (does === 'ask' && !session.counting) return
    if (message !== null) {
      flying++
      spoken = true
      values.list[message.slot] = judge.send(flows.get(`${part} ${message.to}`) as number, at, (frame) => {
        flying--
        capture(message.event, frame)
        happen(message.event)
      }, message.kept)
      measures.count('messages')
    }
    if (request !== null) session.expect(values.list[request.slot] as string, at, (frame) => answered(step, frame))
    if (step.counts) measures.count('sent')
    if (text !== null) session.say(render(text, values.list))
  }

  const manage = (step: Step, session: Session, offered: boolean): void => {
    const { part, does } = step
    const { previd, handled } = resumables[(parts[part] as Script['parts'][number]).account] as Resumable
    pending[part] = step
    if (does === 'resume') {
      if (previd === null) return bind(part, () => settle(part, step))
      return session.say(`<resume xmlns='${NS.sm}' previd='${previd}' h='${handled}'/>`)
    }
    if (!offered) return void setImmediate(() => settle(part, step))
    session.say(render(step.text as NonNullable<Step['text']>, values.list))
  }

  const answered = ({ request, part }: Step, frame: Frame): void => {
    if (request === null) return
    if (request.binds) {
      const jid = /<(?:\w+:)?jid[^>]*>([^<]+)</.exec(frame.xml)?.[1]
      if (frame.type === 'error' || jid === undefined) {
        sessions[part]?.drop()
        return broke('binding refused')
      }
      bound(part, jid)
    }
    // contacts already: what is said to a contact for the first time will not be said to this one
    if (frame.xml.includes(NS.roster) && /subscription=["'](?:both|to)["']/.test(frame.xml)) waived.add('subscription')
    capture(request.event, frame)
    happen(request.event)
  }

  const bound = (part: number, jid: string): void => {
    addresses.set(part, jid)
    values.bind((parts[part] as Script['parts'][number]).full, jid)
  }

  const capture = (event: number, frame: Frame): void => values.capture((events[event] as Script['events'][number]).captures, frame)

  const endPass = (): void => {
    // connections that are not over yet are those of the last steps
    if (!started || rest !== null || finished || stopped || sessions.some(({ state }, number) => parts[number]?.recorded === true && state !== 'away')) return
    if (pass > 0) {
      if (!spoilt) measures.count('passes')
      if (!again(pass)) {
        finished = true
        return
      }
      waived.add('subscription')
      begin = pace.next(begin, stage.now(), script.length)
    }
    pass++
    spoilt = false
    cursor = 0
    happened.fill(0)
    values.renew(`q${mark}${index}-${pass}`)
    // what called this may be the step before
    setImmediate(pump)
  }

  return {
    join,
    start: (now) => {
      begin = now
      wanted = true
      started = rest === null && attempts === 0
      endPass()
    },
    stop: () => {
      stopped = true
      if (timer !== null) clearTimeout(timer)
      if (rest !== null) clearTimeout(rest)
    },
    tick: (now) => {
      if (blockedAt < 0 || stopped || !started) return pump()
      let waits = false
      for (const event of steps[cursor]?.waits ?? []) {
        const { kind } = events[event] as Script['events'][number]
        if (happened[event] === 1 || waived.has(kind)) continue
        waits = true
        if (now - blockedAt < patience[kind]) continue
        measures.count(kind === 'must' ? 'gaveUpMust' : kind === 'own' ? 'gaveUpOwn' : 'gaveUpSubscription')
        if (kind === 'must') happened[event] = 1
        else waived.add(kind)
      }
      // a socket that takes nothing, or too much on its way
      if (!waits && now - blockedAt >= patience.must) return broke('nothing moved any more')
      pump()
    },
    collect: () => {
      accounts.forEach(({ number }, account) => {
        if (judge.flying(number) === 0) return
        const part = parts.findIndex((one) => one.account === account)
        collectors.push(collector(loginOf(part), judge.inbox(flowsTo(account)), stage, `q${mark}z`))
      })
    },
    leave: () => {
      for (const session of [...sessions, ...collectors]) session.close()
    },
    quit: () => {
      stopped = true
      if (timer !== null) clearTimeout(timer)
      if (rest !== null) clearTimeout(rest)
      for (const session of [...sessions, ...collectors]) session.drop()
    },
    get finished() { return finished },
    get settled() { return finished || pass > 1 || spoken },
    get online() { return sessions.filter(({ state }) => state === 'up').length },
    get asked() { return asking() },
  }
}
