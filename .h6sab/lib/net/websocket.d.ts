import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Host } from './host.js';
export declare const WEBSOCKET_PATH = "/xmpp-websocket";
export interface WebSocketEntrance {
    /** Take an HTTP request that asks to become a WebSocket. */
    upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
}
export declare const webSocketEntrance: (host: Host) => WebSocketEntrance;
