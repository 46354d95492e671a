import type { AccountStore, Db } from '../core/ports.js';
import type { Credential } from '../wire/scram-keys.js';
export interface NewAccount {
    /** Bare JID, normalised. */
    readonly account: string;
    readonly credentials: readonly Credential[];
}
/**
 * Create accounts in one transaction; one answer for each: false where it is there already (and is left as it is). A
 * deleted account's row is taken up again where it was: seq and generation go on.
 */
export declare const addAccounts: (db: Db, accounts: readonly NewAccount[]) => Promise<readonly boolean[]>;
/** False: no such account. */
export declare const setCredentials: (db: Db, account: string, credentials: readonly Credential[]) => Promise<boolean>;
/** All that an account has goes, but for its row: a tombstone. False: no such account. */
export declare const deleteAccount: (db: Db, account: string) => Promise<boolean>;
/** Bare JIDs in order, after this one ('' at first). */
export declare const listAccounts: (db: Db, after: string, limit: number) => Promise<string[]>;
/** null: no such account. */
export declare const credentialsOf: (db: Db, account: string) => Promise<readonly Credential[] | null>;
export declare const accountStore: (db: Db) => AccountStore;
