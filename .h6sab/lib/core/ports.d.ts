/** Milliseconds. `now` is wall-clock time since 1970, `monotonic` never steps. */
export interface Clock {
    now(): number;
    monotonic(): number;
}
export type Row = Record<string, unknown>;
/** One connection's worth of SQL: real Postgres and the embedded one answer alike (lib/store/db.ts). */
export interface Db {
    /** Constant text, `$1` values. bigint columns come as strings unless the statement casts them. */
    query<R = Row>(text: string, values?: readonly unknown[]): Promise<R[]>;
    /** Runs on one connection between BEGIN and COMMIT; a throw rolls back. */
    transaction<T>(run: (tx: Db) => Promise<T>): Promise<T>;
}
/** A session's row in the presence table (routing.md, step 2). */
export interface SessionRow {
    readonly account: string;
    readonly resource: string;
    readonly sessionId: string;
    readonly incarnation: number;
    readonly node: string;
    readonly epoch: number;
    /** null: bound, but not available. */
    readonly priority: number | null;
    /** The last broadcast presence stanza as octets; null while unavailable. */
    readonly presence: string | null;
}
/** Where a session on another node is. */
export interface Location {
    readonly resource: string;
    readonly sessionId: string;
    readonly node: string;
    readonly epoch: number;
    readonly priority: number | null;
}
/** What the presence table says of one account: its generation and its sessions on other nodes. */
export interface Route {
    readonly generation: number;
    readonly elsewhere: readonly Location[];
}
export interface PresenceStore {
    /** Write or rewrite rows and raise their accounts' generations, in one transaction. A row of another session of the same full JID is replaced. */
    save(rows: readonly SessionRow[]): Promise<ReadonlyMap<string, number>>;
    /** Compare-and-delete: a row goes only if it is still this session's on this node and epoch. Raises generations. */
    remove(rows: readonly SessionRow[]): Promise<ReadonlyMap<string, number>>;
    /** The routes of these accounts in one query (sessions of `node` at `epoch` left out, and those of reaped nodes). Accounts that do not exist are absent. */
    lookup(accounts: readonly string[], except: {
        node: string;
        epoch: number;
    }): Promise<ReadonlyMap<string, Route>>;
}
/** A message for an account that no session could take. `xml` is octets; `sender` a bare JID; `at` ms since 1970. */
export interface OfflineEntry {
    readonly account: string;
    readonly sender: string;
    readonly xml: string;
    readonly at: number;
}
export interface OfflineMessage {
    readonly id: string;
    readonly xml: string;
    readonly at: number;
}
export type OfflineOutcome = 'stored' | 'full' | 'no-account';
export interface OfflineStore {
    /** In one transaction, in order; one outcome for each entry. */
    append(entries: readonly OfflineEntry[]): Promise<readonly OfflineOutcome[]>;
    /** In the order stored. `after` is the id of the last message already read, '' at first. */
    page(account: string, after: string, limit: number): Promise<readonly OfflineMessage[]>;
    /** Remove up to and with this id. */
    remove(account: string, upTo: string): Promise<void>;
}
export interface AccountStore {
    /** Which of these bare JIDs are accounts (not deleted). */
    existing(accounts: readonly string[]): Promise<ReadonlySet<string>>;
}
/** Hand-over to another node: a request that is accepted or refused, never fire-and-forget (routing.md, step 5). */
export type HandOver = 'accepted' | 'refused' | 'busy';
export interface Bus {
    /** True where other nodes may exist; false lets the router skip every question about them. */
    readonly connected: boolean;
    send(to: Location, account: string, xml: string): Promise<HandOver>;
    /** Tell the other nodes that an account's sessions changed (routing.md, step 6). */
    invalidate(account: string, generation: number): void;
}
