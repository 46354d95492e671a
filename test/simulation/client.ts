// A client: it counts as XEP-0198 says, keeps what was not acknowledged, resumes on whatever node it comes to, and sends again
// there; or it binds its resource anew and sends that with the same ids (durability.md D14). What it sees, it tells the judge.
import type { Random } from '../../lib/chaos/random.js'
import type { Connection, Down, Up } from './connection.js'
import type { Judge } from './judge.js'
import type { SimNode } from './node.js'
import type { Timing } from './scheduler.js'

/** How a client and its network are. */
export interface ClientMood {
  /** ms, of each way. */
  latency: number
  /** Probabilities: that it answers `<r/>` at once, and not a while later; that it acknowledges what it gets unasked. */
  answers: number
  eager: number
  /** ms that an acknowledgement takes at most. */
  readonly lazy: number
}

interface Outgoing {
  readonly id: string
  readonly xml: string
  readonly logged: boolean
}

interface Way {
  readonly node: SimNode
  connection: Connection | null
  open: boolean
  /** What is on its way to the server is lost. */
  mute: boolean
  /** When the last element arrives there, and here. */
  up: number
  down: number
}

/** ms without an answer after which it goes elsewhere. */
const PATIENCE = 1200
const BEAT = 500
/** ms until it looks again for a node that lives. */
const AGAIN = 100

export class Client {
  readonly account: string
  readonly resource: string
  readonly full: string
  private readonly timing: Timing
  private readonly chance: Random
  private readonly mood: ClientMood
  private readonly judge: Judge
  private readonly nodes: () => readonly SimNode[]
  private readonly say: (text: string) => void
  private way: Way | null = null
  phase: 'off' | 'connecting' | 'bound' = 'off'
  /** Its stream, and how many it has had; null: it has none to resume. */
  private stream: string | null = null
  private streams = 0
  /** Stanzas that came on it; sent on it; of these acknowledged. */
  private received = 0
  private told = 0
  private queue: Outgoing[] = []
  /** Sent since its <enable/>, before that was answered. */
  private early: Outgoing[] = []
  private asked = Infinity
  private wants: 'resume' | 'anew' = 'resume'
  private numbers = 0
  private beating = false

  constructor(full: string, parts: { timing: Timing; chance: Random; mood: ClientMood; judge: Judge; nodes: () => readonly SimNode[]; say: (text: string) => void }) {
    this.full = full
    const [account, resource] = full.split('/') as [string, string]
    this.account = account
    this.resource = resource
    this.timing = parts.timing
    this.chance = parts.chance
    this.mood = parts.mood
    this.judge = parts.judge
    this.nodes = parts.nodes
    this.say = parts.say
  }

  get idle(): boolean {
    return this.phase === 'bound' && this.queue.length === 0
  }

  get node(): string | null {
    return this.phase === 'bound' ? this.way?.node.id ?? null : null
  }

  isOn(node: SimNode): boolean {
    return this.way?.node === node
  }

  /** @param avoid this node, if there is another */
  connect(avoid: string | null = null): void {
    if (this.way !== null) return
    const all = this.nodes().filter((node) => !node.process.dead)
    if (all.length === 0) {
      this.timing.after(AGAIN, null, () => this.connect())
      return
    }
    const others = all.filter((node) => node.id !== avoid)
    const node = this.chance.pick(others.length > 0 ? others : all)
    const way: Way = this.way = { node, connection: null, open: true, mute: false, up: 0, down: 0 }
    this.phase = 'connecting'
    this.asked = this.timing.now
    this.up(() => {
      way.connection = node.accept((down) => this.towards(way, down))
      if (way.connection === null) this.timing.after(0, null, () => this.lose(way))
    })
    if (this.stream !== null && this.wants === 'resume') {
      this.say(`${this.full} resumes on ${node.id} with h ${this.received}`)
      this.put({ is: 'resume', account: this.account, id: this.stream, h: this.received })
    } else {
      this.say(`${this.full} binds on ${node.id}`)
      this.bind()
    }
    this.beat()
  }

  /** The connection breaks, or it is given up. */
  drop(how: 'cut' | 'left' = this.chance.chance(0.5) ? 'cut' : 'left'): void {
    const { way } = this
    if (way === null) return
    this.say(`${this.full} drops its connection to ${way.node.id} (${how})`)
    way.mute = how === 'cut'
    // the server may be the last to hear
    const later = this.chance.chance(0.7) ? this.chance.exponential(5) : this.chance.between(0, 1500)
    this.timing.after(later, way.node.process, () => way.connection?.closed())
    this.leave(way)
  }

  /** It forgets its stream, or its client has been started anew. */
  rebind(avoid: string | null = null): void {
    this.wants = 'anew'
    if (this.way !== null) this.drop()
    this.connect(avoid)
  }

  /** It is to come to rest: it comes back, and asks for what it waits for. */
  settle(): void {
    if (this.phase === 'bound' && this.queue.length > 0) this.request()
    this.connect()
  }

  message(to: string): void {
    const id = `m-${this.full.replace('@localhost/', '-')}-${++this.numbers}`
    this.judge.sends(this, id, to, this.streams)
    this.send({ id, logged: true, xml: `<message to='${to}' type='chat' id='${id}-and-more-than-16'><body>${id}</body></message>` })
  }

  /** Not of the log, to a session. */
  state(to: Client): void {
    if (this.phase !== 'bound') return
    const id = `u-${this.full.replace('@localhost/', '-')}-${++this.numbers}`
    this.judge.states(this, id, to, this.streams)
    this.send({ id, logged: false, xml: `<message to='${to.full}' type='chat' id='${id}'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>` })
  }

  ping(to: Client): void {
    if (this.phase !== 'bound') return
    const id = `q-${this.full.replace('@localhost/', '-')}-${++this.numbers}`
    this.judge.asks(this, id, to, this.way?.node.id ?? '')
    this.send({ id, logged: false, xml: `<iq type='get' to='${to.full}' id='${id}'><ping xmlns='urn:xmpp:ping'/></iq>` })
  }

  carbons(): void {
    this.send({ id: 'c', logged: false, xml: `<iq type='set' id='carbons-${++this.numbers}'><enable xmlns='urn:xmpp:carbons:2'/></iq>` })
  }

  private send(out: Outgoing): void {
    this.queue.push(out)
    if (this.phase !== 'bound') return
    this.put({ is: 'stanza', xml: out.xml })
    if (this.chance.chance(0.3)) this.request()
  }

  private bind(): void {
    this.judge.bindsSoon(this)
    this.put({ is: 'bind', account: this.account, resource: this.resource })
  }

  private request(): void {
    this.put({ is: 'r' })
    if (this.asked === Infinity) this.asked = this.timing.now
  }

  private beat(): void {
    if (this.beating) return
    this.beating = true
    const next = (): void => {
      if (this.way === null) {
        this.beating = false
        return
      }
      if (this.timing.now - this.asked > PATIENCE) {
        const { id } = this.way.node
        this.drop('left')
        this.beating = false
        this.connect(id)
        return
      }
      if (this.phase === 'bound' && this.queue.length > 0) this.request()
      this.timing.after(BEAT, null, next)
    }
    this.timing.after(BEAT, null, next)
  }

  private put(up: Up): void {
    const { way } = this
    this.up(() => way?.connection?.receive(up))
  }

  private up(arrive: () => void): void {
    const { way, timing } = this
    if (way === null) return
    way.up = Math.max(timing.now + this.chance.exponential(this.mood.latency), way.up)
    timing.at(way.up, way.node.process, () => {
      if (!way.mute) arrive()
    })
  }

  private towards(way: Way, down: Down): void {
    const { timing } = this
    way.down = Math.max(timing.now + this.chance.exponential(this.mood.latency), way.down)
    timing.at(way.down, null, () => {
      if (way.open && way === this.way) this.hear(way, down)
    })
  }

  /** The node is dead, or serves nobody. */
  lose(way: Way | null = this.way): void {
    if (way === null || way !== this.way) return
    this.leave(way)
    this.timing.after(this.chance.between(1, 200), null, () => this.connect())
  }

  private leave(way: Way): void {
    way.open = false
    this.way = null
    this.phase = 'off'
    this.asked = Infinity
    this.judge.offline(this)
  }

  private hear(way: Way, down: Down): void {
    const { judge } = this
    switch (down.is) {
      case 'bound':
        judge.bound(this)
        this.early = []
        this.put({ is: 'enable' })
        return
      case 'enabled':
        this.stream = down.id
        this.streams++
        this.wants = 'resume'
        this.received = this.told = 0
        this.begin(way)
        judge.binds(this, down.id, way.node.id)
        // what nobody has told it of is sent again, and before it that it is there
        this.queue = this.queue.filter((out) => out.logged)
        for (const out of this.queue) judge.sendsAgain(out.id, this.streams)
        this.queue.unshift({ id: '', logged: false, xml: '<presence/>' })
        this.resend()
        this.queue.unshift(...this.early)
        return
      case 'resumed':
        this.begin(way)
        judge.resumes(this, this.stream as string, down.incarnation, way.node.id)
        this.covers(down.h)
        this.resend()
        return
      case 'failed':
        judge.fails(this, this.stream as string, way.node.id)
        if (down.h !== null) this.covers(down.h)
        this.stream = null
        this.bind()
        return
      case 'closed':
        this.say(`${this.full} is closed by ${way.node.id}: ${down.condition}`)
        // replaced by itself from elsewhere: it is not there any more
        this.lose(way)
        return
      case 'a':
        this.asked = Infinity
        this.covers(down.h)
        return
      case 'r':
        if (this.chance.chance(this.mood.answers)) this.put({ is: 'a', h: this.received })
        else {
          this.timing.after(this.chance.between(20, this.mood.lazy), null, () => {
            if (way === this.way) this.put({ is: 'a', h: this.received })
          })
        }
        return
      case 'stanza':
        this.received++
        this.takes(down.xml)
        if (this.chance.chance(this.mood.eager)) this.put({ is: 'a', h: this.received })
        return
    }
  }

  private begin(way: Way): void {
    this.phase = 'bound'
    this.asked = Infinity
    this.say(`${this.full} is on ${way.node.id}`)
  }

  private resend(): void {
    for (const { xml } of this.queue) this.put({ is: 'stanza', xml })
    if (this.queue.length > 0) this.request()
  }

  /** XEP-0198 §4: so many of its stanzas are done. */
  private covers(h: number): void {
    const done = h - this.told
    this.judge.counts(this, h, this.told, this.queue.length)
    if (done <= 0) return
    this.told = h
    for (const { id, logged } of this.queue.splice(0, done)) if (logged) this.judge.acknowledged(this, id)
  }

  private takes(xml: string): void {
    this.judge.gets(this, this.stream as string, xml)
    if (/^<iq[^>]* type='result'/.test(xml) && xml.includes("id='carbons-")) this.judge.copies(this, this.stream as string)
    if (!xml.startsWith('<iq') || !/^<iq[^>]* type='get'/.test(xml)) return
    const [, id] = /^<iq[^>]* id='([^']*)'/.exec(xml) ?? []
    const [, from] = /^<iq[^>]* from='([^']*)'/.exec(xml) ?? []
    const answer = `<iq type='result' id='${id ?? ''}' to='${from ?? ''}'/>`
    const out = { id: 'a', logged: false, xml: answer }
    if (this.phase !== 'connecting') {
      this.send(out)
      return
    }
    // XEP-0198 §4: it counts from its <enable/> on
    this.early.push(out)
    this.put({ is: 'stanza', xml: answer })
  }
}
