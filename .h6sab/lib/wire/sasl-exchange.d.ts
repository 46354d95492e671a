import type { Credential, HashMechanism } from './scram-keys.js';
export type BindingType = 'tls-exporter' | 'tls-unique' | 'tls-server-end-point';
export interface SaslLookup {
    /** Keys of an account, by its prepared local part; null: there is no such account. */
    (username: string): Promise<readonly Credential[] | null>;
}
export interface SaslContext {
    readonly lookup: SaslLookup;
    /** The local part, normalised; null where it is none. */
    readonly prepare: (username: string) => string | null;
    /** Channel bindings of this connection; none without TLS and on WebSocket. */
    readonly bindings: ReadonlyMap<BindingType, Buffer>;
    readonly channelBinding: 'strict' | 'lenient' | 'off';
    /** Passwords may travel here. */
    readonly encrypted: boolean;
    readonly decoySecret: Buffer;
    /** Of keys made now; what an unknown account seems to have. */
    readonly iterations: number;
    readonly domain: string;
    /** The server's part of the nonce; for test vectors. */
    readonly nonce?: string;
}
/** RFC 6120 §6.5 */
export type SaslFailure = 'aborted' | 'account-disabled' | 'credentials-expired' | 'encryption-required' | 'incorrect-encoding' | 'invalid-authzid' | 'invalid-mechanism' | 'malformed-request' | 'mechanism-too-weak' | 'not-authorized' | 'temporary-auth-failure';
export type SaslStep = {
    readonly kind: 'challenge';
    readonly data: Buffer;
} | {
    readonly kind: 'success';
    readonly data: Buffer | null;
    readonly username: string;
} | {
    readonly kind: 'failure';
    readonly condition: SaslFailure;
    /** A password or proof was checked and was wrong: a guess. */
    readonly counted: boolean;
    readonly username: string | null;
    /** For the log; no secrets. */
    readonly reason: string;
};
export interface SaslExchange {
    /** The client's next message, decoded; null: it sent none (an <auth/> without initial response). */
    respond(data: Buffer | null): Promise<SaslStep>;
}
export declare const fail: (condition: SaslFailure, reason: string, username?: string | null, counted?: boolean) => SaslStep;
/** An account's keys for a mechanism, or keys that no password fits: both take the same steps. */
export declare const keysFor: (context: SaslContext, username: string | null, name: string, mechanism: HashMechanism) => Promise<Credential>;
/** RFC 6120 §6.3.8: an authorization identity may be one's own bare JID, and nobody else's. */
export declare const isOwn: (authzid: string, username: string, { prepare, domain }: SaslContext) => boolean;
