import type { SecureContext } from 'node:tls';
import { StreamError } from '../base/errors.js';
import type { Frame } from '../base/stanza.js';
import type { FramerSink, Header } from '../wire/framer.js';
import type { Session } from '../core/sessions.js';
import type { Link, LinkEvents } from './link.js';
import type { Login, Negotiating } from './negotiation.js';
import type { Guest, Host } from './host.js';
export declare class Connection implements FramerSink, Negotiating, Guest, LinkEvents {
    readonly host: Host;
    link: Link;
    private readonly framing;
    private readonly framer;
    private phase;
    /** What is known while logging in; null once bound. */
    login: Login | null;
    session: Session | null;
    authenticated: boolean;
    private headerSent;
    /** A stanza is being handled that the next has to wait for. */
    private held;
    private paused;
    /** The peer is gone; what was read of it is still handled. */
    private gone;
    private turn;
    private usedStanzas;
    private usedBytes;
    /** Octets read before authentication. */
    private early;
    /** Coarse clock (host.time): last octets read; when the phase began that has a deadline; our ping's time or 0. */
    lastRead: number;
    deadline: number;
    pinged: number;
    constructor(host: Host, makeLink: (events: LinkEvents) => Link);
    data(chunk: Buffer): void;
    closed(): void;
    header(header: Header): void;
    element(frame: Frame): boolean;
    end(): void;
    write(octets: string, declared: boolean): boolean;
    flushed(): Promise<boolean>;
    /** End the stream: with an error, or (null) as agreed (RFC 6120 §4.4, §4.9). */
    close(error: StreamError | null): void;
    openStream(from: string, to: string): void;
    sendFeatures(inner: string): void;
    send(octets: string): void;
    opened(): void;
    /** A new stream follows on the same connection (RFC 6120 §6.3.2). */
    restart(): void;
    /** The same stream anew inside TLS (RFC 6120 §5.4.3.3): nothing that came in clear counts any more. */
    secure(context: SecureContext): void;
    /** SASL succeeded: the account is known, limits are those of a user. */
    authenticate(): void;
    bind(session: Session): void;
    private nonza;
    /** True while this connection's share of the turn lasts. */
    private mayGoOn;
    private wait;
    private goOn;
    private pause;
    private guarded;
    private fail;
    /** No goodbye is possible any more. */
    drop(): void;
    /** The session is over, whatever becomes of the socket. */
    private leave;
    private finish;
    /** Called about once a second: deadlines and silent peers. */
    tick(now: number): void;
}
