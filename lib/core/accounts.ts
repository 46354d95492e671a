// What a client may do about accounts (XEP-0077): change its password, remove its own, and where strangers may register,
// make a new one; so many from one address in an hour.
import { LRUCache } from 'lru-cache'
import { StanzaError } from '../base/errors.js'
import type { Acting, Clock } from './ports.js'

/** Passwords become keys before they come to a store. `false` from these: no such account; of `create`: there is one. */
export interface AccountKeeper {
  /** Whether this can be a password (RFC 5802 §2.2). */
  isPassword(text: string): boolean
  create(account: string, password: string): Promise<boolean>
  setPassword(account: string, password: string, by: Acting | null): Promise<boolean>
  /** With all that it has; its sessions end soon after, so that the answer to who asked for it still goes out. */
  remove(account: string): Promise<boolean>
}

export interface Accounts {
  /** Throws StanzaError where this cannot be a password. */
  setPassword(account: string, password: string, by: Acting | null): Promise<boolean>
  /** False: the name is taken. Throws StanzaError where this cannot be a password, or the address has had its share. */
  register(account: string, password: string, address: string): Promise<boolean>
}

const HOUR = 3_600_000
/** Addresses remembered, those longest without an attempt first to go. */
const REMEMBERED = 50_000

export const makeAccounts = (keeper: AccountKeeper, clock: Clock, perHour: number): Accounts => {
  const attempts = new LRUCache<string, { count: number }>({
    max: REMEMBERED, ttl: HOUR, ttlResolution: 0, perf: { now: () => clock.monotonic() }, // the hour begins with the first
  })
  const check = (password: string): void => {
    if (!keeper.isPassword(password)) throw new StanzaError('not-acceptable', 'this cannot be a password: it is empty, too long, or has characters that no client could send')
  }
  return {
    setPassword: async (account, password, by) => {
      check(password)
      return keeper.setPassword(account, password, by)
    },
    register: async (account, password, address) => {
      check(password)
      // names that are taken count, too: asking for them tells who has an account here
      const key = networkOf(address)
      const known = attempts.get(key) ?? { count: 0 }
      if (known.count >= perHour) throw new StanzaError('resource-constraint', 'too many accounts from your address; try again in an hour')
      if (known.count++ === 0) attempts.set(key, known)
      return keeper.create(account, password)
    },
  }
}

/** The part of an IPv6 address that its owner cannot choose (RFC 6177: /64 at the least); an IPv4 address is one. */
export const networkOf = (address: string): string => {
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('::')
  const groups = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - after.length)
  return [...groups, ...Array<string>(zeros).fill('0'), ...after].slice(0, 4).join(':')
}
