// Domains of JIDs (RFC 7622 §3.2): IDNA2008 in the form of U-labels, or IP addresses.
import { isIPv6 } from 'node:net';
import { toASCII, toUnicode } from 'tr46';
import { exception, fitsContext, isLetterDigit, isRefused } from './precis.js';
const ORDINARY = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;
const OPTIONS = { checkBidi: true, checkHyphens: true, checkJoiners: true, useSTD3ASCIIRules: true, transitionalProcessing: false };
/** RFC 5892 §3: whether IDNA2008 allows this code point. UTS 46, which tr46 does, allows more (symbols). */
const isAllowed = (chars, i) => {
    const char = chars[i];
    const c = char.codePointAt(0);
    if (c < 0x80)
        return true; // tr46 has checked letters, digits and hyphens
    const special = exception(c);
    if (special !== null)
        return special === 'valid' || (special === 'context' && fitsContext(chars, i));
    if (isRefused(c, char))
        return false;
    // §2.2 Unstable, §2.4 IgnorableBlocks
    if (char.normalize('NFKC').toLowerCase().normalize('NFKC') !== char)
        return false;
    if ((c >= 0x20d0 && c <= 0x20ff) || (c >= 0x1d100 && c <= 0x1d24f))
        return false;
    return isLetterDigit(char);
};
/** Normalised, without a trailing dot; null where it is no domain. */
export const prepDomain = (text) => {
    if (text === '' || text.length > 1023 || !text.isWellFormed())
        return null;
    if (text.startsWith('['))
        return text.endsWith(']') && isIPv6(text.slice(1, -1)) && !text.includes('%') ? text.toLowerCase() : null;
    // RFC 7622 §3.2: a final dot is stripped before anything else
    const name = text.endsWith('.') ? text.slice(0, -1) : text;
    if (ORDINARY.test(name) && !name.includes('--') && name.length < 254)
        return name.split('.').every((label) => label.length < 64) ? name : null;
    const { domain, error } = toUnicode(name, OPTIONS);
    if (error || domain === '' || Buffer.byteLength(domain) > 1023)
        return null;
    if (toASCII(domain, { ...OPTIONS, verifyDNSLength: true }) === null)
        return null;
    return domain.split('.').every((label) => {
        const chars = [...label];
        return chars.every((_, i) => isAllowed(chars, i));
    }) ? domain : null;
};
//# sourceMappingURL=domain.js.map