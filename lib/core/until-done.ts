// What has to be written, however long the database is away: in batches, and again until it works.

/** Resolves when it is written; never rejects. */
export type UntilDone<Item> = (item: Item) => Promise<void>

const MOST = 500
/** ms between tries. */
const AGAIN = 1000

/**
 * Bounded by who asks: the sessions there were.
 * @param write may be asked for the same again @param failed told of each try that failed
 */
export const makeUntilDone = <Item>(write: (items: readonly Item[]) => Promise<void>, failed: (error: unknown) => void): UntilDone<Item> => {
  const waiting: { readonly item: Item; readonly done: () => void }[] = []
  let busy = false
  const writeAll = async (): Promise<void> => {
    while (waiting.length > 0) {
      const some = waiting.splice(0, MOST)
      try {
        await write(some.map(({ item }) => item))
        for (const { done } of some) done()
      } catch (error) {
        failed(error)
        waiting.push(...some)
        await new Promise((resolve) => setTimeout(resolve, AGAIN).unref())
      }
    }
    busy = false
  }
  return (item) => new Promise((done) => {
    waiting.push({ item, done })
    if (busy) return
    busy = true
    setImmediate(() => void writeAll())
  })
}
