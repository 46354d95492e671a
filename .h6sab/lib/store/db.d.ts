import type { Db } from '../core/ports.js';
export interface Database extends Db {
    readonly kind: 'postgres' | 'embedded';
    close(): Promise<void>;
}
export interface DatabaseOptions {
    /** postgres://…; null: embedded, in `data`. */
    readonly url: string | null;
    readonly data: string;
    /** Connections to a Postgres server; the embedded one has one. */
    readonly connections: number;
}
/** A result of one node, one batch: none is larger. */
export declare const INT8 = 20;
export declare const openDatabase: (options: DatabaseOptions) => Promise<Database>;
