import type { Db } from '../core/ports.js';
/** 32 random bytes under this name, the same for ever. */
export declare const secret: (db: Db, name: string) => Promise<Buffer>;
