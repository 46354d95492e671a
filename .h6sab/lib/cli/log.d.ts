import type { Logger } from 'pino';
import type { Settings } from '../base/config.js';
export declare const makeLog: ({ logLevel, logFormat }: Settings, isTerminal: boolean) => Logger;
