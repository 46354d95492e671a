import type { Socket } from 'node:net';
/** What a running server does for a command: `tell` sends a line on the way; the result ends it. Values are JSON. */
export type Handler = (args: unknown, tell: (line: unknown) => void) => Promise<unknown>;
export type Handlers = Readonly<Record<string, Handler>>;
/** Who owns the folder: a server that obeys commands, or a command that will soon be over. */
export interface Owner {
    readonly pid: number;
    readonly serves: boolean;
}
/** The one command that every owner answers, with Owner. */
export declare const WHO = "who";
/** The server's side of one connection. */
export declare const answer: (socket: Socket, owner: Owner, ready: () => Promise<Handlers>) => void;
/** The client's side: asks once and closes. */
export declare const ask: (socket: Socket, command: string, args: unknown, onLine: (line: unknown) => void) => Promise<unknown>;
