// One client: it logs in, keeps its session over broken connections as its habits say, and counts by XEP-0198. What it says
// is in talk.ts, what it makes of what comes in listen.ts.
import type { Frame } from '../base/stanza.js'
import { NS } from '../base/namespaces.js'
import { ABANDONED, STATE } from './ledger.js'
import type { Profile } from './cast.js'
import { makeListener } from './listen.js'
import { management } from './management.js'
import type { Sent, Wrong } from './management.js'
import type { Random } from './random.js'
import { requests } from './requests.js'
import type { Client, Self, World } from './self.js'
import { attributeOf, CARBONS, statusOf } from './speech.js'
import { dial } from '../client/wire.js'
import type { Login, WireEvents } from '../client/wire.js'

const BACKOFF = { least: 50, most: 2000 }
const LEAVING = 5000

export const makeClient = (profile: Profile, world: World, random: Random, drain = false): Client => {
  const { ledger, now, run } = world
  let stopped = true
  let attempts = 0
  let timer: NodeJS.Timeout | null = null
  let left: (() => void) | null = null
  /** Messages of the session before, to be sent again in the next one. */
  let again: Sent[] = []
  const at = profile.bare.indexOf('@')
  const login: Login = { local: profile.bare.slice(0, at), domain: profile.bare.slice(at + 1), password: profile.password }

  const self: Self = {
    profile, world, random, phase: 'away', wire: null, life: null, sm: management(), managed: false, counting: false, requests: requests(),
    sight: new Map(), serial: 0, saidAt: 0, available: false, ids: 0, messages: 0, heardAt: 0, asked: false, sinceAsked: 0, ackedOut: 0,
    privateSet: 0, privateSure: 0,
    send: (octets, message) => {
      self.sm.push({ octets, message })
      self.wire?.send(octets)
      self.sinceAsked++
      if (self.phase === 'up' && !self.asked && self.sinceAsked >= profile.askEvery) ask()
    },
    tell: (octets) => self.wire?.send(octets),
    ask: (what, to, type, payload, unique = false) => {
      self.ids++
      const id = unique ? `${run}-q${profile.index}-${now().toFixed(0)}-${self.ids}` : String(self.ids)
      // only what the server itself answers, in order, proves what came before it
      self.requests.ask(id, { what: `${what}${to === '' ? '' : ` ${to}`} (id ${id})`, at: now(), proves: unique ? 0 : self.sm.sent + 1 })
      self.send(`<iq type='${type}' id='${id}'${to === '' ? '' : ` to='${to}'`}>${payload}</iq>`, -1)
      return id
    },
    note: (what) => ledger.step(profile.index, now(), drain ? `${what} (the fetcher at the end)` : what),
    waiting: new Map(),
    answer: (id, ms) => new Promise((resolve) => {
      const settle = (frame: Frame | null): void => {
        clearTimeout(late)
        self.waiting.delete(id)
        resolve(frame)
      }
      const late = setTimeout(() => settle(null), ms)
      self.waiting.set(id, settle)
    }),
  }

  const events: WireEvents = {
    ready: (features) => {
      attempts = 0
      self.heardAt = now()
      if (self.sm.previd !== null) {
        self.phase = 'resuming'
        return self.tell(`<resume xmlns='${NS.sm}' previd='${self.sm.previd}' h='${self.sm.handled}'/>`)
      }
      bind(features)
    },
    element: (frame) => {
      self.heardAt = now()
      if (frame.ns === NS.sm) return managementElement(frame)
      if (self.phase === 'binding') {
        if (frame.kind === 'iq' && frame.id === 'bind') bound(frame)
        return
      }
      if (frame.kind === '') return
      if (self.counting) self.sm.handled++
      listener(frame)
      if (self.counting && profile.ackEvery > 0 && self.sm.handled - self.ackedOut >= profile.ackEvery) acknowledge()
    },
    down: (reason) => {
      self.wire = null
      if (/handled-count-too-high|undefined-condition/.test(reason)) ledger.incident('stream error', profile.index, now(), reason)
      if (self.phase === 'leaving') return gone()
      if (reason.includes('not-authorized')) ledger.incident('log-in refused', profile.index, now(), reason)
      // nobody listens yet, as is to be expected after a kill; everything else is worth knowing
      if (self.phase !== 'joining' || reason !== 'ECONNREFUSED') self.note(`down: ${reason}`)
      const wait = Math.min(BACKOFF.most, BACKOFF.least * 2 ** attempts++)
      away(wait * random.between(0.5, 1.5))
    },
  }

  let offersSm = false
  const bind = (features: string): void => {
    offersSm = features.includes(NS.sm)
    if (self.life !== null) endLife()
    self.phase = 'binding'
    self.tell(`<iq type='set' id='bind'><bind xmlns='${NS.bind}'><resource>${profile.resource}</resource></bind></iq>`)
  }

  const bound = (frame: Frame): void => {
    if (frame.type !== 'result' || !frame.xml.includes(`>${profile.full}<`)) {
      self.note('binding refused')
      self.wire?.drop()
      return events.down(`binding refused: ${frame.xml.slice(0, 300)}`)
    }
    self.life = ledger.born(profile.index, now(), false, drain)
    self.sm = management()
    self.requests = requests()
    self.sight = new Map()
    self.ids = self.ackedOut = self.sinceAsked = 0
    self.managed = self.counting = self.asked = self.available = false
    self.note(`bound, session ${self.life.id}`)
    if (profile.keeping === 'none' || !offersSm) return begin()
    self.phase = 'enabling'
    self.tell(`<enable xmlns='${NS.sm}'${profile.keeping === 'acks' ? '' : ' resume=\'true\''}/>`)
    if (profile.pipelines) greet()
  }

  /** What a client says first. */
  const greet = (): void => {
    self.ask('roster', '', 'get', `<query xmlns='${NS.roster}'/>`)
    if (profile.carbons) self.ask('carbons', '', 'set', `<enable xmlns='${CARBONS}'/>`)
    presence()
  }

  const begin = (): void => {
    if (self.phase !== 'enabling' || !profile.pipelines) greet()
    self.phase = 'up'
    const old = again
    again = []
    for (const sent of old) {
      ledger.resent(sent.message)
      self.send(sent.octets, sent.message)
    }
  }

  const managementElement = (frame: Frame): void => {
    switch (frame.name) {
      case 'r': return acknowledge()
      case 'a':
        self.asked = false
        return released(Number(attributeOf(frame.xml, 'h') || NaN), '<a/>')
      case 'enabled': {
        const resumable = ['true', '1'].includes(attributeOf(frame.xml, 'resume'))
        self.sm.previd = resumable ? attributeOf(frame.xml, 'id') : null
        self.managed = self.counting = true
        if (self.life !== null) self.life.managed = true
        return begin()
      }
      case 'resumed':
        self.asked = false
        self.sinceAsked = 0
        released(Number(attributeOf(frame.xml, 'h') || NaN), '<resumed/>')
        self.note(`resumed: the server has ${self.sm.acked} of ${self.sm.sent}, we have ${self.sm.handled}`)
        self.phase = 'up'
        for (const { octets } of self.sm.queue) self.tell(octets)
        return
      case 'failed':
        if (self.phase === 'enabling') return begin() // as one without
        self.note('resumption refused')
        ledger.incident('resumption refused', profile.index, now(), `session ${self.life?.id ?? '?'}: ${frame.children[0]?.name ?? ''}`)
        if (attributeOf(frame.xml, 'h') !== '') released(Number(attributeOf(frame.xml, 'h')), '<failed/>')
        return bind(NS.sm)
    }
  }

  const acknowledge = (): void => {
    if (!self.counting) return
    self.ackedOut = self.sm.handled
    self.tell(`<a xmlns='${NS.sm}' h='${self.sm.handled}'/>`)
  }

  const WORDS: Record<Wrong, string> = { fell: 'h fell', above: 'h above what was sent', malformed: 'h malformed' }
  const released = (h: number, where: string): void => {
    const before = self.sm.acked
    const { released: list, wrong } = self.sm.acknowledge(h)
    if (wrong !== null) ledger.incident(WORDS[wrong], profile.index, now(), `${where} h=${h}, said before ${before}, sent ${self.sm.sent}`)
    for (const { message } of list) if (message >= 0) ledger.ack(message, now())
  }

  const listener = makeListener(self, (count) => {
    // a proof counts where nothing is acknowledged
    if (self.managed) return
    self.asked = false
    if (count > self.sm.acked) released(count, 'a proof')
  })

  /** The session is over for us: what it did not get acknowledged goes into the next one, or is given up. */
  const endLife = (): void => {
    const life = self.life
    if (life === null) return
    life.to = now()
    self.life = null
    const keeps = self.managed || profile.resends
    for (const sent of self.sm.queue) {
      if (sent.message < 0) continue
      if (keeps && (ledger.messages.get('flags', sent.message) & STATE) === 0) again.push(sent)
      else ledger.mark(sent.message, ABANDONED)
    }
    self.sm = management()
  }

  const away = (ms: number): void => {
    self.phase = 'away'
    // without resumption the session is over with its connection
    if (self.life !== null && self.sm.previd === null) endLife()
    if (timer !== null) clearTimeout(timer)
    timer = null
    if (stopped) return
    timer = setTimeout(() => {
      timer = null
      self.phase = 'joining'
      self.heardAt = now()
      self.wire = dial(world.where, login, events)
    }, ms)
  }

  const presence = (): void => {
    self.serial++
    self.saidAt = now()
    self.available = true
    const show = random.chance(0.5) ? `<show>${random.pick(['away', 'dnd', 'xa', 'chat'])}</show>` : ''
    self.send(`<presence>${show}<status>${statusOf(run, profile.index, self.serial)}</status><priority>${profile.priority}</priority></presence>`, -1)
  }

  const gone = (): void => {
    self.phase = 'away'
    stopped = true
    if (self.life !== null) {
      self.life.to = now()
      self.life.clean = true
      self.life = null
    }
    left?.()
  }

  const quit = (): void => {
    stopped = true
    if (timer !== null) clearTimeout(timer)
    timer = null
    self.wire?.drop()
    self.wire = null
    self.phase = 'away'
  }

  return {
    self,
    presence,
    join: () => {
      stopped = false
      if (self.phase === 'away' && timer === null) away(0)
    },
    cut: (how, ms) => {
      self.note(`cut: ${how}, away for ${Math.round(ms)} ms`)
      const { wire } = self
      self.wire = null
      if (how === 'abandon') wire?.abandon(5000)
      else if (how === 'reset') wire?.reset()
      else wire?.drop()
      if (how === 'forget') self.sm.previd = null
      away(ms)
    },
    cutInside: (octets, message, ms) => {
      self.note(`cut inside a stanza, away for ${Math.round(ms)} ms`)
      self.sm.push({ octets, message })
      self.wire?.half(octets.slice(0, Math.floor(octets.length / 2)))
      self.wire = null
      away(ms)
    },
    stopReading: (ms) => {
      const { wire } = self
      wire?.pause()
      setTimeout(() => wire?.resume(), ms).unref()
    },
    tick: () => {
      const t = now()
      if (self.phase === 'away' || self.phase === 'joining' || self.phase === 'leaving') return
      const waits = self.sm.queue.length > 0 || self.phase !== 'up'
      if (waits && t - self.heardAt > profile.patience) {
        self.note('no patience left')
        self.wire?.drop()
        return events.down('the server was silent for too long')
      }
      if (self.phase === 'up' && self.sm.queue.length > 0 && !self.asked) ask()
    },
    get settled() {
      return self.phase === 'up' && self.sm.queue.length === 0 && self.requests.pending.size === 0
    },
    quit,
    leave: () => new Promise((resolve) => {
      if (self.phase !== 'up') {
        quit()
        return resolve()
      }
      const late = setTimeout(() => {
        self.wire?.drop()
        gone()
      }, LEAVING)
      left = () => {
        clearTimeout(late)
        resolve()
      }
      acknowledge()
      self.phase = 'leaving'
      self.wire?.close()
    }),
  }

  function ask(): void {
    self.asked = true
    self.sinceAsked = 0
    if (self.managed) self.tell(`<r xmlns='${NS.sm}'/>`)
    else self.ask('ping', '', 'get', `<ping xmlns='${NS.ping}'/>`)
  }
}
