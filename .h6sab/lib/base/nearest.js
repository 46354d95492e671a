// "Did you mean …?": the known name that is nearest to a mistyped one, for settings, flags and commands.
/** Damerau-Levenshtein distance (neighbours swapped count one). Both names are short: one row of the matrix at a time. */
export const editDistance = (a, b) => {
    let before = [];
    let above = Array.from({ length: b.length + 1 }, (_, j) => j);
    for (let i = 1; i <= a.length; i++) {
        const row = [i];
        for (let j = 1; j <= b.length; j++) {
            const same = a[i - 1] === b[j - 1];
            let cost = Math.min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (same ? 0 : 1));
            if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
                cost = Math.min(cost, before[j - 2] + 1);
            row.push(cost);
        }
        before = above;
        above = row;
    }
    return above[b.length];
};
// What a stranger typed is bounded before the matrix is built.
const LONGEST = 100;
/** The nearest of `known` (the first of equals); '' where `known` is empty. */
export const nearest = (typed, known) => {
    const name = typed.slice(0, LONGEST);
    let best = '';
    let least = Infinity;
    for (const candidate of known) {
        const distance = editDistance(name, candidate);
        if (distance < least) {
            best = candidate;
            least = distance;
        }
    }
    return best;
};
//# sourceMappingURL=nearest.js.map