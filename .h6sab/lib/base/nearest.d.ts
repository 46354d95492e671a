/** Damerau-Levenshtein distance (neighbours swapped count one). Both names are short: one row of the matrix at a time. */
export declare const editDistance: (a: string, b: string) => number;
/** The nearest of `known` (the first of equals); '' where `known` is empty. */
export declare const nearest: (typed: string, known: readonly string[]) => string;
