import type { Surroundings } from './deps.js';
/** 120 bits, in letters that survive any shell and any keyboard. */
export declare const generatePassword: () => string;
/** Throws UsageError where there is none. Generated ones are the caller's to print. */
export declare const askPassword: (who: string, { stdin, stderr }: Surroundings) => Promise<string>;
