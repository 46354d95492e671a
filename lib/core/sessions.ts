// The sessions of this node: the pinned part of the route cache. Each account's entry keeps the answers that routing asks
// for (who gets a message to the bare JID?) ready-made; they are worked out again only when availability changes.
import type { Jid } from '../base/jid.js'
import { attribute } from '../wire/writer.js'
import type { StreamError } from '../base/errors.js'
import type { Stanza } from '../base/stanza.js'
import type { Verdict } from './ending.js'
import type { Given, Managed, Receipts } from './given.js'
import type { Member } from './members.js'
import type { Location } from './ports.js'

/** The way to a session's client; a connection implements it. */
export interface Outlet {
  /** It goes to nobody any more; what is written may be kept for the next one. */
  readonly isOver: boolean
  /**
   * Queue one element, as octets, for the client.
   * @param declared the element declares jabber:client itself (Frame.declared)
   * @param given the entry of the message log that it comes from; a managed stream remembers it
   * @returns false when nothing was taken, because the connection is over or its write buffer is full
   */
  write(octets: string, declared: boolean, given?: Given): boolean
  /** Whether all that was written so far has reached the kernel; false when the connection was over before. */
  flushed(): Promise<boolean>
  /** The session gets another outlet: resolves when all that came by this one is done, and no more will come. */
  handOver(): Promise<void>
  close(error: StreamError): void
  /** End the connection without a goodbye. */
  drop(): void
}

/** A request of somebody else's to a session. */
export interface Asked {
  readonly from: string
  readonly to: string
  readonly id: string
}

/** A message of mode `routed` on its way to another node (hops.ts). */
export interface Hop {
  readonly account: string
  readonly stanza: Stanza
  /** The route that it took: an object of the route cache. */
  readonly elsewhere: readonly Location[]
  /** The number that the stanza has on its stream. */
  readonly number: number
  /** What became of it; null: it is under way. */
  verdict: Verdict | null
}

/** What a session has to wait for until it has caught up with its log; the outlet of one that has no connection. */
export interface Deferral extends Outlet {
  readonly isEmpty: boolean
  /** Presence was left out: it must be told anew. */
  lossy: boolean
  /** As `write`. @param after it waits at least for this entry of the account's log */
  keep(octets: string, declared: boolean, after: number): boolean
  /** Oldest first: what came behind entries of the log up to this one, until `write` says false: that stays, and what came behind it. */
  release(upTo: number, write: (octets: string, declared: boolean) => boolean): void
}

/** Keeps back what need not wake an inactive client (XEP-0352). */
export interface Hold {
  /** True: kept; it is written later, or never where something newer has replaced it. @param ofLog it is an entry of the log, and not to be replaced */
  take(octets: string, declared: boolean, ofLog: boolean): boolean
}

/** A presence for many: stamped with its sender, and cut where each receiver's ` to='…'` goes in. Octets. */
export interface Broadcast {
  readonly head: string
  readonly tail: string
  readonly declared: boolean
}

/** What a client can do (XEP-0115). */
export interface Capabilities {
  /** The hash that it announces them by. */
  readonly key: string
  /** As disco#info names them; null: not known, or not yet. */
  readonly features: ReadonlySet<string> | null
}

/** A bound full JID (RFC 6120 §7). */
export interface Session {
  readonly jid: Jid
  readonly account: string
  readonly id: string
  /** Raised at each resumption: fences who owned it before (durability.md D9, D10). */
  incarnation: number
  /** The language of its stream. */
  readonly lang: string
  /** ` from='…'` for what this session sends: full JID; with the stream's language; bare JID. Octets. */
  readonly from: string
  readonly fromWithLang: string
  readonly fromBare: string
  /** ` to='…'` for what its server sends it: the bare JID. Octets. */
  readonly toBare: string
  /** Its connection; while it is detached, its stream. */
  outlet: Outlet
  /** Set once its client wants acknowledgements (XEP-0198). */
  stream: Managed | null
  /** null: nothing of the log was given to it. */
  receipts: Receipts | null
  /** Number of the entry of its account's log up to which all is decided for it (durability.md D6). */
  position: number
  /** When; ms, monotonic. */
  boundAt: number
  /** It does not follow the log: it is detached, or reads it up to now. */
  behind: boolean
  /** While it was behind, an entry came that it has to read. */
  missed: boolean
  /** So many messages more of its client may be ones that were sent before (durability.md D14). */
  suspect: number
  /** What waits until it has caught up. */
  deferred: Deferral | null
  /** Requests of others that it has to answer (durability.md D15): full JID and id. null: none yet. */
  asked: Map<string, Asked> | null
  /** Messages of its client that are not committed yet, or on their way to another node. */
  uncommitted: number
  /** Of these, those on their way to another node, in their order; null: none. */
  hops: Hop[] | null
  /** Last entries that it has put into the logs of accounts with sessions elsewhere (behind.ts); null: none. */
  put: Map<string, number> | null
  /** Who waits until there are no more than so many. */
  settling: { readonly most: number; readonly done: () => void } | null
  /** It does not answer: others get what is for the account (durability.md). */
  away: boolean
  /** What is known of its account; the same object in all its sessions. */
  readonly member: Member
  /** null while not available (RFC 6121 §4.2, §4.7.2.3). */
  priority: number | null
  /** Priority given by the client; becomes `priority` once the presence row is written and the mailbox is read. */
  wanted: number | null
  /** Its presence is being written. */
  appearing: boolean
  /** The last broadcast presence; null while not available. */
  presence: Broadcast | null
  /** Asked for the roster: gets pushes (RFC 6121 §2.1.6). */
  interested: boolean
  /** Of the roster, as it was told last. */
  rosterVersion: number
  /** Asked for the block list: gets pushes (XEP-0191 §3.3). */
  blocklist: boolean
  open: boolean
  /** It is another node's now (durability.md D9). */
  moved: boolean
  /** It has ended, and its client has said so: it sends nothing of it again. */
  parted: boolean
  /** Wants copies of what its account's other sessions send and get (XEP-0280). */
  carbons: boolean
  /** Entries of its account's log of which it got a copy, the last ones; null: none. */
  copied: Set<number> | null
  /** null: its client is active. */
  hold: Hold | null
  /** What its client can do, as last announced; null: it has announced nothing. Replaced, never changed. */
  caps: Capabilities | null
  /** Who was sent directed presence and must hear of its end (RFC 6121 §4.6): full JID → address. */
  directed: Map<string, Jid> | null
}

export const makeSession = (jid: Jid, id: string, lang: string, outlet: Outlet, member: Member): Session => {
  const from = attribute('from', jid.full)
  return {
    jid,
    account: jid.bare,
    id,
    incarnation: 1,
    lang,
    from,
    // RFC 6120 §8.1.5: the stream's language is the default for its stanzas, which their receivers cannot know
    fromWithLang: from + attribute('xml:lang', lang),
    fromBare: attribute('from', jid.bare),
    toBare: attribute('to', jid.bare),
    outlet,
    stream: null,
    receipts: null,
    position: 0,
    boundAt: -Infinity,
    behind: true,
    missed: false,
    suspect: 0,
    deferred: null,
    asked: null,
    uncommitted: 0,
    hops: null,
    put: null,
    appearing: false,
    settling: null,
    away: false,
    member,
    priority: null,
    wanted: null,
    presence: null,
    interested: false,
    rosterVersion: 0,
    blocklist: false,
    open: true,
    moved: false,
    parted: false,
    carbons: false,
    copied: null,
    hold: null,
    caps: null,
    directed: null,
  }
}

/** Requests that wait for one session's answer. */
const MOST_ASKED = 1000
const askedKey = (from: string, id: string): string => `${from} ${id}`

/** A request goes to this session: who asks is told when it ends before it has answered (durability.md D15). False: it has too many to answer. */
export const mayAsk = (session: Session, request: Asked): boolean => {
  session.asked ??= new Map()
  if (session.asked.size >= MOST_ASKED) return false
  session.asked.set(askedKey(request.from, request.id), request)
  return true
}
/** It has this to answer. */
export const hasAsked = ({ asked }: Session, { from, id }: Pick<Asked, 'from' | 'id'>): boolean => asked?.has(askedKey(from, id)) === true
/** It has answered, or is not going to. @returns what it was, where it had it to answer */
export const noMoreAsked = ({ asked }: Session, from: string, id: string): Asked | undefined => {
  const request = asked?.get(askedKey(from, id))
  asked?.delete(askedKey(from, id))
  return request
}

/** Resolves when no more than `most` of the session's messages are uncommitted. One waits at a time: its stream is held. */
export const settled = (session: Session, most: number): Promise<void> => new Promise((resolve) => {
  if (session.uncommitted <= most) resolve()
  else session.settling = { most, done: resolve }
})

/** One message less is uncommitted. */
export const settle = (session: Session): void => {
  session.uncommitted--
  const { settling } = session
  if (settling === null || session.uncommitted > settling.most) return
  session.settling = null
  settling.done()
}

/** What is known of an account's sessions. The arrays are replaced, never changed. */
export interface Here {
  readonly all: readonly Session[]
  /** These get presence; a session that is being given its stored messages is one of them. */
  readonly available: readonly Session[]
  /** Priority ≥ 0, and its stored messages read. */
  readonly reachable: readonly Session[]
  /** Of these, those of the highest priority: "most available" (RFC 6121 §8.5.2.1.1). */
  readonly best: readonly Session[]
  /** Sessions on other nodes; always empty here, filled in by the route cache. */
  readonly elsewhere: readonly Location[]
}

const NOBODY: readonly Session[] = []
const NOWHERE: readonly Location[] = []
export const EMPTY: Here = { all: NOBODY, available: NOBODY, reachable: NOBODY, best: NOBODY, elsewhere: NOWHERE }

/** The same array where the choice is all of it: most accounts have one session, and need one array. */
const choose = (from: readonly Session[], fits: (session: Session) => boolean): readonly Session[] => {
  const chosen = from.filter(fits)
  return chosen.length === from.length ? from : chosen.length === 0 ? NOBODY : chosen
}

const describe = (all: readonly Session[]): Here => {
  const available = choose(all, (s) => s.wanted !== null)
  const reachable = choose(available, (s) => s.priority !== null && s.priority >= 0)
  // who does not answer is not the most available, as long as there is somebody else
  const awake = choose(reachable, (s) => !s.away)
  const among = awake.length === 0 ? reachable : awake
  const top = among.reduce((max, s) => Math.max(max, s.priority as number), 0)
  return { all, available, reachable, best: choose(among, (s) => s.priority === top), elsewhere: NOWHERE }
}

export interface Sessions {
  of(account: string): Here
  find(jid: Jid): Session | undefined
  add(session: Session): void
  /** Removes this very session; another one of the same full JID stays. */
  remove(session: Session): void
  /** Call after a change of `wanted`, `priority` or `away`. */
  changed(account: string): void
  readonly size: number
  all(): Iterable<Session>
}

export const makeSessions = (): Sessions => {
  const accounts = new Map<string, Here>()
  let size = 0
  const put = (account: string, all: readonly Session[]): void => {
    if (all.length === 0) accounts.delete(account)
    else accounts.set(account, describe(all))
  }
  const of = (account: string): Here => accounts.get(account) ?? EMPTY
  return {
    of,
    find: (jid) => {
      const { all } = of(jid.bare)
      for (let i = 0; i < all.length; i++) {
        const session = all[i] as Session
        if (session.jid.resource === jid.resource) return session
      }
      return undefined
    },
    add: (session) => {
      size++
      put(session.account, [...of(session.account).all, session])
    },
    remove: (session) => {
      const { all } = of(session.account)
      const rest = all.filter((s) => s !== session)
      if (rest.length === all.length) return
      size--
      put(session.account, rest)
    },
    changed: (account) => {
      const { all } = of(account)
      if (all.length > 0) put(account, all)
    },
    get size() {
      return size
    },
    * all() {
      for (const { all } of accounts.values()) yield* all
    },
  }
}
