import type { Database } from './db.js';
import type { NodeRow } from './node.js';
export interface DatabaseFacts {
    readonly kind: Database['kind'];
    readonly version: string;
    /** Schema version: of this program, and in the database (0: none yet). */
    readonly schemaWanted: number;
    readonly schemaFound: number;
    readonly fsync: boolean;
    readonly synchronousCommit: string;
    /** The database's clock, ms since 1970. */
    readonly now: number;
    readonly nodes: readonly NodeRow[];
}
export declare const databaseFacts: (db: Database) => Promise<DatabaseFacts>;
