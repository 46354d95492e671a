export const ignored = (rule) => ({ ignored: rule });
export const countEnding = (counters, ending) => {
    if (typeof ending === 'string')
        counters[ending]++;
    else
        counters.ignored.set(ending.ignored, (counters.ignored.get(ending.ignored) ?? 0) + 1);
};
//# sourceMappingURL=ending.js.map