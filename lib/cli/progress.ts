// A bar on a terminal, elsewhere a line now and then: for tools that take a while.
import { SingleBar } from 'cli-progress'

export interface Progress {
  tell(stage: string, done: number, of: number, words: string): void
  stop(): void
}

/** ms between lines where there is no terminal for a bar. */
const LINES = 10_000
const WIDTH = 14

export const progressOn = (stderr: NodeJS.WriteStream): Progress => {
  if (!stderr.isTTY) {
    let last = Date.now()
    return {
      tell: (stage, done, of, words) => {
        if (Date.now() - last < LINES) return
        last = Date.now()
        stderr.write(`${stage} ${done}/${of}, ${words}\n`)
      },
      stop: () => {},
    }
  }
  const bar = new SingleBar({ format: '{stage} {bar} {value}/{total} | {words}', barsize: 20, stream: stderr, hideCursor: true })
  let running = false
  let current = ''
  const stop = (): void => {
    if (running) bar.stop()
    running = false
  }
  return {
    tell: (stage, done, of, words) => {
      if (stage !== current) stop()
      current = stage
      const payload = { stage: stage.padEnd(WIDTH), words }
      if (running) {
        bar.setTotal(of)
        bar.update(done, payload)
      } else {
        bar.start(of, done, payload)
        running = true
      }
    },
    stop,
  }
}
