import type { Kind, Stanza } from '../base/stanza.js';
import type { Ending } from './ending.js';
import type { IqAnswer, Route, Routed, Services, Step, StepHandler } from './route.js';
interface Plan {
    readonly handlers: readonly StepHandler[];
    /** Namespaces of children that some handler waits for; `always` when one waits for every stanza of the kind. */
    readonly namespaces: ReadonlySet<string>;
    readonly always: boolean;
}
export interface Dispatch {
    /** Who answers requests of this type with this payload: one for the server, one for accounts. */
    answer(type: string, ns: string, name: string, to: 'server' | 'account'): IqAnswer | undefined;
    /** null: no feature joins this step for this kind. */
    readonly plans: Readonly<Record<Step, Readonly<Record<Kind, Plan | null>>>>;
}
export declare const compile: (routes: readonly Route[]) => Dispatch;
/** What a step made of a stanza: an ending, or the stanza that goes on. */
export type Walked = Ending | Stanza;
export declare const isStanza: (walked: Walked) => walked is Stanza;
/** Run one step. A promise only where a handler gives one. */
export declare const walk: (plan: Plan, routed: Routed, server: Services) => Walked | Promise<Walked>;
export {};
