import type { Settings, Sources } from '../base/config.js';
/** `config` null: jidway.toml, if it is there. Throws UsageError for what cannot be read or is wrong in it. */
export declare const settingsFor: (flags: Readonly<Record<string, string>>, env: Readonly<Record<string, string | undefined>>, config: string | null) => {
    readonly settings: Settings;
    readonly sources: Sources;
};
