// What the router needs of the world, as interfaces of its own: a clock, a store, a bus to other nodes. lib/store and
// lib/cluster implement them; tests and the simulation bring others.

import type { StreamState } from './journal.js'

/** Milliseconds. `now` is wall-clock time since 1970, `monotonic` never steps. */
export interface Clock {
  now(): number
  monotonic(): number
}

export type Row = Record<string, unknown>

/** One connection's worth of SQL: real Postgres and the embedded one answer alike (lib/store/db.ts). */
export interface Db {
  /** Constant text, `$1` values. bigint columns come as strings unless the statement casts them. */
  query<R = Row>(text: string, values?: readonly unknown[]): Promise<R[]>
  /**
   * Runs on one connection between BEGIN and COMMIT; a throw rolls back.
   * @param by the session that wants it, where another node may have it by now (durability.md D10): then nothing is done. `run`
   *   has locked its account's row
   */
  transaction<T>(run: (tx: Db) => Promise<T>, by?: Acting | null): Promise<T>
}

/** A session that acts on its account; null: the server itself. */
export interface Acting {
  readonly account: string
  readonly id: string
  readonly incarnation: number
}

/** A session's row in the presence table (routing.md, step 2). */
export interface SessionRow {
  readonly account: string
  readonly resource: string
  readonly sessionId: string
  readonly incarnation: number
  readonly node: string
  readonly epoch: number
  /** null: bound, but not available. */
  readonly priority: number | null
  /** The last broadcast presence stanza as octets; null while unavailable. */
  readonly presence: string | null
  /** It is being bound: whatever session had its full JID is replaced. Otherwise its row must still be this session's, in this incarnation (durability.md D10). */
  readonly fresh?: boolean
}

/** Where a session on another node is. */
export interface Location {
  readonly resource: string
  readonly sessionId: string
  readonly node: string
  readonly epoch: number
  readonly priority: number | null
}

/** What the presence table says of one account: its generation and its sessions on other nodes. */
export interface Route {
  readonly generation: number
  readonly elsewhere: readonly Location[]
}

/** An account after a change of its sessions. */
export interface Raised {
  readonly generation: number
  /** Number of the last entry of its log. */
  readonly seq: number
}

/** What a session said last. */
export interface Said {
  readonly account: string
  readonly resource: string
  /** The stanza as octets. */
  readonly presence: string
}

/** What the presence table says of an account's sessions, by id. */
export interface Owners {
  readonly generation: number
  readonly sessions: ReadonlyMap<string, Owner & { readonly resource: string }>
}

export interface Saved {
  readonly raised: ReadonlyMap<string, Raised>
  /** Accounts that have a session which ended uncleanly, or has been replaced by one of these, on whatever node (D14). */
  readonly unclean: ReadonlySet<string>
  /** By id. */
  readonly lost: ReadonlySet<string>
}

export interface PresenceStore {
  /** Write or rewrite rows and raise their accounts' generations, in one transaction. `lost`: sessions that were not written, for they are another node's, or over. */
  save(rows: readonly SessionRow[]): Promise<Saved>
  /** A new last presence and nothing else: no availability changes, so no generation is raised. Rows of other sessions are left alone. */
  update(rows: readonly SessionRow[]): Promise<void>
  /** The sessions have ended, and their rows are about to go: nobody routes to them any more, or sees them. Raises generations. */
  close(rows: readonly SessionRow[]): Promise<ReadonlyMap<string, Raised>>
  /** Compare-and-delete: a row goes only if it is still this session's on this node and epoch. Raises generations. */
  remove(rows: readonly SessionRow[]): Promise<ReadonlyMap<string, Raised>>
  /** All sessions of these accounts, whoever has them. Accounts that do not exist are absent. */
  owners(accounts: readonly string[]): Promise<ReadonlyMap<string, Owners>>
  /** What the available sessions of these accounts said last, those of `node` at `epoch` left out. */
  said(accounts: readonly string[], except: Owner): Promise<readonly Said[]>
  /** The routes of these accounts in one query (sessions of `node` at `epoch` left out, and those of reaped nodes). Accounts that do not exist are absent. */
  lookup(accounts: readonly string[], except: { node: string; epoch: number }): Promise<ReadonlyMap<string, Route>>
}

/** Flags of an entry of the message log. QUEUED: a session has to acknowledge it. SENT: the account has sent it. */
export const ARCHIVED = 1
export const QUEUED = 2
export const SENT = 4
/** Of `Logging.sent` only: an entry is needed, archived or not, for other sessions of the sender want copies. */
export const WANTED = 8

/** A message on its way into the log (durability.md D1): an entry for its receiver, and one for its sender. */
export interface Logging {
  /** Bare JIDs, normalised. */
  readonly receiver: string
  readonly sender: string
  /** Octets in canonical form: jabber:client, every declaration inside, `from` stamped. */
  readonly xml: string
  /** Flags of both entries; ARCHIVED asks for it, the account's preferences decide (XEP-0441). 0 for `sent`: no entry. */
  readonly received: number
  readonly sent: number
}

/** What a group commit made of one message. null: the receiver is no account; nothing was written. */
export type Logged = {
  /** null: it is not queued, and its account wants none of it in its archive. */
  readonly received: LoggedEntry | null
  /** null: there is none. */
  readonly sent: LoggedEntry | null
} | null

export interface LoggedEntry {
  readonly seq: number
  readonly mark: number
  /** ARCHIVED, QUEUED, SENT. */
  readonly flags: number
  /** Of the account, as the commit found it (routing.md, step 4). */
  readonly generation: number
}

/** An entry as it is read again. `xml` as octets; `at` ms since 1970. */
export interface LogEntry {
  readonly seq: number
  readonly mark: number
  readonly at: number
  readonly peer: string
  readonly flags: number
  readonly xml: string
  /** Queued, and not acknowledged. */
  readonly waiting: boolean
}

/** What waits for an account (D19): messages, their octets, and messages by bare JID of their sender. */
export interface Waiting {
  readonly messages: number
  readonly bytes: number
  readonly senders: ReadonlyMap<string, number>
}

/** One group commit. */
export interface Batch {
  /** Moves the node's counter from n - 1 to n (D3). */
  readonly n: number
  readonly messages: readonly Logging[]
  /** For the journal (D7); '': nothing. */
  readonly blob: string
  readonly mark: number
  /** ms since 1970 */
  readonly at: number
  /** Accounts of its senders, and the generation at which this node knows their sessions (D2). Absent: there is no other node. */
  readonly fences?: ReadonlyMap<string, number>
}

/** How an account stands: the number of the last entry of its log, and its generation. */
export interface Last {
  readonly seq: number
  readonly generation: number
}

export interface LogStore {
  /**
   * In one transaction. One outcome a message.
   * Throws AwayError where it is not known whether it happened; any other error says that it did not, among them MovedError
   * where a fence does not hold.
   */
  commit(batch: Batch): Promise<readonly Logged[]>
  /** Of a batch whose outcome is not known: null: it has written nothing and never will (D3); otherwise what it has made. */
  decide(batch: Batch): Promise<readonly Logged[] | null>
  /** What waits, by account; of accounts that there are. */
  waiting(accounts: readonly string[]): Promise<ReadonlyMap<string, Waiting>>
  /** Entries that wait, in order, from behind `after` up to and with `upTo`; fewer than `limit` where they are long, none only where there are none. */
  pull(account: string, after: number, upTo: number, limit: number): Promise<readonly LogEntry[]>
  /** All entries behind `after`, in order; as many as with `pull`. */
  read(account: string, after: number, limit: number): Promise<readonly LogEntry[]>
  /** These entries of an account, in order; those that are gone are absent. */
  entries(account: string, seqs: readonly number[]): Promise<readonly LogEntry[]>
  /** The last entries of an account with this peer, newest first. */
  recent(account: string, peer: string, limit: number): Promise<readonly LogEntry[]>
  /** How each of these accounts stands. */
  lasts(accounts: readonly string[]): Promise<ReadonlyMap<string, Last>>
  /** Entries of accounts that need not wait any more (D12). */
  acknowledge(acks: ReadonlyMap<string, readonly number[]>): Promise<void>
}

/** A stream that can be resumed (XEP-0198), as its row has it. */
export interface StreamRow extends StreamState {
  readonly account: string
  readonly sessionId: string
  readonly resource: string
  readonly incarnation: number
  /** Seconds that it may be detached. */
  readonly lasts: number
  /** ms since 1970; null: it has a connection. */
  readonly detached: number | null
}

/** A session of an earlier life of this node. */
export interface LeftSession {
  readonly row: SessionRow
  /** Of its account: number of the last entry of its log, and generation. */
  readonly last: number
  readonly generation: number
  /** null: it cannot be resumed. */
  readonly stream: StreamRow | null
}

/** One life of a node. */
export interface Owner {
  readonly id: string
  readonly epoch: number
}

export interface Taken {
  readonly from: Owner
  readonly left: LeftSession
}

export interface TakeoverStore {
  /** Sessions of an epoch that is over, which are this node's now: of at most `limit` accounts. None: there are no more. */
  adopt(from: Owner, limit: number): Promise<readonly LeftSession[]>
  /** A session that can be resumed, and is not here: from whoever has it by its row, and may be alive; it is this node's now. null: there is none. */
  take(account: string, sessionId: string): Promise<Taken | null>
  /** Sessions that are this node's by their rows. */
  mine(): Promise<readonly Mine[]>
  /** Those that still are so, and are nowhere: they were taken, and the answer was lost. */
  again(strays: readonly Mine[]): Promise<readonly LeftSession[]>
}

export interface Mine {
  readonly account: string
  readonly sessionId: string
  readonly incarnation: number
}

export interface ResumptionStore {
  /** A new stream: the whole row. */
  save(row: StreamRow): Promise<void>
  /**
   * A stream that goes on here, in its next incarnation: compare-and-set of owner and incarnation (D9). May be asked again where
   * the answer was lost. False: it is another node's, or over, or its row is newer than this.
   */
  resume(row: StreamRow, was: number): Promise<boolean>
  /** Later states; a row only moves forward, and only while its incarnation is the same (D8). Returns the session ids of those that did. */
  fold(rows: readonly StreamRow[]): Promise<ReadonlySet<string>>
  /** Every stream's row reflects the commits of this node up to n: their part of the journal goes. */
  trim(n: number): Promise<void>
  /** These streams are over, where they are still this node's. `h` is kept for who asks (XEP-0198 §5), except where `h` is null. */
  end(streams: readonly { readonly account: string; readonly sessionId: string; readonly h: number | null }[], at: number): Promise<void>
  /** Sessions that could not be resumed ended uncleanly. */
  note(sessions: readonly { readonly account: string; readonly sessionId: string; readonly resource: string }[], at: number): Promise<void>
  /** The last count of a stream that is over; null: nothing is known of it. */
  handled(account: string, sessionId: string): Promise<number | null>
  /** Accounts that have one which ended uncleanly. */
  unclean(): Promise<readonly string[]>
  /** Streams that ended before this are forgotten. ms since 1970 */
  forget(before: number): Promise<void>
  /** Sessions of earlier lives, which are this node's now; the journal is replayed over their streams, and gone. */
  restore(): Promise<readonly LeftSession[]>
}

export interface AccountStore {
  /** Which of these bare JIDs are accounts (not deleted). */
  existing(accounts: readonly string[]): Promise<ReadonlySet<string>>
}

/** What the roster table says of one contact (RFC 6121 §2.1.2). */
export interface Contact {
  /** Normalised; usually bare. */
  readonly jid: string
  readonly name: string
  readonly groups: readonly string[]
  readonly subscription: 'none' | 'to' | 'from' | 'both'
  /** A request of ours is pending ("pending out"). */
  readonly ask: boolean
  /** Their next request is granted already (§3.4). */
  readonly approved: boolean
  /** Their request that waits for an answer ("pending in"): the stanza as octets. */
  readonly request: string | null
  /** Part of the roster that clients see. A request from somebody who was never added is not. */
  readonly listed: boolean
  /** Roster version at which this row last changed in what clients see. */
  readonly ver: number
}

export interface RosterRows {
  readonly ver: number
  /** Removals up to this version are forgotten: who knows only an older version gets the whole roster. */
  readonly floor: number
  /** What clients see, in order of JID. Where a version was given: what changed since, removed contacts among it, which are not `listed`. */
  readonly contacts: readonly Contact[]
}

/** A contact as `RosterStore.change` wants it written; without its version. */
export type ContactChange = Omit<Contact, 'ver'>

export interface RosterStore {
  /** @param since a version that the client knows; null: the whole roster. Outside of floor…ver the whole roster too. null: no such account */
  list(account: string, since: number | null): Promise<RosterRows | null>
  /**
   * In one transaction, both accounts locked in sorted order: read how `user` has `contact` in its roster and the other way
   * round, decide, write. A version is raised where what clients see changed.
   * @param decide gets null where there is no row; `theirs` is undefined where `contact` is no account here. It returns what
   *   to write; leaving a side out leaves it alone. It may throw, which rolls back. It runs once.
   * @returns both rows after it; `theirs` as if there were none where `contact` is no account
   */
  change(user: string, contact: string, decide: (own: Contact | null, theirs: Contact | null | undefined, size: RosterSizes) => {
    readonly own?: ContactChange
    readonly theirs?: ContactChange
  }, by?: Acting | null): Promise<{ readonly own: RosterRow; readonly theirs: RosterRow }>
}

export interface RosterRow {
  /** null: there is none. */
  readonly contact: Contact | null
  /** The roster's version where what clients see of this contact has changed; otherwise null. */
  readonly changed: number | null
}

/** Rows of both rosters before a change: contacts listed, and requests waiting from people who are not. */
export interface RosterSizes {
  readonly own: RosterSize
  readonly theirs: RosterSize
}

export interface RosterSize {
  readonly listed: number
  readonly requests: number
}

/** What members.ts keeps of an account. */
export interface MemberRows {
  readonly to: readonly string[]
  readonly from: readonly string[]
  readonly requests: ReadonlyMap<string, string>
  readonly blocked: readonly string[]
  readonly photo: string
}

export interface MemberStore {
  /** In one query. Accounts that do not exist are absent. */
  load(accounts: readonly string[]): Promise<ReadonlyMap<string, MemberRows>>
}

/** When an account's last session ended, and what it said then (RFC 6121 §4.3.2, XEP-0012). */
export interface Departure {
  /** ms since 1970 */
  readonly at: number
  /** The last unavailable presence, as octets, where it said more than that; otherwise null. */
  readonly presence: string | null
}

export interface DepartureStore {
  save(departures: readonly (Departure & { readonly account: string })[]): Promise<void>
  /** @param withWords only those that said something */
  load(accounts: readonly string[], withWords: boolean): Promise<ReadonlyMap<string, Departure>>
}

export interface BlockStore {
  /** Blocked addresses by account; accounts that block nobody are absent. */
  load(accounts: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>>
  /** Returns the account's list after it; null when it would be longer than `most` (nothing is changed then). */
  add(account: string, jids: readonly string[], most: number, by?: Acting | null): Promise<readonly string[] | null>
  /** @param jids null: all */
  remove(account: string, jids: readonly string[] | null, by?: Acting | null): Promise<readonly string[]>
}

/** The owner has no such session. */
export interface NoSuchSession {
  /** Of the account, where the owner knows it: a route of an older generation is stale, one of this generation is not. Else null. */
  readonly generation: number | null
}

/** What the owner of a session answers to a stanza that was handed to it. 'refused': it came late, or was not understood. */
export type Answer = 'accepted' | 'busy' | 'refused' | NoSuchSession

/**
 * Hand-over to another node: a request that is accepted or refused, never fire-and-forget (routing.md, step 5).
 * Not acted on, for certain, is what was answered NoSuchSession, 'refused', or
 * - 'busy': too much is on its way to that node, or the owner says so, or the bus is away. The route may well be right;
 * - 'gone': nobody listens for that node and epoch;
 * - 'too large': it does not fit the bus, whatever the route is.
 * 'unknown': there was no answer. It may have been acted on, so that what must not be done twice is not sent again.
 */
export type HandOver = Answer | 'gone' | 'too large' | 'unknown'

export interface Bus {
  /** True where other nodes may exist; false lets the router skip every question about them. */
  readonly connected: boolean
  /** False: nothing gets through now, nor is anything heard. */
  readonly up: boolean
  /** Never rejects, and resolves in bounded time. */
  send(to: Location, account: string, xml: string, declared?: boolean): Promise<HandOver>
  /** As `send`, for messages, which come by the thousand. @param declared a stanza that declares jabber:client itself (Frame.declared) @param settle must not throw */
  hand(to: Location, account: string, xml: string, declared: boolean, settle: (answer: HandOver) => void): void
  /** Tell the other nodes that an account's sessions changed (routing.md, step 6). */
  invalidate(account: string, generation: number): void
}

/** Another node, as the `node` table has it (routing.md, step 8). */
export interface WatchedNode {
  readonly id: string
  readonly epoch: number
  /** Raised by each of its renewals. */
  readonly counter: number
  readonly signedOff: boolean
}

/** The `node` table, as one epoch of one node uses it. Every promise settles in bounded time; with AwayError it may have happened or not. */
export interface LeaseStore {
  /** Raise this node's counter. ms since 1970 by the database's clock; null: this epoch is over, and stays so. */
  renew(): Promise<number | null>
  /** All nodes but this one whose epoch nobody has reaped. */
  watch(): Promise<readonly WatchedNode[]>
  /** Compare-and-set: the epoch is over, unless its counter has moved. Of all nodes one gets true, again where it asks again. */
  reap(id: string, epoch: number, counter: number): Promise<boolean>
}
