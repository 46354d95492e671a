// XEP-0198 from the client's side: what was sent and not acknowledged, what was handled, and whether the server's `h` can be
// true. Without stream management the same queue is emptied by proof: a request that was answered proves all before it
// (durability.md D11).

/** A stanza that may have to be sent again. `message` is its number in the ledger; -1: a request, an answer or presence. */
export interface Sent {
  readonly octets: string
  readonly message: number
}

export interface Management {
  /** Sent and not acknowledged, oldest first. */
  readonly queue: readonly Sent[]
  /** Stanzas sent since counting began. */
  readonly sent: number
  /** The highest `h` that the server said. */
  readonly acked: number
  /** Stanzas handled: our own `h`. */
  handled: number
  /** What the server calls the session; null: it cannot be resumed. */
  previd: string | null
  push(sent: Sent): void
  /** The server says that it handled `h` stanzas. What is acknowledged now, and what was wrong with that. */
  acknowledge(h: number): { readonly released: readonly Sent[]; readonly wrong: Wrong | null }
}

/** fell: lower than said before; above: more than was sent; malformed: no number. */
export type Wrong = 'fell' | 'above' | 'malformed'

export const management = (): Management => {
  let queue: Sent[] = []
  let sent = 0
  let acked = 0
  return {
    get queue() { return queue },
    get sent() { return sent },
    get acked() { return acked },
    handled: 0,
    previd: null,
    push: (stanza) => {
      queue.push(stanza)
      sent++
    },
    acknowledge: (h) => {
      // XEP-0198 §4: 32 bits without a sign; no run comes near its end, so nothing wraps here
      if (!Number.isInteger(h) || h < 0 || h > 0xff_ff_ff_ff) return { released: [], wrong: 'malformed' }
      if (h < acked) return { released: [], wrong: 'fell' }
      const known = Math.min(h, sent)
      const released = queue.slice(0, known - acked)
      queue = queue.slice(known - acked)
      acked = known
      return { released, wrong: h > sent ? 'above' : null }
    },
  }
}
