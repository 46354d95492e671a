// How the way of a stanza may end ('logged': it has not yet; it is counted once it is committed). There is no sixth ending: nothing is dropped silently (design.md §3).
import type { StanzaError } from '../base/errors.js'
import type { Counters } from './counters.js'

/** A place where a specification says to ignore a stanza, named by its section. */
export type Rule = `RFC 612${'0' | '1'} §${string}` | `XEP-${string} §${string}`
export type Ending = 'logged' | 'delivered' | 'stored' | 'answered' | 'refused' | { readonly ignored: Rule }

/** A refusal on its way to the router, which alone writes it. */
export type Verdict = Ending | StanzaError

export const ignored = (rule: Rule): Ending => ({ ignored: rule })

export const countEnding = (counters: Counters, ending: Ending): void => {
  if (ending === 'logged') return
  if (typeof ending === 'string') counters[ending]++
  else counters.ignored.set(ending.ignored, (counters.ignored.get(ending.ignored) ?? 0) + 1)
}
