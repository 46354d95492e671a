// What a session that does not follow its account's log has to wait for (durability.md D11): a stanza that is not of the log
// must not overtake the messages that came before it, which the session has yet to read, because it is detached or catching up.
// Bounded: of presence only the last of each sender is kept, and past the bound it is left out, to be told anew.
import { ownCopy } from '../base/octets.js'
import { frameOf } from '../wire/framer.js'
import type { Given } from './given.js'
import type { Deferral, Session } from './sessions.js'

interface Kept {
  readonly octets: string
  readonly declared: boolean
  /** It came behind this entry of the account's log. */
  readonly after: number
}

/** Also the outlet of a session that has no connection. */
export class Deferred implements Deferral {
  private readonly most: number
  private readonly member: { readonly seq: number }
  private readonly kept = new Map<string, Kept>()
  private bytes = 0
  private others = 0
  /** Presence was left out. */
  lossy = false

  constructor(most: number, member: { readonly seq: number }) {
    this.most = most
    this.member = member
  }

  /** An entry of the log is not kept here: it would have no record, and go to nobody when the session goes elsewhere. */
  write(octets: string, declared: boolean, given: Given | null = null): boolean {
    return given === null && this.keep(octets, declared, 0)
  }

  keep(octets: string, declared: boolean, after: number): boolean {
    const key = octets.startsWith('<presence') ? presenceKey(octets) : `${++this.others}`
    const replaced = this.kept.get(key)
    if (replaced !== undefined) {
      this.bytes -= replaced.octets.length
      this.kept.delete(key)
    }
    if (this.bytes + octets.length > this.most) {
      this.lossy ||= octets.startsWith('<presence')
      return octets.startsWith('<presence')
    }
    this.bytes += octets.length
    this.kept.set(key, { octets: ownCopy(octets), declared, after: Math.max(this.member.seq, after) })
    return true
  }

  release(upTo: number, write: (octets: string, declared: boolean) => boolean): void {
    // in the order they came, which is that of the entries that they came behind
    for (const [key, { octets, declared, after }] of this.kept) {
      if (after > upTo || !write(octets, declared)) return
      this.kept.delete(key)
      this.bytes -= octets.length
    }
  }

  readonly isOver = false

  get isEmpty(): boolean {
    return this.kept.size === 0
  }

  flushed(): Promise<boolean> {
    return Promise.resolve(true)
  }

  handOver(): Promise<void> {
    return Promise.resolve()
  }

  close(): void {}

  drop(): void {}
}

let presences = 0
/** Requests and answers (RFC 6121 §3) replace nothing. */
const presenceKey = (octets: string): string => {
  const { type, from } = frameOf(octets)
  return type === '' || type === 'unavailable' ? `presence ${from}` : `presence ${++presences}`
}

/** Octets that may wait for one session. */
const MOST = 1024 ** 2

export const makeDeferred = (member: { readonly seq: number }): Deferral => new Deferred(MOST, member)
export const deferredOf = (session: Session): Deferral => (session.deferred ??= makeDeferred(session.member))

/** A stanza of somebody else's that is not of the log: to the session, or behind what it has yet to read. @param after and behind this entry */
export const post = (session: Session, octets: string, declared: boolean, after = 0): boolean =>
  (session.behind ? deferredOf(session).keep(octets, declared, after) : session.outlet.write(octets, declared))

/** The session has read the log up to this entry: what came behind it goes out. */
export const undefer = (session: Session, upTo: number): void => {
  const { deferred, outlet } = session
  if (deferred === null || outlet === deferred) return
  // what a connection that is over is given comes back here, and would have a later place than it had
  deferred.release(upTo, (octets, declared) => !outlet.isOver && outlet.write(octets, declared))
  if (deferred.isEmpty && !deferred.lossy) session.deferred = null
}
