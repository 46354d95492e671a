import type { Settings } from '../base/config.js';
import type { Row } from './csv.js';
import type { Deps, Surroundings } from './deps.js';
export interface Wanted {
    readonly line: number;
    readonly jid: string;
    readonly password: string;
}
export interface Imported {
    readonly created: number;
    /** Left as they were. */
    readonly there: number;
    readonly errors: readonly string[];
}
export declare const importFile: (file: string, settings: Settings, deps: Deps, { stderr }: Surroundings) => Promise<Imported>;
/** Every line that cannot be used, with its number. */
export declare const checkRows: (rows: readonly Row[], settings: Settings, deps: Deps) => {
    wanted: Wanted[];
    errors: string[];
};
/** Is the account in one of the domains served? Both are normalised. */
export declare const isServed: (jid: string, settings: Settings) => boolean;
/** For eyes: the first of many errors. */
export declare const errorText: (errors: readonly string[]) => string;
