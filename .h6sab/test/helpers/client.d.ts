import type { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import type { Element } from 'ltx';
export declare const STREAM_NS = "http://etherx.jabber.org/streams";
export declare const header: (to?: string, more?: string) => string;
export interface RawClient {
    socket: Socket;
    /** All that came, top-level elements only; the stream's header is 'stream:stream' without children. */
    readonly elements: Element[];
    readonly ended: Promise<void>;
    jid: string;
    send(xml: string | Buffer): void;
    /** The next element (of those not yet taken) that fits. */
    next(fits?: (element: Element) => boolean, ms?: number): Promise<Element>;
    /** Nothing that fits comes before the answer to a ping: the server has had its say. */
    nothing(fits?: (element: Element) => boolean): Promise<void>;
    /** Send a request and wait for its answer. */
    iq(type: 'get' | 'set', payload: string, to?: string): Promise<Element>;
    startTls(options?: ConnectionOptions): Promise<void>;
    open(to?: string, more?: string): Promise<Element>;
    login(user: string, password: string, resource?: string): Promise<RawClient>;
    presence(inner?: string): Promise<void>;
    /** Close the stream in order. */
    close(): Promise<void>;
    destroy(): void;
}
export declare const rawClient: (port: number, options?: {
    tls?: ConnectionOptions;
    host?: string;
    localAddress?: string;
}) => Promise<RawClient>;
