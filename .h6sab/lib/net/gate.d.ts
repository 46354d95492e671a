import type { Clock } from '../core/ports.js';
export interface GateOptions {
    readonly unauthenticated: number;
    readonly unauthenticatedPerAddress: number;
    /** All connections, logged in or not. */
    readonly connections: number;
    readonly failuresPerAddress: number;
    readonly failuresPerAccount: number;
}
export interface Gate {
    /** A new connection from this address: may it stay? Every 'yes' is followed by `authenticated` or `left`, and at last `closed`. */
    arrive(address: string): boolean;
    authenticated(address: string): void;
    /** The connection is over. */
    closed(address: string, wasAuthenticated: boolean): void;
    /** ms until this address may guess this account's password again; 0: now. */
    wait(address: string, account: string): number;
    /** A guess was wrong (or right). */
    failed(address: string, account: string): void;
    succeeded(address: string, account: string): void;
    readonly unauthenticated: number;
    readonly connections: number;
}
export declare const makeGate: (options: GateOptions, clock: Clock) => Gate;
