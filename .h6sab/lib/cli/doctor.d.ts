import type { DatabaseFacts } from './deps.js';
import type { Finding } from './finding.js';
import type { Call } from './user.js';
/** true: nothing failed (there may be warnings). */
export declare const doctor: (call: Call) => Promise<boolean>;
/** `now`: this machine's clock, ms. */
export declare const judgeDatabase: (facts: DatabaseFacts, now: number) => Finding[];
