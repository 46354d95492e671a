// Chance with a seed: the same seed draws the same clients, the same mix and the same schedule of faults. (What happens
// between two sockets is not ours to repeat, so two runs of one seed are alike and not equal.)

export interface Random {
  /** 0 ≤ x < 1 */
  next(): number
  /** A whole number, 0 ≤ n < limit. */
  below(limit: number): number
  between(low: number, high: number): number
  chance(probability: number): boolean
  pick<T>(list: readonly T[]): T
  /** Waiting times of what happens at random, with this mean. */
  exponential(mean: number): number
  /** Another stream of the same seed, so that one part drawing more does not change what another draws. */
  fork(name: string): Random
}

export const random = (seed: string): Random => {
  let state = hash(seed)
  // mulberry32: 32 bits of state, passes what a mix of messages asks for
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
  const below = (limit: number): number => Math.floor(next() * limit)
  return {
    next, below,
    between: (low, high) => low + next() * (high - low),
    chance: (probability) => next() < probability,
    pick: (list) => list[below(list.length)] as (typeof list)[number],
    exponential: (mean) => -Math.log(1 - next()) * mean,
    fork: (name) => random(`${seed}/${name}`),
  }
}

/** FNV-1a: text → 32 bits, unsigned. */
export const hash = (text: string): number => {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  return h >>> 0
}
