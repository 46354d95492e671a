import type { TLSSocket } from 'node:tls';
import type { BindingType } from './sasl-exchange.js';
export declare const channelBindings: (socket: TLSSocket) => Map<BindingType, Buffer>;
