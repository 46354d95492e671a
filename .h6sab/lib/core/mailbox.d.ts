import type { Frame } from '../base/stanza.js';
import type { OfflineEntry, OfflineOutcome, OfflineStore } from './ports.js';
import type { Session } from './sessions.js';
export interface Mailbox {
    append(entry: OfflineEntry): Promise<OfflineOutcome>;
    /** Give a session all that is stored for its account, in order, then call `live` in the same turn. */
    drain(session: Session, live: () => void): Promise<void>;
}
/** XEP-0203: says when the message was first handled. Spliced in as the last child. */
export declare const withDelay: (frame: Frame, domain: string, at: number) => string;
export declare const makeMailbox: (store: OfflineStore, pageSize: number) => Mailbox;
