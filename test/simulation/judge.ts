// What must hold (durability.md, "The promises"; routing.md): told of everything that clients do and see, it says what is wrong,
// at once where that can be seen at once, and when the world is at rest the rest.
import type { EntryRow, Tables } from './tables.js'

/** As much of a client as it needs. */
export interface Seen {
  readonly full: string
  readonly account: string
  readonly resource: string
}

interface Message {
  readonly sender: Seen
  /** Of all that this client has sent. */
  readonly number: number
  readonly to: string
  /** The sender's streams on which it went. */
  readonly streams: Set<number>
  refused: string
  committed: number
  /** When a session of the receiver's first had it. */
  got: number
}

interface Asked {
  readonly to: Seen
  readonly at: number
  readonly node: string
  /** The generation of the account then, and that the asker's node had heard. */
  readonly generation: number
  readonly heard: number
  /** By its row it was there then, whether its client knew or not. */
  readonly there: boolean
}

interface Online {
  readonly node: string
  readonly since: number
}

export interface JudgeParts {
  readonly tables: () => Tables
  readonly now: () => number
  readonly say: (text: string) => void
  readonly resources: (account: string) => number
  /** When the bus, and when the database, last failed anybody. */
  readonly lostAt: () => number
  readonly failedAt: () => number
  /** Of an account, as this node has heard it. */
  readonly heard: (node: string, account: string) => number
  /** Nothing but moves and delays happens: what was committed comes soon. */
  readonly calm: boolean
  /** ms that a route may be old. */
  readonly ttl: number
}

/** ms within which a committed message comes where nothing fails; comparing positions takes longer (settings of calm worlds). */
const SOON = 2500

export class Judge {
  readonly violations: string[] = []
  private readonly parts: JudgeParts
  private readonly messages = new Map<string, Message>()
  /** By session: what it got, in order; and by stanza and form, to find what came twice. */
  private readonly got = new Map<string, { readonly client: Seen; readonly seen: Set<string>; readonly last: Map<string, { number: number; id: string }> }>()
  /** What a client has got, in whatever session. */
  private readonly had = new Set<string>()
  private readonly incarnations = new Map<string, number>()
  private readonly asked = new Map<string, Asked>()
  private readonly online = new Map<string, Online>()
  /** Binds whose answer was not heard: they may come late, and replace a later session. */
  private readonly unheard = new Map<string, number>()
  /** XEP-0280: the session of a client that is to have copies of what others of its account send, and since when. */
  private readonly copying = new Map<string, { readonly client: Seen; readonly session: string; readonly since: number }>()
  private readonly sent: { readonly id: string; readonly sender: Seen; readonly at: number }[] = []
  /** When the account's generation last changed, as far as was looked. */
  private readonly changed = new Map<string, { generation: number; at: number }>()

  constructor(parts: JudgeParts) {
    this.parts = parts
  }

  violated(text: string): void {
    this.parts.say(`VIOLATED: ${text}`)
    this.violations.push(text)
  }

  // What clients say

  sends(sender: Seen, id: string, to: string, stream: number): void {
    this.messages.set(id, { sender, number: numberOf(id), to, streams: new Set([stream]), refused: '', committed: -1, got: -1 })
  }

  states(sender: Seen, id: string, to: Seen, stream: number): void {
    this.sends(sender, id, to.full, stream)
  }

  sendsAgain(id: string, stream: number): void {
    this.messages.get(id)?.streams.add(stream)
  }

  asks(sender: Seen, id: string, to: Seen, node: string): void {
    this.asked.set(id, {
      to, at: this.parts.now(), node, generation: this.generation(to.account), heard: this.parts.heard(node, to.account),
      there: this.isThere(to),
    })
  }

  bindsSoon(client: Seen): void {
    this.unheard.set(client.full, (this.unheard.get(client.full) ?? 0) + 1)
  }

  bound(client: Seen): void {
    this.unheard.set(client.full, (this.unheard.get(client.full) ?? 0) - 1)
  }

  binds(client: Seen, session: string, node: string): void {
    this.incarnations.set(session, 1)
    this.copying.delete(client.full)
    this.online.set(client.full, { node, since: this.parts.now() })
  }

  resumes(client: Seen, session: string, incarnation: number, node: string): void {
    // D9: each owner's has a higher one than all before
    const before = this.incarnations.get(session) ?? 0
    if (incarnation <= before) this.violated(`two owners: ${client.full} is resumed in incarnation ${incarnation} after ${before}`)
    this.incarnations.set(session, incarnation)
    this.online.set(client.full, { node, since: this.parts.now() })
  }

  /** Promise 3: a session that was neither replaced nor ended can be resumed, on any node. */
  fails(client: Seen, session: string, node: string): void {
    if ((this.unheard.get(client.full) ?? 0) <= 0) this.violated(`${client.full} cannot resume ${session.slice(0, 6)} on ${node}`)
  }

  /** It was told that it gets copies from now on. */
  copies(client: Seen, session: string): void {
    this.copying.set(client.full, { client, session, since: this.parts.now() })
  }

  offline(client: Seen): void {
    this.online.delete(client.full)
  }

  counts(client: Seen, h: number, told: number, under: number): void {
    if (h < told) this.violated(`h falls for ${client.full}: ${h} after ${told}`)
    if (h > told + under) this.violated(`h is above what ${client.full} has sent: ${h} of ${told + under}`)
  }

  /** An acknowledgement means that it is committed (promise 1), or that its sender hears of a refusal. */
  acknowledged(client: Seen, id: string): void {
    const message = this.messages.get(id)
    if (message !== undefined && message.committed < 0 && message.refused === '') this.pendingRefusals.add(`${client.full} ${id}`)
  }
  /** Acknowledged, and not in the log: an error must come. */
  private readonly pendingRefusals = new Set<string>()

  // What happens

  committed(entry: EntryRow): void {
    const id = idOf(entry.xml)
    const message = id === null ? undefined : this.messages.get(id)
    if (message === undefined) return
    if ((entry.flags & 4) !== 0) {
      if (!message.to.startsWith(message.sender.account)) this.sent.push({ id: id as string, sender: message.sender, at: this.parts.now() })
      return
    }
    if (message.committed >= 0) this.violated(`${id} is logged twice`)
    message.committed = this.parts.now()
    this.parts.say(`${id} to ${message.to} is entry ${entry.seq} of ${entry.account}`)
  }

  gets(client: Seen, session: string, xml: string): void {
    const id = idOf(xml)
    if (xml.startsWith('<iq')) {
      this.answered(xml)
      return
    }
    if (id === null || !xml.startsWith('<message')) return
    const message = this.messages.get(id)
    if (message === undefined) return
    if (/^<message[^>]* type='error'/.test(xml)) {
      this.refused(client, id, message, xml)
      return
    }
    const form = xml.includes("<sent xmlns='urn:xmpp:carbons:2'") ? 'sent' : xml.includes("<received xmlns='urn:xmpp:carbons:2'") ? 'received' : 'original'
    const there = this.got.get(session) ?? { client, seen: new Set<string>(), last: new Map<string, { number: number; id: string }>() }
    this.got.set(session, there)
    // D12: no entry goes twice to one session, not as a copy and as itself
    const key = form === 'sent' ? `sent ${id}` : id
    // (what is not of the log has no record, and is done again where its sender resumes elsewhere before an h covers it: D7)
    if (there.seen.has(key) && id.startsWith('m-')) this.violated(`${client.full} gets ${id} twice in one session (${form})`)
    there.seen.add(key)
    this.parts.say(`${client.full} gets ${id} (${form}${xml.includes('<delay') ? ', delayed' : ''})`)
    if (form !== 'original') return
    if (message.got < 0) this.soon(client, id, message)
    if (message.got < 0) message.got = this.parts.now()
    // promise 6: at least once, where it had that in an earlier session, and binds anew
    const had = `${client.full} ${id}`
    if (this.had.has(had)) return
    this.had.add(had)
    this.inOrder(client, there.last, id, message, xml.includes('<delay'))
  }

  private soon(client: Seen, id: string, message: Message): void {
    const { calm, now } = this.parts
    const since = this.online.get(client.full)?.since ?? Infinity
    if (calm && message.committed >= 0 && since < message.committed && now() - message.committed > SOON) {
      this.violated(`${id} comes ${Math.round(now() - message.committed)} ms after it was committed, although ${client.full} was there`)
    }
  }

  /** D11: of one sending stream to one receiving session. What was not of the log may come late, a message must not. */
  private inOrder(client: Seen, last: Map<string, { number: number; id: string }>, id: string, { number, sender, streams }: Message, delayed: boolean): void {
    if (streams.size !== 1) return
    const stream = `${sender.full} ${[...streams].join(' ')}`
    const before = last.get(stream)
    // what an expired session held may go late to the account's other resources
    const mayBeLate = id.startsWith('u-') || (delayed && this.parts.resources(client.account) > 1)
    if (before !== undefined && before.number > number && !mayBeLate) this.violated(`${client.full} gets ${id} after ${before.id}`)
    if (before === undefined || before.number < number) last.set(stream, { number, id })
  }

  private refused(client: Seen, id: string, message: Message, xml: string): void {
    const condition = conditionOf(xml)
    this.parts.say(`${client.full} is refused ${id}: ${condition}`)
    message.refused = condition
    this.pendingRefusals.delete(`${client.full} ${id}`)
    // to accounts that there are: nobody is offline, there is always the log
    if (id.startsWith('m-') && condition !== 'resource-constraint') this.violated(`${id} is refused: ${condition}`)
  }

  /** routing.md: who is there is not answered for as if he were not, but while the bus or the database fails. */
  private answered(xml: string): void {
    const id = /^<iq[^>]* id='([^']*)'/.exec(xml)?.[1] ?? ''
    const asked = this.asked.get(id)
    if (asked === undefined || !/^<iq[^>]* type='(?:error|result)'/.test(xml)) return
    this.asked.delete(id)
    if (conditionOf(xml) !== 'service-unavailable') return
    const { now, lostAt, failedAt, ttl } = this.parts
    const there = this.online.get(asked.to.full)
    const { generation, at } = this.changed.get(asked.to.account) ?? { generation: -1, at: Infinity }
    if (generation !== asked.generation || this.generation(asked.to.account) !== asked.generation) return
    // a node that has heard of the change does not answer from before it, not even while its look-ups fail
    if (asked.there && this.isThere(asked.to) && asked.heard >= asked.generation && lostAt() < at) {
      this.violated(`${asked.to.full} is there since ${asked.node} has heard of it, and it says of ${id} that nobody is`)
      return
    }
    if (there === undefined || there.since >= asked.at || asked.at - Math.max(at, there.since) <= ttl) return
    if (failedAt() < asked.at && lostAt() < asked.at) {
      this.violated(`${asked.to.full} is on ${there.node} for ${Math.round(now() - there.since)} ms, and ${asked.node} says of ${id} that nobody is there`)
    }
  }

  /** By its row, and its node's: until others have taken over what a node that is over has left, nobody is there. */
  private isThere({ account, resource }: Seen): boolean {
    const { presence, node } = this.parts.tables()
    const row = presence.get(account)?.get(resource)
    const its = row?.state === 'live' ? node.get(row.node) : undefined
    return its !== undefined && its.epoch === row?.epoch && !its.signedOff
  }

  /** Of an account, and since when it is so. */
  generation(account: string): number {
    const generation = this.parts.tables().account.get(account)?.generation ?? 0
    if (this.changed.get(account)?.generation !== generation) this.changed.set(account, { generation, at: this.parts.now() })
    return generation
  }

  // At rest

  /** Nothing waits for anybody. */
  get atRest(): boolean {
    const { log, queue } = this.parts.tables()
    for (const [account, entries] of log) {
      const acknowledged = queue.get(account)
      for (let i = entries.length - 1; i >= 0; i--) {
        const { flags, seq } = entries[i] as EntryRow
        if ((flags & 2) !== 0 && acknowledged?.has(seq) !== true) return false
      }
    }
    return this.pendingRefusals.size === 0 && this.missingCopy === null
  }

  /** A copy of what was sent that a session has yet to get. */
  private get missingCopy(): string | null {
    for (const { client, session, since } of this.copying.values()) {
      for (const { id, sender, at } of this.sent) {
        if (at > since && sender.account === client.account && sender.full !== client.full && this.got.get(session)?.seen.has(`sent ${id}`) !== true) return `${client.full} has no copy of ${id}`
      }
    }
    return null
  }

  /** @param rested false: it did not come to rest in time */
  end(rested: boolean, restless: readonly string[]): void {
    const { log, queue } = this.parts.tables()
    if (!rested) {
      for (const who of restless) this.violated(`${who} has not come to rest`)
      if (this.missingCopy !== null) this.violated(this.missingCopy)
      for (const [account, entries] of log) {
        for (const entry of entries) if ((entry.flags & 2) !== 0 && queue.get(account)?.has(entry.seq) !== true) this.violated(`${idOf(entry.xml) ?? entry.seq} still waits for ${account}`)
      }
    }
    for (const one of this.pendingRefusals) this.violated(`${one} was acknowledged, and is neither in the log nor refused`)
    for (const [id, message] of this.messages) {
      if (!id.startsWith('m-')) continue
      if (message.refused !== '' && message.committed >= 0) this.violated(`${id} was refused, and is in the log`)
      if (message.refused !== '') continue
      if (message.committed < 0) this.violated(`${id} has not ended: it is neither in the log nor refused`)
      else if (message.got < 0) this.violated(`${id} was committed, and nobody has got it`)
    }
  }
}

const numberOf = (id: string): number => Number(id.slice(id.lastIndexOf('-') + 1))
/** Our own part of an id, wherever it stands in the stanza. */
const idOf = (xml: string): string | null => /\bid='([mu]-[a-z]+-[a-z]+-\d+)/.exec(xml)?.[1] ?? null
const conditionOf = (xml: string): string => /<([a-z-]+) xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/.exec(xml)?.[1] ?? ''
