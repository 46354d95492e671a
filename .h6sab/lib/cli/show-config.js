// `config`: the effective table, each value with where it comes from. Passwords in addresses are masked.
import { ENTRIES, GROUPS, notInEffect, shown } from '../base/config.js';
export const configText = (settings, sources) => {
    const idle = new Set(notInEffect(settings, sources).map(({ key }) => key));
    const width = Math.max(...ENTRIES.map(({ key }) => key.length));
    return Object.keys(GROUPS).map(group => {
        const lines = ENTRIES.filter(entry => entry.group === group).map(entry => {
            const value = shown(settings, entry) || (entry.key.endsWith('_port') ? 'off' : '-');
            const source = sources[entry.name] === 'default' ? '' : `   from ${sources[entry.name]}`;
            return `  ${entry.key.padEnd(width)}  ${value}${source}${idle.has(entry.key) ? '   NOT IN EFFECT in this version' : ''}`;
        });
        return `${group}\n${lines.join('\n')}\n`;
    }).join('\n');
};
export const configJson = (settings, sources) => {
    const idle = new Set(notInEffect(settings, sources).map(({ key }) => key));
    return Object.fromEntries(ENTRIES.map(entry => {
        const value = settings[entry.name];
        // text goes the way of the eyes, too: it may hold a password
        return [entry.key, { value: typeof value === 'string' ? shown(settings, entry) : value, source: sources[entry.name], inEffect: !idle.has(entry.key) }];
    }));
};
//# sourceMappingURL=show-config.js.map