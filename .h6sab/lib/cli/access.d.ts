import type { Settings } from '../base/config.js';
import type { ControlServer } from './control.js';
import type { Handlers } from './control-protocol.js';
import type { Accounts, DatabaseFacts, Deps, OpenPorts, Running } from './deps.js';
/** What a running server tells `doctor`. */
export interface ServerFacts {
    readonly pid: number;
    readonly ports: OpenPorts;
    readonly database: DatabaseFacts;
}
/** What a running server does for the commands. */
export declare const handlersOf: (running: Running) => Handlers;
/** Run `act` with the accounts, wherever they are, and leave everything as it was found. */
export declare const withAccounts: <T>(settings: Settings, deps: Deps, act: (accounts: Accounts) => Promise<T>) => Promise<T>;
/** The facts of the server that runs on the data folder; null: none does. */
export declare const serverFacts: (data: string) => Promise<ServerFacts | null>;
/**
 * 'server': one runs, ask it. Else the lock on the data folder where the embedded database needs one; another command that
 * has it is waited for. Throws UsageError where it is still held after a minute.
 */
export declare const approach: ({ data, databaseUrl }: Settings) => Promise<"server" | ControlServer | null>;
