// How much there is in a simulated world. Most worlds are small: a few things that cross each other, and rest soon after, so that
// many are seen in little time. One in so many is large, for what takes more people, more time or several troubles to come about.
import type { Random } from '../../lib/chaos/random.js'
import type { LeaseTimes } from '../../lib/cluster/lease.js'

export interface Size {
  readonly nodes: readonly number[]
  readonly clients: readonly number[]
  /** ms in which its clients act. */
  readonly spans: readonly number[]
  /** How often they do: at least, and how many times more. */
  readonly acts: readonly [least: number, more: number]
  readonly troubles: readonly [least: number, more: number]
  /** Probability that a trouble may be of any length, and is not one of the short ones. */
  readonly long: number
  readonly leases: readonly LeaseTimes[]
  /** Probabilities that a way to the database takes no time. */
  readonly near: readonly number[]
  /** s */
  readonly ttls: readonly number[]
  readonly routes: readonly number[]
  /** ms that an acknowledgement may take at most. */
  readonly lazy: number
  /** ms between two looks whether it is at rest, and that it is watched afterwards: what comes twice comes late. */
  readonly step: number
  readonly watched: number
}

/** ms; those of routing.md, step 8, made short. */
const SHORT: LeaseTimes = { lease: 1500, grace: 1500, silentAfter: 2500 }
/** Not so short that a world has to pay for renewals which nothing comes of. */
const LONG: LeaseTimes = { lease: 6000, grace: 6000, silentAfter: 10_000 }

const LARGE: Size = {
  nodes: [2, 3], clients: [2, 3, 3, 4, 5], spans: [100, 600, 3000], acts: [5, 10], troubles: [1, 3], long: 1, leases: [SHORT], near: [0], ttls: [1, 2, 30], routes: [8],
  lazy: 1500, step: 250, watched: 1200,
}
const SMALL: Size = {
  nodes: [2, 2, 2, 2, 3], clients: [2, 2, 2, 3], spans: [10, 50, 150], acts: [2, 4], troubles: [0, 3], long: 0.05, leases: [LONG, LONG, LONG, SHORT], near: [0, 0.7, 0.9], ttls: [0.05, 1, 30], routes: [1, 8],
  lazy: 150, step: 20, watched: 150,
}
/** Seeds to one large world. */
const ONE_IN = 20

export const sizeOf = (seed: number): Size => (seed % ONE_IN === 0 ? LARGE : SMALL)

/** `least`, and up to so many more. */
export const some = (chance: Random, [least, more]: readonly [number, number]): number => least + chance.below(more)
