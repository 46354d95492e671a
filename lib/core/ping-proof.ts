// Clients without stream management never acknowledge (durability.md D18): after so many messages, or soon after one, the
// server asks them something. Any reply proves that all before the question has arrived, for a stream keeps its order. It asks
// what they can do (XEP-0030) and not for a pong: go-sendxmpp 0.5 answers a ping (XEP-0199) and ends with a nil dereference.
import { NS } from '../base/namespaces.js'
import { attribute } from '../wire/writer.js'
import type { Form, Given, Receipts } from './given.js'
import type { Session } from './sessions.js'
import type { Tracing } from './tracing.js'

export interface ProofHost {
  acknowledged(session: Session, given: readonly Given[]): void
  /** Ask before long. */
  askSoon(proof: PingProof): void
  /** It was asked: it has so long to answer. */
  asked(proof: PingProof): void
  now(): number
  readonly trace: Tracing
}

/** Messages after which the client is asked at once. */
const ASK_AFTER = 50
/** ms between questions, unless so many came. */
const ASK_EVERY = 1000

interface Written {
  readonly given: Given
  readonly size: number
}

let ids = 0

export class PingProof implements Receipts {
  readonly session: Session
  private readonly host: ProofHost
  private written: Written[] = []
  private readonly there = new Map<number, Form>()
  octets = 0
  /** The ping under way, what it proves, and since when; '': none. */
  private ping = ''
  private proves = 0
  private asked = -Infinity
  /** More has to be proved as soon as this ping is answered. */
  private again = false

  constructor(session: Session, host: ProofHost) {
    this.session = session
    this.host = host
  }

  give(octets: string, declared: boolean, given: Given): boolean {
    if (!this.session.outlet.write(octets, declared)) return false
    this.written.push({ given, size: octets.length })
    this.there.set(given.seq, given.form)
    this.octets += octets.length
    this.host.trace.given(this.session, given, 0)
    // who reads the log asks at the end of each page (durability.md D18)
    if (this.session.behind) return true
    // at once where it was not asked just now: a client that leaves soon has said what it has got
    if (this.written.length >= ASK_AFTER || this.host.now() - this.asked > ASK_EVERY) this.ask()
    else this.host.askSoon(this)
    return true
  }

  has(seq: number, form?: Form): boolean {
    const as = this.there.get(seq)
    return as !== undefined && (form === undefined || as === form)
  }

  ask(): void {
    this.again = this.ping !== ''
    if (this.again || this.written.length === 0) return
    const { jid, outlet, account } = this.session
    this.ping = `proof-${++ids}`
    this.proves = this.written.length
    this.asked = this.host.now()
    this.host.asked(this)
    outlet.write(`<iq type='get' id='${this.ping}'${attribute('from', account)}${attribute('to', jid.full)}><query xmlns='${NS.discoInfo}'/></iq>`, false)
  }

  /** Since when a ping is under way, ms; 0: none is. */
  get waitingSince(): number {
    return this.ping === '' ? 0 : this.asked
  }

  proved(id: string): boolean {
    if (id === '' || id !== this.ping) return false
    this.ping = ''
    const proved = this.written.splice(0, this.proves)
    for (const { given, size } of proved) {
      this.there.delete(given.seq)
      this.octets -= size
    }
    this.host.acknowledged(this.session, proved.map((w) => w.given))
    if (this.again || this.written.length >= ASK_AFTER) this.ask()
    else if (this.written.length > 0) this.host.askSoon(this)
    return true
  }
}
