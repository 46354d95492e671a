import type { Settings } from '../base/config.js';
import type { Deps, Surroundings } from './deps.js';
/** Everything one command gets. */
export interface Call {
    readonly settings: Settings;
    readonly deps: Deps;
    readonly around: Surroundings;
    readonly json: boolean;
}
export interface PasswordOptions {
    readonly password?: string;
    readonly generate?: boolean;
}
export declare const addUser: (text: string, options: PasswordOptions, call: Call) => Promise<void>;
export declare const changePassword: (text: string, options: PasswordOptions, call: Call) => Promise<void>;
export declare const deleteUser: (text: string, call: Call) => Promise<void>;
/** One address a line; with --json one JSON object a line. `only` is an account or a domain. */
export declare const listUsers: (only: string | undefined, call: Call) => Promise<void>;
export declare const importUsers: (file: string, call: Call) => Promise<void>;
