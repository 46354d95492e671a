import type { Db } from '../core/ports.js';
export declare const getPrivate: (db: Db, account: string, ns: string, name: string) => Promise<string | null>;
/** 'full': more than `most` bytes for this account. */
export declare const setPrivate: (db: Db, account: string, ns: string, name: string, xml: string, most: number) => Promise<"stored" | "full">;
