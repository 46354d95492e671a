import type { Jid } from '../base/jid.js';
import type { Counters } from './counters.js';
import type { Clock, Location, PresenceStore } from './ports.js';
import type { Here, Sessions } from './sessions.js';
export interface RouteCacheOptions {
    /** Entries of accounts with a route, or with none elsewhere; least recently used ones go first. */
    readonly entries: number;
    /** ms from the write of an entry, ±15 %; reads do not extend it. */
    readonly ttl: number;
    /** The separate cache of accounts that do not exist, so that a spray of random JIDs crowds out nothing. */
    readonly negativeEntries: number;
    readonly negativeTtl: number;
    readonly node: string;
    readonly epoch: number;
    /** Whether other nodes may exist at all. */
    readonly clustered: boolean;
}
/** 'unknown': the store did not answer. Nobody is offline because of that. */
export type Resolution = Here | 'unknown';
export interface RouteCache {
    /** Where an account's sessions are; of a full JID bound here, its own are enough. */
    resolve(to: Jid): Resolution | Promise<Resolution>;
    /** The entry was found wrong (the owner refused): forget it, so that the next look-up asks the store. */
    stale(account: string): void;
    /** An account's sessions changed elsewhere; a look-up under way must not be cached. */
    invalidate(account: string, generation: number): void;
    /** A gap in the invalidations: everything is looked up again when it is next used. */
    invalidateAll(): void;
    /** The account was found not to exist; answers false once that has expired. */
    isAbsent(account: string): boolean;
    setAbsent(account: string): void;
    readonly size: number;
}
export declare const makeRouteCache: (sessions: Sessions, store: PresenceStore, clock: Clock, counters: Counters, options: RouteCacheOptions) => RouteCache;
/** The sessions elsewhere that a message to the bare JID is for, given the best priority here (RFC 6121 §8.5.2.1.1). */
export declare const bestElsewhere: (elsewhere: readonly Location[], atLeast: number) => readonly Location[];
