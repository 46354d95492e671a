import type { Db } from '../core/ports.js';
export interface Node {
    readonly id: string;
    readonly epoch: number;
}
export interface NodeRow {
    readonly id: string;
    /** Seconds since it last said that it lives. */
    readonly age: number;
}
/** ms between renewals, and seconds after which a node that did not renew counts as over (routing.md, step 8: L/3, L + G). */
export declare const RENEW = 3300;
/** Nodes that have not signed off. */
export declare const nodes: (db: Db) => Promise<NodeRow[]>;
/**
 * A new epoch for this node. The caller holds the lock on the data folder that the id comes from, so the predecessor is gone.
 * Throws UsageError while another node lives: without NATS each would believe that it is alone, and mail would be lost.
 * Nobody else lives, then, so whatever sessions the presence table holds are over.
 */
export declare const registerNode: (db: Db, id: string) => Promise<Node>;
/** Say that this node still lives. */
export declare const renew: (db: Db, { id, epoch }: Node) => Promise<void>;
/** This node ends in order: its rows are gone, nobody has to wait for it. */
export declare const signOff: (db: Db, { id, epoch }: Node) => Promise<void>;
