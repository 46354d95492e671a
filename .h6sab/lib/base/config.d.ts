import type { Row } from './setting.js';
/** The table, by group. Order is the order in README and in `--help`. */
export declare const GROUPS: {
    readonly 'Where it runs': {
        readonly domain: Row<readonly string[]>;
        readonly data: Row<string>;
        readonly database_url: Row<string | null>;
        readonly nats_url: Row<string | null>;
        readonly node: Row<string | null>;
        readonly host: Row<string>;
        readonly c2s_port: Row<number | null>;
        readonly c2s_tls_port: Row<number | null>;
        readonly http_port: Row<number | null>;
        readonly https_port: Row<number | null>;
        readonly s2s_port: Row<number | null>;
        readonly component_port: Row<number | null>;
        readonly tls_cert: Row<string | null>;
        readonly tls_key: Row<string | null>;
    };
    readonly 'Who may do what': {
        readonly registration: Row<string>;
        readonly admin: Row<readonly string[]>;
        readonly channel_binding: Row<"off" | "strict" | "lenient">;
        readonly insecure_loopback: Row<boolean>;
        readonly demo: Row<boolean>;
        readonly resource_conflict: Row<"replace" | "reject" | "rename">;
    };
    readonly 'What is kept': {
        readonly durability: Row<Readonly<Record<string, "durable" | "routed">>>;
        readonly archive: Row<"off" | "always" | "roster">;
        readonly offline_max_messages: Row<number>;
        readonly offline_max_bytes: Row<number>;
        readonly offline_max_per_sender: Row<number>;
        readonly offline_page: Row<number>;
        readonly roster_max_items: Row<number>;
        readonly private_max_bytes: Row<number>;
        readonly pbkdf2_iterations: Row<number>;
    };
    readonly 'Limits of one stanza': {
        readonly max_stanza_bytes: Row<number>;
        readonly max_stanza_bytes_unauthenticated: Row<number>;
        readonly max_depth: Row<number>;
        readonly max_attributes: Row<number>;
        readonly max_children: Row<number>;
    };
    readonly 'Limits of connections': {
        readonly max_connections: Row<number>;
        readonly max_unauthenticated: Row<number>;
        readonly max_unauthenticated_per_address: Row<number>;
        readonly max_sessions_per_account: Row<number>;
        readonly max_directed_presence: Row<number>;
        readonly auth_timeout: Row<number>;
        readonly sasl_attempts: Row<number>;
        readonly login_failures_per_account: Row<number>;
        readonly login_failures_per_address: Row<number>;
        readonly ping_after: Row<number>;
        readonly dead_after: Row<number>;
        readonly write_buffer_bytes: Row<number>;
        readonly turn_bytes: Row<number>;
        readonly turn_stanzas: Row<number>;
        readonly stop_timeout: Row<number>;
    };
    readonly 'Routing and database': {
        readonly route_cache_entries: Row<number>;
        readonly route_ttl: Row<number>;
        readonly route_negative_entries: Row<number>;
        readonly route_negative_ttl: Row<number>;
        readonly db_connections: Row<number>;
    };
    readonly Logs: {
        readonly log_level: Row<"error" | "info" | "trace" | "debug" | "warn" | "fatal" | "silent">;
        readonly log_format: Row<"auto" | "json" | "pretty">;
    };
};
type Groups = typeof GROUPS;
/** `A | B` → `A & B`: the groups laid over one another. */
type Together<U> = (U extends unknown ? (part: U) => void : never) extends (all: infer I) => void ? I : never;
type Table = Together<Groups[keyof Groups]>;
type Camel<K extends string> = K extends `${infer A}_${infer B}` ? `${A}${Capitalize<Camel<B>>}` : K;
type ValueOf<R> = R extends Row<infer T> ? T : never;
/** The name of a setting as in jidway.toml. */
export type Key = keyof Table;
/** The values in force. Sizes are bytes, times seconds; a port that is off and a value that is not set are null. */
export type Settings = {
    readonly [K in Key as Camel<K>]: ValueOf<Table[K]>;
};
export type SettingName = keyof Settings;
/** Where each value comes from, in words: 'default', '--c2s-port', 'JIDWAY_C2S_PORT' or 'c2s_port in jidway.toml'. */
export type Sources = Readonly<Record<SettingName, string>>;
export interface Entry {
    readonly key: Key;
    readonly name: SettingName;
    readonly flag: string;
    readonly env: string;
    readonly group: string;
    readonly row: Row<unknown>;
}
/** All settings, in the order of the table. */
export declare const ENTRIES: readonly Entry[];
export interface SettingSources {
    /** By flag, without its dashes: { 'c2s-port': '0' }. */
    readonly flags?: Readonly<Record<string, string | undefined>>;
    /** The whole environment; only JIDWAY_*, DATABASE_URL and NATS_URL are looked at. */
    readonly env?: Readonly<Record<string, string | undefined>>;
    /** The parsed jidway.toml, and the name by which error texts call it. */
    readonly toml?: Readonly<Record<string, unknown>>;
    readonly tomlName?: string;
}
/**
 * The settings in force: flags before environment before file before defaults (design.md §5).
 * Throws UsageError for an unknown name (with the nearest known one) and for a bad value (with its source and range).
 */
export declare const readSettings: (given: SettingSources) => {
    readonly settings: Settings;
    readonly sources: Sources;
};
/** The defaults with some values replaced, for a server inside a program or a test. Ranges are for operators; here none is enforced. */
export declare const defaultSettings: (overrides?: Partial<Settings>) => Settings;
/** Settings that were given, but whose feature is not in this version: their keys and values, for the banner. */
export declare const notInEffect: (settings: Settings, sources: Sources) => readonly {
    readonly key: Key;
    readonly value: string;
    readonly source: string;
}[];
/** A value as one would write it; passwords are masked. */
export declare const shown: (settings: Settings, entry: Entry) => string;
/** README's table, in Markdown. */
export declare const settingsTable: () => string;
export {};
