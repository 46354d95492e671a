// A session's row in the presence table: written at bind, at a change of availability, and removed at close; in batches,
// and in order for each session. Every change tells the other nodes the account's new generation.
import { makeBatcher } from './batcher.js';
const BATCH = 500;
const WAITING = 100_000;
/** ms between tries of a removal while the database is away. */
const RETRY = 1000;
export const makePresenceRows = (store, bus, node) => {
    let waiting = 0;
    let retry = null;
    const failed = [];
    const announce = (generations) => {
        for (const [account, generation] of generations)
            bus.invalidate(account, generation);
    };
    // One queue for both, so that a session's removal never overtakes its writing. Within a batch: the last state counts
    const write = makeBatcher(async (changes) => {
        const last = new Map();
        for (const change of changes)
            last.set(change.row.sessionId, change);
        const rows = [...last.values()];
        const gone = rows.filter((c) => c.gone).map((c) => c.row);
        const saved = rows.filter((c) => !c.gone).map((c) => c.row);
        if (gone.length > 0)
            announce(await store.remove(gone));
        if (saved.length > 0)
            announce(await store.save(saved));
        return [];
    }, BATCH, WAITING);
    const rowOf = (s) => ({
        account: s.account,
        resource: s.jid.resource,
        sessionId: s.id,
        incarnation: s.incarnation,
        node: node.id,
        epoch: node.epoch,
        priority: s.wanted,
        presence: s.presence,
    });
    const change = async (row, gone) => {
        waiting++;
        try {
            await write({ row, gone });
        }
        finally {
            waiting--;
        }
    };
    const removeRow = (row) => {
        change(row, true).catch(() => {
            // bounded by the sessions that were open; rows of an epoch that is over are removed at the next start anyway
            failed.push(row);
            retry ??= setTimeout(() => {
                retry = null;
                for (const again of failed.splice(0))
                    removeRow(again);
            }, RETRY).unref();
        });
    };
    return {
        save: (session) => change(rowOf(session), false),
        remove: (session) => removeRow(rowOf(session)),
        idle: async (ms) => {
            const until = Date.now() + ms;
            while ((waiting > 0 || failed.length > 0) && Date.now() < until)
                await new Promise((resolve) => setTimeout(resolve, 10));
        },
    };
};
//# sourceMappingURL=presence-rows.js.map