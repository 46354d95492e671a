import type { OpenPorts } from './deps.js';
export interface DemoAccount {
    readonly jid: string;
    readonly password: string;
}
export interface BannerFacts {
    readonly version: string;
    readonly domains: readonly string[];
    /** The address listened on. */
    readonly host: string;
    readonly ports: OpenPorts;
    /** In words: where the database is. */
    readonly database: string;
    /** The certificate in use; `ca` is the development CA that signed it, if one did. */
    readonly cert: string;
    readonly ca: string | null;
    /** With their passwords: made at this start, or the fixed ones of --demo. */
    readonly demo: readonly DemoAccount[];
    /** The file that holds the demo accounts made at an earlier start; null: none. */
    readonly demoFile: string | null;
    readonly demoIsFixed: boolean;
    readonly insecureLoopback: boolean;
    /** Settings that were given but are not in effect in this version. */
    readonly idle: readonly {
        readonly key: string;
        readonly value: string;
        readonly source: string;
    }[];
}
export declare const banner: (facts: BannerFacts) => string;
