import type { Db } from '../core/ports.js';
/** Of this program. Raise it with each change of schema.sql that older programs could not live with. */
export declare const SCHEMA_VERSION = 1;
/** The version found in the database; 0: none yet. */
export declare const schemaVersion: (db: Db) => Promise<number>;
/** Throws UsageError where the database belongs to a newer jidway. */
export declare const applySchema: (db: Db) => Promise<void>;
