export interface Row {
    /** Where it begins, from 1. */
    readonly line: number;
    readonly fields: readonly string[];
}
/** Empty lines are left out. Throws UsageError with the line where a quote is wrong. */
export declare const parseCsv: (text: string) => Row[];
