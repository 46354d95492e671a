// Writes of one turn of the event loop go out together: whoever has something to write says so once, and is called when
// the sockets of this turn have been read. One immediate serves everybody.
/** Counts turns in which something was written; connections measure their share of a turn by it. */
export const turn = { number: 1 };
let waiting = [];
let scheduled = false;
let queued = 0;
/**
 * Octets that may wait for the end of the turn, over all connections. Beyond it they are written at once: what waits
 * longer than the youngest generation of the heap is copied by every collection (measured: 2,000 busy clients, a third).
 */
const MOST = 512 * 1024;
const run = () => {
    queued = 0;
    const now = waiting;
    waiting = [];
    for (let i = 0; i < now.length; i++)
        now[i].flush();
};
const end = () => {
    scheduled = false;
    turn.number++;
    run();
};
/** Call `flush` at the end of this turn. The caller makes sure to ask only once a turn. */
export const soon = (who) => {
    waiting.push(who);
    if (scheduled)
        return;
    scheduled = true;
    setImmediate(end);
};
/** So many octets more wait for the end of this turn. */
export const waits = (octets) => {
    queued += octets;
    if (queued > MOST)
        run();
};
//# sourceMappingURL=turn.js.map