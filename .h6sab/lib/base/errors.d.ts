/** RFC 6120 §8.3.3: every stanza error condition with the error type that the RFC recommends for it. */
declare const TYPE_OF: {
    readonly 'bad-request': "modify";
    readonly conflict: "cancel";
    readonly 'feature-not-implemented': "cancel";
    readonly forbidden: "auth";
    readonly gone: "cancel";
    readonly 'internal-server-error': "cancel";
    readonly 'item-not-found': "cancel";
    readonly 'jid-malformed': "modify";
    readonly 'not-acceptable': "modify";
    readonly 'not-allowed': "cancel";
    readonly 'not-authorized': "auth";
    readonly 'policy-violation': "modify";
    readonly 'recipient-unavailable': "wait";
    readonly redirect: "modify";
    readonly 'registration-required': "auth";
    readonly 'remote-server-not-found': "cancel";
    readonly 'remote-server-timeout': "wait";
    readonly 'resource-constraint': "wait";
    readonly 'service-unavailable': "cancel";
    readonly 'subscription-required': "auth";
    readonly 'undefined-condition': "cancel";
    readonly 'unexpected-request': "wait";
};
export type Condition = keyof typeof TYPE_OF;
export type ErrorType = 'auth' | 'cancel' | 'continue' | 'modify' | 'wait';
/** We refuse this stanza; the stream lives on. Handlers throw it, only the router sends it (RFC 6120 §8.3). */
export declare class StanzaError extends Error {
    readonly name = "StanzaError";
    readonly condition: Condition;
    readonly type: ErrorType;
    /** An application-specific condition element (RFC 6120 §8.3.4), serialised, with its own namespace. */
    readonly detail: string;
    constructor(condition: Condition, text?: string, options?: {
        type?: ErrorType;
        detail?: string;
    } & ErrorOptions);
}
/** RFC 6120 §4.9.3: the conditions of stream errors that jidway sends. */
export type StreamCondition = 'bad-format' | 'bad-namespace-prefix' | 'conflict' | 'connection-timeout' | 'host-gone' | 'host-unknown' | 'improper-addressing' | 'internal-server-error' | 'invalid-from' | 'invalid-namespace' | 'invalid-xml' | 'not-authorized' | 'not-well-formed' | 'policy-violation' | 'reset' | 'resource-constraint' | 'restricted-xml' | 'system-shutdown' | 'undefined-condition' | 'unsupported-encoding' | 'unsupported-feature' | 'unsupported-stanza-type' | 'unsupported-version';
/** We end this stream: the peer is told the condition, then the stream is closed (RFC 6120 §4.9). */
export declare class StreamError extends Error {
    readonly name = "StreamError";
    readonly condition: StreamCondition;
    constructor(condition: StreamCondition, text?: string, options?: ErrorOptions);
}
/** What an operator or caller did wrong (a setting, a command line, a file): printed without a stack, with what to do. */
export declare class UsageError extends Error {
    readonly name = "UsageError";
}
export {};
