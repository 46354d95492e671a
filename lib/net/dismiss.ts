// How a server that stops takes leave of its clients. Where other nodes go on serving them it is not said to all in one turn:
// whoever hears it comes to one of the others at once, logs in, and has its session taken over there.
import { setTimeout as sleep } from 'node:timers/promises'
import { StreamError } from '../base/errors.js'
import type { Guest } from './host.js'

/** ms between two slices, half of it more or less by chance; and guests of one slice, at least. */
const PAUSE = 50
const SLICE = 10

/** To each, slice by slice; resolves when all were told. @param ms that it may take; 0: all at once */
export const dismiss = async (guests: Iterable<Guest>, ms: number): Promise<void> => {
  const all = [...guests]
  const size = Math.max(SLICE, Math.ceil(all.length * PAUSE / ms))
  const until = performance.now() + ms
  for (let told = 0; told < all.length;) {
    const next = performance.now() < until ? told + size : all.length
    for (const guest of all.slice(told, next)) guest.close(new StreamError('system-shutdown')) // RFC 6120 §4.9.3.20
    told = next
    if (told < all.length) await sleep(Math.min(PAUSE * (0.5 + Math.random()), Math.max(0, until - performance.now())))
  }
}
