// The bus of a cluster, over NATS: hand-over of stanzas to the nodes that own their sessions, and invalidations to all
// (routing.md, steps 5 and 6). One subject a node and epoch, never one a user. Nothing is sent twice: whoever hands over
// decides by the outcome what comes next.
//
//   <prefix>.node.<id>.<epoch>   requests to a node: batches of stanzas
//   <prefix>.answer.<random>.*   their answers
//   <prefix>.invalidate          to everybody
//   <prefix>.left                to everybody: a node has signed off, as the table of nodes says
import type { Msg } from '@nats-io/transport-node'
import { UsageError } from '../base/errors.js'
import { toOctets } from '../base/octets.js'
import type { Kind } from '../base/stanza.js'
import type { Answer, Bus, HandOver, Location, Owner } from '../core/ports.js'
import { makeBusCounters } from './counters.js'
import type { BusCounters } from './counters.js'
import { decodeAnswer, decodeRequest, encodeAnswer, encodeRequest, REFUSAL, VERSION } from './envelope.js'
import type { Handed, Reply } from './envelope.js'
import { makeInvalidations } from './invalidations.js'
import { checkLimits, LIMITS, longest, makeLane } from './lane.js'
import type { Lane, Limits } from './lane.js'
import { openLink, within } from './link.js'
import { makeRequests } from './requests.js'

export interface Handlers {
  /** Stanzas for sessions here, in the order in which they were sent; an answer each. Not called with what came late. */
  take(items: readonly Handed[]): readonly Answer[]
  /** Another node says that an account's sessions have changed; it is at this generation now. */
  invalidated(account: string, generation: number): void
  /** Invalidations may have been missed: every route has to be looked up again. */
  gap(): void
  /** A node has signed off: its sessions can be had. */
  left(): void
  /** For the operator: what was our bug, or is wrong with NATS. */
  report(error: unknown): void
}

export interface BusOptions {
  /** nats://host:port or tls://host:port, with user:password@ or token@ where NATS wants it. */
  readonly url: string
  readonly node: Owner
  /** First part of every subject, so that two clusters can share a NATS. */
  readonly prefix?: string
  /** ms since 1970 by the database's clock, as this node estimates it: the clock of deadlines. */
  now(): number
  readonly handlers: Handlers
  readonly limits?: Partial<Limits>
}

export interface NatsBus extends Bus {
  readonly counters: BusCounters
  /** There is a connection to NATS. */
  readonly up: boolean
  /** Octets: a stanza of no more fits, whoever it is for. Changes where NATS is set up anew. */
  readonly largest: number
  /**
   * Take nothing more, finish what is under way, and leave; no longer than a few times the time-out.
   * @param signOff done when nothing is taken any more, and before the others are told that this node has left
   */
  close(signOff?: () => Promise<void>): Promise<void>
}

/** Octets of a request beside its one stanza, at most: a JID is no longer than 3,071 (RFC 7622 §3.1), a session's id short. */
const ADDRESS = 4096

/** Throws UsageError where there is no connection to NATS, or nothing fits through it. */
export const openBus = async ({ url, node, prefix = 'jidway', now, handlers, limits: given }: BusOptions): Promise<NatsBus> => {
  const limits: Limits = { ...LIMITS, ...given }
  checkLimits(limits)
  if (!/^[\w-]+(\.[\w-]+)*$/.test(prefix)) throw new TypeError(`'${prefix}' is no subject of NATS`)
  const { report } = handlers
  const counters = makeBusCounters()
  const lanes = new Map<string, Lane>()
  let closing = false
  /** Called when nothing is under way any more. */
  let quiet = (): void => {}

  const subject = (id: string, epoch: number): string => `${prefix}.node.${token(id)}.${epoch}`
  const abandon = (): void => {
    requests.lost()
    for (const lane of lanes.values()) lane.abandon()
  }

  const link = await openLink(url, `jidway ${node.id} ${node.epoch}`)
  const { nc } = link
  const requests = makeRequests(nc, prefix, counters, report)

  /** What a subscription calls must not throw: the library would stop reading, and say nothing. */
  const guarded = (run: () => void): void => {
    try {
      run()
    } catch (error) {
      report(error)
    }
  }
  const unreadable = (data: Uint8Array): void => {
    counters.unreadable++
    if (data.length > 0 && data[0] !== VERSION) counters.unknownVersions++
  }

  /** The lane that was asked for last: most stanzas go where the one before went, and its name need not be made. */
  let last: { readonly id: string; readonly epoch: number; readonly lane: Lane } | null = null
  const laneTo = (id: string, epoch: number): Lane => {
    if (last !== null && last.id === id && last.epoch === epoch) return last.lane
    const name = subject(id, epoch)
    const lane = lanes.get(name) ?? makeLane({
      limits, counters, report, monotonic: () => performance.now(), payload: () => link.payload,
      ask: async (items) => {
        const answer = await requests.ask(name, encodeRequest({ deadline: now() + limits.timeout, items }), limits.timeout)
        if (typeof answer === 'string') return answer
        const replies = decodeAnswer(answer)
        if (replies === 'refusal') return 'refused'
        if (replies?.length === items.length) return replies
        unreadable(answer)
        return 'unknown'
      },
      idle: () => {
        lanes.delete(name)
        last = null
        if (lanes.size === 0) quiet()
      },
    })
    lanes.set(name, lane)
    last = { id, epoch, lane }
    return lane
  }

  /** @returns the answer's octets */
  const take = (data: Uint8Array): Uint8Array => {
    const request = decodeRequest(data)
    if (request === null) {
      unreadable(data)
      return REFUSAL
    }
    if (now() >= request.deadline) {
      counters.late++
      return REFUSAL
    }
    const { items } = request
    counters.received += items.length
    let answers: readonly Reply[] = []
    guarded(() => {
      answers = handlers.take(items)
    })
    // some may have been acted on before it failed
    return encodeAnswer(items.map((_, i) => answers[i] ?? 'unknown'))
  }
  const requested = (error: Error | null, message: Msg): void => guarded(() => {
    if (error !== null) throw error
    // without a way back nobody would hear of it: not acted on
    if (message.reply === undefined || message.reply === '') unreadable(message.data)
    else message.respond(take(message.data))
  })
  const own = nc.subscribe(subject(node.id, node.epoch), { callback: requested })

  const everybody = `${prefix}.invalidate`
  const invalidations = makeInvalidations({
    node: node.id, epoch: node.epoch, counters, most: () => Math.min(limits.batchOctets, link.payload),
    publish: (data) => {
      if (link.up) guarded(() => nc.publish(everybody, data))
      return link.up
    },
    invalidated: (account, generation) => guarded(() => handlers.invalidated(account, generation)),
    gap: () => guarded(handlers.gap),
    unreadable,
  })
  nc.subscribe(everybody, {
    callback: (error, message) => guarded(() => {
      if (error !== null) throw error
      invalidations.hear(message.data)
    }),
  })
  const everybodyLeft = `${prefix}.left`
  nc.subscribe(everybodyLeft, {
    callback: (error) => guarded(() => {
      if (error !== null) throw error
      if (!closing) handlers.left()
    }),
  })
  link.watch({
    down: abandon,
    up: () => {
      counters.reconnects++
      guarded(handlers.gap)
      invalidations.mark()
    },
    report,
  })
  const largest = (): number => longest(link.payload, limits) - ADDRESS
  const wrong = !await link.flush(limits.timeout) ? `NATS does not answer within ${limits.timeout} ms`
    : largest() <= 0 ? `max_payload of NATS is ${link.payload}, and the limit of octets of the bus ${limits.octets}: nothing fits` : null
  if (wrong !== null) {
    await link.close()
    throw new UsageError(wrong)
  }
  // from here on nothing is missed

  const leave = async (signOff: (() => Promise<void>) | undefined): Promise<void> => {
    closing = true
    // first of all the others learn at once that nobody is here; what has come already is taken and answered
    if (link.up) await within(own.drain().catch(() => {}), limits.timeout)
    if (lanes.size > 0) await within(new Promise<void>((resolve) => {
      quiet = resolve
    }), limits.timeout)
    abandon()
    try {
      if (signOff !== undefined) {
        await signOff()
        // who does not hear it finds the node signed off when it looks next
        if (link.up) guarded(() => nc.publish(everybodyLeft))
      }
      await link.flush(limits.timeout)
    } finally {
      await link.close()
    }
  }
  let left: Promise<void> | null = null
  const give = ({ node: id, epoch, sessionId }: Location, account: string, xml: string, kind: Kind, declared: boolean, settle: (answer: HandOver) => void): void => {
    if (link.up && !closing) {
      laneTo(id, epoch).send({ account, sessionId, xml, kind, declared }, settle)
      return
    }
    counters.busy++
    counters.shed++
    settle('busy')
  }

  return {
    connected: true,
    counters,
    get up() {
      return link.up
    },
    get largest() {
      return largest()
    },
    hand: (to, account, xml, declared, settle) => give(to, account, xml, 'message', declared, settle),
    send: (to, account, xml, declared = false) => new Promise((resolve) => give(to, account, xml, kindOf(xml), declared, resolve)),
    invalidate: (account, generation) => invalidations.tell(account, generation),
    close: (signOff) => left ??= leave(signOff),
  }
}

/** What `largest` would be over this NATS. Throws UsageError where there is no connection. */
export const largestOver = async (url: string): Promise<number> => {
  const link = await openLink(url, 'jidway doctor')
  const { payload } = link
  await link.close()
  return longest(payload, LIMITS) - ADDRESS
}

/** A node's id as one part of a subject, in which dots, stars, and white space have a meaning. */
const token = (id: string): string => toOctets(id).replace(/[^\w-]/g, (char) => `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`)

/** Of a stanza in canonical form, which begins with the name of its root. */
const kindOf = (xml: string): Kind => (xml.startsWith('<iq') ? 'iq' : xml.startsWith('<presence') ? 'presence' : 'message')
