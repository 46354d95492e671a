import type { Bus, PresenceStore } from './ports.js';
import type { Session } from './sessions.js';
export interface PresenceRows {
    /** Write the session's row as it is now. */
    save(session: Session): Promise<void>;
    /** Delete the session's row, if it still is this session's. Tried again until it works; `idle` waits for it. */
    remove(session: Session): void;
    /** Resolves when nothing is waiting to be written, or after `ms`. */
    idle(ms: number): Promise<void>;
}
export declare const makePresenceRows: (store: PresenceStore, bus: Bus, node: {
    id: string;
    epoch: number;
}) => PresenceRows;
