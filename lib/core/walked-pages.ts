// Which pages of its account's archive each session was given, and what of them waits for an acknowledgement: a client that
// asks for what comes after a page has that page (durability.md, promise 2). Written octets prove nothing; the next
// request does. Only pages of queries without filters count, and only those that this very session was given: an id may
// come from another device.
import type { Session } from './sessions.js'

/** Pages remembered for one session; beyond that the oldest is forgotten, and what is on it waits on. */
const MOST = 16

/** By the id of the page's last entry: numbers of its queued entries. */
const pages = new WeakMap<Session, Map<string, ReadonlySet<number>>>()

/** The session was given a page. Several pages may end with the same entry. */
export const noteGiven = (session: Session, last: string, queued: readonly number[]): void => {
  const given = pages.get(session) ?? new Map<string, ReadonlySet<number>>()
  pages.set(session, given)
  const before = given.get(last)
  given.delete(last)
  given.set(last, before === undefined ? new Set(queued) : new Set([...before, ...queued]))
  if (given.size > MOST) given.delete(given.keys().next().value as string)
}

/** The session asks for what comes after this id: what it has proved to have, once. */
export const takeProved = (session: Session, after: string): readonly number[] => {
  const given = pages.get(session)
  const queued = given?.get(after)
  given?.delete(after)
  return queued === undefined ? [] : [...queued]
}
