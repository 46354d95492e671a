import type { Handlers, Owner } from './control-protocol.js';
export interface ControlServer {
    /** Until this is called, commands wait. */
    serve(handlers: Handlers): void;
    /** Gives the folder free. */
    close(): Promise<void>;
}
export interface ControlOptions {
    readonly data: string;
    readonly handlers?: Handlers;
    /** false: a command that wants the folder for a moment and obeys nobody. */
    readonly serves?: boolean;
}
/**
 * Become the owner of the data folder, which is made if need be (mode 700).
 * Throws UsageError where another process owns it, or its path is too long for a socket.
 */
export declare const controlServer: ({ data, handlers, serves }: ControlOptions) => Promise<ControlServer>;
/** Who owns the data folder; null: nobody. */
export declare const ownerOf: (data: string) => Promise<Owner | null>;
/**
 * Ask the owner of the data folder to do something; `onLine` gets what it says on the way.
 * Answers `running: false` where nobody owns the folder. Throws the owner's error (UsageError where it is one).
 */
export declare const controlCall: (data: string, command: string, args: unknown, onLine?: (line: unknown) => void) => Promise<{
    readonly running: false;
} | {
    readonly running: true;
    readonly result: unknown;
}>;
