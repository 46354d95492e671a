/** Normalised, without a trailing dot; null where it is no domain. */
export declare const prepDomain: (text: string) => string | null;
