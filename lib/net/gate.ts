// Who may try to log in, and how often: caps on connections that are not logged in yet, in all and per address, and
// back-off after wrong guesses per address and per account. Everything kept here is bounded.
import { LRUCache } from 'lru-cache'
import type { Clock } from '../core/ports.js'

export interface GateOptions {
  readonly unauthenticated: number
  readonly unauthenticatedPerAddress: number
  /** All connections, logged in or not. */
  readonly connections: number
  readonly failuresPerAddress: number
  readonly failuresPerAccount: number
}

export interface Gate {
  /** A new connection from this address: may it stay? Every 'yes' is followed by `authenticated` or `left`, and at last `closed`. */
  arrive(address: string): boolean
  authenticated(address: string): void
  /** The connection is over. */
  closed(address: string, wasAuthenticated: boolean): void
  /** ms until this address may guess this account's password again; 0: now. */
  wait(address: string, account: string): number
  /** A guess was wrong (or right). */
  failed(address: string, account: string): void
  succeeded(address: string, account: string): void
  /** No stranger more can come: all places in all are taken. */
  readonly isFull: boolean
  readonly unauthenticated: number
  readonly connections: number
}

/** Addresses and accounts remembered, least recently guessed first to go; ms they are remembered. */
const REMEMBERED = 50_000
const MEMORY = 15 * 60_000
/** Longest back-off in ms. An account's is short: whoever locks it locks out its owner. */
const LONGEST_ADDRESS = 5 * 60_000
const LONGEST_ACCOUNT = 30_000

interface Record {
  failures: number
  until: number
}

export const makeGate = (options: GateOptions, clock: Clock): Gate => {
  const waiting = new Map<string, number>()
  let unauthenticated = 0
  let connections = 0
  const memory = { max: REMEMBERED, ttl: MEMORY, perf: { now: () => clock.monotonic() } }
  const addresses = new LRUCache<string, Record>(memory)
  const accounts = new LRUCache<string, Record>(memory)

  const leave = (address: string): void => {
    unauthenticated--
    const n = (waiting.get(address) ?? 1) - 1
    if (n <= 0) waiting.delete(address)
    else waiting.set(address, n)
  }
  const fail = (cache: LRUCache<string, Record>, key: string, free: number, longest: number): void => {
    const record = cache.get(key) ?? { failures: 0, until: 0 }
    record.failures++
    // each wrong guess beyond the free ones doubles the wait: 1 s, 2 s, 4 s …
    if (record.failures > free) record.until = clock.monotonic() + Math.min(longest, 1000 * 2 ** Math.min(20, record.failures - free - 1))
    cache.set(key, record)
  }
  const left = (cache: LRUCache<string, Record>, key: string): number => Math.max(0, (cache.get(key)?.until ?? 0) - clock.monotonic())

  return {
    arrive: (address) => {
      const here = waiting.get(address) ?? 0
      if (connections >= options.connections || unauthenticated >= options.unauthenticated || here >= options.unauthenticatedPerAddress) return false
      connections++
      unauthenticated++
      waiting.set(address, here + 1)
      return true
    },
    authenticated: leave,
    closed: (address, wasAuthenticated) => {
      connections--
      if (!wasAuthenticated) leave(address)
    },
    wait: (address, account) => Math.max(left(addresses, address), account === '' ? 0 : left(accounts, account)),
    failed: (address, account) => {
      fail(addresses, address, options.failuresPerAddress, LONGEST_ADDRESS)
      if (account !== '') fail(accounts, account, options.failuresPerAccount, LONGEST_ACCOUNT)
    },
    succeeded: (_address, account) => {
      // the address keeps its record: one good account must not pay for guessing at others
      accounts.delete(account)
    },
    get isFull() {
      return unauthenticated >= options.unauthenticated
    },
    get unauthenticated() {
      return unauthenticated
    },
    get connections() {
      return connections
    },
  }
}
