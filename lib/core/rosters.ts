// Rosters (RFC 6121 §2): reading with versions, changing, and the pushes that tell every interested session. What a change
// of a subscription means for presence is not known here: subscribing.ts.
import { createElement as el } from 'ltx'
import type { Element } from 'ltx'
import { StanzaError } from '../base/errors.js'
import { NS } from '../base/namespaces.js'
import { attribute, serialize } from '../wire/writer.js'
import { makeInTurn } from './in-turn.js'
import type { Elsewhere } from './elsewhere.js'
import type { Members } from './members.js'
import { orWait } from './or-wait.js'
import type { Acting, Contact, ContactChange, RosterRow, RosterSizes, RosterStore } from './ports.js'
import type { Session, Sessions } from './sessions.js'

export interface Roster {
  readonly ver: string
  /** null: nothing has changed since the version that was asked about. */
  readonly items: readonly Element[] | null
  /** What has changed since then, to be pushed behind the answer (§2.6.3). */
  readonly changes: readonly Element[]
}

export type Decide = (own: Contact | null, theirs: Contact | null | undefined) => { readonly own?: ContactChange; readonly theirs?: ContactChange }

export interface Rosters {
  /** @param known the version that the client has; undefined: it does not know versions. null: no such account */
  read(account: string, known: string | undefined): Promise<Roster | null>
  /** Another node has changed this row of the account's roster. */
  heard(account: string, jid: string, row: RosterRow): void
  /** Push `Roster.changes` to the session that asked. */
  push(session: Session, changes: readonly Element[]): void
  /**
   * Change how two accounts have each other in their rosters, in one transaction, and push what their clients see of it.
   * Changes of one account follow one another, and so do their pushes.
   * @param decide as RosterStore.change; bounds are checked here. @param effects what else follows from it, before the next change
   * @param by the session that wants it
   */
  change<T>(user: string, contact: string, decide: Decide, effects: (push: Push) => T, by: Acting | null): Promise<T>
}

/** Push the row of one side to its interested sessions, if clients see that it changed; null: it was removed. */
export interface Push {
  own(): void
  theirs(): void
}

/** Requests kept for one account from people who are not on its roster. */
const MOST_REQUESTS = 1000

export const makeRosters = (store: RosterStore, sessions: Sessions, members: Members, elsewhere: () => Elsewhere | null, mostItems: number): Rosters => {
  let pushes = 0
  const inTurn = makeInTurn()

  /** §2.1.6: to every interested session, the one that caused it included. */
  const push = (account: string, jid: string, { contact, changed }: RosterRow): void => {
    if (changed === null) return
    const interested = sessions.of(account).all.filter((s) => s.interested)
    if (interested.length === 0) return
    const query = serialize(queryOf(changed, jid, contact))
    for (const session of interested) {
      session.rosterVersion = changed
      pushTo(session, query)
    }
  }

  const pushTo = ({ outlet, fromBare, jid }: Session, query: string): void => {
    outlet.write(`<iq type='set' id='push-${++pushes}'${fromBare}${attribute('to', jid.full)}>${query}</iq>`, false)
  }

  /** What members.ts keeps of it. */
  const remember = (account: string, jid: string, row: Contact | null): void => members.change(account, (member) => {
    const to = row?.subscription === 'to' || row?.subscription === 'both'
    const from = row?.subscription === 'from' || row?.subscription === 'both'
    if (member.to.includes(jid) !== to) member.to = to ? [...member.to, jid] : member.to.filter((j) => j !== jid)
    if (member.from.has(jid) !== from) member.from = new Set(from ? [...member.from, jid] : [...member.from].filter((j) => j !== jid))
    const request = row?.request ?? null
    if (request === null && !member.requests.has(jid)) return
    const requests = new Map(member.requests)
    requests.delete(jid)
    if (request !== null) requests.set(jid, request)
    member.requests = requests
  })

  const bounded = (own: Contact | null, theirs: Contact | null | undefined, size: RosterSizes, after: ReturnType<Decide>): ReturnType<Decide> => {
    const isNew = (before: Contact | null | undefined, change: ContactChange | undefined): boolean => change?.listed === true && before?.listed !== true
    if (isNew(own, after.own) && size.own.listed >= mostItems) throw new StanzaError('resource-constraint', `more than ${mostItems} contacts`, { type: 'cancel' })
    if (isNew(theirs, after.theirs) && size.theirs.listed >= mostItems) throw new StanzaError('resource-constraint', 'the contact\'s roster is full', { type: 'cancel' })
    if (theirs === null && after.theirs !== undefined && !after.theirs.listed && size.theirs.requests >= MOST_REQUESTS) {
      throw new StanzaError('resource-constraint', 'too many requests wait for the contact\'s answer')
    }
    return after
  }

  return {
    read: async (account, known) => {
      // §2.6.2: an empty version asks for versions and knows none yet
      const since = known !== undefined && /^\d{1,15}$/.test(known) ? Number(known) : null
      // in turn with its changes: a push from behind the answer, that came before it, would be overwritten by it
      const rows = await inTurn([account], () => orWait(store.list(account, since), 'the roster cannot be read now'))
      if (rows === null) return null
      const ver = String(rows.ver)
      if (since === null || since < rows.floor || since > rows.ver) return { ver, items: rows.contacts.map(itemOf), changes: [] }
      // in the order of their versions, each telling its own, so that a client cut off in between knows how far it got
      const changed = rows.contacts.toSorted((a, b) => a.ver - b.ver)
      return { ver, items: null, changes: changed.map((c) => queryOf(c.ver, c.jid, c)) }
    },
    push: (session, changes) => {
      for (const query of changes) pushTo(session, serialize(query))
    },
    heard: (account, jid, row) => {
      remember(account, jid, row.contact)
      push(account, jid, row)
    },
    change: (user, contact, decide, effects, by) => inTurn([user, contact], async () => {
      const { own, theirs } = await orWait(store.change(user, contact, (before, theirsBefore, size) =>
        bounded(before, theirsBefore, size, decide(before, theirsBefore)), by), 'the roster cannot be changed now')
      remember(user, contact, own.contact)
      elsewhere()?.word(user, ['roster', contact, own])
      if (user !== contact) {
        remember(contact, user, theirs.contact)
        elsewhere()?.word(contact, ['roster', user, theirs])
      }
      return effects({ own: () => push(user, contact, own), theirs: () => push(contact, user, theirs) })
    }),
  }
}

const queryOf = (ver: number, jid: string, contact: Contact | null): Element => el('query', { xmlns: NS.roster, ver: String(ver) },
  contact?.listed === true ? itemOf(contact) : el('item', { jid, subscription: 'remove' }))

/** §2.1.2 */
const itemOf = ({ jid, name, groups, subscription, ask, approved }: Contact): Element => el('item', {
  jid, subscription, ...(name === '' ? {} : { name }), ...(ask ? { ask: 'subscribe' } : {}), ...(approved ? { approved: 'true' } : {}),
}, ...groups.map((group) => el('group', {}, group)))
