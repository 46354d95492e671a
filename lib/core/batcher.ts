// Many small requests of one turn of the event loop become one: the database is asked once, everybody gets his part.
// One batch is under way at a time; what comes meanwhile waits for the next. Those who ask wait, so the queue is bounded
// by their number, and by `limit` besides.
import { StanzaError } from '../base/errors.js'

export interface Batcher<In, Out> {
  (item: In): Promise<Out>
}

interface Waiting<In, Out> {
  readonly item: In
  readonly resolve: (out: Out) => void
  readonly reject: (error: unknown) => void
}

/**
 * @param run answers a batch, one result an item, in order; its error is everybody's
 * @param most items in one batch
 * @param limit items waiting; one more is refused with resource-constraint
 */
export const makeBatcher = <In, Out>(run: (items: readonly In[]) => Promise<readonly Out[]>, most: number, limit: number): Batcher<In, Out> => {
  let waiting: Waiting<In, Out>[] = []
  let busy = false

  const next = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = waiting.splice(0, most)
      try {
        const results = await run(batch.map((w) => w.item))
        batch.forEach((w, i) => w.resolve(results[i] as Out))
      } catch (error) {
        for (const w of batch) w.reject(error)
      }
    }
    busy = false
  }

  return (item) => new Promise((resolve, reject) => {
    if (waiting.length >= limit) {
      reject(new StanzaError('resource-constraint', 'the server is overloaded; try again later'))
      return
    }
    waiting.push({ item, resolve, reject })
    if (busy) return
    busy = true
    // after the sockets of this turn were read, so that their requests go together
    setImmediate(() => void next())
  })
}
