// The keys that prove a password (RFC 5802 §3): derived once, stored instead of it, and compared in constant time.
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { saslprep } from '@mongodb-js/saslprep';
const HASHES = {
    'SCRAM-SHA-1': { digest: 'sha1', length: 20 },
    'SCRAM-SHA-256': { digest: 'sha256', length: 32 },
};
const SALT = 16;
const LONGEST_PASSWORD = 1023;
// on the thread pool: a derivation takes milliseconds, and the event loop has none to give
const derive = promisify(pbkdf2);
/** SASLprep (RFC 4013), as RFC 5802 §2.2 asks. null: this cannot be a password. */
export const preparePassword = (text) => {
    if (text === '' || text.length > LONGEST_PASSWORD)
        return null;
    try {
        const prepared = saslprep(text, { allowUnassigned: true });
        return prepared === '' || Buffer.byteLength(prepared) > LONGEST_PASSWORD ? null : prepared;
    }
    catch {
        return null; // prohibited characters
    }
};
export const hmac = (digest, key, data) => createHmac(digest, key).update(data).digest();
export const hash = (digest, data) => createHash(digest).update(data).digest();
export const digestOf = (mechanism) => HASHES[mechanism].digest;
const keysOf = async (password, mechanism, salt, iterations) => {
    const { digest, length } = HASHES[mechanism];
    const salted = await derive(password, salt, iterations, length, digest);
    return {
        mechanism, salt, iterations,
        storedKey: hash(digest, hmac(digest, salted, 'Client Key')),
        serverKey: hmac(digest, salted, 'Server Key'),
    };
};
/** Keys for every hash that clients use: some know only SHA-1 (clients.md §1). Throws where the password cannot be one. */
export const deriveCredentials = (password, iterations) => {
    const prepared = preparePassword(password);
    if (prepared === null)
        throw new Error('this password cannot be used: it is empty, too long, or has characters that no client could send');
    return Promise.all(Object.keys(HASHES).map((mechanism) => keysOf(prepared, mechanism, randomBytes(SALT), iterations)));
};
/** Whether this is the password. Takes the same time for a wrong one, and for one that cannot be a password. */
export const verifyPlain = async (password, credential) => {
    const prepared = preparePassword(password);
    const { storedKey } = await keysOf(prepared ?? 'no password', credential.mechanism, credential.salt, credential.iterations);
    return timingSafeEqual(storedKey, credential.storedKey) && prepared !== null;
};
/** Keys for an account that does not exist: the salt is the same each time the name is tried, and no password fits. */
export const decoyCredential = (secret, name, mechanism, iterations) => {
    const { length } = HASHES[mechanism];
    const salt = hmac('sha256', secret, `${mechanism} salt ${name}`).subarray(0, SALT);
    return { mechanism, iterations, salt, storedKey: randomBytes(length), serverKey: randomBytes(length) };
};
//# sourceMappingURL=scram-keys.js.map