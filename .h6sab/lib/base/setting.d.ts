/** A type of setting. `read` throws an Error whose text completes "must be …". */
export interface Type<T> {
    /** What may be written, for README and error texts. */
    readonly words: string;
    read(text: string): T;
    /** For eyes: what one would write to get this value; secrets are masked. */
    show(value: T): string;
}
export interface Row<T> {
    readonly type: Type<T>;
    readonly fallback: T;
    readonly meaning: string;
    /** false: accepted, but its feature is still to come. A list: only these values are in effect. */
    readonly inEffect: boolean | readonly T[];
    /** The environment variable where it is not JIDWAY_ and the key. */
    readonly env: string | null;
    /** A default that depends on other settings, in words. */
    readonly fallbackWords: string | null;
}
export interface Extra<T> {
    readonly inEffect?: boolean | readonly T[];
    readonly env?: string;
    readonly fallbackWords?: string;
}
export declare const row: <T>(type: Type<T>, fallback: T, meaning: string, extra?: Extra<T>) => Row<T>;
/** Any text but the empty one. */
export declare const text: (words: string) => Type<string>;
export declare const path: Type<string>;
/** Empty means none, which the code sees as null. */
export declare const maybe: <T>(type: Type<T>) => Type<T | null>;
export declare const choice: <const T extends string>(...values: readonly T[]) => Type<T>;
export declare const onOff: Type<boolean>;
/** A TCP port; null is off. */
export declare const port: Type<number | null>;
export declare const UNITS: {
    readonly bytes: {
        readonly '': 1;
        readonly B: 1;
        readonly KiB: 1024;
        readonly MiB: number;
        readonly GiB: number;
    };
    readonly seconds: {
        readonly '': 1;
        readonly s: 1;
        readonly min: 60;
        readonly h: 3600;
        readonly d: 86400;
    };
    readonly count: {
        readonly '': 1;
    };
};
export type Unit = keyof typeof UNITS;
/** A whole number from `least` to `most`; the value is in bytes, in seconds, or a bare count. */
export declare const int: (unit: Unit, least: number, most: number) => Type<number>;
/** Comma-separated. `take` normalises one entry, or answers null where it is none. */
export declare const list: (words: string, take: (entry: string) => string | null, least?: number) => Type<readonly string[]>;
/** One value for all domains, or `a.example=routed,b.example=durable`; '*' is every other domain. */
export declare const perDomain: <const T extends string>(take: (domain: string) => string | null, ...values: readonly T[]) => Type<Readonly<Record<string, T>>>;
/** An address with a scheme. The password in it is never shown. */
export declare const url: (...schemes: readonly string[]) => Type<string>;
/** The address with its password (or token) replaced, wherever one may stand. Works on what is no valid address, too. */
export declare const maskUrl: (address: string) => string;
