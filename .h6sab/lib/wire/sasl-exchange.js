// What the mechanisms of SASL share: the words of an exchange, the look-up of an account's keys, whose identity may be assumed.
import { decoyCredential } from './scram-keys.js';
export const fail = (condition, reason, username = null, counted = false) => ({ kind: 'failure', condition, counted, username, reason });
/** An account's keys for a mechanism, or keys that no password fits: both take the same steps. */
export const keysFor = async (context, username, name, mechanism) => {
    const found = username === null ? null : await context.lookup(username);
    return found?.find((c) => c.mechanism === mechanism) ?? decoyCredential(context.decoySecret, username ?? name, mechanism, context.iterations);
};
/** RFC 6120 §6.3.8: an authorization identity may be one's own bare JID, and nobody else's. */
export const isOwn = (authzid, username, { prepare, domain }) => {
    if (authzid === '')
        return true;
    const at = authzid.lastIndexOf('@');
    return at > 0 && prepare(authzid.slice(0, at)) === username && authzid.slice(at + 1).toLowerCase() === domain;
};
//# sourceMappingURL=sasl-exchange.js.map