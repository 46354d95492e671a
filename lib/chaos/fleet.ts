// All clients together: they come in turn, befriend each other, talk at the rate that was asked for, break their own
// connections, come to rest, and leave.
import { setTimeout as sleep } from 'node:timers/promises'
import { escapeAttribute } from '../wire/writer.js'
import { NS } from '../base/namespaces.js'
import { makeClient } from './client.js'
import { time } from './history.js'
import type { Client, Self, World } from './self.js'
import type { FaultKind } from './faults.js'
import type { Random } from './random.js'
import { falsePresence } from './sight.js'
import type { FalsePresence } from './sight.js'
import { act, compose, isFree } from './talk.js'

export interface Fleet {
  readonly clients: readonly Client[]
  readonly online: number
  /** How often connections were broken, by kind. */
  readonly broken: Readonly<Record<string, number>>
  /** All logged in, and everybody a contact of its neighbours. */
  gather(): Promise<void>
  /** So many messages a second, until `stop`. */
  talk(rate: number): void
  /** Break connections, of the kinds given. */
  disturb(kinds: ReadonlySet<FaultKind>): void
  stop(): void
  /** Wait until nothing is under way, at most so many ms; what then still is. */
  settle(ms: number): Promise<Unrest[]>
  leave(): Promise<void>
  /** Whatever is still going on ends now. */
  quit(): void
}

export interface Unrest {
  readonly kind: 'queue not empty' | 'request unanswered' | 'presence false' | 'not connected'
  readonly client: number
  readonly text: string
  /** When it began, where that is known. */
  readonly about?: number
}

const TICK = 10
/** ms between logging in one client and the next. */
const STAGGER = 8
const GATHERING = 90_000
const LOOK = 250
/** The part of that time without a word from the server after which nothing more is to come. */
const QUIET = 8
/** Seconds between a client's cuts, on average, and how long it is away. */
const CUT_EVERY = 6
const AWAY = { least: 100, most: 4000 }
const SLOW_EVERY = 60
/** ms around a crash in which presence may be lost (durability.md, table): it is said again. */
const ENDANGERED = { before: 1500, after: 5000 }

export const makeFleet = (world: World, random: Random): Fleet => {
  const { cast, ledger, now } = world
  const clients = cast.clients.map((profile) => makeClient(profile, world, random.fork(`client ${profile.index}`)))
  const broken: Record<string, number> = {}
  const count = (kind: FaultKind): void => {
    broken[kind] = (broken[kind] ?? 0) + 1
  }
  const timers = new Set<NodeJS.Timeout>()
  const later = (ms: number, work: () => void): void => {
    const timer = setTimeout(() => {
      timers.delete(timer)
      work()
    }, ms)
    timers.add(timer)
  }
  const ticker = setInterval(() => {
    for (const client of clients) client.tick()
  }, 500)

  const each = (work: (client: Client) => void): void => clients.forEach(work)

  const disturbing = (client: Client, kinds: ReadonlySet<FaultKind>): void => {
    const chance = client.self.random.fork('cuts')
    const cuts = (['cut', 'half', 'abandon'] as const).filter((kind) => kinds.has(kind))
    const cut = (): void => {
      later(chance.exponential(CUT_EVERY * 1000), () => {
        // most cuts are short; some are long enough for a server to notice
        const away = AWAY.least + chance.next() ** 2 * (AWAY.most - AWAY.least)
        const kind = chance.pick(cuts)
        const { self } = client
        if (self.phase !== 'away' && self.phase !== 'leaving') {
          if (kind === 'half' && isFree(client)) {
            const { octets, message } = compose(self)
            client.cutInside(octets, message, away)
            count('half')
          } else if (kind === 'abandon') {
            client.cut('abandon', Math.min(away, 500))
            count('abandon')
          } else if (kinds.has('forget') && self.profile.keeping === 'forgetful' && chance.chance(0.3)) {
            client.cut('forget', away)
            count('forget')
          } else {
            client.cut(chance.chance(0.5) ? 'drop' : 'reset', away)
            count('cut')
          }
        }
        cut()
      })
    }
    const slow = (): void => {
      later(chance.exponential(SLOW_EVERY * 1000), () => {
        client.stopReading(chance.between(300, 4000))
        count('slow')
        slow()
      })
    }
    if (cuts.length > 0 && client.self.profile.cuts) cut()
    if (kinds.has('slow')) slow()
  }

  /** What of the others this client should see. */
  const truthFor = ({ profile, sight }: Self): Map<string, number | null> => {
    const visible = new Set([...(cast.accounts[profile.account]?.contacts ?? []), profile.account])
    const truth = new Map<string, number | null>()
    for (const { self } of clients) {
      const { account, full } = self.profile
      // accounts that were given may have more contacts than these; what is seen of them must be true, too
      if (visible.has(account) || sight.has(full)) truth.set(full, self.life !== null && self.available ? self.serial : null)
    }
    return truth
  }
  const wrongFor = ({ self }: Client): FalsePresence[] => falsePresence(self.sight, truthFor(self))

  const unrest = (): Unrest[] => clients.flatMap((client): Unrest[] => {
    const { self } = client
    const { index: mine } = self.profile
    if (self.phase !== 'up') {
      const last = ledger.steps.findLast(({ client: whose }) => whose === mine)
      return [{ kind: 'not connected', client: mine, text: self.phase, ...(last === undefined ? {} : { about: last.at }) }]
    }
    return [
      ...(self.sm.queue.length > 0 ? [{ kind: 'queue not empty' as const, client: mine, text: `${self.sm.queue.length} of ${self.sm.sent} stanzas, first: ${self.sm.queue[0]?.octets.slice(0, 200)}` }] : []),
      ...[...self.requests.pending.values()].map(({ what, at }) => ({ kind: 'request unanswered' as const, client: mine, text: `${what}, asked at ${time(at)}`, about: at })),
      ...wrongFor(client).map(({ full, seen, truth }) => ({ kind: 'presence false' as const, client: mine, text: `${full}: seen ${seen ?? 'unavailable'}, true ${truth ?? 'unavailable'}` })),
    ]
  })

  const befriend = async (): Promise<void> => {
    const leaders = clients.filter(({ self }) => self.profile.leads)
    const subscribe = ({ self }: Client): void => {
      for (const contact of cast.accounts[self.profile.account]?.contacts ?? []) {
        self.send(`<presence type='subscribe' to='${escapeAttribute(cast.accounts[contact]?.jid ?? '')}'/>`, -1)
      }
    }
    for (const client of leaders) {
      subscribe(client)
      await sleep(STAGGER)
    }
    const isDone = async ({ self }: Client): Promise<boolean> => {
      const answer = await self.answer(self.ask('roster', '', 'get', `<query xmlns='${NS.roster}'/>`), 10_000)
      const { contacts } = cast.accounts[self.profile.account] as (typeof cast.accounts)[number]
      return contacts.every((contact) => {
        const jid = cast.accounts[contact]?.jid ?? ''
        return new RegExp(`<item[^>]*jid=['"]${jid.replace(/[.+]/g, '\\$&')}['"][^>]*>`).exec(answer?.xml ?? '')?.[0].includes('both') === true
      })
    }
    for (const until = Date.now() + GATHERING; ; await sleep(LOOK)) {
      const open: Client[] = []
      for (const client of leaders) if (!(await isDone(client))) open.push(client)
      if (open.length === 0) return
      if (Date.now() > until) throw new Error(`${open.length} of ${leaders.length} accounts did not get all their contacts in ${GATHERING / 1000} s`)
    }
  }

  const stop = (): void => {
    for (const timer of timers) clearTimeout(timer)
    timers.clear()
  }

  return {
    clients, broken,
    get online() { return clients.filter(({ self }) => self.phase === 'up').length },
    gather: async () => {
      for (const client of clients) {
        client.join()
        await sleep(STAGGER)
      }
      for (const until = Date.now() + GATHERING; clients.some(({ self }) => self.phase !== 'up'); await sleep(LOOK)) {
        if (Date.now() < until) continue
        const down = clients.filter(({ self }) => self.phase !== 'up')
        const why = ledger.steps.findLast(({ client }) => client === down[0]?.self.profile.index)
        throw new Error(`${down.length} of ${clients.length} clients could not log in in ${GATHERING / 1000} s; the first: ${why?.what ?? 'no answer'}`)
      }
      await befriend()
    },
    talk: (rate) => {
      const chance = random.fork('talk')
      let last = now()
      let budget = 0
      const timer = setInterval(() => {
        const t = now()
        // what a busy machine did not get done is not made up for at once
        budget = Math.min(budget + (t - last) * rate / 1000, Math.max(1, rate / 4))
        last = t
        for (let misses = 0; budget >= 1 && misses < 20;) {
          const client = chance.pick(clients)
          if (!isFree(client)) misses++
          else if (act(client)) budget--
        }
      }, TICK)
      timers.add(timer)
    },
    disturb: (kinds) => each((client) => disturbing(client, kinds)),
    stop,
    settle: async (ms) => {
      const until = now() + ms
      // first everybody is back; then presence that a crash may have taken is said again
      while (now() < until && clients.some((client) => client.self.phase !== 'up')) await sleep(LOOK)
      for (const client of clients) {
        const { self } = client
        if (self.phase === 'up' && ledger.crashed(self.saidAt - ENDANGERED.before, self.saidAt + ENDANGERED.after)) client.presence()
      }
      for (;;) {
        await sleep(LOOK)
        if (now() < until && clients.some((client) => !client.settled)) continue
        const left = unrest()
        const quiet = now() - Math.max(...clients.map(({ self }) => self.heardAt)) > ms / QUIET
        if ((left.length === 0 && (ledger.waiting === 0 || quiet)) || now() > until) return left
      }
    },
    leave: async () => {
      clearInterval(ticker)
      await Promise.all(clients.map((client) => client.leave()))
    },
    quit: () => {
      stop()
      clearInterval(ticker)
      for (const client of clients) client.quit()
    },
  }
}
