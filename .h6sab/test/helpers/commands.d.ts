import type { ExitCode } from '../../lib/cli/commands.js';
import type { Accounts, DatabaseFacts, Deps, Surroundings } from '../../lib/cli/deps.js';
export interface Memory {
    readonly kept: Map<string, unknown>;
    readonly accounts: Accounts;
    /** How often a database was opened and closed. */
    opened: number;
    closed: number;
    /** The most that were open at once. */
    atOnce: number;
    readonly ended: string[];
    reloads: number;
}
export declare const memory: () => Memory;
export declare const FACTS: DatabaseFacts;
export declare const depsWith: (store: Memory, more?: Partial<Deps>) => Deps;
export interface Outcome {
    readonly code: ExitCode;
    readonly out: string;
    readonly err: string;
}
/** What `jidway ARGS` does, with `input` on standard input. */
export declare const jidway: (args: readonly string[], deps: Deps, input?: string, env?: Record<string, string>) => Promise<Outcome>;
export declare const surroundings: (input: string, env: Record<string, string>) => {
    around: Surroundings;
    out: () => string;
    err: () => string;
};
