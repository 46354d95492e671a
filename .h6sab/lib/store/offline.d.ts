import type { Db, OfflineStore } from '../core/ports.js';
export interface OfflineBounds {
    readonly messages: number;
    readonly bytes: number;
    readonly perSender: number;
}
export declare const offlineStore: (db: Db, bounds: OfflineBounds) => OfflineStore;
