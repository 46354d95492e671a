// One line of `doctor`.
export const ok = (about, text) => ({ state: 'ok', about, text, advice: '' });
export const warn = (about, text, advice) => ({ state: 'warn', about, text, advice });
export const bad = (about, text, advice) => ({ state: 'fail', about, text, advice });
//# sourceMappingURL=finding.js.map