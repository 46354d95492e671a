import type { Settings, Sources } from '../base/config.js';
export declare const configText: (settings: Settings, sources: Sources) => string;
export declare const configJson: (settings: Settings, sources: Sources) => Record<string, unknown>;
