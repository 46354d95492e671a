import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { SecureContext } from 'node:tls';
export interface Link {
    readonly kind: 'tcp' | 'websocket';
    /** IP address of the peer. */
    readonly address: string;
    readonly encrypted: boolean;
    /** The TLS socket, for channel binding. */
    readonly tls: TLSSocket | null;
    /** Queue octets; they go out at the end of this turn of the event loop. */
    send(octets: string, declared: boolean): void;
    /** Octets queued that the kernel has not taken yet. */
    buffered(): number;
    /** Resolves when all that was queued so far is with the kernel; false when the link was over before. */
    flushed(): Promise<boolean>;
    /** Stop and start reading. */
    pause(): void;
    resume(): void;
    /** Send what is queued, then close. */
    end(): void;
    destroy(): void;
}
export interface LinkEvents {
    data(chunk: Buffer): void;
    /** Nothing more will come, and nothing can be sent. Called once. */
    closed(): void;
}
/** IPv4 addresses come mapped into IPv6 on a dual-stack listener. */
export declare const plainAddress: (address: string | undefined) => string;
export declare const isLoopback: (address: string) => boolean;
export interface TcpLink extends Link {
    /** The same connection inside TLS from now on (RFC 6120 §5.4.3.3). Call after what was queued has been sent. */
    startTls(context: SecureContext): void;
}
export declare const tcpLink: (first: Socket, events: LinkEvents) => TcpLink;
