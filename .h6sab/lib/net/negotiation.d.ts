import type { SecureContext } from 'node:tls';
import { StreamError } from '../base/errors.js';
import type { Frame } from '../base/stanza.js';
import type { Outlet, Session } from '../core/sessions.js';
import type { Header } from '../wire/framer.js';
import type { SaslExchange } from '../wire/sasl.js';
import type { Host } from './host.js';
import type { Link } from './link.js';
/** What is known of a connection that has no session yet. */
export interface Login {
    header: {
        domain: string;
        lang: string;
    } | null;
    /** Local part, once authenticated. */
    username: string | null;
    exchange: SaslExchange | null;
    attempts: number;
    /** An answer is under way: nothing else may come (RFC 6120 §6.3.3 leaves no room for it). */
    busy: boolean;
}
/** What negotiating needs of a connection. */
export interface Negotiating extends Outlet {
    readonly host: Host;
    readonly link: Link;
    readonly login: Login | null;
    openStream(from: string, to: string): void;
    sendFeatures(inner: string): void;
    send(octets: string): void;
    /** The header was accepted. */
    opened(): void;
    /** A new stream follows on the same connection (RFC 6120 §6.4.6). */
    restart(): void;
    /** The same inside TLS; nothing that came in clear counts any more (RFC 6120 §5.4.3.3). */
    secure(context: SecureContext): void;
    /** SASL succeeded: limits are those of a user. */
    authenticate(): void;
    bind(session: Session): void;
    close(error: StreamError | null): void;
}
/** RFC 6120 §4.7: the initial header, checked in the order in which §4.9.3 lists what can be wrong with it. */
export declare const acceptHeader: (connection: Negotiating, header: Header) => void;
/** An element that comes before there is a session. False stops the framer until `goOn`. */
export declare const negotiate: (connection: Negotiating, frame: Frame) => boolean | Promise<void>;
