// PRECIS (RFC 8264) as far as JIDs need it: the two string classes, the contextual rules, and the profiles
// UsernameCaseMapped and OpaqueString (RFC 8265). Unicode's own tables come with the engine (\p{…}, normalize).
import { createRequire } from 'node:module';
import { toUnicode } from 'tr46';
// its types describe an ES module that node does not see
const bidi = createRequire(import.meta.url)('bidi-js')();
// RFC 5892 §2.6, taken over by RFC 8264 §9.6
const VALID_EXCEPTIONS = new Set([0xdf, 0x3c2, 0x6fd, 0x6fe, 0xf0b, 0x3007]);
const CONTEXT_EXCEPTIONS = new Set([0xb7, 0x375, 0x5f3, 0x5f4, 0x30fb]);
const DISALLOWED_EXCEPTIONS = new Set([0x640, 0x7fa, 0x302e, 0x302f, 0x3031, 0x3032, 0x3033, 0x3034, 0x3035, 0x303b]);
const isArabicDigit = (c) => (c >= 0x660 && c <= 0x669) || (c >= 0x6f0 && c <= 0x6f9);
const isJoiner = (c) => c === 0x200c || c === 0x200d;
const UNASSIGNED = /^\p{Cn}$/u;
const IGNORABLE = /^[\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}]$/u;
const LETTER_DIGIT = /^[\p{Ll}\p{Lu}\p{Lo}\p{Nd}\p{Lm}\p{Mn}\p{Mc}]$/u;
const OTHER_FREE = /^[\p{Lt}\p{Nl}\p{No}\p{Me}\p{Zs}\p{S}\p{P}]$/u;
const isOldHangul = (c) => (c >= 0x1100 && c <= 0x11ff) || (c >= 0xa960 && c <= 0xa97c) || (c >= 0xd7b0 && c <= 0xd7fb);
/** RFC 5892 §2.6: exceptions, the same for PRECIS and IDNA. null: not one. */
export const exception = (c) => VALID_EXCEPTIONS.has(c) ? 'valid'
    : CONTEXT_EXCEPTIONS.has(c) || isArabicDigit(c) || isJoiner(c) ? 'context'
        : DISALLOWED_EXCEPTIONS.has(c) ? 'disallowed' : null;
/** What both PRECIS and IDNA disallow, whatever else a code point is. */
export const isRefused = (c, char) => UNASSIGNED.test(char) || isOldHangul(c) || IGNORABLE.test(char);
export const isLetterDigit = (char) => LETTER_DIGIT.test(char);
/** RFC 8264 §8: the order of the tests is the order there. */
const derive = (char) => {
    const c = char.codePointAt(0);
    if (c >= 0x21 && c <= 0x7e)
        return 'valid';
    const special = exception(c);
    if (special !== null)
        return special;
    if (isRefused(c, char))
        return 'disallowed';
    if (char.normalize('NFKC') !== char)
        return 'free'; // HasCompat
    if (LETTER_DIGIT.test(char))
        return 'valid';
    return OTHER_FREE.test(char) ? 'free' : 'disallowed';
};
/** RFC 5892 Appendix A: whether the code point at `i` may stand there. */
export const fitsContext = (chars, i) => {
    const c = chars[i].codePointAt(0);
    if (isJoiner(c))
        return joinersFit(chars.join(''));
    if (c === 0xb7)
        return chars[i - 1] === 'l' && chars[i + 1] === 'l'; // A.3
    if (c === 0x375)
        return /^\p{Script=Greek}$/u.test(chars[i + 1] ?? ''); // A.4
    if (c === 0x5f3 || c === 0x5f4)
        return /^\p{Script=Hebrew}$/u.test(chars[i - 1] ?? ''); // A.5, A.6
    if (c === 0x30fb)
        return chars.some((char) => /^[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}]$/u.test(char) && char !== '\u30fb'); // A.7
    // A.8, A.9: Arabic-Indic digits and their extended forms do not mix
    const other = c <= 0x669 ? /[\u06f0-\u06f9]/ : /[\u0660-\u0669]/;
    return !chars.some((char) => other.test(char));
};
/** A.1 and A.2 need joining types, which engines do not have and tr46 does: with the joiners no worse than without. */
const joinersFit = (text) => {
    const broken = (label) => toUnicode(label, {
        checkJoiners: true, checkBidi: false, checkHyphens: false, useSTD3ASCIIRules: false, transitionalProcessing: false, ignoreInvalidPunycode: true,
    }).error;
    const mapped = text.toLowerCase();
    return !broken(mapped.replace(/[^\p{L}\p{M}\p{N}\u200c\u200d]/gu, 'a'));
};
/** RFC 5893 §2, for one label or string. */
export const fitsBidi = (text) => {
    // oxlint-disable-next-line no-control-regex
    if (/^[\u0000-\u024f]*$/.test(text))
        return true;
    const types = [...text].map((char) => bidi.getBidiCharTypeName(char));
    if (!types.some((type) => type === 'R' || type === 'AL' || type === 'AN'))
        return true;
    const [first] = types;
    const core = [...types];
    while (core.at(-1) === 'NSM')
        core.pop();
    const last = core.at(-1);
    if (first === 'R' || first === 'AL') {
        return types.every((type) => ['R', 'AL', 'AN', 'EN', 'ES', 'CS', 'ET', 'ON', 'BN', 'NSM'].includes(type)) &&
            ['R', 'AL', 'EN', 'AN'].includes(last) && !(types.includes('EN') && types.includes('AN'));
    }
    return first === 'L' && types.every((type) => ['L', 'EN', 'ES', 'CS', 'ET', 'ON', 'BN', 'NSM'].includes(type)) && ['L', 'EN'].includes(last);
};
const fits = (text, free) => {
    const chars = [...text];
    return chars.every((char, i) => {
        const derived = derive(char);
        return derived === 'valid' || (derived === 'free' && free) || (derived === 'context' && fitsContext(chars, i));
    });
};
/** RFC 8264 §5.2.1: fullwidth and halfwidth forms become the ordinary ones. */
const mapWidth = (text) => text.replace(/[\u3000\uff01-\uffee]/g, (char) => char.normalize('NFKC'));
/** RFC 8264 §7: some strings need the rules more than once; one that never settles is refused. */
const stable = (text, rules) => {
    let now = text;
    for (let i = 0; i < 4; i++) {
        const next = rules(now);
        if (next === now)
            return now;
        now = next;
    }
    return null;
};
/** RFC 8265 §3.3 UsernameCaseMapped. null: not allowed. */
export const usernameCaseMapped = (text) => {
    // width mapping comes before the check, case mapping and normalisation after it (§3.3.1, §3.3.2)
    if (!text.isWellFormed() || !fits(mapWidth(text), false))
        return null;
    const mapped = stable(text, (t) => mapWidth(t).toLowerCase().normalize('NFC'));
    return mapped === null || mapped === '' || !fits(mapped, false) || !fitsBidi(mapped) ? null : mapped;
};
/** RFC 8265 §4.2 OpaqueString. null: not allowed. */
export const opaqueString = (text) => {
    if (!text.isWellFormed() || !fits(text.replace(/\p{Zs}/gu, ' ').replaceAll(' ', 'a'), true))
        return null;
    const mapped = stable(text, (t) => t.replace(/\p{Zs}/gu, ' ').normalize('NFC'));
    return mapped === '' ? null : mapped;
};
//# sourceMappingURL=precis.js.map