// What the slots of a script hold in one copy.
import { toOctets } from '../base/octets.js'
import type { Frame } from '../base/stanza.js'
import { escapeAttribute } from '../wire/writer.js'
import type { Account } from './accounts.js'
import { bareOf } from './cast.js'
import type { Script } from './script.js'
import type { Capture } from './tokens.js'

export interface Values {
  /** By slot; octets. */
  readonly list: string[]
  /** Another pass begins: ids that were never used. @param name begins them */
  renew(name: string): void
  /** The server has given this address where that one was recorded. */
  bind(recorded: string, jid: string): void
  /** Take what the server gave out of what came. */
  capture(captures: readonly Capture[], frame: Frame): void
}

export const makeValues = ({ slots, fresh }: Script, accounts: readonly Account[], domain: string): Values => {
  const bare = (account: number): string => escapeAttribute((accounts[account] as Account).jid)
  const list = slots.map((slot): string => {
    switch (slot.is) {
      case 'domain': return toOctets(domain)
      case 'bare': return bare(slot.account)
      case 'full': return bare(slot.account) + slot.recorded.slice(bareOf(slot.recorded).length)
      case 'given': return slot.recorded
      case 'id': return ''
    }
  })
  return {
    list,
    renew: (name) => {
      for (const slot of fresh) list[slot] = `${name}-${slot}`
    },
    bind: (recorded, jid) => slots.forEach((slot, i) => {
      if (slot.is === 'full' && slot.recorded === recorded) list[i] = jid
    }),
    capture: (captures, frame) => {
      for (const { pattern, slot } of captures) {
        const value = pattern.exec(frame.xml)?.[1]
        if (value !== undefined) list[slot] = value
      }
    },
  }
}
