import type { StanzaError } from '../base/errors.js';
import type { Counters } from './counters.js';
/** A place where a specification says to ignore a stanza, named by its section. */
export type Rule = `RFC 612${'0' | '1'} §${string}` | `XEP-${string} §${string}`;
export type Ending = 'delivered' | 'stored' | 'answered' | 'refused' | {
    readonly ignored: Rule;
};
/** A refusal on its way to the router, which alone writes it. */
export type Verdict = Ending | StanzaError;
export declare const ignored: (rule: Rule) => Ending;
export declare const countEnding: (counters: Counters, ending: Ending) => void;
