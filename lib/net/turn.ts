// Writes of one turn of the event loop go out together: whoever has something to write says so once, and is called when
// the sockets of this turn have been read. One immediate serves everybody.

export interface Flushable {
  flush(): void
}

/** Counts turns in which something was written; connections measure their share of a turn by it. */
export const turn = { number: 1 }

let waiting: Flushable[] = []
let scheduled = false

const run = (): void => {
  scheduled = false
  turn.number++
  const now = waiting
  waiting = []
  for (let i = 0; i < now.length; i++) (now[i] as Flushable).flush()
}

/** Call `flush` at the end of this turn. The caller makes sure to ask only once a turn. */
export const soon = (who: Flushable): void => {
  waiting.push(who)
  if (scheduled) return
  scheduled = true
  setImmediate(run)
}
