import type { Settings } from '../base/config.js';
/** Only who owns the data folder may ask: two nodes of one id would fence each other. */
export declare const nodeId: ({ node, data }: Settings) => Promise<string>;
