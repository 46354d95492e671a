// SCRAM-SHA-1 and SCRAM-SHA-256, with and without channel binding (RFC 5802, RFC 7677), the server's side.
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { fail, isOwn, keysFor } from './sasl-exchange.js';
import { digestOf, hash, hmac } from './scram-keys.js';
/** RFC 5802 §5.1: ',' and '=' in names are written =2C and =3D; any other '=' is an error. */
const saslName = (text) => /=(?!2C|3D)/.test(text) ? null : text.replaceAll('=2C', ',').replaceAll('=3D', '=');
// RFC 5802 §7. `m=` stands first in the bare part where it stands at all, and is refused: no extension is known here
const FIRST = /^((n|y|p=([A-Za-z0-9.-]+)),(?:a=([^,]*))?,)(n=([^,]*),r=([!-+\x2d-~]+)(?:,[A-Za-z]=[^,]+)*)$/;
const FINAL = /^(c=([A-Za-z0-9+/=]*),r=([!-+\x2d-~]+)(?:,[A-Za-z]=[^,]+)*),p=([A-Za-z0-9+/=]+)$/;
const parseFirst = (text) => {
    const match = FIRST.exec(text);
    if (match === null)
        return null;
    const [, gs2, flag, binding = '', rawAuthzid = '', bare, rawName, nonce] = match;
    const name = saslName(rawName);
    const authzid = saslName(rawAuthzid);
    if (name === null || name === '' || authzid === null)
        return null;
    return { gs2, flag: flag.slice(0, 1), binding, authzid, bare: bare, name, nonce: nonce };
};
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const decode = (data) => {
    try {
        return UTF8.decode(data);
    }
    catch {
        return null;
    }
};
/** Why this binding is refused; null: it is fine (RFC 5802 §6). */
const bindingProblem = ({ flag, binding }, plus, context) => {
    if (plus !== (flag === 'p'))
        return plus ? 'a -PLUS mechanism without channel binding' : 'channel binding without a -PLUS mechanism';
    if (flag === 'p' && !context.bindings.has(binding))
        return `channel binding ${binding} is not possible here`;
    // "I could bind, but you did not offer it": we did, so somebody took the offer out
    if (flag === 'y' && context.channelBinding === 'strict' && context.bindings.size > 0)
        return 'the offer of channel binding did not reach the client';
    return null;
};
/** Constant-time, also for different lengths. */
const same = (a, b) => a.length === b.length && timingSafeEqual(a, b);
const xor = (a, b) => Buffer.from(a.map((byte, i) => byte ^ b[i]));
export const scramExchange = (mechanism, plus, context) => {
    const digest = digestOf(mechanism);
    let state = null;
    const begin = async (data) => {
        const first = parseFirst(decode(data) ?? '');
        if (first === null)
            return fail('malformed-request', 'no client-first-message');
        const problem = bindingProblem(first, plus, context);
        if (problem !== null)
            return fail('not-authorized', problem);
        const username = context.prepare(first.name);
        const credential = await keysFor(context, username, first.name, mechanism);
        const nonce = first.nonce + (context.nonce ?? randomBytes(18).toString('base64'));
        const serverFirst = `r=${nonce},s=${credential.salt.toString('base64')},i=${credential.iterations}`;
        state = { first, username, credential, nonce, serverFirst };
        return { kind: 'challenge', data: Buffer.from(serverFirst) };
    };
    const end = ({ first, username, credential, nonce, serverFirst }, data) => {
        const match = FINAL.exec(decode(data) ?? '');
        if (match === null)
            return fail('malformed-request', 'no client-final-message');
        const [, withoutProof, bound, finalNonce, proof64] = match;
        if (finalNonce !== nonce)
            return fail('not-authorized', 'another nonce', username);
        // the gs2 header again, and with -PLUS the binding's data behind it
        const expected = Buffer.concat([Buffer.from(first.gs2), first.flag === 'p' ? context.bindings.get(first.binding) : Buffer.alloc(0)]);
        if (!same(Buffer.from(bound, 'base64'), expected))
            return fail('not-authorized', 'another channel, or another gs2 header', username);
        const message = `${first.bare},${serverFirst},${withoutProof}`;
        const proof = Buffer.from(proof64, 'base64');
        const signature = hmac(digest, credential.storedKey, message);
        const right = proof.length === signature.length && same(hash(digest, xor(proof, signature)), credential.storedKey);
        if (!right || username === null)
            return fail('not-authorized', 'wrong name or password', username, true);
        if (!isOwn(first.authzid, username, context))
            return fail('invalid-authzid', 'another\'s authorization identity', username);
        return { kind: 'success', data: Buffer.from(`v=${hmac(digest, credential.serverKey, message).toString('base64')}`), username };
    };
    return async (data) => {
        if (state === null)
            return begin(data);
        const step = end(state, data);
        state = null;
        return step;
    };
};
//# sourceMappingURL=scram.js.map