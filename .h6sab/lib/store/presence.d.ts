import type { Db, PresenceStore } from '../core/ports.js';
export declare const presenceStore: (db: Db) => PresenceStore;
/** The last presence of an account's sessions, as octets (for tests, and for probes later). */
export declare const presencesOf: (db: Db, account: string) => Promise<{
    resource: string;
    priority: number | null;
    presence: string | null;
}[]>;
