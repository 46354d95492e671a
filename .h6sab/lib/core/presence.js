// Presence without a receiver: what makes a session available, and how available (RFC 6121 §4). For now this decides
// routing; telling the contacts comes with subscriptions.
import { StanzaError } from '../base/errors.js';
import { ownCopy } from '../base/octets.js';
import { stamp } from '../base/stanza.js';
import { treeOf } from '../wire/tree.js';
import { ignored } from './ending.js';
/** RFC 6121 §4.7.2.3: an integer from -128 to 127; 0 where there is none. */
const priorityOf = (stanza) => {
    const child = stanza.children.find((c) => c.name === 'priority');
    if (child === undefined)
        return 0;
    const text = treeOf(stanza.xml.slice(child.start, child.end)).getText().trim();
    const value = Number(text);
    if (!/^[+-]?\d{1,3}$/.test(text) || value < -128 || value > 127)
        throw new StanzaError('bad-request', 'a priority is a number from -128 to 127');
    return value;
};
export const makePresence = (sessions, rows, mailbox) => {
    const written = async (session) => {
        try {
            await rows.save(session);
        }
        catch (error) {
            throw error instanceof StanzaError ? error : new StanzaError('resource-constraint', 'presence cannot be written now', { type: 'wait', cause: error });
        }
    };
    const available = async (session, stanza, priority) => {
        const before = { wanted: session.wanted, presence: session.presence };
        session.wanted = priority;
        session.presence = ownCopy(stamp(stanza, session.from));
        const live = () => {
            session.priority = session.wanted;
            sessions.changed(session.account);
        };
        // Write the row, then read the mailbox, then let live traffic in (routing.md, step 7)
        try {
            await written(session);
        }
        catch (error) {
            Object.assign(session, before);
            throw error;
        }
        if (!session.open)
            return ignored('RFC 6121 §4.2.2');
        if (priority < 0 || (session.priority ?? -1) >= 0)
            live();
        else
            await mailbox.drain(session, live);
        return 'answered';
    };
    const unavailable = async (session, stanza) => {
        session.wanted = session.priority = null;
        session.presence = null;
        sessions.changed(session.account);
        await written(session);
        return stanza.type === 'unavailable' ? 'answered' : ignored('RFC 6121 §4.5.2');
    };
    return {
        broadcast: (session, stanza) => {
            switch (stanza.type) {
                case '': return available(session, stanza, priorityOf(stanza));
                case 'unavailable': return unavailable(session, stanza);
                case 'error': return ignored('RFC 6120 §8.3.1');
                case 'probe': return ignored('RFC 6121 §4.3');
                // RFC 6121 §3.1.2: a subscription needs somebody to subscribe to
                default: return new StanzaError('bad-request', 'a subscription needs a `to`');
            }
        },
    };
};
//# sourceMappingURL=presence.js.map