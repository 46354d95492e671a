// Bringing an account's index of words up to date (XEP-0431) while its client waits, in steps. A long archive takes longer
// than a client should wait, for its other stanzas wait too: the work goes on without it, and the next search finds it done.
import { StanzaError } from '../base/errors.js'
import type { Db } from './ports.js'

/** ms that a search waits. */
const PATIENCE = 3000
/** Accounts indexed at once, and waiting for that, on one database. */
const AT_ONCE = 2
const MOST_WAITING = 200

interface Work {
  readonly accounts: Map<string, Promise<void>>
  readonly waiting: (() => void)[]
  running: number
}

const works = new WeakMap<Db, Work>()

/**
 * Resolves when the index of the account is up to date. Throws StanzaError where that takes longer.
 * @param step index some more; true: there is no more
 */
export const upToDate = async (db: Db, account: string, step: () => Promise<boolean>, patience = PATIENCE): Promise<void> => {
  const work = works.get(db) ?? { accounts: new Map(), waiting: [], running: 0 }
  works.set(db, work)
  let building = work.accounts.get(account)
  if (building === undefined) {
    if (work.accounts.size >= MOST_WAITING) throw new StanzaError('resource-constraint', 'many archives are searched now; ask again', { type: 'wait' })
    building = build(work, step).finally(() => work.accounts.delete(account))
    work.accounts.set(account, building)
    building.catch(() => {}) // whoever waits hears of it
  }
  let timer: NodeJS.Timeout | undefined
  const tooLong = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new StanzaError('resource-constraint', 'the archive is being indexed for its first search; ask again', { type: 'wait' })), patience)
  })
  try {
    await Promise.race([building, tooLong])
  } finally {
    clearTimeout(timer)
  }
}

const build = async (work: Work, step: () => Promise<boolean>): Promise<void> => {
  if (work.running >= AT_ONCE) await new Promise<void>((resolve) => work.waiting.push(resolve))
  else work.running++
  try {
    while (!await step());
  } finally {
    const next = work.waiting.shift()
    if (next === undefined) work.running--
    else next()
  }
}
