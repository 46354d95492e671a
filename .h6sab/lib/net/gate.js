// Who may try to log in, and how often: caps on connections that are not logged in yet, in all and per address, and
// back-off after wrong guesses per address and per account. Everything kept here is bounded.
import { LRUCache } from 'lru-cache';
/** Addresses and accounts remembered, least recently guessed first to go; ms they are remembered. */
const REMEMBERED = 50_000;
const MEMORY = 15 * 60_000;
/** Longest back-off in ms. An account's is short: whoever locks it locks out its owner. */
const LONGEST_ADDRESS = 5 * 60_000;
const LONGEST_ACCOUNT = 30_000;
export const makeGate = (options, clock) => {
    const waiting = new Map();
    let unauthenticated = 0;
    let connections = 0;
    const memory = { max: REMEMBERED, ttl: MEMORY, perf: { now: () => clock.monotonic() } };
    const addresses = new LRUCache(memory);
    const accounts = new LRUCache(memory);
    const leave = (address) => {
        unauthenticated--;
        const n = (waiting.get(address) ?? 1) - 1;
        if (n <= 0)
            waiting.delete(address);
        else
            waiting.set(address, n);
    };
    const fail = (cache, key, free, longest) => {
        const record = cache.get(key) ?? { failures: 0, until: 0 };
        record.failures++;
        // each wrong guess beyond the free ones doubles the wait: 1 s, 2 s, 4 s …
        if (record.failures > free)
            record.until = clock.monotonic() + Math.min(longest, 1000 * 2 ** Math.min(20, record.failures - free - 1));
        cache.set(key, record);
    };
    const left = (cache, key) => Math.max(0, (cache.get(key)?.until ?? 0) - clock.monotonic());
    return {
        arrive: (address) => {
            const here = waiting.get(address) ?? 0;
            if (connections >= options.connections || unauthenticated >= options.unauthenticated || here >= options.unauthenticatedPerAddress)
                return false;
            connections++;
            unauthenticated++;
            waiting.set(address, here + 1);
            return true;
        },
        authenticated: leave,
        closed: (address, wasAuthenticated) => {
            connections--;
            if (!wasAuthenticated)
                leave(address);
        },
        wait: (address, account) => Math.max(left(addresses, address), account === '' ? 0 : left(accounts, account)),
        failed: (address, account) => {
            fail(addresses, address, options.failuresPerAddress, LONGEST_ADDRESS);
            if (account !== '')
                fail(accounts, account, options.failuresPerAccount, LONGEST_ACCOUNT);
        },
        succeeded: (_address, account) => {
            // the address keeps its record: one good account must not pay for guessing at others
            accounts.delete(account);
        },
        get unauthenticated() {
            return unauthenticated;
        },
        get connections() {
            return connections;
        },
    };
};
//# sourceMappingURL=gate.js.map