import type { Settings } from '../base/config.js';
import type { DemoAccount } from './banner.js';
import type { Accounts, Deps } from './deps.js';
export interface Demo {
    /** With passwords to print; empty where there is nothing new to say. */
    readonly accounts: readonly DemoAccount[];
    readonly file: string | null;
}
/** Passwords that everybody knows are for this machine only. Throws UsageError before anything is started. */
export declare const checkDemo: ({ demo, host }: Settings) => void;
export declare const demoAccounts: (settings: Settings, deps: Deps, accounts: Accounts) => Promise<Demo>;
