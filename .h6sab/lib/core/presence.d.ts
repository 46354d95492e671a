import type { Stanza } from '../base/stanza.js';
import type { Verdict } from './ending.js';
import type { Mailbox } from './mailbox.js';
import type { PresenceRows } from './presence-rows.js';
import type { Session, Sessions } from './sessions.js';
export interface Presence {
    broadcast(session: Session, stanza: Stanza): Promise<Verdict> | Verdict;
}
export declare const makePresence: (sessions: Sessions, rows: PresenceRows, mailbox: Mailbox) => Presence;
