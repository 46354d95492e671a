// The types a setting may have: how its text is read, and how its value is shown. Every source (flag, environment, file)
// is brought to text first, so one reader serves all three.
export const row = (type, fallback, meaning, extra = {}) => ({
    type,
    fallback,
    meaning,
    inEffect: extra.inEffect ?? true,
    env: extra.env ?? null,
    fallbackWords: extra.fallbackWords ?? null,
});
const wrong = (words) => new Error(words);
/** Any text but the empty one. */
export const text = (words) => ({
    words,
    read: written => {
        if (written === '')
            throw wrong(words);
        return written;
    },
    show: value => value,
});
export const path = text('a path');
/** Empty means none, which the code sees as null. */
export const maybe = (type) => ({
    words: `${type.words}; empty = none`,
    read: written => (written === '' ? null : type.read(written)),
    show: value => (value === null ? '' : type.show(value)),
});
export const choice = (...values) => ({
    words: values.join(', '),
    read: written => {
        const found = values.find(value => value === written);
        if (found === undefined)
            throw wrong(`one of ${values.join(', ')}`);
        return found;
    },
    show: value => value,
});
const YES = ['on', 'true', 'yes', '1'];
const NO = ['off', 'false', 'no', '0'];
export const onOff = {
    words: 'on, off',
    read: written => {
        if (YES.includes(written))
            return true;
        if (NO.includes(written))
            return false;
        throw wrong('on or off');
    },
    show: value => (value ? 'on' : 'off'),
};
/** A TCP port; null is off. */
export const port = {
    words: '0–65535; 0 = any free port, empty = off',
    read: written => {
        if (written === '' || written === 'off')
            return null;
        const number = /^\d{1,5}$/.test(written) ? Number(written) : NaN;
        if (!(number <= 65535))
            throw wrong('a port from 0 to 65535 (0 = any free port, empty = off)');
        return number;
    },
    show: value => (value === null ? '' : String(value)),
};
export const UNITS = {
    bytes: { '': 1, B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 },
    seconds: { '': 1, s: 1, min: 60, h: 3600, d: 86400 },
    count: { '': 1 },
};
/** A whole number from `least` to `most`; the value is in bytes, in seconds, or a bare count. */
export const int = (unit, least, most) => {
    const units = UNITS[unit];
    const named = Object.keys(units).filter(name => name !== '');
    const words = `${show(least, units)} – ${show(most, units)}`;
    return {
        words,
        read: written => {
            const [, digits = '', name = ''] = /^(\d{1,15}(?:\.\d{1,6})?) ?([A-Za-z]*)$/.exec(written) ?? [];
            const factor = Object.hasOwn(units, name) ? units[name] : NaN;
            const value = digits === '' ? NaN : Number(digits) * factor;
            if (Number.isInteger(value) && value >= least && value <= most)
                return value;
            const hint = named.length === 0 ? '' : ` (${unit}; ${named.join(', ')} may follow the number)`;
            throw wrong(`a whole number from ${show(least, units)} to ${show(most, units)}${hint}`);
        },
        show: value => show(value, units),
    };
};
/** In the largest unit that divides it: 262144 → 256 KiB. */
const show = (value, units) => {
    const fitting = Object.entries(units).filter(([, factor]) => factor > 1 && value > 0 && value % factor === 0);
    const [name, factor] = fitting.at(-1) ?? [Object.keys(units)[1] ?? '', 1];
    return `${value / factor} ${name}`.trim();
};
/** Comma-separated. `take` normalises one entry, or answers null where it is none. */
export const list = (words, take, least = 0) => ({
    words,
    read: written => {
        const entries = [];
        for (const entry of written.split(',').map(part => part.trim()).filter(part => part !== '')) {
            const taken = take(entry);
            if (taken === null)
                throw wrong(`${words} ('${entry}' is none)`);
            if (entries.includes(taken))
                throw wrong(`${words} ('${entry}' is there twice)`);
            entries.push(taken);
        }
        if (entries.length < least)
            throw wrong(words);
        return entries;
    },
    show: value => value.join(','),
});
/** One value for all domains, or `a.example=routed,b.example=durable`; '*' is every other domain. */
export const perDomain = (take, ...values) => {
    const one = choice(...values);
    const words = `${one.words}; or by domain: a.example=${values[0]},…`;
    return {
        words,
        read: written => {
            const result = Object.create(null);
            for (const entry of written.split(',').map(part => part.trim())) {
                const at = entry.lastIndexOf('=');
                const domain = at < 0 || entry.slice(0, at) === '*' ? '*' : take(entry.slice(0, at));
                if (domain === null || Object.hasOwn(result, domain))
                    throw wrong(words);
                result[domain] = one.read(entry.slice(at + 1));
            }
            return result;
        },
        show: value => Object.entries(value).map(([domain, mode]) => (domain === '*' ? mode : `${domain}=${mode}`)).join(','),
    };
};
/** An address with a scheme. The password in it is never shown. */
export const url = (...schemes) => ({
    words: schemes.map(scheme => `${scheme}://…`).join(', '),
    read: written => {
        if (!URL.canParse(written) || !schemes.includes(new URL(written).protocol.slice(0, -1))) {
            throw wrong(`an address that begins with ${schemes.map(scheme => `${scheme}://`).join(' or ')}`);
        }
        return written;
    },
    show: maskUrl,
});
/** The address with its password (or token) replaced, wherever one may stand. Works on what is no valid address, too. */
export const maskUrl = (address) => address
    .replace(/^([^/]*:\/\/[^:@/?#]*):[^?#]*@/, '$1:***@')
    .replace(/([?&](?:password|sslpassword|token)=)[^&#]*/gi, '$1***');
//# sourceMappingURL=setting.js.map