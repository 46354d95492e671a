// Requests of one session: each gets exactly one answer (RFC 6120 §8.2.3). An error of type wait is an answer; across a
// crash a request may be asked and answered twice (durability.md D15).

export interface Pending {
  readonly what: string
  readonly at: number
  /** How many stanzas of the session were sent when it was: its answer proves all of them. 0: proves nothing. */
  readonly proves: number
}

export interface Answered extends Pending {
  readonly answeredAt: number
  /** 'result', or the condition of the error. */
  readonly how: string
}

export interface Requests {
  readonly pending: ReadonlyMap<string, Pending>
  ask(id: string, request: Pending): void
  /** pending: it was waited for. again: answered before. unknown: nobody asked. */
  answer(id: string, at: number, how: string): { readonly kind: 'pending' | 'again'; readonly request: Answered } | { readonly kind: 'unknown' }
}

/** Answered requests remembered, to know a second answer. */
const REMEMBERED = 500

export const requests = (): Requests => {
  const pending = new Map<string, Pending>()
  const answered = new Map<string, Answered>()
  return {
    pending,
    ask: (id, request) => void pending.set(id, request),
    answer: (id, at, how) => {
      const waiting = pending.get(id)
      if (waiting === undefined) {
        const before = answered.get(id)
        return before === undefined ? { kind: 'unknown' } : { kind: 'again', request: before }
      }
      pending.delete(id)
      const request = { ...waiting, answeredAt: at, how }
      answered.set(id, request)
      if (answered.size > REMEMBERED) answered.delete(answered.keys().next().value as string)
      return { kind: 'pending', request }
    },
  }
}
