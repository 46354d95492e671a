// Requests and their answers over NATS, each with a time-out. Not the library's own request(): its timers keep a process
// alive, it builds an error with a stack for each request that goes well, and when the connection breaks it lets them all
// run into their time-outs.
import { createInbox } from '@nats-io/transport-node'
import type { NatsConnection } from '@nats-io/transport-node'
import type { BusCounters } from './counters.js'

/**
 * The octets of the answer, or why there is none. 'busy': it was not sent. 'gone': nobody listens there. 'unknown': no answer
 * in time, or the connection broke meanwhile.
 */
export type Answered = Uint8Array | 'busy' | 'gone' | 'unknown'

export interface Requests {
  /** Never rejects. @param ms to wait for the answer */
  ask(subject: string, data: Uint8Array, ms: number): Promise<Answered>
  /** The connection broke: whatever is under way will not be answered. */
  lost(): void
}

/** NATS itself answers so where nobody has subscribed to the subject of a request. */
const NO_RESPONDERS = 503

export const makeRequests = (nc: NatsConnection, prefix: string, counters: BusCounters, report: (error: unknown) => void): Requests => {
  const inbox = createInbox(`${prefix}.answer`)
  let last = 0
  /** By the number at the end of the subject of the answer. Bounded by what may be under way to all nodes. */
  const open = new Map<string, (answer: Answered) => void>()

  nc.subscribe(`${inbox}.*`, {
    callback: (error, message) => {
      if (error !== null) {
        report(error)
        return
      }
      const settle = open.get(message.subject.slice(inbox.length + 1))
      if (settle === undefined) return // it comes after the time-out
      settle(message.data.length === 0 && message.headers?.code === NO_RESPONDERS ? 'gone' : message.data)
    },
  })

  return {
    ask: (subject, data, ms) => new Promise((resolve) => {
      const key = String(++last)
      try {
        nc.publish(subject, data, { reply: `${inbox}.${key}` })
      } catch (error) { // closed, or a reconnect has led to a server that takes less
        report(error)
        resolve('busy')
        return
      }
      const timer = setTimeout(() => {
        counters.timedOut++
        settle('unknown')
      }, ms)
      timer.unref()
      const settle = (answer: Answered): void => {
        clearTimeout(timer)
        open.delete(key)
        resolve(answer)
      }
      open.set(key, settle)
    }),
    lost: () => {
      for (const settle of open.values()) settle('unknown')
    },
  }
}
