import type { Jid } from '../base/jid.js';
import type { StreamError } from '../base/errors.js';
import type { Location } from './ports.js';
/** The way to a session's client; a connection implements it. */
export interface Outlet {
    /**
     * Queue one element, as octets, for the client.
     * @param declared the element declares jabber:client itself (Frame.declared)
     * @returns false when nothing was taken, because the connection is over or its write buffer is full
     */
    write(octets: string, declared: boolean): boolean;
    /** Whether all that was written so far has reached the kernel; false when the connection was over before. */
    flushed(): Promise<boolean>;
    close(error: StreamError): void;
}
/** A bound full JID (RFC 6120 §7). */
export interface Session {
    readonly jid: Jid;
    readonly account: string;
    readonly id: string;
    readonly incarnation: number;
    /** ` from='…'` for what this session sends: full JID; with the stream's language; bare JID. Octets. */
    readonly from: string;
    readonly fromWithLang: string;
    readonly fromBare: string;
    readonly outlet: Outlet;
    /** null while not available (RFC 6121 §4.2, §4.7.2.3). */
    priority: number | null;
    /** Priority given by the client; becomes `priority` once the presence row is written and the mailbox is read. */
    wanted: number | null;
    /** The last broadcast presence, stamped, as octets. */
    presence: string | null;
    /** Asked for the roster: gets pushes (RFC 6121 §2.1.6). */
    interested: boolean;
    open: boolean;
}
export declare const makeSession: (jid: Jid, id: string, lang: string, outlet: Outlet) => Session;
/** What is known of an account's sessions. The arrays are replaced, never changed. */
export interface Here {
    readonly all: readonly Session[];
    readonly available: readonly Session[];
    /** Priority ≥ 0. */
    readonly reachable: readonly Session[];
    /** Of these, those of the highest priority: "most available" (RFC 6121 §8.5.2.1.1). */
    readonly best: readonly Session[];
    /** Sessions on other nodes; always empty here, filled in by the route cache. */
    readonly elsewhere: readonly Location[];
}
export declare const EMPTY: Here;
export interface Sessions {
    of(account: string): Here;
    find(jid: Jid): Session | undefined;
    add(session: Session): void;
    /** Removes this very session; another one of the same full JID stays. */
    remove(session: Session): void;
    /** Call after a change of `priority`. */
    changed(account: string): void;
    readonly size: number;
    all(): Iterable<Session>;
}
export declare const makeSessions: () => Sessions;
