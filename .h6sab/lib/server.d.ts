import type { Logger } from 'pino';
import type { Settings } from './base/config.js';
import type { Counters } from './core/counters.js';
import type { Bus, Clock } from './core/ports.js';
import type { Route } from './core/route.js';
import type { Sessions } from './core/sessions.js';
import type { Gate } from './net/gate.js';
import type { Database } from './store/db.js';
import type { TlsFiles } from './wire/tls-context.js';
/** Ports that are open; null: off. */
export interface Ports {
    readonly c2s: number | null;
    readonly c2sTls: number | null;
    readonly http: number | null;
    readonly https: number | null;
}
export interface ServerOptions {
    readonly settings: Settings;
    readonly routes: readonly Route[];
    readonly log: Logger;
    /** Opened by the caller, who holds the lock on its folder; `stop` closes it. */
    readonly db: Database;
    /** Certificate and key; null: no TLS at all (tests). */
    readonly tls: Pick<TlsFiles, 'cert' | 'key'> | null;
    readonly node: string;
    /** Other nodes; none yet. */
    readonly bus?: Bus;
    readonly clock?: Clock;
}
export interface Server {
    readonly ports: Ports;
    readonly db: Database;
    readonly counters: Counters;
    readonly sessions: Sessions;
    readonly gate: Gate;
    /** Read the certificate again; connections that are there keep theirs. */
    reload(): Promise<void>;
    /** End the sessions of an account, as after its deletion. */
    endSessions(account: string): void;
    /** Close streams in order, then everything else. */
    stop(): Promise<void>;
}
export declare const startServer: (options: ServerOptions) => Promise<Server>;
