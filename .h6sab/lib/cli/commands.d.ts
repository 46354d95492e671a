import type { Deps, Surroundings } from './deps.js';
/** 0 done, 1 failed, 2 wrong usage. */
export type ExitCode = 0 | 1 | 2;
/** Run one command line (without node and script). Prints its own errors. */
export declare const run: (args: readonly string[], deps: Deps, around: Surroundings) => Promise<ExitCode>;
