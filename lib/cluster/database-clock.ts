// What time it is in the database: the clock that deadlines on the bus are written in (routing.md, step 5). Each answer to a
// renewal tells it, somewhere within a round trip; the middle is taken. Never used to decide whether a node is over.
import type { Clock } from '../core/ports.js'

export interface DatabaseClock {
  /** ms since 1970. Before the first answer it is this node's own clock. */
  now(): number
  /** @param database ms since 1970, as answered @param wall @param monotonic of this node's clocks, when it was asked */
  learn(database: number, wall: number, monotonic: number): void
}

/** ms a ms that clocks may drift apart between two answers. */
const DRIFT = 0.001

export const makeDatabaseClock = (clock: Clock): DatabaseClock => {
  /** ms since 1970 in the database when this node's clocks stood at `wall` and `monotonic`; by no more than `error` ms wrong then. */
  let database = 0
  let wall = 0
  let monotonic = 0
  let error = Infinity

  return {
    // the clock that is further on: in a suspended machine the monotonic one stood still, and old requests must not seem young
    now: () => (error === Infinity ? clock.now() : database + Math.max(clock.now() - wall, clock.monotonic() - monotonic)),
    learn: (answered, askedWall, askedMonotonic) => {
      const wallNow = clock.now()
      const monotonicNow = clock.monotonic()
      const half = Math.max(wallNow - askedWall, monotonicNow - askedMonotonic) / 2
      // what is known already may be the better: a freeze within the round trip makes its middle worth nothing. Unless a
      // clock has stepped since
      const passed = monotonicNow - monotonic
      if (half > error + passed * DRIFT + Math.abs(wallNow - wall - passed)) return
      database = answered + half
      wall = wallNow
      monotonic = monotonicNow
      error = half
    },
  }
}
