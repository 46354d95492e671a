// Requests of sessions here that another node has taken, and that were not answered (durability.md D15): when that node is over
// whoever asked is told that there will be no answer. Nodes are asked whether they are there only while there are such requests.
import { LRUCache } from 'lru-cache'
import type { Bus, Location } from './ports.js'
import type { Asked } from './sessions.js'

export interface Outstanding {
  sent(request: Asked, to: Location): void
  /** An answer has come. @param from, to as of the answer */
  answered(from: string, to: string, id: string): void
  /** Call once a second. @param now ms, monotonic */
  tick(now: number): void
}

/** Requests remembered, the oldest first to go. */
const MOST = 20_000
/** ms between questions to a node. */
const EVERY = 2000
/** A word that changes nothing; whoever is there accepts it. */
export const THERE = '<there/>'

/** @param failed told of a request whose node is over */
export const makeOutstanding = (bus: Bus, failed: (request: Asked) => void): Outstanding => {
  const open = new LRUCache<string, { readonly request: Asked; readonly to: Location }>({ max: MOST })
  let next = 0

  const ask = async (node: string, to: Location): Promise<void> => {
    if (await bus.send(to, '', THERE) !== 'gone') return
    for (const [key, { request, to: there }] of open) {
      if (`${there.node} ${there.epoch}` !== node) continue
      open.delete(key)
      failed(request)
    }
  }
  return {
    sent: (request, to) => void open.set(`${request.to} ${request.from} ${request.id}`, { request, to }),
    answered: (from, to, id) => {
      if (open.size > 0) open.delete(`${from} ${to} ${id}`)
    },
    tick: (now) => {
      if (open.size === 0 || now < next) return
      next = now + EVERY
      for (const [node, to] of new Map([...open.values()].map(({ to }) => [`${to.node} ${to.epoch}`, to]))) void ask(node, to)
    },
  }
}
