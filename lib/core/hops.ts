// Mode `routed`: messages of one stream that are on their way to another node. The stream does not wait for each to be taken, but
// for the order of what goes to one account: another way than that of a message before it, which may yet be refused and tried
// again, is taken only when that one is done. Logged messages need none of this, for the log has their order.
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
