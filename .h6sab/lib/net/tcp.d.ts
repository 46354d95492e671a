import type { Server } from 'node:net';
import type { Host } from './host.js';
export interface Listener {
    readonly port: number;
    /** Take no more connections. Those there are stay. */
    close(): Promise<void>;
}
/** Listen, or say why not in words that help. */
export declare const listen: (server: Server, port: number, host: string, what: string) => Promise<number>;
export declare const listenTcp: (host: Host, port: number, address: string) => Promise<Listener>;
/** TLS from the first byte: the same connection, with the handshake before the stream instead of in it. */
export declare const listenTls: (host: Host, port: number, address: string) => Promise<Listener>;
