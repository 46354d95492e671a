export interface Finding {
    readonly state: 'ok' | 'warn' | 'fail';
    readonly about: string;
    readonly text: string;
    /** What to do; '' where nothing is. */
    readonly advice: string;
}
export declare const ok: (about: string, text: string) => Finding;
export declare const warn: (about: string, text: string, advice: string) => Finding;
export declare const bad: (about: string, text: string, advice: string) => Finding;
