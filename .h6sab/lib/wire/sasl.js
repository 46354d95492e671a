// The server's side of SASL (RFC 6120 §6, RFC 4422): which mechanisms are offered, and one exchange as a state machine that
// knows nothing of streams or databases.
import { decodePlain } from './plain.js';
import { fail, isOwn, keysFor } from './sasl-exchange.js';
import { verifyPlain } from './scram-keys.js';
import { scramExchange } from './scram.js';
/** Octets of one message; RFC 6120 §6.4.2 leaves the bound to us, no honest one is near it. */
const LONGEST = 4096;
/** In order of preference. -PLUS only where there is something to bind to. */
export const offeredMechanisms = ({ encrypted, bindings, channelBinding }) => {
    if (!encrypted)
        return [];
    const plus = bindings.size > 0 && channelBinding !== 'off' ? ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-1-PLUS'] : [];
    return [...plus, 'SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN'];
};
/** null: the mechanism is not offered. */
export const startSasl = (mechanism, context) => {
    if (!offeredMechanisms(context).includes(mechanism))
        return null;
    const exchange = mechanism === 'PLAIN' ? plainExchange(context)
        : scramExchange(mechanism.replace(/-PLUS$/, ''), mechanism.endsWith('-PLUS'), context);
    return {
        respond: (data) => {
            // both mechanisms begin with the client: without an initial response it is asked for one (RFC 4422 §5)
            if (data === null)
                return Promise.resolve({ kind: 'challenge', data: Buffer.alloc(0) });
            if (data.length > LONGEST)
                return Promise.resolve(fail('malformed-request', 'too long'));
            return exchange(data);
        },
    };
};
const plainExchange = (context) => async (data) => {
    const message = decodePlain(data);
    if (message === null)
        return fail('malformed-request', 'not authzid NUL authcid NUL password');
    const username = context.prepare(message.authcid);
    // unknown names cost the same work
    const credential = await keysFor(context, username, message.authcid, 'SCRAM-SHA-256');
    const right = await verifyPlain(message.password, credential);
    if (username === null || !right)
        return fail('not-authorized', 'wrong name or password', username, true);
    // said only to who knows the password
    if (!isOwn(message.authzid, username, context))
        return fail('invalid-authzid', 'another\'s authorization identity', username);
    return { kind: 'success', data: null, username };
};
/**
 * RFC 6120 §6.4.2: the content of <auth/> and <response/>. null: no initial response; '=' stands for an empty one.
 * @param initial the content of <auth/>
 */
export const decodeBase64 = (text, initial) => {
    if (text === '')
        return initial ? null : Buffer.alloc(0);
    if (text === '=')
        return Buffer.alloc(0);
    // Node's decoder takes anything; RFC 4648 §3.3 and RFC 6120 §13.9.1 do not
    if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(text))
        return 'incorrect-encoding';
    return Buffer.from(text, 'base64');
};
//# sourceMappingURL=sasl.js.map