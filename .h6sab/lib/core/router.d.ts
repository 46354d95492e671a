import type { Jid } from '../base/jid.js';
import type { Stanza } from '../base/stanza.js';
import type { Ending } from './ending.js';
import type { Delivery } from './delivery.js';
import type { Dispatch } from './dispatch.js';
import type { Counters } from './counters.js';
import type { Mailbox } from './mailbox.js';
import type { Clock } from './ports.js';
import type { Presence } from './presence.js';
import type { RouteCache } from './route-cache.js';
import type { Routed, Services } from './route.js';
import type { Session, Sessions } from './sessions.js';
export interface RouterParts {
    readonly domains: ReadonlySet<string>;
    /** Parses and normalises an address; null where it is none (RFC 7622). */
    readonly jid: (text: string) => Jid | null;
    readonly sessions: Sessions;
    readonly cache: RouteCache;
    readonly delivery: Delivery;
    readonly mailbox: Mailbox;
    readonly presence: Presence;
    readonly dispatch: Dispatch;
    readonly services: Services;
    readonly counters: Counters;
    readonly clock: Clock;
    /** Told of what was our bug, with the stanza's id. */
    readonly bug: (error: unknown, stanza: Stanza) => void;
}
export interface Router {
    /** A stanza from one of our users. A promise where the next stanza of the stream has to wait (RFC 6120 §10.1). */
    fromClient(session: Session, stanza: Stanza): Ending | Promise<Ending>;
    /** A stanza of the server's own making, with `from` and `to`. */
    fromServer(stanza: Stanza): Ending | Promise<Ending>;
    /** Keep a message for an account that nobody is there for; what Services.keep does. */
    keep(routed: Routed): Promise<Ending>;
}
export declare const makeRouter: (parts: RouterParts) => Router;
