// The one answer to "where is this `to`?". This node's own sessions are its pinned part; sessions on other nodes are
// cached from the presence table. The cache may be wrong at any time: who uses an entry finds out, because the owner
// refuses, and asks again (routing.md). Three outcomes: locations, none, unknown; unknown is never cached.
import { LRUCache } from 'lru-cache';
import { makeBatcher } from './batcher.js';
import { EMPTY } from './sessions.js';
const NOWHERE = { generation: 0, elsewhere: [] };
export const makeRouteCache = (sessions, store, clock, counters, options) => {
    const { route: count } = counters;
    const perf = { now: () => clock.monotonic() };
    const jitter = (ttl) => Math.max(1, Math.round(ttl * (0.85 + Math.random() * 0.3)));
    const entries = new LRUCache({
        max: options.entries, ttl: options.ttl, perf, ttlResolution: 0, updateAgeOnGet: false, updateAgeOnHas: false, // TTL counts from the write
        dispose: (_value, _key, reason) => {
            if (reason === 'evict')
                count.evicted++;
        },
    });
    const absent = new LRUCache({ max: options.negativeEntries, ttl: options.negativeTtl, perf, ttlResolution: 0 });
    /** Raised by invalidateAll: entries of an earlier era are not used. */
    let era = 0;
    /** Look-ups under way, by account: single flight, and the guard that an invalidation trips. */
    const flights = new Map();
    const ask = makeBatcher(async (accounts) => {
        count.queries++;
        const found = await store.lookup(accounts, { node: options.node, epoch: options.epoch });
        return accounts.map((account) => found.get(account) ?? null);
    }, 500, 100_000);
    const lookup = (account) => {
        const under = flights.get(account);
        if (under !== undefined && !under.tripped)
            return under.promise;
        count.lookups++;
        const began = era;
        const flight = { promise: Promise.resolve('unknown'), tripped: false };
        flight.promise = ask(account).then((route) => {
            // Fill guard: what was read before an invalidation came may be old. It is used once, but not kept
            const keep = !flight.tripped && began === era;
            if (route === null) {
                if (keep)
                    absent.set(account, true, { ttl: jitter(options.negativeTtl) });
                return NOWHERE;
            }
            if (keep)
                entries.set(account, { route, era }, { ttl: jitter(options.ttl) });
            return route;
        }, () => {
            count.unknown++;
            return 'unknown';
        }).finally(() => {
            if (flights.get(account) === flight)
                flights.delete(account);
        });
        flights.set(account, flight);
        return flight.promise;
    };
    const merge = (here, route) => (route.elsewhere.length === 0 ? here : { ...here, elsewhere: route.elsewhere });
    return {
        resolve: (to) => {
            const here = sessions.of(to.bare);
            if (!options.clustered)
                return here;
            if (to.resource !== '' && sessions.find(to) !== undefined)
                return here;
            const entry = entries.get(to.bare);
            if (entry !== undefined && entry.era === era) {
                count.hits++;
                return merge(here, entry.route);
            }
            if (here === EMPTY && absent.get(to.bare) === true) {
                count.negativeHits++;
                return EMPTY;
            }
            count.misses++;
            return lookup(to.bare).then((route) => (route === 'unknown' ? route : merge(sessions.of(to.bare), route)));
        },
        stale: (account) => {
            count.refusedStale++;
            entries.delete(account);
            trip(account);
        },
        invalidate: (account, generation) => {
            absent.delete(account);
            const entry = entries.peek(account);
            if (entry !== undefined && entry.route.generation < generation)
                entries.delete(account);
            trip(account);
        },
        invalidateAll: () => {
            era++;
            absent.clear();
        },
        isAbsent: (account) => {
            const known = absent.get(account) === true;
            if (known)
                count.negativeHits++;
            return known;
        },
        setAbsent: (account) => {
            absent.set(account, true, { ttl: jitter(options.negativeTtl) });
        },
        get size() {
            return entries.size;
        },
    };
    function trip(account) {
        const flight = flights.get(account);
        if (flight !== undefined)
            flight.tripped = true;
    }
};
/** The sessions elsewhere that a message to the bare JID is for, given the best priority here (RFC 6121 §8.5.2.1.1). */
export const bestElsewhere = (elsewhere, atLeast) => {
    const top = elsewhere.reduce((max, l) => Math.max(max, l.priority ?? -1), Math.max(atLeast, 0));
    return elsewhere.filter((l) => l.priority === top);
};
//# sourceMappingURL=route-cache.js.map