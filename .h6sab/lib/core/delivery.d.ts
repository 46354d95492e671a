import type { Jid } from '../base/jid.js';
import type { Bus, Location } from './ports.js';
import type { RouteCache } from './route-cache.js';
import type { Counters } from './counters.js';
import type { Here, Session } from './sessions.js';
/** To each of these sessions. Returns how many took it. */
export declare const toSessions: (sessions: readonly Session[], octets: string, declared: boolean) => number;
/** Which sessions a stanza is for. */
export interface Choice {
    here(sessions: Here): readonly Session[];
    elsewhere(sessions: Here): readonly Location[];
}
/** RFC 6121 §8.5.2.1.1: the most available resources, on whatever node they are. */
export declare const MOST_AVAILABLE: Choice;
/** RFC 6121 §8.5.2.1.1, headlines: every resource that is not negative. */
export declare const REACHABLE: Choice;
/** RFC 6121 §8.5.2.1.2, presence: every available resource. */
export declare const AVAILABLE: Choice;
/** The one resource of a full JID. */
export declare const exactly: (to: Jid) => Choice;
export interface Delivery {
    /**
     * To the chosen sessions on other nodes. A refusal means that the cache was stale: the entry is dropped, the account is
     * looked up once more, and those not yet served are tried once more.
     * @param retry false for an IQ, which must not be done twice (routing.md, step 5)
     * @returns how many took it; 'unknown' when none did and the store does not answer
     */
    across(to: Jid, found: Here, choice: Choice, octets: string, declared: boolean, retry: boolean): Promise<number | 'unknown'>;
}
export declare const makeDelivery: (cache: RouteCache, bus: Bus, counters: Counters) => Delivery;
