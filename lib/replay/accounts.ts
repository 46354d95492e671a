// The synthetic accounts: numbered names with one password, or what a CSV file says.
import type { Secret } from '../client/scram.js'

export interface Account {
  /** Over all copies. */
  readonly number: number
  /** Bare, normalised. */
  readonly jid: string
  readonly secret: Secret
}

export const accountOf = (number: number, jid: string, password: string): Account =>
  ({ number, jid, secret: { local: jid.slice(0, jid.indexOf('@')), password } })

/** `%d` in a name or a password stands for the number. */
export const numbered = (pattern: string, number: number): string => pattern.replaceAll('%d', String(number))
