// Many small requests of one turn of the event loop become one: the database is asked once, everybody gets his part.
// One batch is under way at a time; what comes meanwhile waits for the next. Those who ask wait, so the queue is bounded
// by their number, and by `limit` besides.
import { StanzaError } from '../base/errors.js';
/**
 * @param run answers a batch, one result an item, in order; its error is everybody's
 * @param most items in one batch
 * @param limit items waiting; one more is refused with resource-constraint
 */
export const makeBatcher = (run, most, limit) => {
    let waiting = [];
    let busy = false;
    const next = async () => {
        while (waiting.length > 0) {
            const batch = waiting.splice(0, most);
            try {
                const results = await run(batch.map((w) => w.item));
                batch.forEach((w, i) => w.resolve(results[i]));
            }
            catch (error) {
                for (const w of batch)
                    w.reject(error);
            }
        }
        busy = false;
    };
    return (item) => new Promise((resolve, reject) => {
        if (waiting.length >= limit) {
            reject(new StanzaError('resource-constraint', 'the server is overloaded; try again later'));
            return;
        }
        waiting.push({ item, resolve, reject });
        if (busy)
            return;
        busy = true;
        // after the sockets of this turn were read, so that their requests go together
        setImmediate(() => void next());
    });
};
//# sourceMappingURL=batcher.js.map