// Mode `routed`: messages of one stream that are on their way to another node. The stream does not wait for each to be taken, but
// for the order of what goes to one account: another way than that of a message before it, which may yet be refused and tried
// again, is taken only when that one is done. Logged messages need none of this, for the log has their order.
import { StanzaError } from '../base/errors.js'
import type { Stanza } from '../base/stanza.js'
import type { Verdict } from './ending.js'
import type { Location } from './ports.js'
import type { Here, Hop, Session } from './sessions.js'

/** Nothing else of the session is under way: a message of mode `routed` may go on beside these. */
export const isHopping = ({ hops, uncommitted }: Session): boolean => hops !== null && hops.length === uncommitted

/** Whether a message to this account, which was found here, goes the way of those that are under way to it. */
export const goesAlong = (hops: readonly Hop[], account: string, found: Here): boolean => {
  for (let i = hops.length - 1; i >= 0; i--) {
    const hop = hops[i] as Hop
    if (hop.account === account) return hop.elsewhere === found.elsewhere && found.all.length === 0
  }
  return true
}

export interface Hops {
  /** Its stream goes on meanwhile. */
  beginHop(session: Session, account: string, stanza: Stanza, elsewhere: readonly Location[]): Hop
  /** What became of it follows from this. Never throws. */
  endHop(session: Session, hop: Hop, outcome: () => Verdict | Promise<Verdict>): void
}

/** @param broken the error that stands for one of ours @param over told of each, in the order of the stream */
export const makeHops = (broken: (stanza: Stanza, error: unknown) => StanzaError, over: (session: Session, hop: Hop, verdict: Verdict) => void): Hops => {
  const done = (session: Session, hop: Hop, verdict: Verdict): void => {
    hop.verdict = verdict
    const { hops } = session
    for (let first = hops?.[0]; first !== undefined && first.verdict !== null; first = hops?.[0]) {
      hops?.shift()
      if (hops?.length === 0) session.hops = null
      over(session, first, first.verdict)
    }
  }
  return {
    beginHop: (session, account, stanza, elsewhere) => {
      const hop: Hop = { account, stanza, elsewhere, number: session.stream?.received ?? 0, verdict: null }
      if (session.hops === null) session.hops = [hop]
      else session.hops.push(hop)
      session.uncommitted++
      return hop
    },
    endHop: (session, hop, outcome) => {
      const failed = (error: unknown): void => done(session, hop, error instanceof StanzaError ? error : broken(hop.stanza, error))
      let verdict: Verdict | Promise<Verdict>
      try {
        verdict = outcome()
      } catch (error) {
        failed(error)
        return
      }
      if (verdict instanceof Promise) verdict.then((v) => done(session, hop, v), failed)
      else done(session, hop, verdict)
    },
  }
}
