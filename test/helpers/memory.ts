// Memory after a forced collection, for tests of what is kept.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

let collect: (() => void) | null = null

/** Collect garbage now, thoroughly. */
export const collectGarbage = (): void => {
  if (collect === null) {
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc') as () => void
  }
  for (let i = 0; i < 3; i++) collect()
}

/** Octets in use after a collection: on the heap and in array buffers. */
export const used = (): { heap: number; buffers: number; rss: number } => {
  collectGarbage()
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage()
  return { heap: heapUsed, buffers: arrayBuffers, rss }
}
