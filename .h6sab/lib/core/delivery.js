import { bestElsewhere } from './route-cache.js';
/** To each of these sessions. Returns how many took it. */
export const toSessions = (sessions, octets, declared) => {
    let taken = 0;
    for (let i = 0; i < sessions.length; i++)
        if (sessions[i].outlet.write(octets, declared))
            taken++;
    return taken;
};
/** RFC 6121 §8.5.2.1.1: the most available resources, on whatever node they are. */
export const MOST_AVAILABLE = {
    here: ({ best, elsewhere }) => {
        const top = best[0]?.priority ?? -1;
        return elsewhere.some((l) => (l.priority ?? -1) > top) ? [] : best;
    },
    elsewhere: ({ best, elsewhere }) => bestElsewhere(elsewhere, best[0]?.priority ?? 0),
};
/** RFC 6121 §8.5.2.1.1, headlines: every resource that is not negative. */
export const REACHABLE = {
    here: ({ reachable }) => reachable,
    elsewhere: ({ elsewhere }) => elsewhere.filter((l) => (l.priority ?? -1) >= 0),
};
/** RFC 6121 §8.5.2.1.2, presence: every available resource. */
export const AVAILABLE = {
    here: ({ available }) => available,
    elsewhere: ({ elsewhere }) => elsewhere.filter((l) => l.priority !== null),
};
/** The one resource of a full JID. */
export const exactly = (to) => ({
    here: ({ all }) => all.filter((s) => s.jid.resource === to.resource),
    elsewhere: ({ elsewhere }) => elsewhere.filter((l) => l.resource === to.resource),
});
export const makeDelivery = (cache, bus, counters) => {
    const hand = async (to, locations, octets, served) => {
        const answers = await Promise.all(locations.map((location) => bus.send(location, to.bare, octets)));
        let refused = false;
        answers.forEach((answer, i) => {
            if (answer === 'accepted')
                served.add(locations[i].sessionId);
            else
                refused = true;
        });
        return refused;
    };
    return {
        across: async (to, found, choice, octets, declared, retry) => {
            const served = new Set();
            const locations = choice.elsewhere(found);
            if (locations.length === 0 || !await hand(to, locations, octets, served))
                return served.size;
            cache.stale(to.bare);
            if (!retry)
                return served.size;
            counters.route.retries++;
            const again = await cache.resolve(to);
            if (again === 'unknown')
                return served.size > 0 ? served.size : again;
            // a session may have moved here meanwhile; what was here before was served by the caller
            const before = new Set(choice.here(found));
            const here = toSessions(choice.here(again).filter((s) => !before.has(s)), octets, declared);
            await hand(to, choice.elsewhere(again).filter((l) => !served.has(l.sessionId)), octets, served);
            return served.size + here;
        },
    };
};
//# sourceMappingURL=delivery.js.map