import { attribute } from '../wire/writer.js';
export const makeSession = (jid, id, lang, outlet) => {
    const from = attribute('from', jid.full);
    return {
        jid,
        account: jid.bare,
        id,
        incarnation: 1,
        from,
        // RFC 6120 §8.1.5: the stream's language is the default for its stanzas, which their receivers cannot know
        fromWithLang: from + attribute('xml:lang', lang),
        fromBare: attribute('from', jid.bare),
        outlet,
        priority: null,
        wanted: null,
        presence: null,
        interested: false,
        open: true,
    };
};
const NOBODY = [];
const NOWHERE = [];
export const EMPTY = { all: NOBODY, available: NOBODY, reachable: NOBODY, best: NOBODY, elsewhere: NOWHERE };
/** The same array where the choice is all of it: most accounts have one session, and need one array. */
const choose = (from, fits) => {
    const chosen = from.filter(fits);
    return chosen.length === from.length ? from : chosen.length === 0 ? NOBODY : chosen;
};
const describe = (all) => {
    const available = choose(all, (s) => s.priority !== null);
    const reachable = choose(available, (s) => s.priority >= 0);
    const top = reachable.reduce((max, s) => Math.max(max, s.priority), 0);
    return { all, available, reachable, best: choose(reachable, (s) => s.priority === top), elsewhere: NOWHERE };
};
export const makeSessions = () => {
    const accounts = new Map();
    let size = 0;
    const put = (account, all) => {
        if (all.length === 0)
            accounts.delete(account);
        else
            accounts.set(account, describe(all));
    };
    const of = (account) => accounts.get(account) ?? EMPTY;
    return {
        of,
        find: (jid) => {
            const { all } = of(jid.bare);
            for (let i = 0; i < all.length; i++) {
                const session = all[i];
                if (session.jid.resource === jid.resource)
                    return session;
            }
            return undefined;
        },
        add: (session) => {
            size++;
            put(session.account, [...of(session.account).all, session]);
        },
        remove: (session) => {
            const { all } = of(session.account);
            const rest = all.filter((s) => s !== session);
            if (rest.length === all.length)
                return;
            size--;
            put(session.account, rest);
        },
        changed: (account) => {
            const { all } = of(account);
            if (all.length > 0)
                put(account, all);
        },
        get size() {
            return size;
        },
        *all() {
            for (const { all } of accounts.values())
                yield* all;
        },
    };
};
//# sourceMappingURL=sessions.js.map