// Work on accounts, one after the other for each account, whatever else goes on: what two changes of the same thing are
// told to the clients in must be the order in which they were made.

/** Do this when what was begun before for any of these accounts is over, however it ended. */
export type InTurn = <T>(accounts: readonly string[], work: () => Promise<T>) => Promise<T>

export const makeInTurn = (): InTurn => {
  /** The last work under way of each account. */
  const last = new Map<string, Promise<unknown>>()
  return (accounts, work) => {
    const before = accounts.flatMap((account) => last.get(account) ?? [])
    const mine = Promise.allSettled(before).then(work)
    for (const account of accounts) last.set(account, mine)
    const over = (): void => {
      for (const account of accounts) if (last.get(account) === mine) last.delete(account)
    }
    mine.then(over, over)
    return mine
  }
}
