import type { TlsOptions } from 'node:tls';
import type { Hono } from 'hono';
import type { Listener } from './tcp.js';
import type { WebSocketEntrance } from './websocket.js';
export declare const listenHttp: (app: Hono, entrance: WebSocketEntrance, port: number, address: string) => Promise<Listener>;
export declare const listenHttps: (app: Hono, entrance: WebSocketEntrance, port: number, address: string, options: TlsOptions) => Promise<Listener & {
    swap(options: TlsOptions): void;
}>;
