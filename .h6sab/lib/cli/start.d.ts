import type { Settings, Sources } from '../base/config.js';
import type { Deps, Surroundings } from './deps.js';
/** Ends when the server has been stopped by SIGINT or SIGTERM. SIGHUP: the certificate is read again. */
export declare const start: (settings: Settings, sources: Sources, deps: Deps, around: Surroundings) => Promise<void>;
