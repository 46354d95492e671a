// Presence as one session sees it, against what is true. Every presence says in its status which one it is: the client's
// number and a serial that it raises.

/** By full JID: the serial of the presence seen last; who is not in it is not available. */
export type Sight = ReadonlyMap<string, number>

export interface FalsePresence {
  readonly full: string
  /** null: not available. */
  readonly seen: number | null
  readonly truth: number | null
}

/**
 * @param truth by full JID, of all whose presence this session may see: the serial said last, null where it is not available
 * @returns where the two differ; a full JID that nobody ever had is a ghost too
 */
export const falsePresence = (sight: Sight, truth: ReadonlyMap<string, number | null>): FalsePresence[] => {
  const wrong: FalsePresence[] = []
  for (const [full, said] of truth) {
    const seen = sight.get(full) ?? null
    if (seen !== said) wrong.push({ full, seen, truth: said })
  }
  for (const [full, seen] of sight) if (!truth.has(full)) wrong.push({ full, seen, truth: null })
  return wrong
}
