// Addresses (RFC 7622): localpart@domainpart/resourcepart, each part prepared so that equal addresses are equal strings.
import { LRUCache } from 'lru-cache';
import { prepDomain } from './domain.js';
import { opaqueString, usernameCaseMapped } from './precis.js';
export { prepDomain } from './domain.js';
/** This is no address; the message says which part is wrong. */
export class JidError extends Error {
    name = 'JidError';
}
/** RFC 7622 §3.1: each part is 1 to 1,023 octets. */
const LONGEST_PART = 1023;
const LONGEST = 3 * LONGEST_PART + 2;
/** RFC 7622 §3.3.1: not allowed in a localpart, whatever PRECIS says. */
const EXCLUDED = /["&'/:<>@]/;
const ORDINARY_LOCAL = /^[!#-%(-.0-9;=?[-~]+$/;
const ORDINARY_RESOURCE = /^[ -~]+$/;
const fitsLength = (part) => part.length <= LONGEST_PART && Buffer.byteLength(part) <= LONGEST_PART;
/** A localpart, normalised; null where it is none (RFC 7622 §3.3). */
export const prepLocal = (text) => {
    if (text === '' || text.length > LONGEST_PART)
        return null;
    const local = ORDINARY_LOCAL.test(text) ? text : usernameCaseMapped(text);
    return local === null || EXCLUDED.test(local) || !fitsLength(local) ? null : local;
};
const prepResource = (text) => {
    if (text === '' || text.length > LONGEST_PART)
        return null;
    const resource = ORDINARY_RESOURCE.test(text) ? text : opaqueString(text);
    return resource === null || !fitsLength(resource) ? null : resource;
};
const assemble = (local, domain, resource) => {
    const bare = local === '' ? domain : `${local}@${domain}`;
    return Object.freeze({ local, domain, resource, bare, full: resource === '' ? bare : `${bare}/${resource}` });
};
/** From parts; '' for an absent one. Throws JidError. */
export const makeJid = (local, domain, resource = '') => {
    const l = local === '' ? '' : prepLocal(local);
    if (l === null)
        throw new JidError('the part before @ is not allowed');
    const d = prepDomain(domain);
    if (d === null)
        throw new JidError('the domain is not allowed');
    const r = resource === '' ? '' : prepResource(resource);
    if (r === null)
        throw new JidError('the resource is not allowed');
    return assemble(l, d, r);
};
/** Throws JidError. */
export const parseJid = (text) => {
    if (text.length > LONGEST)
        throw new JidError('too long');
    // RFC 7622 §3.1: first the resource is cut off at the first '/', then the localpart at the first '@'
    const slash = text.indexOf('/');
    const bare = slash < 0 ? text : text.slice(0, slash);
    const at = bare.indexOf('@');
    if (slash === text.length - 1 && slash >= 0)
        throw new JidError('an empty resource');
    if (at === 0)
        throw new JidError('nothing before @');
    return makeJid(at < 0 ? '' : bare.slice(0, at), at < 0 ? bare : bare.slice(at + 1), slash < 0 ? '' : text.slice(slash + 1));
};
/** The same account without a resource. */
export const bareOf = (jid) => (jid.resource === '' ? jid : assemble(jid.local, jid.domain, ''));
/** With this resource, normalised. Throws JidError. */
export const withResource = (jid, resource) => {
    const r = prepResource(resource);
    if (r === null)
        throw new JidError('not allowed');
    return assemble(jid.local, jid.domain, r);
};
/** A copy that shares no memory with the stanza it was cut from, which a cache would keep alive with it. */
const own = (text) => Buffer.from(text, 'utf8').toString('utf8');
/**
 * parseJid with a bounded memory, null instead of a throw: most stanzas go to an address that was seen a moment ago, and
 * preparing one costs a hundred times what finding it does.
 */
export const jidParser = (max = 20_000) => {
    const known = new LRUCache({ max });
    const parse = (text) => {
        if (text.length > LONGEST)
            return null;
        const key = text.isWellFormed() ? own(text) : text;
        let jid = null;
        try {
            jid = parseJid(key);
        }
        catch (error) {
            if (!(error instanceof JidError))
                throw error;
        }
        known.set(key, { jid });
        return jid;
    };
    return (text) => {
        const found = known.get(text);
        return found === undefined ? parse(text) : found.jid;
    };
};
//# sourceMappingURL=jid.js.map