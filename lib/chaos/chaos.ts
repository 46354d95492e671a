// The proof of durability.md, from beginning to end: a server is started, clients talk to one another while it and its
// database are killed and frozen and connections are cut, everything comes to rest, and every message is accounted for.
import { setTimeout as sleep } from 'node:timers/promises'
import { makeCast } from './cast.js'
import type { Credentials } from './cast.js'
import type { World } from './self.js'
import { schedule, storm } from './faults.js'
import type { Counts, FaultKind } from './faults.js'
import { fetchAll } from './fetch.js'
import { makeFleet } from './fleet.js'
import { makeLedger } from './ledger.js'
import type { Nats } from './nats.js'
import type { Node } from './node.js'
import type { Postgres } from './postgres.js'
import { random } from './random.js'
import { reconcile } from './reconcile.js'
import { report } from './report.js'
import type { Report } from './report.js'

export interface ChaosOptions {
  readonly seed: string
  readonly clients: number
  /** How long the storm is to last, and how much is said in it. */
  readonly seconds: number
  readonly messages: number
  readonly faults: ReadonlySet<FaultKind>
  readonly counts: Counts
  readonly credentials: readonly Credentials[]
  readonly node: Node
  readonly postgres: Postgres | null
  readonly nats: Nats | null
  /** ms after which a node is declared over; Infinity: there is one. */
  readonly over: number
  /** In words, for the report. */
  readonly server: string
  /** False: nothing is archived by setting. */
  readonly archive: boolean
  readonly progress: (status: Status) => void
  /** To end the storm early. */
  readonly signal: AbortSignal
  /** ms to come to rest. */
  readonly settling?: number
}

export type Stage = 'logging in' | 'storm' | 'coming to rest' | 'fetching'

export interface Status {
  readonly stage: Stage
  readonly done: number
  readonly of: number
  readonly online: number
  readonly acked: number
  readonly delivered: number
  readonly waiting: number
  readonly faults: string
  /** What must not happen and was seen already. */
  readonly incidents: number
}

/** A node that was declared over ends with this (routes/main.ts): whoever started it is to start it again. */
const DECLARED_OVER = 75
const SETTLING = 60_000
const LOOK = 200
/** The part of the clients that is online when there is something to disturb: half of them break their own connections. */
const LIVELY = 0.7
/** The storm may last so much longer than asked for before it counts as stuck. */
const LONGER = 4
const LONGER_BY = 120_000

export const chaos = async (options: ChaosOptions): Promise<Report> => {
  const { seed, clients, seconds, messages, faults, node, postgres, nats, credentials, signal, settling = SETTLING } = options
  const source = random(seed)
  const cast = makeCast(clients, credentials, source.fork('cast'))
  const ledger = makeLedger(
    cast.clients.map(({ account, full, priority, keeping }) => ({ account, full, priority, resumes: keeping === 'resume' || keeping === 'forgetful' })),
    cast.accounts.map(({ jid }) => jid),
  )
  const start = performance.now()
  const now = (): number => performance.now() - start + 1 // never 0, which means not yet
  // of another run in the same archive nothing may be taken for ours
  const world: World = { run: `chaos-${Date.now().toString(36)}`, get where() { return node.where }, cast, ledger, now }
  const fleet = makeFleet(world, source.fork('fleet'))
  node.onDeath((how) => {
    const isOver = options.over < Infinity && how === `code ${DECLARED_OVER}`
    if (!isOver) ledger.incident('server ended by itself', -1, now(), how)
    const span = ledger.fault(isOver ? 'declared over' : 'death', now(), true)
    void node.start().then(() => {
      span.to = now()
    })
  })

  let stage: Stage = 'logging in'
  let done = 0
  let of = clients
  const counted = (): Record<string, number> => ledger.faults.reduce<Record<string, number>>((sum, { kind }) => ({ ...sum, [kind]: (sum[kind] ?? 0) + 1 }), {})
  const tell = (): void => options.progress({
    stage, of, done: stage === 'logging in' ? fleet.online : stage === 'storm' ? ledger.texts : stage === 'coming to rest' ? fleet.clients.filter((c) => c.settled).length : done, online: fleet.online, acked: ledger.acked, delivered: ledger.delivered, waiting: ledger.waiting,
    faults: Object.entries(counted()).map(([kind, n]) => `${n} ${kind}`).join(', '), incidents: [...ledger.seen.values()].reduce((sum, n) => sum + n, 0),
  })
  const teller = setInterval(tell, LOOK)
  try {
    await fleet.gather()

    stage = 'storm'
    of = messages
    const plan = schedule(options.counts, seconds * 1000, source.fork('faults'), options.over)
    const weather = storm(plan, { node, postgres, nats, ledger, now, isLively: () => fleet.online >= clients * LIVELY })
    let over = false
    const ended = weather.over.then(() => {
      over = true
    })
    fleet.disturb(faults)
    fleet.talk(messages / seconds)
    const latest = now() + seconds * 1000 * LONGER + LONGER_BY
    while ((ledger.texts < messages || !over) && now() < latest && !signal.aborted) await sleep(LOOK)
    weather.stop()
    fleet.stop()
    await ended

    stage = 'coming to rest'
    of = clients
    for (const { kind, client, text, about } of await fleet.settle(settling)) ledger.incident(kind, client, now(), text, about)
    const end = now()
    await fleet.leave()

    stage = 'fetching'
    done = 0
    of = cast.accounts.length
    const fetched = await fetchAll(world, source.fork('fetch'), options.archive, (n) => {
      done = n
    })
    for (const text of fetched.failed) ledger.incident('not fetched', -1, now(), text)
    tell()

    const count = (keeping: string): number => cast.clients.filter((c) => c.keeping === keeping).length
    return report(ledger, reconcile(ledger, { archives: fetched.archives === 'complete', end }), {
      seed, server: options.server, clients, accounts: cast.accounts.length, took: now() / 1000,
      kinds: `${count('resume') + count('forgetful')} resume, ${count('acks')} acknowledge, ${count('none')} neither`,
      faults: { ...weather.done, ...fleet.broken }, wantedMessages: messages, wantedFaults: { ...options.counts },
      noArchive: fetched.archives === 'complete' ? '' : options.archive ? 'this server has none (urn:xmpp:mam:2)' : 'the archive is off',
      interrupted: signal.aborted,
    })
  } finally {
    clearInterval(teller)
    fleet.quit()
  }
}
