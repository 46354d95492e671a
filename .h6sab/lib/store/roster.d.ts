import type { Db } from '../core/ports.js';
export interface RosterItem {
    /** Bare or full JID, normalised. */
    readonly jid: string;
    readonly name: string;
    readonly subscription: 'none' | 'to' | 'from' | 'both';
    readonly ask: boolean;
    readonly groups: readonly string[];
}
export declare const rosterOf: (db: Db, account: string) => Promise<RosterItem[]>;
/** Name and groups of a contact, new or known (RFC 6121 §2.3.1, §2.4.1); the subscription is not the client's to set. 'full': one contact too many. */
export declare const setContact: (db: Db, account: string, jid: string, name: string, groups: readonly string[], most: number) => Promise<RosterItem | "full">;
/** False: no such contact. */
export declare const removeContact: (db: Db, account: string, jid: string) => Promise<boolean>;
