export interface PlainMessage {
    readonly authzid: string;
    readonly authcid: string;
    readonly password: string;
}
/** null where it is malformed: not exactly two NULs, nothing before or after the second, not UTF-8. */
export declare const decodePlain: (data: Buffer) => PlainMessage | null;
