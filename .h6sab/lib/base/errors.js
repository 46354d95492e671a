// The three kinds of error: StanzaError (we refuse this stanza; the stream lives on), StreamError (we end this stream),
// and anything else (our bug: logged, answered with internal-server-error, the server stays up).
/** RFC 6120 §8.3.3: every stanza error condition with the error type that the RFC recommends for it. */
const TYPE_OF = {
    'bad-request': 'modify',
    conflict: 'cancel',
    'feature-not-implemented': 'cancel',
    forbidden: 'auth',
    gone: 'cancel',
    'internal-server-error': 'cancel',
    'item-not-found': 'cancel',
    'jid-malformed': 'modify',
    'not-acceptable': 'modify',
    'not-allowed': 'cancel',
    'not-authorized': 'auth',
    'policy-violation': 'modify',
    'recipient-unavailable': 'wait',
    redirect: 'modify',
    'registration-required': 'auth',
    'remote-server-not-found': 'cancel',
    'remote-server-timeout': 'wait',
    'resource-constraint': 'wait',
    'service-unavailable': 'cancel',
    'subscription-required': 'auth',
    'undefined-condition': 'cancel',
    'unexpected-request': 'wait',
};
/** We refuse this stanza; the stream lives on. Handlers throw it, only the router sends it (RFC 6120 §8.3). */
export class StanzaError extends Error {
    name = 'StanzaError';
    condition;
    type;
    /** An application-specific condition element (RFC 6120 §8.3.4), serialised, with its own namespace. */
    detail;
    constructor(condition, text = '', options = {}) {
        super(text, options);
        this.condition = condition;
        this.type = options.type ?? TYPE_OF[condition];
        this.detail = options.detail ?? '';
    }
}
/** We end this stream: the peer is told the condition, then the stream is closed (RFC 6120 §4.9). */
export class StreamError extends Error {
    name = 'StreamError';
    condition;
    constructor(condition, text = '', options) {
        super(text, options);
        this.condition = condition;
    }
}
/** What an operator or caller did wrong (a setting, a command line, a file): printed without a stack, with what to do. */
export class UsageError extends Error {
    name = 'UsageError';
}
//# sourceMappingURL=errors.js.map